"""The ledger's mirror in memory: every entry, read by all threads, changed by the writer alone.

The rule: the mirror follows the database, never leads it. Only after a transaction has committed
does `Store.apply` put its entries here, so what a reader sees is always on disk. It is exact
because one process holds the database file and one thread writes to it.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb

from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry

COLUMNS: Mapping[str, str] = {
    "processor": "VARCHAR",
    "file_id": "INTEGER",
    "generation": "BIGINT",
    "committed_bytes": "BIGINT",
    "blocks": "BLOB",
    "processor_version": "INTEGER",
    "dialect": "VARCHAR",
    "device": "UBIGINT",
    "inode": "UBIGINT",
    "size_bytes": "BIGINT",
    "mtime_ns": "BIGINT",
    "ctime_ns": "BIGINT",
    "settled": "BOOLEAN",
    "unproved_since_us": "BIGINT",
    "committed_at_us": "BIGINT",
    "status": "VARCHAR",
    "attempts": "INTEGER",
    "tried_version": "INTEGER",
    "try_again_at_us": "BIGINT",
    "reason": "VARCHAR",
    "error": "VARCHAR",
    "source_gone": "BOOLEAN",
}

_NO_STAT = (None,) * 5
_ROWS = 10_000


class LedgerMirror:
    """All ledger entries by processor and key."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[SessionKey, LedgerEntry]] = {}
        self._sources: set[str] = set()

    def get(self, processor: str, key: SessionKey) -> LedgerEntry | None:
        """The entry as last committed, None if the file was never seen."""
        return self._entries.get(processor, {}).get(key)

    def entries(self, processor: str) -> Iterable[LedgerEntry]:
        """A snapshot of all entries of a processor."""
        return list(self._entries.get(processor, {}).values())

    def processors(self) -> list[str]:
        """Every processor that has entries, also those that are not loaded any more."""
        return sorted(self._entries)

    def at(self, path: str) -> list[LedgerEntry]:
        """What every processor knows of the files of this path, whichever source they are in."""
        keys = [SessionKey(source, path) for source in sorted(self._sources)]
        found = [by_key.get(key) for _, by_key in sorted(self._entries.items()) for key in keys]
        return [entry for entry in found if entry]

    def put(self, entry: LedgerEntry) -> None:
        """Called by the writer after its transaction committed, and by `load`."""
        self._entries.setdefault(entry.processor, {})[entry.key] = entry
        self._sources.add(entry.key.source)

    def drop(self, key: SessionKey) -> None:
        """Called by the writer after everything of a file was erased."""
        for by_key in self._entries.values():
            by_key.pop(key, None)

    def generations(self) -> set[int]:
        """Every live generation."""
        return {e.generation for by_key in self._entries.values() for e in by_key.values()}


def load(db: duckdb.DuckDBPyConnection, mirror: LedgerMirror) -> dict[SessionKey, int]:
    """Fill the mirror from the database; returns the file ids by key."""
    files = {
        file_id: SessionKey(source, path)
        for file_id, source, path in db.execute(
            "SELECT file_id, source, path FROM files"
        ).fetchall()
    }
    found = db.execute(f"SELECT {', '.join(COLUMNS)} FROM ledger")
    while rows := found.fetchmany(_ROWS):  # To the end, but never all of them beside the entries.
        for row in rows:
            mirror.put(_entry(row, files))
    return {key: file_id for file_id, key in files.items()}


def row_of(entry: LedgerEntry, file_id: int) -> tuple[Any, ...]:
    """The entry as a row of the ledger table, in the order of `COLUMNS`."""
    return (
        entry.processor,
        file_id,
        entry.generation,
        entry.committed_bytes,
        entry.blocks,
        entry.processor_version,
        entry.dialect,
        *(entry.stat or _NO_STAT),
        entry.settled,
        entry.unproved_since_us,
        entry.committed_at_us,
        entry.status,
        entry.attempts,
        entry.tried_version,
        entry.try_again_at_us,
        entry.reason,
        entry.error,
        entry.source_gone,
    )


def _entry(row: Sequence[Any], files: Mapping[int, SessionKey]) -> LedgerEntry:
    processor, file_id, generation, committed, blocks, version, dialect = row[:7]
    # The same few words in every row: kept once.
    processor, dialect = sys.intern(processor), sys.intern(dialect)
    stat = None if row[8] is None else FileStat(*row[7:12])
    return LedgerEntry(
        processor, files[file_id], generation, committed, bytes(blocks), version, dialect,
        stat, *row[12:],
    )  # fmt: skip
