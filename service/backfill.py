"""Reads large amounts on the other cores: child processes turn bytes into Arrow rows.

The rule: a child is a pure function of (file, offset, digests); the parent decides, proves, fences
and commits exactly as it does for a single line. Children notice the parent's death themselves,
so that not even SIGKILL leaves one behind.
"""

import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import connection
from typing import Any

from core.blocks import BLOCK_BYTES, DIGEST_BYTES, BlockDigester, digest
from core.errors import TransientError
from core.keys import SessionKey
from core.rows import ArrowRows, RowSet
from core.seams import OpenFile
from core.tables import columns
from service.limits import Limits
from service.reading import LineReading, Step
from watcher.disk import Disk, Source

TASK_BYTES = 16 << 20
"""How much a child reads before it hands over: bounds what is in flight between processes."""

READ_ALONE_BYTES = 256 << 10
READ_ALONE_WARM_BYTES = 16 << 10
"""Less than this is read in the worker's own thread: sooner done than sent. Children that are
already running, because much is to be done, also get what would not be worth starting them."""


@dataclass(frozen=True, slots=True)
class _Task:
    sources: tuple[Source, ...]
    key: SessionKey
    identity: tuple[int, int]
    processor: Any
    limits: Limits
    offset: int
    blocks: bytes
    dialect: str


@dataclass(frozen=True, slots=True)
class _Result:
    steps: tuple[Step, ...]
    tail_bytes: int
    more: bool


class Pool:
    """Child processes, started with the first large read and stopped by `rest` or `close`.

    `limits` may be replaced at any time; what is being read goes on with the old ones.
    """

    def __init__(self, sources: Sequence[Source], limits: Limits, *, processes: int) -> None:
        self._sources = tuple(sources)
        self.limits = limits
        self._processes = processes
        self._lock = threading.Lock()
        self._executor: ProcessPoolExecutor | None = None
        self._readings = 0
        self._used = False

    def reading(
        self,
        key: SessionKey,
        file: OpenFile,
        processor: Any,
        offset: int,
        blocks: bytes,
        dialect: str,
    ) -> "PoolReading | None":
        """Steps made elsewhere, or None if the amount is not worth it."""
        least_bytes = READ_ALONE_WARM_BYTES if self._executor else READ_ALONE_BYTES
        if not self._processes or file.stat.size_bytes - offset < least_bytes:
            return None
        task = _Task(
            self._sources, key, file.stat.identity, processor, self.limits, offset, blocks, dialect
        )
        return PoolReading(self, task)

    def submit(self, task: _Task) -> "Future[_Result]":
        """Start a child's read. Raises `TransientError` if the children died."""
        with self._lock:
            self._used = True
            if self._executor is None:
                self._executor = ProcessPoolExecutor(
                    self._processes, multiprocessing.get_context("spawn"), _start_child
                )
            try:
                return self._executor.submit(_read, task)
            except BrokenProcessPool as error:
                self._executor = None
                raise TransientError("a reading process died", reason="backfill_died") from error

    def broken(self) -> None:
        """Forget dead children; the next read starts new ones."""
        with self._lock:
            self._executor = None

    def rest(self) -> None:
        """Stop the children if nobody used them since the last call: memory at rest is bounded."""
        with self._lock:
            idle, self._used = not self._used and not self._readings, False
            if idle and self._executor:
                self._executor.shutdown(wait=False)
                self._executor = None

    def close(self) -> None:
        """Stop the children."""
        with self._lock:
            executor, self._executor = self._executor, None
        if executor:
            executor.shutdown(wait=True, cancel_futures=True)

    def _count(self, change: int) -> None:
        with self._lock:
            self._readings += change


class PoolReading:
    """A `service.reading.LineReading` whose steps are made by the children, one task at a time."""

    def __init__(self, pool: Pool, task: _Task) -> None:
        self._pool = pool
        self._task = task
        self.dialect = task.dialect
        self.tail_bytes = 0

    def __iter__(self) -> Iterator[Step]:
        self._pool._count(1)
        try:
            yield from self._steps()
        except BrokenProcessPool as error:
            self._pool.broken()
            raise TransientError("a reading process died", reason="backfill_died") from error
        finally:
            self._pool._count(-1)

    def _steps(self) -> Iterator[Step]:
        future: Future[_Result] | None = self._pool.submit(self._task)
        while future:
            result = future.result()
            self.tail_bytes = result.tail_bytes
            # The next task only needs where this one ended: it runs while the rows are written.
            future = self._next(result.steps[-1]) if result.more else None
            for step in result.steps:
                self.dialect = step.dialect
                yield step

    def _next(self, last: Step) -> "Future[_Result]":
        self._task = replace(
            self._task, offset=last.committed_bytes, blocks=last.blocks, dialect=last.dialect
        )
        return self._pool.submit(self._task)


def to_arrow(rows: Mapping[str, RowSet], tables: Mapping[str, type]) -> dict[str, ArrowRows]:
    """The rows of each table as an Arrow stream; empty tables are left out."""
    return {
        table: _arrow(found, _schema(tables.get(table))) for table, found in rows.items() if found
    }


def _start_child() -> None:
    """Ctrl-C is the parent's to handle; the parent's death is the child's end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _read(task: _Task) -> _Result:
    """One task, in a child: steps until `TASK_BYTES` are read or the file ends."""
    with Disk(task.sources).open(task.key) as file:
        if file.stat.identity != task.identity:
            raise TransientError("the file was replaced while it was read", reason="replaced")
        reading = LineReading(
            file, task.processor, task.limits, offset=task.offset,
            digester=_resume(file, task.offset, task.blocks), dialect=task.dialect,
        )  # fmt: skip
        steps: list[Step] = []
        for step in reading:
            steps.append(replace(step, rows=to_arrow(step.rows, task.processor.tables)))
            if step.committed_bytes - task.offset >= TASK_BYTES:
                return _Result(tuple(steps), reading.tail_bytes, more=True)
        return _Result(tuple(steps), reading.tail_bytes, more=False)


def _resume(file: OpenFile, offset: int, blocks: bytes) -> BlockDigester:
    """A digester that stands at `offset`, with the bytes of the unfilled block it needs.

    They must be those that were proved or read before, or the digest would vouch for other bytes
    than the rows were made from.
    """
    start = offset // BLOCK_BYTES * BLOCK_BYTES
    partial = file.read(start, offset - start) if offset > start else b""
    if partial and digest(partial) != blocks[-DIGEST_BYTES:]:
        raise TransientError("the file was rewritten while it was read", reason="replaced")
    return BlockDigester(blocks, partial)


def _arrow(rows: RowSet, schema: Any) -> ArrowRows:
    import pyarrow as pa

    assert not isinstance(rows, ArrowRows)
    arrays = [
        pa.array(column, field.type)
        for column, field in zip(zip(*rows, strict=True), schema, strict=True)
    ]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(pa.record_batch(arrays, schema=schema))
    return ArrowRows(sink.getvalue().to_pybytes(), len(rows))


@functools.cache
def _schema(row_type: type | None) -> Any:
    """The Arrow schema of a row type; None stands for the quarantine's."""
    import pyarrow as pa

    types = {int: pa.int64(), str: pa.string(), bool: pa.bool_(), float: pa.float64()}
    fields = [("offset", pa.int64()), ("seq", pa.int32())]
    if row_type is None:
        named = [("length_bytes", int), ("reason", str), ("detail", str), ("kept", bool)]
    else:
        named = [(column.name, column.python_type) for column in columns(row_type)]
    return pa.schema([*fields, *((name, types[kind]) for name, kind in named)])
