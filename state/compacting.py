"""A database file written anew, so that nothing is in it but what can be asked for.

The rule: DuckDB overwrites nothing; what was deleted stays in the file, checkpoint or not (measured
with 2.0). A copy has live rows alone, and is compared with the original in every table before
anybody may put it in its place, while the original is locked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from core.errors import ConfigurationError, TransientError
from state import digest
from state.refusals import refused_open

_MARKS = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'uncompacted' AND NOT internal"


@contextmanager
def compacted(path: Path, growing: Path, *, memory_limit: str) -> Iterator[None]:
    """Inside, `growing` is the proved copy, closed, and nobody else can open `path`.

    Raises `ConfigurationError` if another process has the database or it is none of ours, and
    `TransientError` if it could not be copied now.
    """
    db = duckdb.connect(config={"memory_limit": memory_limit, "threads": 2})
    try:
        db.execute(f"SET temp_directory = {_text(f'{growing}.tmp')}")
        _attach(db, path)
        try:
            _copy(db, growing)
        except duckdb.Error as error:
            raise TransientError(
                f"the database could not be written anew: {type(error).__name__}",
                reason="compaction_failed",
                hint="see that there is room beside it, or raise memory_limit",
            ) from error
        yield
    finally:
        db.close()


def needed(path: Path) -> bool:
    """Is there anything of somebody erased in the file? Raises as `compacted` does."""
    db = duckdb.connect()
    try:
        _attach(db, path)
        db.execute("USE old")
        marks = db.execute(_MARKS).fetchall()[0][0]
        return bool(marks and db.execute("SELECT count(*) FROM uncompacted").fetchall()[0][0])
    finally:
        db.close()


def _attach(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        db.execute(f"ATTACH {_text(path)} AS old")
    except duckdb.Error as error:
        raise refused_open(path, error) from error
    ours = db.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'old' "
        "AND table_name IN ('schema_migrations', 'ledger')"
    ).fetchall()
    if ours[0][0] != 2:
        raise ConfigurationError(
            f"{path} is a database, but not of sessionwatch", reason="database_unreadable",
            hint="name another with --db",
        )  # fmt: skip


def _copy(db: duckdb.DuckDBPyConnection, growing: Path) -> None:
    # The log has deleted rows as well; folded into the file it is gone.
    db.execute("CHECKPOINT old")
    db.execute(f"ATTACH {_text(growing)} AS fresh")
    db.execute("COPY FROM DATABASE old TO fresh")
    db.execute("USE old")
    have = digest.of_tables(db)
    db.execute("USE fresh")
    if digest.of_tables(db) != have:
        raise TransientError(
            "the copy is not what was copied", reason="copy_differs", hint="start it again"
        )
    if db.execute(_MARKS).fetchall()[0][0]:
        db.execute("DELETE FROM fresh.uncompacted")
    db.execute("USE memory")
    db.execute("CHECKPOINT fresh")
    db.execute("DETACH fresh")


def _text(value: str | Path) -> str:
    """As SQL writes it: ATTACH takes no parameters."""
    quoted = str(value).replace("'", "''")
    return f"'{quoted}'"
