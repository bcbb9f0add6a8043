"""Changes of what is committed that no session file asks for: other names, erasure, retention.

The rule: an amendment is one transaction of the writer's, alone. It counts itself in `amended`, and
what is derived from the rows (the tally) is derived anew when that count has changed.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import duckdb

from core.keys import SessionKey
from core.rows import Amendment, Erase, Reassign, Receipt, Retire

_FOLDER = "split_part(session_file, '/', 1)"
_ARCHIVE = {
    "predecessor_states": ("username", _FOLDER),
    "predecessor_events": ("username", "user_id", _FOLDER),
    "predecessor_sessions": ("username", "user_id", _FOLDER),
    "predecessor_knowledge": ("source_user",),
}
"""Where the predecessor's archive says whose something is, by any of a person's names."""


def amend(
    db: duckdb.DuckDBPyConnection,
    change: Amendment,
    *,
    tables: Collection[str],
    user: Callable[[SessionKey], str],
    person: Callable[[str], str],
) -> Receipt:
    """Do it inside the transaction of the caller; the receipt says how many rows, by table."""
    match change:
        case Reassign():
            report = _reassign(db, user)
        case Erase(users):
            report = _erase(db, sorted(users), tables) | _erase_archive(db, users, person)
        case Retire():
            report = _retire(db, change, tables)
    # What is retired of a load that is not live any more nobody can miss.
    db.execute("DELETE FROM retired WHERE generation NOT IN (SELECT generation FROM ledger)")
    if any(report.values()):
        db.execute("UPDATE amended SET times = times + 1")
    return Receipt(rows_written=0, report=report)


def _reassign(db: duckdb.DuckDBPyConnection, user: Callable[[SessionKey], str]) -> dict[str, int]:
    files = db.execute('SELECT file_id, source, path, "user" FROM files').fetchall()
    named = ((i, user(SessionKey(source, path)), old) for i, source, path, old in files)
    changed = [(file_id, new) for file_id, new, old in named if new != old]
    if changed:
        ids, names = zip(*changed, strict=True)
        db.execute(
            'UPDATE files SET "user" = n.name FROM (SELECT unnest($1::INTEGER[]) AS file_id, '
            "unnest($2::VARCHAR[]) AS name) n WHERE n.file_id = files.file_id",
            [list(ids), list(names)],
        )
    return {"files": len(changed)}


def _erase(
    db: duckdb.DuckDBPyConnection, users: Sequence[str], tables: Collection[str]
) -> dict[str, int]:
    db.execute(
        "CREATE OR REPLACE TEMP TABLE erasing AS SELECT f.file_id, l.generation FROM files f "
        "LEFT JOIN ledger l ON l.file_id = f.file_id "
        'WHERE f."user" IN (SELECT unnest($1::VARCHAR[]))',
        [list(users)],
    )
    report = {
        table: _count(
            db, f'DELETE FROM raw."{table}" WHERE generation IN (SELECT generation FROM erasing)'
        )
        for table in tables
    }
    for table in ("raw.losses", "ledger", "usage_tallied", "files"):
        found = _count(db, f"DELETE FROM {table} WHERE file_id IN (SELECT file_id FROM erasing)")
        report[table.rpartition(".")[2]] = found
    # Derived from what is gone: nothing of it may stay until the next count.
    for table in ("usage_counted", "usage_quarters"):
        report[table] = _count(
            db, f'DELETE FROM {table} WHERE "user" IN (SELECT unnest($1::VARCHAR[]))', users
        )
    db.execute("DROP TABLE erasing")
    return report


def _erase_archive(
    db: duckdb.DuckDBPyConnection, users: Collection[str], person: Callable[[str], str]
) -> dict[str, int]:
    report = {}
    for table, columns in _ARCHIVE.items():
        report[table] = 0
        for column in columns:
            found = db.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall()
            names = [name for (name,) in found if name and person(name) in users]
            report[table] += _count(
                db, f"DELETE FROM {table} WHERE {column} IN (SELECT unnest($1::VARCHAR[]))", names
            )
    return report


def _retire(
    db: duckdb.DuckDBPyConnection, change: Retire, tables: Collection[str]
) -> dict[str, int]:
    """All rows of a file or none: what is listed in `retired` has no row in that table."""
    table = change.table
    if table not in tables:
        return {table: 0}
    db.execute(
        "CREATE OR REPLACE TEMP TABLE retiring AS SELECT generation FROM ledger "
        f'WHERE mtime_ns < $1 AND generation IN (SELECT generation FROM raw."{table}") '
        "ORDER BY generation LIMIT $2",
        [change.before_us * 1000, change.limit],
    )
    which = "generation IN (SELECT generation FROM retiring)"
    db.execute("INSERT INTO retired SELECT $1, generation FROM retiring", [table])
    report = {table: _count(db, f'DELETE FROM raw."{table}" WHERE {which}')}
    db.execute("DROP TABLE retiring")
    return report


def retired_generations(db: duckdb.DuckDBPyConnection) -> set[int]:
    """Loads of which some table has no rows any more, on purpose."""
    if not _has(db, "retired"):  # Before schema 5 nothing was.
        return set()
    return {row[0] for row in db.execute("SELECT DISTINCT generation FROM retired").fetchall()}


def _has(db: duckdb.DuckDBPyConnection, table: str) -> bool:
    found = db.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = $1", [table])
    return bool(found.fetchall())


def _count(db: duckdb.DuckDBPyConnection, delete: str, users: Sequence[Any] | None = None) -> int:
    """How many rows it took: counted by what is returned, because row counts are not reliable."""
    parameters = [] if users is None else [list(users)]
    db.execute(delete, parameters)
    found = db.fetchall()
    return int(found[0][0]) if found else 0
