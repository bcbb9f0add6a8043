"""Watches all roots and says which files to look at.

The rules: watches only take notes, and one thread of ours (`watcher-notes`) does everything else.
Whatever goes wrong with a watch has one remedy, in `check`: a new one, then a sweep. What cannot
be named file by file is a wish for a sweep, never silence.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from core.errors import ConfigurationError
from core.keys import SessionKey
from watcher.disk import Disk, Source
from watcher.notes import NOTES_MAX, Batch, Notes
from watcher.rootwatch import Kind, RootWatch

log = logging.getLogger("sessionwatch.watcher")


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
        self._stopped = False
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
            self._stopped = True
            watches, self._watches = list(self._watches.values()), {}
        for watch in watches:
            watch.stop(deadline_s - time.monotonic())
        self._notes.close()
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline_s - time.monotonic()))

    def check(self) -> None:
        """Look after the watches, every second or so: roots that came, went or were replaced."""
        with self._lock:
            for source in () if self._stopped else self._disk.sources:
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
            self.blind[source.name] = fault
            watch.stop(self._root_retry_s)
        if self._watch(source):
            self._sweep_wanted(fault)

    def _watch(self, source: Source) -> bool:
        try:
            watch = RootWatch(source, self._notes, self._kind, self._poll_s)
        except (OSError, RuntimeError) as error:  # RuntimeError: no more threads.
            missing = isinstance(error, FileNotFoundError | NotADirectoryError)
            self.blind[source.name] = "root_missing" if missing else "watch_refused"
            self._try_again_s[source.name] = time.monotonic() + self._root_retry_s
            return False
        self.blind.pop(source.name, None)
        self._watches[source.name] = watch
        return True

    def _run(self) -> None:
        while (batch := self._notes.take()) is not None:
            # Callbacks are foreign code, and this is a thread's top.
            try:
                for key in dict.fromkeys(self._keys(batch)):
                    self._touch(key)
            except Exception:
                log.exception("touch_failed")
                self._notes.fault("touch_error")
            try:
                for reason in batch.sweeps:
                    self._sweep_wanted(reason)
            except Exception:  # Wanting another sweep for this would go round in circles.
                log.exception("sweep_refused")
                self._notes.count_fault("sweep_error")

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
