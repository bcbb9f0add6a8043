"""Which batches of requests are under way at a language model's API, and which were.

The rule: one change is one transaction, so a batch is never seen without its items. Rows have
hashes of what was sent and nothing else of it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import duckdb

from state.operations.book import Book

_ITEMS_KEPT_US = 86_400_000_000
_IDS_KEPT_US = 40 * 86_400_000_000
"""Longer than the API lists a batch."""
_OPEN = """
SELECT b.batch_key, b.at_us, b.batch_id, b.state = 'planned',
       i.request_hash, i.model, i.purpose, i.reservation_id, i.reserved_at_us, i.amount_nano
FROM model_batches b JOIN model_batch_items i ON i.batch_key = b.batch_key
WHERE b.state <> 'ended' ORDER BY b.at_us, b.batch_key, i.rowid
"""
_INSERT_ITEMS = """
INSERT INTO model_batch_items
SELECT $1, unnest($2::VARCHAR[]), unnest($3::VARCHAR[]), unnest($4::VARCHAR[]),
       unnest($5::VARCHAR[]), unnest($6::BIGINT[]), unnest($7::BIGINT[])
"""


class BatchItem(NamedTuple):
    """One request, and what is reserved for it in nano-dollars."""

    request_hash: str
    model: str
    purpose: str
    reservation_id: str
    reserved_at_us: int
    amount_nano: int


class BatchRecord(NamedTuple):
    """`batch_id` is the API's name of it, "" while unknown."""

    batch_key: str
    at_us: int
    batch_id: str
    planned: bool
    items: tuple[BatchItem, ...]


class BatchRecords:
    """Safe from any thread."""

    def __init__(self, book: Book, now_us: Callable[[], int]) -> None:
        self._book = book
        self._now_us = now_us

    def put(self, batch: BatchRecord) -> None:
        """The same key again replaces."""
        state = "planned" if batch.planned else "sent"
        row = [batch.batch_key, batch.at_us, batch.batch_id, state]
        columns = [list(column) for column in zip(*batch.items, strict=True)]
        with self._book.change() as cursor:
            _take(cursor, batch.batch_key)
            cursor.execute("INSERT INTO model_batches VALUES (?, ?, ?, ?, NULL)", row)
            cursor.execute(_INSERT_ITEMS, [batch.batch_key, *columns])

    def close(self, batch_key: str) -> None:
        """It has ended. Takes what is there for nobody, because its person was erased meanwhile,
        and what nobody looks up any more of those that ended long ago."""
        now_us = self._now_us()
        with self._book.change() as cursor:
            cursor.execute(
                "UPDATE model_batches SET state = 'ended', ended_at_us = ? WHERE batch_key = ?",
                [now_us, batch_key],
            )
            cursor.execute(
                "DELETE FROM model_batch_items WHERE batch_key = ? "
                "AND request_hash NOT IN (SELECT request_hash FROM model_askers)",
                [batch_key],
            )
            cursor.execute(
                "DELETE FROM model_batch_items WHERE batch_key IN "
                "(SELECT batch_key FROM model_batches WHERE ended_at_us < ?)",
                [now_us - _ITEMS_KEPT_US],
            )
            cursor.execute(
                "DELETE FROM model_batches WHERE ended_at_us < ?", [now_us - _IDS_KEPT_US]
            )

    def drop(self, batch_key: str) -> None:
        """It never went out."""
        with self._book.change() as cursor:
            _take(cursor, batch_key)

    def open(self) -> Sequence[BatchRecord]:
        """Those that have not ended, the oldest first."""
        found: dict[str, BatchRecord] = {}
        items: dict[str, list[BatchItem]] = {}
        for key, at_us, batch_id, planned, *item in self._book.rows(_OPEN):
            found.setdefault(key, BatchRecord(key, at_us, batch_id, planned, ()))
            items.setdefault(key, []).append(BatchItem(*item))
        return [batch._replace(items=tuple(items[key])) for key, batch in found.items()]

    def knows(self, batch_id: str) -> bool:
        """Is or was there one that the API calls so?"""
        query = "SELECT 1 FROM model_batches WHERE batch_id = ? LIMIT 1"
        return bool(self._book.rows(query, [batch_id]))


def _take(cursor: duckdb.DuckDBPyConnection, batch_key: str) -> None:
    for table in ("model_batches", "model_batch_items"):
        cursor.execute(f"DELETE FROM {table} WHERE batch_key = ?", [batch_key])
