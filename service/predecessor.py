"""Taking over the predecessor's database: `sessionwatch import-predecessor`.

The rule: our own counting is the truth of every session whose file we have; what is taken over is
an archive, and the report says how much of it only the archive has.
"""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError, SessionwatchError
from core.keys import SessionKey
from core.seams import Files
from processors import registry
from service.answers import patiently, require_no_service
from service.settings import Settings
from service.wiring import open_store, sources_of
from state import predecessor
from watcher.disk import Disk

_PIECE_BYTES = 1 << 20


def import_from(settings: Settings, file: Path, *, verify: bool) -> dict[str, Any]:
    """Take over a file and account for all of the archive (docs/cli.md has the shape).

    With `verify`, the noted md5 of every file that lies with us under the same path is compared.
    Raises `ConfigurationError` if the file cannot be read or a service has our database.
    """
    require_no_service(settings)
    if not file.is_file():
        raise ConfigurationError(
            f"there is no file {file}", reason="no_such_file",
            hint="the predecessor calls it system.duckdb",
        )  # fmt: skip
    if settings.db.exists() and file.samefile(settings.db):
        raise ConfigurationError(f"{file} is our own database", reason="same_file",
                                 hint="name the predecessor's file")  # fmt: skip
    known = registry.load()
    store = patiently(lambda: open_store(settings, known))
    try:
        taken = predecessor.take(store.cursor, file)
        report = {
            **taken,
            "tables": {name: one._asdict() for name, one in taken["tables"].items()},
            **predecessor.account(store.cursor),
        }
        if verify:
            disk = Disk(sources_of(settings, known))
            report["hashes"] = _compared(predecessor.hashes(store.cursor), disk)
    finally:
        store.close()
    return report


def _compared(noted: list[tuple[SessionKey, str]], files: Files) -> dict[str, int]:
    """How many of the noted hashes are those of the files, and of how many nobody can say."""
    found = Counter({"equal": 0, "differs": 0, "unreadable": 0})
    have: dict[SessionKey, str | None] = {}
    for key, md5 in noted:
        if key not in have:
            have[key] = _md5(files, key)
        if have[key] is None:
            found["unreadable"] += 1
        else:
            found["equal" if have[key] == md5.lower() else "differs"] += 1
    return dict(found)


def _md5(files: Files, key: SessionKey) -> str | None:
    """Of the decompressed bytes; None if the file cannot be read now, or is gone."""
    digest, offset = hashlib.md5(usedforsecurity=False), 0
    try:
        with files.open(key) as file:
            while piece := file.read(offset, _PIECE_BYTES):
                digest.update(piece)
                offset += len(piece)
    except (OSError, SessionwatchError):
        return None
    return digest.hexdigest()
