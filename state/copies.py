"""Database files that nobody serves: what is in a copy, and having one to oneself.

The rule: a file is opened read-only unless its name says that it is ours to change, and no rows
are written here.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb

from core.errors import ConfigurationError, SessionwatchError
from state import digest, migrations, schema
from state.digest import FileDigest
from state.hold import Holder
from state.refusals import refused_open

HEADER_BYTES = 3 * 4096
"""A checkpoint of DuckDB ends with writing one of the three headers at the start of the file."""


class Contents(NamedTuple):
    """What a database holds: its schema, and every table by rows and digest."""

    schema_version: int
    tables: dict[str, FileDigest]

    @property
    def file_count(self) -> int:
        """How many session files it knows."""
        return self.tables["main.files"].rows


def contents(path: Path, named: Path | None = None) -> Contents:
    """Reads every block, whose checksums the engine compares. Errors speak of `named`.

    Raises `ConfigurationError` for what is damaged, newer than we are or no database of ours.
    """
    called = named or path
    with _opened(path, read_only=True, named=called) as db:
        found = Contents(schema.version(db), digest.of_tables(db))
    if not found.schema_version or "main.files" not in found.tables:
        raise ConfigurationError(
            f"{called} is a database, but not of sessionwatch", reason="not_a_backup",
            hint="name a file that `sessionwatch backup` wrote",
        )  # fmt: skip
    if found.schema_version > (known := len(migrations.released())):
        raise ConfigurationError(
            f"{called} has schema {found.schema_version}, this program knows {known}",
            reason="newer_database", hint="use the newer sessionwatch",
        )  # fmt: skip
    return found


def fold(path: Path) -> None:
    """Take the write-ahead log beside a file into it. The file is the caller's own copy."""
    with _opened(path) as db:
        db.execute("CHECKPOINT")


@contextmanager
def had(path: Path) -> Iterator[Holder]:
    """The database to oneself, as it is: nothing is migrated.

    Raises `ConfigurationError`: `database_locked` if another process has it, else
    `database_unreadable`.
    """
    with _opened(path) as db:
        holder = Holder(db.cursor)
        try:
            yield holder
        finally:
            holder.end()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """The same for replacing the file: its log is folded into it first.

    A file that cannot be read is nobody's, and is not locked.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(_opened(path)).execute("CHECKPOINT")
        except ConfigurationError as error:
            if error.reason != "database_unreadable":
                raise
        except duckdb.Error:
            stack.close()
        yield


@contextmanager
def _opened(
    path: Path, *, read_only: bool = False, named: Path | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        db = duckdb.connect(str(path), read_only=read_only, config={"memory_limit": "512MB"})
    except duckdb.Error as error:
        raise refused_open(named or path, error) from error
    try:
        db.execute("SET enable_external_access = false")
        yield db
    except SessionwatchError:
        raise
    except duckdb.Error as error:
        raise ConfigurationError(
            f"{named or path} is damaged: {type(error).__name__}", reason="database_unreadable",
            hint="use another backup",
        ) from error  # fmt: skip
    finally:
        db.close()
