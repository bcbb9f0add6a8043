"""What one transaction will write, gathered before any SQL runs.

The rule: values only; whether a command may be written is decided by the store.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.keys import SessionKey
from core.ledger import LedgerEntry
from core.loss import Loss
from core.rows import Receipt, RowSet


@dataclass(slots=True)
class Group:
    """Of several commands; `receipts` are in their order."""

    receipts: list[Receipt | Exception] = field(default_factory=list)
    entries: dict[tuple[str, SessionKey], LedgerEntry] = field(default_factory=dict)
    rows: dict[str, list[tuple[int, RowSet]]] = field(default_factory=lambda: defaultdict(list))
    losses: list[tuple[LedgerEntry, Loss]] = field(default_factory=list)
    building: set[int] = field(default_factory=set)
    garbage: set[int] = field(default_factory=set)

    def take(self, generation: int, rows: Mapping[str, RowSet]) -> int:
        """Rows of one command; how many there are."""
        written = 0
        for table, row_set in rows.items():
            if len(row_set):
                self.rows[table].append((generation, row_set))
                written += len(row_set)
        return written


def grows(before: LedgerEntry, after: LedgerEntry) -> bool:
    """Does a commit add rows to those of the same load?"""
    return before.generation == after.generation and before.committed_bytes != after.committed_bytes
