"""Proves the database against the files: `sessionwatch doctor`.

The rule: the deep proof trusts nothing that was stored. It ingests the same roots into an empty
database with the same code path and compares every table, file by file, by digest. Rows that
retention took are missing on purpose, and then all of a file's: one that is left is a difference.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core.keys import SessionKey
from core.rows import QUARANTINE
from processors.registry import Registry
from service.ingest import ingest
from service.settings import Settings
from service.wiring import open_store
from state import digest
from state.digest import FileDigest
from state.store import Store

Digests = dict[str, dict[SessionKey, FileDigest]]


def shallow(store: Store, registry: Registry) -> list[str]:
    """What the ledger itself knows to be amiss: failures, outdated and unproved files."""
    return [
        text
        for processor in registry.processors
        for entry in store.ledger.entries(processor.name)
        for text in _complaints(entry, processor)
    ]


def deep(settings: Settings, registry: Registry, have: Digests) -> list[str]:
    """Every difference between `have` and a fresh ingest of the roots, empty if all is proved.

    Sweep or ingest first: bytes that were never taken also count as a difference.
    """
    # What a model was asked depends on its answers as well, and nobody is to pay for them twice.
    provable = tuple(p for p in registry.processors if not getattr(p, "asks_model", False))
    registry = replace(registry, processors=provable)
    with TemporaryDirectory(prefix="sessionwatch-doctor-") as folder:
        fresh = replace(settings, db=Path(folder) / "proof.duckdb")
        ingest(fresh, registry, include_sessions=True)
        store = open_store(fresh, registry)
        try:
            want = digests(store.cursor, registry)
        finally:
            store.close()
    roots = {key.source for by_file in want.values() for key in by_file}
    return [text for table in sorted(want) for text in _compared(table, have, want, roots)]


def digests(cursor: Callable[[], Any], registry: Registry) -> Digests:
    """The digest of every file in every table of the loaded processors."""
    tables = [QUARANTINE, *(table for p in registry.processors for table in p.tables)]
    one = cursor()
    try:
        return {table: digest.by_file(one, table) for table in tables}
    finally:
        one.close()


def _compared(table: str, have: Digests, want: Digests, roots: set[str]) -> Iterator[str]:
    mine, theirs = have.get(table, {}), want[table]
    for key in sorted(mine.keys() | theirs.keys()):
        if key.source in roots and mine.get(key) not in (digest.RETIRED, theirs.get(key)):
            stored = mine[key].rows if key in mine else 0
            fresh = theirs[key].rows if key in theirs else 0
            yield f"{table}: {key}: {stored} rows in the database, {fresh} in the file"


def _complaints(entry: Any, processor: Any) -> Iterator[str]:
    where = f"{processor.name}: {entry.key}"
    if entry.failed:
        yield f"{where}: {entry.status}: {entry.reason}: {entry.error}"
    if entry.processor_version != processor.version and not entry.source_gone and entry.generation:
        yield f"{where}: rows of version {entry.processor_version}, not {processor.version}"
