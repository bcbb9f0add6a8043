"""The values that cross threads on their way into the database.

The rule: values in, never closures. Rows are plain tuples under their table's name, a commit
carries the ledger entry it started from (the fence) and the one it wants to leave, and the
writer needs nothing else. Rows are identified by (generation, byte offset, position).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from core.ledger import LedgerEntry
from core.loss import Loss


class ArrowRows(msgspec.Struct, frozen=True):
    """Rows of one table as an Arrow record batch of the columns `offset, seq, …` (`state.arrow`).

    A struct, because these travel between processes, and a dataclass is pickled by Python code.
    """

    batch: bytes
    count: int

    def __len__(self) -> int:
        return self.count


RowSet = Sequence[tuple[Any, ...]] | ArrowRows
"""Rows of one table: `(offset, seq, *columns)` tuples, or the same as Arrow (the backfill)."""

RowSets = Mapping[str, RowSet]

QUARANTINE = "quarantine_lines"
"""Table of line faults; its rows are `(offset, seq, length_bytes, reason, detail, kept)`."""

QUARANTINE_COLUMNS: Mapping[str, str] = {
    "length_bytes": "BIGINT",
    "reason": "VARCHAR",
    "detail": "VARCHAR",
    "kept": "BOOLEAN",
}
"""SQL types by name."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Rows of `after.generation` and the ledger entry that says which bytes they came from.

    Applied only if the ledger still holds `before` (None: no entry yet); otherwise nothing is
    written and the receipt says so. With another generation than before, the old one's rows
    stop being live in the same transaction. `loss` is what the look at the file found missing.
    """

    before: LedgerEntry | None
    after: LedgerEntry
    rows: RowSets = field(default_factory=dict)
    loss: Loss | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of a generation under construction: invisible until a commit makes it live."""

    generation: int
    rows: RowSets


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a command. `fenced`: the ledger had moved on, touch the key again."""

    fenced: bool = False
    rows_written: int = 0
    report: Mapping[str, int] = field(default_factory=dict)
    """Of an amendment: how many rows it took, by table."""


@dataclass(frozen=True, slots=True)
class Collect:
    """Delete the rows of generations that no ledger entry calls live, `limit` at a time."""

    limit: int = 1000


@dataclass(frozen=True, slots=True)
class Abandon:
    """A generation under construction will not be finished: its chunks may be collected."""

    generation: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Write a checkpoint and let none follow, so that the file can be copied (`state.hold`)."""


@dataclass(frozen=True, slots=True)
class Reassign:
    """Give every file the user it has by what is known of people now."""


@dataclass(frozen=True, slots=True)
class Erase:
    """Take everything of these users out of every table. Files on disk are another matter."""

    users: frozenset[str]


@dataclass(frozen=True, slots=True)
class Retire:
    """Take the rows of files that last changed before this time out of one table, of `limit`
    files at most: none is left when nothing was taken."""

    table: str
    before_us: int
    limit: int = 2000


Amendment = Reassign | Erase | Retire
"""What changes the tables without a file asking for it; each is a transaction of its own."""

Command = Commit | Chunk | Abandon | Collect | Hold | Amendment
