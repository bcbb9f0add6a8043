"""Writes down what was lost: append-only, in the transaction of the commit that found it."""

from collections.abc import Iterable, Sequence

from core.ledger import LedgerEntry
from core.loss import Loss
from state.inserts import Appenders

_COLUMNS = {
    "processor": "VARCHAR",
    "file_id": "INTEGER",
    "lost_bytes": "BIGINT",
    "how": "VARCHAR",
    "found_at_us": "BIGINT",
}


def write(
    appenders: Appenders,
    found: Sequence[tuple[LedgerEntry, Loss]],
    file_ids: Iterable[int],
) -> None:
    """Losses with the entries they belong to, and the file ids of these."""
    if found:
        pairs = zip(found, file_ids, strict=True)
        rows = [(entry.processor, file_id, *loss) for (entry, loss), file_id in pairs]
        appenders.insert("raw.losses", _COLUMNS, rows)
