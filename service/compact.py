"""Puts a database file that was written anew in the place of the old one.

The rule: under the name there is a whole database at any instant; the new file gets it once it is
proved and on disk, while the old one is still locked.
"""

import os
import shutil
import time
from pathlib import Path
from typing import Any

from core.errors import TransientError
from service.answers import patiently, require_database, require_no_service
from service.replacing import log_of, owned_as, removed, reported, synced
from service.settings import Settings
from state import compacting

ROOM_BYTES = 64 << 20
"""What must be free beside the size of the database."""


def compact(settings: Settings, *, if_needed: bool = False) -> dict[str, Any]:
    """Returns file, bytes_before, bytes, seconds and done (false if there was no need).

    Raises `ConfigurationError` for what a person must mend, `TransientError` for what may go better
    later; the database is then as it was.
    """
    started_s = time.monotonic()
    require_no_service(settings)
    database = Path(os.path.realpath(settings.db))
    require_database(database)
    before_bytes = database.stat().st_size
    done = not if_needed or patiently(lambda: compacting.needed(database))
    if done:
        patiently(lambda: _rewritten(database, settings.memory_limit))
    return {
        "file": str(database),
        "done": done,
        "bytes_before": before_bytes,
        "bytes": database.stat().st_size,
        "seconds": round(time.monotonic() - started_s, 3),
    }


def _rewritten(database: Path, memory_limit: str) -> None:
    _require_room(database)
    growing = database.with_name(f".{database.name}.compacting")
    with reported(database):
        _removed(growing)  # Of one that was killed.
        try:
            with compacting.compacted(database, growing, memory_limit=memory_limit):
                owned_as(database, growing)
                synced(growing)
                growing.replace(database)
                synced(database.parent)
        finally:
            _removed(growing)


def _require_room(database: Path) -> None:
    wanted_bytes = database.stat().st_size + ROOM_BYTES
    free_bytes = shutil.disk_usage(database.parent).free
    if free_bytes < wanted_bytes:
        raise TransientError(
            f"{free_bytes} bytes are free beside {database}, {wanted_bytes} are needed",
            reason="no_room", hint="make room: the old file is kept until the new one is whole",
        )  # fmt: skip


def _removed(growing: Path) -> None:
    removed(growing, log_of(growing))
    shutil.rmtree(growing.with_name(f"{growing.name}.tmp"), ignore_errors=True)
