"""What the database of a service says, row by row and by digest, and how two of them differ.

The rule: the tables are read as they are on disk, once nobody serves them; nothing is taken from
what the service says of itself.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from core.keys import SessionKey
from core.rows import QUARANTINE
from processors import registry
from state import digest, schema
from state.digest import FileDigest

Rows = Counter[tuple[Any, ...]]

_FAULTS = (
    "SELECT l.processor, f.source, f.path, q.* EXCLUDE (generation) FROM raw.quarantine_lines q "
    "JOIN ledger l ON l.generation = q.generation JOIN files f ON f.file_id = l.file_id"
)


@contextmanager
def opened(db: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database of a service that has ended, for reading."""
    deadline_s = time.monotonic() + 5.0
    while True:
        try:
            connection = duckdb.connect(str(db), read_only=True)
            break
        except duckdb.IOException:  # A command may hold it for a moment.
            if time.monotonic() > deadline_s:
                raise
    try:
        yield connection
    finally:
        connection.close()


def tables() -> list[str]:
    """Every table of every processor, faults included."""
    return [QUARANTINE, *(table for p in registry.load().processors for table in p.tables)]


def digests(db: Path) -> dict[str, dict[SessionKey, FileDigest]]:
    """The digest of every file in every table that the database has."""
    with opened(db) as connection:
        known = schema.data_tables(connection)
        return {table: digest.by_file(connection, table) for table in known}


def rows(db: Path, table: str) -> Rows:
    """Every live row with the file it came from. Raises where the ledger is not one per file."""
    with opened(db) as connection:
        found = connection.execute(_FAULTS if table == QUARANTINE else f'FROM "{table}"')
        return Counter(found.fetchall())


class Difference(NamedTuple):
    """Rows of one table, compared."""

    wanted: int
    missing: Rows
    surplus: Rows


def compared(have: Path, want: Path) -> dict[str, Difference]:
    """Every table of one database against the same of another."""
    with opened(want) as connection:
        known = schema.data_tables(connection)
    out = {}
    for table in known:
        mine, theirs = rows(have, table), rows(want, table)
        out[table] = Difference(theirs.total(), theirs - mine, mine - theirs)
    return out


def assert_same(have: Path, want: Path) -> dict[str, Difference]:
    """By digest and by rows: not one missing, not one too many. Returns the figures."""
    found = compared(have, want)
    wrong = {
        table: (d.missing.total(), d.surplus.total(), [*d.missing, *d.surplus][:3])
        for table, d in found.items()
        if d.missing or d.surplus
    }
    assert not wrong, f"(missing, surplus, for example) by table: {wrong}"
    assert digests(have) == digests(want)
    return found
