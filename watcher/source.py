"""Watches the roots and says which files to look at. The only users of watchdog are here and in
`watcher.inotify`.

The rules: what an event says beyond its path is ignored, because its type and order cannot be
relied on. A handler only takes notes and cannot fail; one thread of ours (`watcher-notes`) does
everything else. Whatever goes wrong with a watch has one remedy, in `check`: a new one, then a
sweep. The watch itself never repairs anything.
"""

import errno
import logging
import os
import stat as modes
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

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
from watchdog.observers.polling import PollingObserverVFS

from core.errors import ConfigurationError
from core.keys import SessionKey
from watcher.disk import Disk, Source
from watcher.notes import NOTES_MAX, Batch, Notes

if TYPE_CHECKING:
    from watcher.inotify import Reader

log = logging.getLogger("sessionwatch.watcher")

Kind = Literal["auto", "inotify", "polling"]

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
RENEWAL_GAP_S = 30.0
"""An observer that overflows again and again is renewed no more often than this."""


class Observer:
    """Calls `touch(key)` for what changed, `sweep_wanted(reason)` for what it cannot name.

    Both are called by the notes thread or by `check`, and should only take note themselves.
    `blind` names the sources that are not watched, and why.
    """

    def __init__(
        self,
        disk: Disk,
        *,
        touch: Callable[[SessionKey], None],
        sweep_wanted: Callable[[str], None],
        observer: Kind = "auto",
        root_retry_s: float = 1.0,
        poll_s: float = 1.0,
        notes_max: int = NOTES_MAX,
    ) -> None:
        if observer == "inotify" and sys.platform != "linux":
            raise ConfigurationError("inotify exists on Linux only", hint='observer = "auto"')
        self.blind = {source.name: "not_started" for source in disk.sources}
        self.renewed_count = 0
        self._disk = disk
        self._touch = touch
        self._sweep_wanted = sweep_wanted
        self._kind: Kind = observer
        self._root_retry_s = root_retry_s
        self._poll_s = poll_s
        self._notes = Notes(notes_max)
        self._lock = threading.Lock()
        self._watches: dict[str, RootWatch] = {}
        self._try_again_s: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="watcher-notes", daemon=True)

    def start(self) -> None:
        """Watch every root that is there; `check` will find the others when they come."""
        self._thread.start()
        with self._lock:
            for source in self._disk.sources:
                self._watch(source)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop watching. Notes not yet looked at are dropped."""
        deadline_s = time.monotonic() + timeout_s
        with self._lock:
            watches, self._watches = list(self._watches.values()), {}
        for watch in watches:
            watch.stop(deadline_s - time.monotonic())
        self._notes.close()
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline_s - time.monotonic()))

    def check(self) -> None:
        """Look after the watches, every second or so: roots that came, went or were replaced."""
        with self._lock:
            for source in self._disk.sources:
                self._check(source)

    def alive(self) -> bool:
        """Is every thread alive that should be? A missing root is no dead thread (see `blind`)."""
        watches = list(self._watches.values())
        return self._thread.is_alive() and all(watch.alive() for watch in watches)

    @property
    def event_count(self) -> int:
        """Paths that events have named so far."""
        return self._notes.seen_count

    @property
    def fault_counts(self) -> Mapping[str, int]:
        """What went wrong so far, by kind: `overflow`, `reader_error`, `too_many_changes` …"""
        return dict(self._notes.fault_counts)

    def watched_directories(self) -> int:
        """How many folders the kernel watches for this process; 0 where it cannot be told."""
        if sys.platform != "linux":
            return 0
        from watcher.inotify import watch_count

        return watch_count()

    def refused_directories(self) -> int:
        """How many folders could not be watched: a limit was reached, or they are unreadable."""
        return sum(watch.refused_count for watch in list(self._watches.values()))

    def _check(self, source: Source) -> None:
        watch = self._watches.get(source.name)
        fault = watch.fault() if watch else self.blind[source.name]
        if not fault or time.monotonic() < self._try_again_s.get(source.name, 0.0):
            return
        if watch:
            log.warning("watch_renewed", extra={"source": source.name, "reason": fault})
            self.renewed_count += 1
            # Out of the table first: while it stops, its threads must not be missed by `alive`.
            del self._watches[source.name]
            watch.stop(self._root_retry_s)
        if self._watch(source):
            self._sweep_wanted(fault)

    def _watch(self, source: Source) -> bool:
        try:
            watch = RootWatch(source, self._notes, self._kind, self._poll_s)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError | NotADirectoryError)
            self.blind[source.name] = "root_missing" if missing else "watch_refused"
            self._try_again_s[source.name] = time.monotonic() + self._root_retry_s
            return False
        self.blind.pop(source.name, None)
        self._watches[source.name] = watch
        return True

    def _run(self) -> None:
        while (batch := self._notes.take()) is not None:
            try:
                self._look(batch)
            except Exception:  # Callbacks are foreign code, and this is a thread's top.
                log.exception("notes_failed")
                self._notes.fault("notes_error")

    def _look(self, batch: Batch) -> None:
        for key in dict.fromkeys(self._keys(batch)):
            self._touch(key)
        for reason in batch.sweeps:
            self._sweep_wanted(reason)

    def _keys(self, batch: Batch) -> Iterator[SessionKey]:
        """The session files a batch speaks of: those noted, and all in folders noted.

        A folder is walked because files may have been put in it before it was watched.
        """
        for source, path in (*batch.files, *batch.folders):
            key = self._disk.key_below(source, path)
            if key is not None:
                yield key
        for source, path in batch.outermost_folders():
            try:
                yield from (key for key, _ in self._disk.walk(source, path))
            except (FileNotFoundError, NotADirectoryError):
                continue  # It is gone again, and whoever removed it was noted as well.
            except OSError:
                self._sweep_wanted("folder_unreadable")


class RootWatch(FileSystemEventHandler):
    """One root, watched by a watchdog observer of its own. Raises `OSError` if it cannot be."""

    def __init__(self, source: Source, notes: Notes, kind: Kind, poll_s: float) -> None:
        self._source = source
        self._notes = notes
        self._identity = _identity(source.root)
        self._started_s = time.monotonic()
        # The real path, because a link would be watched itself, not the folder it leads to.
        real = os.path.realpath(source.root)
        self._prefix = os.path.join(real, "")
        self._observer = _new_observer(kind, poll_s, notes.fault)
        self._observer.name = f"watcher-{source.name}"
        self._observer.start()
        try:
            self._observer.schedule(self, real, recursive=True, event_filter=EVENTS)
        except BaseException:
            self.stop(1.0)
            raise

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

    def fault(self) -> str:
        """Why it must be renewed, if it must. A removed root also ends its emitter: a new folder
        may well get the inode of the old one."""
        try:
            identity = _identity(self._source.root)
        except OSError:
            return "root_missing"
        emitters = tuple(self._observer.emitters)
        if identity != self._identity or not all(e.should_keep_running() for e in emitters):
            return "root_replaced"
        rested = time.monotonic() - self._started_s >= RENEWAL_GAP_S
        return "overflow" if rested and self._reader and self._reader.overflowed else ""

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
        self._observer.stop()
        self._observer.join()


def _new_observer(kind: Kind, poll_s: float, on_fault: Callable[[str], None]) -> BaseObserver:
    if kind == "polling":
        # With lstat, because polling walks the tree and would follow links out of it.
        return PollingObserverVFS(os.lstat, os.scandir, polling_interval=poll_s)
    if sys.platform == "linux":
        from watcher.inotify import InotifyObserver

        return InotifyObserver(on_fault)
    return NativeObserver()


def _identity(root: Path) -> tuple[int, int]:
    found = root.stat()
    if not modes.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "the root is not a folder", str(root))
    return found.st_dev, found.st_ino
