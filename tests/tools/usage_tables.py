"""Fixture sessions as records, rows and DuckDB tables, without the service around them.

The tables look like the views reports read: where a row came from, then the row's own columns.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from core.keys import session_of, user_of
from core.lines import Fault, Line, complete_length, read_lines
from core.record import Record
from core.tables import columns
from processors.dialects import by_name, detect
from processors.usage import Usage
from processors.usage_documents import UsageDocuments
from state.migrations import released
from state.usage import sources, tally
from state.usage.options import ReportOptions
from state.usage.reports import report

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "sessions"
USAGE = Usage()
PLACE = {
    "source": "VARCHAR",
    "path": "VARCHAR",
    "user": "VARCHAR",
    "session": "VARCHAR",
    "source_gone": "BOOLEAN",
    "offset": "BIGINT",
    "seq": "INTEGER",
}
_TABLE_BY_TYPE = {row_type: table for table, row_type in USAGE.tables.items()}


def fixture(quirk: str) -> Path:
    """The main session file of a fixture folder."""
    return min((FIXTURES / quirk / "atlas").glob("*-*-*-*-*.jsonl"))


def items(data: bytes) -> Iterator[Line[Record] | Fault]:
    """Lines and faults of a whole session file."""
    return read_lines(data[: complete_length(data)], 0, by_name(detect(data)))


def records(path: Path) -> list[Record]:
    """The records of a session file."""
    return [item.record for item in items(path.read_bytes()) if isinstance(item, Line)]


def placed_rows(data: bytes, offset: int = 0, dialect: str = "") -> list[tuple[Any, ...]]:
    """(table, offset, seq, columns…) of the complete lines of `data`, which starts at `offset`."""
    found = read_lines(data, offset, by_name(dialect or detect(data)))
    return [
        (_TABLE_BY_TYPE[type(row)], line.offset, seq, *row)
        for line in found
        if isinstance(line, Line)
        for seq, row in enumerate(USAGE.rows(line))
    ]


def create(db: duckdb.DuckDBPyConnection) -> None:
    """Empty tables in place of the views, and those that are derived from them."""
    db.execute("CREATE TABLE files (file_id INTEGER, source VARCHAR, path VARCHAR)")
    for migration in released():
        if migration.name in ("counted", "prices", "operations"):
            db.execute(migration.sql)
    tables = {**USAGE.tables, **UsageDocuments.tables}
    for table, row_type in tables.items():
        wanted = PLACE | {column.name: column.sql_type for column in columns(row_type)}
        body = ", ".join(f'"{name}" {sql}' for name, sql in wanted.items())
        db.execute(f"CREATE TABLE {table} ({body})")
    sources.declare(db, tables)


def ingest(db: duckdb.DuckDBPyConnection, root: Path, path: Path, source: str = "drop") -> None:
    """Add the rows of one file below `root`."""
    add(db, path.relative_to(root).as_posix(), path.read_bytes(), source)


def add(db: duckdb.DuckDBPyConnection, path: str, data: bytes, source: str = "drop") -> None:
    """Add the rows of a file's bytes under a relative path."""
    (file_id,) = db.execute("SELECT count(*) FROM files").fetchall()[0]
    db.execute("INSERT INTO files VALUES ($1, $2, $3)", [file_id, source, path])
    place = (source, path, user_of(path), session_of(path), False)
    by_table: dict[str, list[tuple[Any, ...]]] = {}
    for table, *row in placed_rows(data[: complete_length(data)]):
        by_table.setdefault(table, []).append((*place, *row))
    for table, rows in by_table.items():
        names = PLACE | {c.name: c.sql_type for c in columns(USAGE.tables[table])}
        lists = ", ".join(f"unnest(${i}::{sql}[])" for i, sql in enumerate(names.values(), 1))
        values = [list(column) for column in zip(*rows, strict=True)]
        db.execute(f"INSERT INTO {table} SELECT {lists}", values)


def reported(
    db: duckdb.DuckDBPyConnection, name: str, options: ReportOptions | None = None
) -> dict[str, Any]:
    """A report of all rows as they are now."""
    tally.rebuild(db)
    return report(db, name, options)
