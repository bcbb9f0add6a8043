"""Brings a database file to the schema this version needs, or says why it will not.

The rule: an older database is migrated, a newer one is refused, and a processor's table only
ever gains columns, because rows of vanished files cannot be rebuilt.
"""

import time
from collections.abc import Iterable, Mapping, Sequence

import duckdb

from core.errors import ConfigurationError
from core.rows import QUARANTINE
from core.tables import checked_name, columns
from state.migrations import Migration

_VERSIONS = (
    "CREATE TABLE IF NOT EXISTS schema_migrations "
    "(version INTEGER NOT NULL, name VARCHAR NOT NULL, applied_at_us BIGINT NOT NULL)"
)


def migrate(db: duckdb.DuckDBPyConnection, steps: Sequence[Migration]) -> int:
    """Apply what is missing and return the schema version. Raises for a newer database."""
    have = version(db)
    if have > len(steps):
        raise ConfigurationError(
            f"the database has schema {have}, this program knows {len(steps)}",
            reason="newer_database",
            hint="start the newer sessionwatch, or use another --db file",
        )
    for step in steps[have:]:
        db.execute("BEGIN")
        db.execute(_VERSIONS)
        db.execute(step.sql)
        applied = [step.version, step.name, time.time_ns() // 1000]
        db.execute("INSERT INTO schema_migrations VALUES ($1, $2, $3)", applied)
        db.execute("COMMIT")
    return len(steps)


def version(db: duckdb.DuckDBPyConnection) -> int:
    """The schema version of a database, 0 for an empty one."""
    found = db.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'schema_migrations'"
    ).fetchall()
    if not found[0][0]:
        return 0
    rows = db.execute("SELECT coalesce(max(version), 0) FROM schema_migrations").fetchall()
    return int(rows[0][0])


def declare(db: duckdb.DuckDBPyConnection, processor: str, tables: Mapping[str, type]) -> None:
    """Create a processor's tables and views, or add the columns that are new.

    Raises `ConfigurationError` if a table belongs to another processor or changed a type.
    """
    for table, row_type in tables.items():
        _own(db, processor, checked_name(table))
        wanted = {column.name: column.sql_type for column in columns(row_type)}
        have = _columns(db, table)
        if not have:
            body = "".join(f', "{name}" {sql}' for name, sql in wanted.items())
            db.execute(
                f'CREATE TABLE raw."{table}" (generation BIGINT NOT NULL, '
                f'"offset" BIGINT NOT NULL, seq INTEGER NOT NULL{body})'
            )
        else:
            _extend(db, table, have, wanted)
        _view(db, table, wanted)


def data_tables(db: duckdb.DuckDBPyConnection) -> list[str]:
    """Names of all tables that hold rows of generations, retired processors' included."""
    rows = db.execute("SELECT table_name FROM processor_tables ORDER BY 1").fetchall()
    return [QUARANTINE, *(str(name) for (name,) in rows)]


def _own(db: duckdb.DuckDBPyConnection, processor: str, table: str) -> None:
    owners = db.execute(
        "SELECT processor FROM processor_tables WHERE table_name = $1", [table]
    ).fetchall()
    if not owners:
        db.execute("INSERT INTO processor_tables VALUES ($1, $2)", [table, processor])
    elif owners[0][0] != processor:
        raise ConfigurationError(
            f"table {table} of processor {processor} belongs to {owners[0][0]}",
            hint="give the table another name",
        )


def _columns(db: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    rows = db.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE schema_name = 'raw' AND table_name = $1 ORDER BY column_index",
        [table],
    ).fetchall()
    return {name: sql for name, sql in rows if name not in ("generation", "offset", "seq")}


def _extend(
    db: duckdb.DuckDBPyConnection, table: str, have: dict[str, str], wanted: dict[str, str]
) -> None:
    for name, sql in wanted.items():
        if have.get(name, sql) != sql:
            raise ConfigurationError(
                f"{table}.{name} is {have[name]} in the database and {sql} in the processor",
                hint="give the column or the table a new name",
            )
        if name not in have:
            db.execute(f'ALTER TABLE raw."{table}" ADD COLUMN "{name}" {sql}')


def _view(db: duckdb.DuckDBPyConnection, table: str, wanted: Iterable[str]) -> None:
    """The public face of a table: live rows only, with the file they came from."""
    listed = "".join(f', r."{name}"' for name in wanted)
    db.execute(
        f'CREATE OR REPLACE VIEW "{table}" AS SELECT f.source, f.path, f."user", f.session, '
        f'l.source_gone, r."offset", r.seq{listed} FROM raw."{table}" r '
        "JOIN ledger l ON l.generation = r.generation JOIN files f ON f.file_id = l.file_id"
    )
