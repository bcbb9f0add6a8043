"""One root, watched by watchdog until something is wrong with it. With `watcher.inotify` the only
module that knows watchdog.

The rules: what an event says beyond its paths is ignored, because its type and order cannot be
relied on. A handler only takes notes and cannot fail. A watch is never repaired: it tells the
`facts`, `watcher.sight` judges them, and it is replaced.
"""

import errno
import logging
import os
import stat as modes
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer as NativeObserver
from watchdog.observers.api import BaseObserver

from watcher.canary import EVERY_S, Canary
from watcher.disk import Source
from watcher.notes import Notes
from watcher.sight import Facts

if TYPE_CHECKING:
    from watcher.inotify import Reader

log = logging.getLogger("sessionwatch.watcher")

# Without a filter watchdog also reports what readers do, its own and ours, and never gets done.
EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileAttribEvent,
    FileMovedEvent,
    FileClosedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]


class RootWatch(FileSystemEventHandler):
    """One root, watched by a watchdog observer of its own. Raises `OSError` if it cannot be."""

    def __init__(self, source: Source, notes: Notes, canary: Canary | None = None) -> None:
        self.canary = canary
        self.started_s = time.monotonic()
        self._source = source
        self._notes = notes
        self._identity = _identity(source.root)
        self._folders_missing = (0, 0)
        # The real path, because a link would be watched itself, not the folder it leads to.
        real = os.path.realpath(source.root)
        self._prefix = os.path.join(real, "")
        self._observer = _new_observer(notes.fault)
        self._observer.name = f"watcher-{source.name}"
        try:
            self._observer.start()
            self._observer.schedule(self, real, recursive=True, event_filter=EVENTS)
        except BaseException:
            self.stop(1.0)
            raise
        self.took_s = time.monotonic() - self.started_s

    def dispatch(self, event: FileSystemEvent) -> None:
        """Note the paths of an event. An exception would end watchdog's thread, so none passes."""
        try:
            if event.is_directory and event.event_type in ("deleted", "moved"):
                self._notes.want_sweep("folder_gone")
            for path in (event.src_path, event.dest_path):
                self._note(os.fsdecode(path), event.is_directory)
        except BaseException:
            self._notes.fault("handler_error")

    def stop(self, timeout_s: float) -> None:
        """End its threads; leave them behind (they are daemons) if a file system holds them."""
        stopper = threading.Thread(target=self._stop, name="watcher-stop", daemon=True)
        stopper.start()
        stopper.join(max(0.0, timeout_s))

    def alive(self) -> bool:
        """Are all its threads running, except for those that ended on purpose?"""
        threads = [self._observer, *tuple(self._observer.emitters)]
        if self._reader is not None:
            threads.append(self._reader)
        return all(thread.is_alive() or not thread.should_keep_running() for thread in threads)

    def facts(self, now_s: float) -> Facts:
        """What `watcher.sight.fault` judges. A removed root also ends its emitter: a new folder
        may well get the inode of the old one."""
        try:
            there, identity = True, _identity(self._source.root)
        except OSError:
            there, identity = False, self._identity
        emitting = all(e.should_keep_running() for e in tuple(self._observer.emitters))
        return Facts(
            root_there=there,
            root_same=emitting and identity == self._identity,
            threads_alive=self.alive(),
            canary_late=self.canary is not None and self.canary.waits_s(now_s) >= EVERY_S,
            damage=self._reader.damage if self._reader else "",
            limit_reached=self._reader is not None and self._reader.limit_reached,
            folders_missing=self._folders_missing,
        )

    def proved_s(self, now_s: float) -> float | None:
        """When it was last known to work; None if its canary has not come back yet."""
        if self.canary is None or self.canary.refused:
            return now_s
        return self.canary.seen_s

    def compare(self, folders_wanted: int) -> bool:
        """A walk saw so many folders; are fewer watched, and were not before?"""
        if self._reader is None:
            return False
        _, before = self._folders_missing
        missing = folders_wanted - self._reader.watch_count
        self._folders_missing = (before, missing)
        return before <= 0 < missing

    def has_room(self) -> bool:
        """Could one more folder be watched now?"""
        if self._reader is None:
            return True
        from watcher.inotify import has_room

        return has_room(self._source.root)

    @property
    def refused_count(self) -> int:
        """Folders that could not be watched."""
        return self._reader.refused_count if self._reader else 0

    @property
    def _reader(self) -> "Reader | None":
        return getattr(self._observer, "reader", None)

    def _note(self, path: str, is_folder: bool) -> None:
        if path.startswith(self._prefix):
            place = (self._source.name, path[len(self._prefix) :])
            self._notes.add(place, is_folder=is_folder)

    def _stop(self) -> None:
        try:
            self._observer.stop()
            if self._observer.ident is not None:
                self._observer.join()
        except Exception:  # Foreign code, at the top of a thread.
            log.exception("watch_not_stopped")
            self._notes.fault("stop_error")


def _new_observer(on_fault: Callable[[str], None]) -> BaseObserver:
    if sys.platform == "linux":
        from watcher.inotify import InotifyObserver

        return InotifyObserver(on_fault)
    return NativeObserver()


def _identity(root: Path) -> tuple[int, int]:
    found = root.stat()
    if not modes.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "the root is not a folder", str(root))
    return found.st_dev, found.st_ino
