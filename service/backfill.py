"""Reads large amounts on the other cores: child processes turn bytes into Arrow rows.

The rule: a child is a pure function of (file, offset, digests); the parent decides, proves, fences
and commits exactly as it does for a single line.
"""

import functools
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import msgspec
from msgspec.structs import replace

from core.blocks import BLOCK_BYTES, DIGEST_BYTES, BlockDigester, digest
from core.errors import ChangedError
from core.keys import SessionKey
from core.rows import QUARANTINE_COLUMNS, ArrowRows, RowSet
from core.seams import OpenFile
from core.tables import columns
from processors.base import Later
from service.child import Child
from service.limits import Limits
from service.reading import LineReading, Step
from state.arrow import packed
from watcher.disk import Disk, Source

TASK_BYTES = 16 << 20
TASK_STEPS = 8
"""How much a child reads before it hands over: bounds what is in flight between processes. It is
more than eight steps only where lines are so short that their rows weigh more than they do."""

READ_ALONE_BYTES = 256 << 10
READ_ALONE_WARM_BYTES = 16 << 10
"""Less than this is read in the worker's own thread: sooner done than sent. Children that are
already running, because much is to be done, also get what would not be worth starting them."""


class _Task(msgspec.Struct, frozen=True):
    sources: tuple[Source, ...]
    key: SessionKey
    identity: tuple[int, int]
    processor: Any
    limits: Limits
    offset: int
    blocks: bytes
    dialect: str


class _Result(msgspec.Struct, frozen=True):
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
        self._children: list[Child] = []
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
        least_bytes = READ_ALONE_WARM_BYTES if self._children else READ_ALONE_BYTES
        if not self._processes or file.stat.size_bytes - offset < least_bytes:
            return None
        task = _Task(
            self._sources, key, file.stat.identity, processor, self.limits, offset, blocks, dialect
        )
        return PoolReading(self, task)

    @property
    def busy(self) -> bool:
        """Is anything being read?"""
        return self._readings > 0

    def child(self) -> Child:
        """The child with least to do; a new one while all are busy and there may be more."""
        with self._lock:
            self._used = True
            self._end([child for child in self._children if child.dead])
            least = min(self._children, key=lambda child: child.asked_count, default=None)
            if least is None or (least.asked_count and len(self._children) < self._processes):
                least = Child(_read)
                self._children.append(least)
            return least

    def rest(self) -> None:
        """Stop the children if nobody used them since the last call: memory at rest is bounded."""
        with self._lock:
            idle, self._used = not self._used and not self._readings, False
            if idle:
                self._end(self._children)

    def close(self) -> None:
        """Stop the children, whatever they do: nobody waits for it any more."""
        with self._lock:
            self._end(self._children)

    def _end(self, children: Sequence[Child]) -> None:
        for child in children:
            child.end()
        self._children = [child for child in self._children if child not in children]

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
        self.later: Later | None = None

    def __iter__(self) -> Iterator[Step]:
        self._pool._count(1)
        try:
            yield from self._steps()
        finally:
            self._pool._count(-1)

    def _steps(self) -> Iterator[Step]:
        asked: tuple[Child, Future[Any]] | None = self._ask()
        while asked:
            child, future = asked
            result: _Result = child.wait(future)
            self.tail_bytes = result.tail_bytes
            # The next task only needs where this one ended: it runs while the rows are written.
            asked = self._ask(result.steps[-1]) if result.more else None
            for step in result.steps:
                self.dialect = step.dialect
                yield step

    def _ask(self, last: Step | None = None) -> "tuple[Child, Future[Any]]":
        if last:
            self._task = replace(
                self._task, offset=last.committed_bytes, blocks=last.blocks, dialect=last.dialect
            )
        child = self._pool.child()
        return child, child.ask(self._task)


def to_arrow(rows: Mapping[str, RowSet], tables: Mapping[str, type]) -> dict[str, ArrowRows]:
    """The rows of each table as Arrow; empty tables are left out."""
    return {
        table: packed(found, _types(tables.get(table)))
        for table, found in rows.items()
        if found and not isinstance(found, ArrowRows)
    }


@functools.cache
def _types(row_type: type | None) -> tuple[str, ...]:
    """SQL types of a row type; None stands for the quarantine's."""
    if row_type is None:
        return tuple(QUARANTINE_COLUMNS.values())
    return tuple(column.sql_type for column in columns(row_type))


def _read(task: _Task) -> _Result:
    """One task, in a child: steps until it has read enough or the file ends."""
    with _disk(task.sources).open(task.key) as file:
        if file.stat.identity != task.identity:
            raise ChangedError("the file was replaced while it was read", reason="replaced")
        reading = LineReading(
            file, task.processor, task.limits, offset=task.offset,
            digester=_resume(file, task.offset, task.blocks), dialect=task.dialect,
        )  # fmt: skip
        steps: list[Step] = []
        for step in reading:
            steps.append(replace(step, rows=to_arrow(step.rows, task.processor.tables)))
            size_bytes = step.committed_bytes - task.offset
            if size_bytes >= TASK_BYTES or len(steps) == TASK_STEPS:
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
        raise ChangedError("the file was rewritten while it was read", reason="replaced")
    return BlockDigester(blocks, partial)


@functools.cache
def _disk(sources: tuple[Source, ...]) -> Disk:
    return Disk(sources)
