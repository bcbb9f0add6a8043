"""Digests of what the tables say, so that two databases of the same files can be compared.

The rule: a digest depends on the rows and the file they came from, never on the order they
arrived in, on generations or on file ids. Rows of vanished files do not count, since nobody could
ingest them again.
"""

from typing import NamedTuple

import duckdb

from core.keys import SessionKey
from core.rows import QUARANTINE

_FILE_COLUMNS = frozenset({"source", "path", "user", "session", "source_gone"})


class FileDigest(NamedTuple):
    """Rows of one file in one table, or of a whole one: how many, and the sum of hashes."""

    rows: int
    digest: int


RETIRED = FileDigest(0, -1)
"""Of a file whose rows in a table retention took: they are missing on purpose."""


def retired(cursor: duckdb.DuckDBPyConnection, table: str) -> dict[SessionKey, FileDigest]:
    """The files of which a table has no rows because retention took them."""
    rows = cursor.execute(
        "SELECT f.source, f.path FROM retired r JOIN ledger l USING (generation) "
        "JOIN files f USING (file_id) WHERE r.table_name = $1",
        [table],
    ).fetchall()
    return {SessionKey(*row): RETIRED for row in rows}


def by_file(
    cursor: duckdb.DuckDBPyConnection, table: str, *, gone: bool = False
) -> dict[SessionKey, FileDigest]:
    """One digest per file with rows in `table`; `gone` also counts vanished files."""
    if table == QUARANTINE:
        source, columns = _QUARANTINE_VIEW, ['"offset"', "length_bytes", "reason", "detail", "kept"]
    else:
        source, columns = f'"{table}"', _columns(cursor, table)
    texts = ", ".join(f"coalesce({column}::VARCHAR, chr(1))" for column in columns)
    rows = cursor.execute(
        f"SELECT source, path, count(*), sum(md5_number_lower(concat_ws(chr(31), {texts}))) "
        f"FROM {source} WHERE $1 OR NOT source_gone GROUP BY source, path",
        [gone],
    ).fetchall()
    return {SessionKey(s, p): FileDigest(int(n), int(total)) for s, p, n, total in rows}


def of_tables(cursor: duckdb.DuckDBPyConnection) -> dict[str, FileDigest]:
    """Every table whole, those of the engine included: a copy of a database agrees in all.

    By DuckDB's own hash, thirty times faster than md5 of texts, and good for one version of it.
    """
    tables = cursor.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() "
        "WHERE database_name = current_database() AND NOT internal ORDER BY ALL"
    ).fetchall()
    return {f"{schema}.{table}": _whole(cursor, schema, table) for schema, table in tables}


def _whole(cursor: duckdb.DuckDBPyConnection, schema: str, table: str) -> FileDigest:
    rows, total = cursor.execute(
        f'SELECT count(*), coalesce(sum(hash(whole_row)), 0) FROM "{schema}"."{table}" AS whole_row'
    ).fetchall()[0]
    return FileDigest(int(rows), int(total))


# The faults of a file are listed once for each processor that read it; that is part of the digest.
_QUARANTINE_VIEW = (
    "(SELECT f.source, f.path, l.source_gone, q.* FROM raw.quarantine_lines q "
    "JOIN ledger l ON l.generation = q.generation JOIN files f ON f.file_id = l.file_id)"
)


def _columns(cursor: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """Quoted names of the columns that come from the file's content, in declared order."""
    rows = cursor.execute(
        "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'main' "
        "AND table_name = $1 ORDER BY column_name",
        [table],
    ).fetchall()
    return [f'"{name}"' for (name,) in rows if name not in _FILE_COLUMNS]
