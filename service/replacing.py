"""What a new database file needs before and after it takes its name; for backups and compaction.

The rule: whoever holds the database opens none of these but the one that grows (`state.hold`).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import TransientError


def partial(target: Path) -> Path:
    """Where a copy grows that will become `target`: in its folder, so that a rename suffices."""
    return target.with_name(f".{target.name}.{os.getpid()}.partial")


def log_of(database: Path) -> Path:
    """The write-ahead log that DuckDB keeps beside a file."""
    return database.with_name(f"{database.name}.wal")


def removed(*paths: Path) -> None:
    """Nothing of what was begun is left behind."""
    for path in paths:
        with suppress(FileNotFoundError):
            path.unlink()


def owned_as(database: Path, growing: Path) -> None:
    """Its owner and mode as those of the database, for root acts for the user whose service it is;
    without a database the owner of its folder, and the mode it has."""
    like = (database if database.exists() else database.parent).stat()
    if os.geteuid() == 0:
        os.chown(growing, like.st_uid, like.st_gid)
    if database.exists():
        growing.chmod(like.st_mode & 0o777)


def synced(path: Path) -> None:
    """A file's bytes, or the names that were given or taken in a folder, are on disk when this
    returns."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """What the file system refuses, as an error that says so."""
    try:
        yield
    except OSError as error:
        raise TransientError(
            f"{error.filename or path}: {error.strerror}", reason="unwritable",
            hint="see that the folder exists, is yours and has room",
        ) from error  # fmt: skip
