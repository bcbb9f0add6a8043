"""What earlier runs have pushed to one service: a file that saves reading and asking again.

The rule: it may be lost, old or broken, and then a run takes longer and nothing else; the service
proves every prefix anyway. One run at a time has it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import TransientError
from core.ledger import FileStat
from service.locking import has_lock

SAVE_EVERY = 200


class Pushed(NamedTuple):
    """How a file looked, and how much of it was sent. `whole`: this stat needs no second look."""

    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    sent_bytes: int
    digest: str
    whole: bool

    def is_of(self, stat: FileStat) -> bool:
        """Without the device, whose number another start of the machine may change."""
        return self[:4] == stat[1:]


class Journal:
    """By file; saved every now and then, and at the end."""

    def __init__(self, path: Path, entries: dict[str, Pushed]) -> None:
        self._path = path
        self._entries = entries
        self._unsaved = 0

    def get(self, key: str) -> Pushed | None:
        return self._entries.get(key)

    def put(self, key: str, stat: FileStat, sent_bytes: int, digest: str, *, whole: bool) -> None:
        self._entries[key] = Pushed(*stat[1:], sent_bytes, digest, whole)
        self._unsaved += 1
        if self._unsaved >= SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Whole or not at all."""
        if not self._unsaved:
            return
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with open(draft, "w", opener=_private) as file:
            json.dump(self._entries, file, separators=(",", ":"))
        os.replace(draft, self._path)
        self._unsaved = 0


@contextmanager
def opened(path: Path, *, patience_s: float, write: bool = True) -> Iterator[Journal]:
    """The journal, for this run alone. Raises `TransientError` if another run has it for longer
    than `patience_s`. Without `write` nothing is locked, made or saved."""
    if not write:
        yield Journal(path, _read(path))
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not has_lock(lock, patience_s):
            raise TransientError(
                "another push is under way", reason="already_running", hint="it sends as well"
            )
        journal = Journal(path, _read(path))
        try:
            yield journal
        finally:
            journal.save()
    finally:
        os.close(lock)  # Which also ends the lock.


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _read(path: Path) -> dict[str, Pushed]:
    try:
        return {key: _entry(values) for key, values in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _entry(values: list[Any]) -> Pushed:
    *numbers, digest, whole = values
    inode, size, mtime, ctime, sent = (int(number) for number in numbers)
    return Pushed(inode, size, mtime, ctime, sent, str(digest), whole is True)
