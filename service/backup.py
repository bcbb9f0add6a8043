"""Copies of the database that are proved before they bear their name, and their way back.

The rule: under its own name there is only ever a whole file. A copy grows under another one, is
opened and compared table by table with what was to be copied, and is then renamed; the database
that a restored one replaces is kept beside it.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import ConfigurationError, SessionwatchError, TransientError
from service import copying, replacing
from service.answers import patiently, require_database, require_no_service
from service.client import Client
from service.holding import HELD_SECONDS_MAX
from service.replacing import log_of
from service.settings import Settings
from state import copies
from state.copies import Contents
from state.digest import FileDigest


class Held(NamedTuple):
    """What the file holds that is not written to now, and how long commits waited for that."""

    tables: dict[str, FileDigest]
    pause_s: float


def backup(settings: Settings, target: Path, *, replace: bool) -> dict[str, Any]:
    """A copy of the database as it is now, also while a service writes to it.

    Returns file, bytes, files, schema_version, seconds and pause_seconds. Raises
    `ConfigurationError` for what a person must mend, `TransientError` for what may go better later.
    """
    started_s = time.monotonic()
    database, target = Path(os.path.realpath(settings.db)), target.absolute()
    _require_place(database, target, replace)
    growing = replacing.partial(target)
    with replacing.reported(target), copying.copier() as ask:
        try:
            with _held(settings) as held:
                ask(copying.copied, database, growing)
            found: Contents = ask(copies.contents, growing)
            if found.tables != held.tables:
                raise TransientError(
                    "the copy is not what was copied", reason="copy_differs",
                    hint="start it again, and the service before it if that is of another version",
                )  # fmt: skip
            size_bytes = growing.stat().st_size
            _named(growing, target, replace=replace)
        finally:
            replacing.removed(growing)
    return {
        "file": str(target),
        **_about(found, size_bytes, started_s),
        "pause_seconds": round(held.pause_s, 3),
    }


def restore(settings: Settings, source: Path, *, replace: bool, now: datetime) -> dict[str, Any]:
    """Put a backup in the place of the database, which nobody may have open.

    Returns file, bytes, files, schema_version, seconds and kept (where the old database is).
    Raises as `backup` does; until the copy is proved, nothing is touched.
    """
    started_s = time.monotonic()
    require_no_service(settings)
    database = Path(os.path.realpath(settings.db))
    _require_sources(database, source, replace)
    growing = replacing.partial(database)
    with replacing.reported(database), copying.copier() as ask:
        try:
            _fetched(ask, source, growing)
            found: Contents = ask(copies.contents, growing, source)
            size_bytes = growing.stat().st_size
            replacing.owned_as(database, growing)
            kept = _swapped(growing, database, now)
        finally:
            replacing.removed(growing, log_of(growing))
    about = {"file": str(database), **_about(found, size_bytes, started_s)}
    return {**about, "kept": str(kept) if kept else None}


@contextmanager
def _held(settings: Settings) -> Iterator[Held]:
    """The file kept as it is, by the service or, if there is none, by ourselves."""
    client = Client(settings.db, timeout_s=HELD_SECONDS_MAX)
    if client.available():
        answer = client.post("/api/v1/hold")
        try:
            tables = {name: FileDigest(*found) for name, found in answer["tables"].items()}
            yield Held(tables, answer["pause_seconds"])
        finally:
            with suppress(SessionwatchError):  # A hold also ends by itself, or with its service.
                client.post("/api/v1/release")
        return
    with ExitStack() as stack:
        holder = patiently(lambda: stack.enter_context(copies.had(settings.db)))
        holder.begin()
        yield Held(holder.contents(), holder.pause_s)


def _fetched(ask: copying.Ask, source: Path, growing: Path) -> None:
    """Our own copy of a backup, in one file even if that has a log beside it."""
    ask(copying.copied, source, growing)
    if log_of(source).exists():
        ask(copying.copied, log_of(source), log_of(growing))
        ask(copies.fold, growing)


def _swapped(growing: Path, database: Path, now: datetime) -> Path | None:
    """The copy in the database's place, under the old one's lock; where the old one is now."""
    if not database.exists():
        _aside(log_of(database), database, now)
        _named(growing, database, replace=False)
        return None
    with copies.locked(database):
        kept = _kept_name(database, now)
        # There is a whole database under the name at any instant, unless the old one was broken.
        os.link(database, kept)
        _aside(log_of(database), database, now)
        _named(growing, database, replace=True)
    return kept


def _aside(log: Path, database: Path, now: datetime) -> None:
    """A log that the old database could not take in must not meet the new one."""
    if log.exists():
        log.rename(log_of(_kept_name(database, now)))


def _named(growing: Path, target: Path, *, replace: bool) -> None:
    """Give the proved copy its name, for good."""
    if replace:
        growing.replace(target)
    else:
        os.link(growing, target)  # Unlike a rename, this overwrites nothing.
        growing.unlink()
    replacing.synced(target.parent)


def _require_place(database: Path, target: Path, replace: bool) -> None:
    require_database(database)
    own = {database, log_of(database), database.with_name(f"{database.name}.sock")}
    if Path(os.path.realpath(target)) in own:
        raise ConfigurationError(f"{target} is the database itself", reason="same_file",
                                 hint="name another file")  # fmt: skip
    if target.is_dir() or (target.exists() and not replace):
        raise ConfigurationError(
            f"{target} exists already", reason="file_exists",
            hint="name another file, or replace it with --force",
        )  # fmt: skip


def _require_sources(database: Path, source: Path, replace: bool) -> None:
    if not source.is_file():
        raise ConfigurationError(f"there is no file {source}", reason="no_backup",
                                 hint="name what `sessionwatch backup` wrote")  # fmt: skip
    if Path(os.path.realpath(source)) == database:
        raise ConfigurationError(f"{source} is the database itself", reason="same_file",
                                 hint="name a backup")  # fmt: skip
    if Client(source).available():
        raise ConfigurationError(
            f"a service writes to {source}", reason="not_a_backup",
            hint=f"make a backup of it: sessionwatch backup NEW.duckdb --db {source}",
        )  # fmt: skip
    if database.exists() and not replace:
        raise ConfigurationError(
            f"{database} exists already", reason="database_exists",
            hint="--force puts it aside; name another place with --db",
        )  # fmt: skip


def _about(found: Contents, size_bytes: int, started_s: float) -> dict[str, Any]:
    return {
        "bytes": size_bytes,
        "files": found.file_count,
        "schema_version": found.schema_version,
        "seconds": round(time.monotonic() - started_s, 3),
    }


def _kept_name(database: Path, now: datetime) -> Path:
    return database.with_name(f"{database.name}.before-{now:%Y%m%dT%H%M%SZ}")
