"""The seams to the world: a clock, a file system and a database, each small enough to simulate.

The engine is given these and touches nothing else, so that a whole service can run inside a
test with a hand-held clock, files that lose events and a database that dies between two commits.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from core.rows import Command, Receipt


class Clock(Protocol):
    """Time for the engine."""

    def now_us(self) -> int:
        """Wall clock, microseconds since 1970 UTC: what is written into rows."""

    def monotonic_s(self) -> float:
        """Seconds that never go back: what waits are measured with."""


class OpenFile(Protocol):
    """One file held open for reading; offsets count decompressed bytes."""

    stat: FileStat
    """Taken from the open descriptor before the first read."""

    age_ns: int
    """How long ago the file last changed by its own file system's clock, at the time of `stat`."""

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Up to `size_bytes` bytes from `offset`; fewer only at the end of the file."""


class Walk(Protocol):
    """The session files below a root, listed once."""

    folder_count: int
    """After the walk: how many folders were listed, the root included."""

    def __iter__(self) -> Iterator[tuple[SessionKey, FileStat]]: ...

    def unlisted(self, key: SessionKey) -> bool:
        """After the walk: may this file exist although it was not found, in a folder nobody
        could list?"""


class Files(Protocol):
    """The file system as the engine sees it: session files below configured roots.

    Errors: `FileNotFoundError` means the file is known to be gone; any other `OSError` means it
    could not be looked at (which is never a deletion); `core.errors.PermanentError` means it is
    not something to read (a FIFO, a link out of the root).
    """

    def stat(self, key: SessionKey) -> FileStat: ...

    def open(self, key: SessionKey) -> AbstractContextManager[OpenFile]: ...

    def walk(self, source: str) -> Walk:
        """Every session file below the source's root. Raises `OSError` if the root is missing."""


class Ledger(Protocol):
    """Read side of the ledger."""

    def get(self, processor: str, key: SessionKey) -> LedgerEntry | None: ...

    def entries(self, processor: str) -> Iterable[LedgerEntry]: ...


class Database(Protocol):
    """Write side: applies commands in order, each group in one transaction."""

    ledger: Ledger

    def new_generation(self) -> int:
        """A generation number never used before in this database."""

    def apply(self, commands: Sequence[Command]) -> list[Receipt | Exception]:
        """One answer per command; a command that cannot be written does not fail the others."""
