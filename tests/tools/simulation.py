"""A world inside the test: files, a clock and a database that may die, all in one thread.

The rule: the engine is the real one; only the seams of `core.seams` are played. `SimFiles` keeps
what inodes, sizes and times a kernel would show, `World.crash_after` kills the database between
two transactions, and a restart builds everything anew from what was committed. The database is
either the real `Store` on DuckDB or `SimDatabase`, which says in forty lines what it must do.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb

from core.keys import SessionKey
from core.ledger import FileStat
from core.rows import ArrowRows, Chunk, Command, Commit, Receipt, RowSets
from metrics.instruments import Instruments
from processors.registry import Registry
from service.engine import Engine, outdate
from service.limits import Limits
from state.ledger import LedgerMirror
from state.store import Store

SOURCE = "sim"


class Crash(BaseException):
    """The process died here; nothing in it gets to clean up."""


@dataclass(slots=True)
class SimClock:
    """A clock that moves only when told to."""

    seconds: float = 1_000_000.0

    def now_us(self) -> int:
        return int(self.seconds * 1e6)

    def monotonic_s(self) -> float:
        return self.seconds


@dataclass(slots=True)
class Inode:
    number: int
    data: bytes
    mtime_ns: int
    ctime_ns: int


@dataclass(slots=True)
class Opened:
    """`core.seams.OpenFile` over an inode, which stays readable after a rename or delete."""

    inode: Inode
    stat: FileStat
    age_ns: int

    def read(self, offset: int, size_bytes: int) -> bytes:
        return self.inode.data[offset : offset + size_bytes]


@dataclass(slots=True)
class SimWalk:
    """A walk that could list everything."""

    found: list[tuple[SessionKey, FileStat]]
    folder_count: int = 1

    def __iter__(self) -> Iterator[tuple[SessionKey, FileStat]]:
        return iter(self.found)

    def unlisted(self, key: SessionKey) -> bool:
        return False


@dataclass(slots=True)
class SimFiles:
    """`core.seams.Files` in memory, with a log of what was opened."""

    clock: SimClock
    inodes: dict[SessionKey, Inode] = field(default_factory=dict)
    opened: list[SessionKey] = field(default_factory=list)
    failing: dict[SessionKey, Exception] = field(default_factory=dict)
    _next: int = 1

    def write(self, key: SessionKey, data: bytes) -> None:
        """Create the file, or change its content in place."""
        now_ns = self.clock.now_us() * 1000
        inode = self.inodes.get(key)
        if inode is None:
            self.inodes[key] = Inode(self._number(), data, now_ns, now_ns)
        else:
            inode.data, inode.mtime_ns, inode.ctime_ns = data, now_ns, now_ns

    def replace(self, key: SessionKey, data: bytes, *, mtime_ns: int | None = None) -> None:
        """Put another file in its place, as `mv` does; its mtime may be old, its ctime cannot."""
        now_ns = self.clock.now_us() * 1000
        kept_ns = now_ns if mtime_ns is None else mtime_ns
        self.inodes[key] = Inode(self._number(), data, kept_ns, now_ns)

    def rename(self, key: SessionKey, target: SessionKey) -> None:
        inode = self.inodes.pop(key)
        inode.ctime_ns = self.clock.now_us() * 1000
        self.inodes[target] = inode

    def delete(self, key: SessionKey) -> None:
        del self.inodes[key]

    def stat(self, key: SessionKey) -> FileStat:
        if key not in self.inodes:
            raise FileNotFoundError(key)
        inode = self.inodes[key]
        return FileStat(1, inode.number, len(inode.data), inode.mtime_ns, inode.ctime_ns)

    @contextmanager
    def open(self, key: SessionKey) -> Iterator[Opened]:
        stat = self.stat(key)
        if key in self.failing:
            raise self.failing[key]
        self.opened.append(key)
        yield Opened(self.inodes[key], stat, self.clock.now_us() * 1000 - stat.changed_ns)

    def walk(self, source: str) -> "SimWalk":
        return SimWalk([(key, self.stat(key)) for key in self.inodes])

    def _number(self) -> int:
        self._next += 1
        return self._next


class DuckStorage:
    """The real database; each `start` is a new process that opens it."""

    def __init__(self) -> None:
        self.db = duckdb.connect(":memory:")

    def start(self, processors: Sequence[Any]) -> Store:
        return Store(self.db, processors)

    def rows(self, database: Store, table: str, key: SessionKey) -> list[tuple[Any, ...]]:
        joined = f'raw."{table}" r JOIN ledger l ON l.generation = r.generation'
        return self.db.execute(
            f"SELECT l.processor, r.* EXCLUDE (generation) FROM {joined} JOIN files f "
            "ON f.file_id = l.file_id WHERE source = $1 AND path = $2 ORDER BY ALL",
            list(key),
        ).fetchall()

    def ledger_rows(self) -> list[tuple[Any, ...]]:
        return self.db.execute("SELECT * FROM ledger ORDER BY processor, file_id").fetchall()


@dataclass(slots=True)
class SimDatabase:
    """`core.seams.Database` in dictionaries, which outlive a crash."""

    ledger: LedgerMirror = field(default_factory=LedgerMirror)
    tables: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    newest: int = 0

    def new_generation(self) -> int:
        self.newest += 1
        return self.newest

    def apply(self, commands: Sequence[Command]) -> list[Receipt | Exception]:
        return [self._apply(command) for command in commands]

    def _apply(self, command: Command) -> Receipt:
        match command:
            case Commit(before, after, rows):
                if self.ledger.get(after.processor, after.key) != before:
                    return Receipt(fenced=True)
                self.ledger.put(after)
                self._insert(after.generation, rows)
            case Chunk(generation, rows):
                self._insert(generation, rows)
        return Receipt()

    def _insert(self, generation: int, rows: RowSets) -> None:
        for table, found in rows.items():
            assert not isinstance(found, ArrowRows)
            self.tables.setdefault(table, []).extend((generation, *row) for row in found)


class SimStorage:
    """What of a `SimDatabase` survives a process: everything, as every apply is a transaction."""

    def __init__(self) -> None:
        self.db = SimDatabase()

    def start(self, processors: Sequence[Any]) -> SimDatabase:
        return self.db

    def rows(self, database: SimDatabase, table: str, key: SessionKey) -> list[tuple[Any, ...]]:
        names = {
            entry.generation: name
            for name in ("seen", "whole", "notes")
            if (entry := database.ledger.get(name, key))
        }
        stored = self.db.tables.get(table, [])
        return sorted((names[row[0]], *row[1:]) for row in stored if row[0] in names)

    def ledger_rows(self) -> list[Any]:
        names = ("seen", "whole", "notes")
        return [entry for name in names for entry in self.db.ledger.entries(name)]


class World:
    """Engine, files, clock and database; `crash_after = n` kills the n-th transaction from now."""

    def __init__(
        self,
        processors: Sequence[Any],
        limits: Limits | None = None,
        storage: "DuckStorage | SimStorage | None" = None,
    ) -> None:
        self.clock = SimClock()
        self.files = SimFiles(self.clock)
        self.processors = list(processors)
        self.limits = limits or Limits()
        self.storage: Any = storage or SimStorage()
        self.crash_after: int | None = None
        self.crash_before_commit = False
        self.restart()

    def restart(self) -> None:
        """A new process over the same files and the same database."""
        self.registry = Registry(tuple(self.processors))
        self.database = self.storage.start(self.processors)
        self.instruments = Instruments()
        self.engine = Engine(
            sources=[SOURCE],
            registry=self.registry,
            files=self.files,
            ledger=self.database.ledger,
            submit=self.submit,
            new_generation=self.database.new_generation,
            clock=self.clock,
            limits=self.limits,
            instruments=self.instruments,
        )

    def submit(self, command: Command) -> Future[Receipt]:
        """The writer, without a thread: applied before it returns."""
        if self.crash_after is not None:
            self.crash_after -= 1
        dying = self.crash_after == -1
        if self.crash_after is not None and self.crash_after < (
            0 if self.crash_before_commit else -1
        ):
            raise Crash
        (answer,) = self.database.apply([command])
        if dying:
            raise Crash
        future: Future[Receipt] = Future()
        if isinstance(answer, Receipt):
            future.set_result(answer)
        else:
            future.set_exception(answer)
        return future

    def touch(self, key: SessionKey) -> None:
        self.engine.touch(key, origin="event")

    def sweep(self) -> None:
        self.engine.sweep(SOURCE)

    def rescan(self) -> None:
        for commit in outdate(self.database.ledger, self.registry, None, None):
            self.submit(commit)

    def settle(self) -> None:
        """Let every wait end: quiet times, tails, back-off and proofs; then sweep and drain."""
        for _ in range(3):
            self.clock.seconds += 2 * max(self.limits.proof_max_s, self.limits.tail_quiet_s, 7200.0)
            self.sweep()
            self.engine.drain()
            self.clock.seconds += 1000.0
            self.engine.drain()

    def rows(self, table: str, key: SessionKey) -> list[tuple[Any, ...]]:
        """Live rows of one file: processor, offset, seq and the table's columns, sorted."""
        rows: list[tuple[Any, ...]] = self.storage.rows(self.database, table, key)
        return rows


def key(name: str) -> SessionKey:
    """A session file of user `u` in the simulated source."""
    return SessionKey(SOURCE, f"u/{name}.jsonl")
