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
        case Retire(table, before_us):
            report = _retire(db, table, before_us, tables)
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
    db: duckdb.DuckDBPyConnection, table: str, before_us: int, tables: Collection[str]
) -> dict[str, int]:
    if table not in tables:
        return {table: 0}
    old = (
        f"SELECT generation FROM ledger WHERE mtime_ns < {before_us * 1000} AND generation IN "
        f'(SELECT generation FROM raw."{table}")'
    )
    db.execute(f"INSERT INTO retired SELECT '{table}', generation FROM ({old})")
    return {table: _count(db, f'DELETE FROM raw."{table}" WHERE generation IN ({old})')}


def _count(db: duckdb.DuckDBPyConnection, delete: str, users: Sequence[Any] | None = None) -> int:
    """How many rows it took: counted by what is returned, because row counts are not reliable."""
    parameters = [] if users is None else [list(users)]
    db.execute(delete, parameters)
    found = db.fetchall()
    return int(found[0][0]) if found else 0
