"""Watches all roots and says which files to look at.

The rules: watches only take notes, and one thread of ours (`watcher-notes`) does everything else.
Whatever goes wrong with a watch has one remedy, in `check`: a new one, then a sweep. What cannot
be named file by file is a wish for a sweep, never silence; and sources that events do not speak
for are `unheard`, to be swept again and again.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from core.errors import ConfigurationError
from core.keys import SessionKey
from metrics.instruments import Instruments
from watcher import canary, sight
from watcher.disk import Disk, Source
from watcher.lookout import Kind, Lookout, complaint
from watcher.notes import NOTES_MAX, Batch, Notes
from watcher.sight import Sight

log = logging.getLogger("sessionwatch.watcher")


class Observer:
    """Calls `touch(key)` for what changed, `sweep_wanted(reason)` for what it cannot name.

    Both are called by the notes thread or by `check` and `swept`, and should only take note
    themselves.
    """

    def __init__(
        self,
        disk: Disk,
        *,
        touch: Callable[[SessionKey], None],
        sweep_wanted: Callable[[str], None],
        observer: Kind = "auto",
        with_canary: bool = True,
        instruments: Instruments | None = None,
        root_retry_s: float = 1.0,
        notes_max: int = NOTES_MAX,
    ) -> None:
        if observer == "inotify" and sys.platform != "linux":
            raise ConfigurationError("inotify exists on Linux only", hint='observer = "auto"')
        self._disk = disk
        self._touch = touch
        self._sweep_wanted = sweep_wanted
        self._notes = Notes(notes_max)
        self._stopped = False
        self._checked_s = time.monotonic()
        self._late_looks = 0
        self._instruments = known = instruments or Instruments()
        known.expect(reasons=sight.REMEDIES)

        def lookout(source: Source) -> Lookout:
            # What a processor takes for a session cannot be a canary.
            may_write = with_canary and disk.key_below(source.name, canary.NAME) is None
            return Lookout(
                source, self._notes, kind=observer, with_canary=may_write,
                sweep_wanted=sweep_wanted, instruments=known, retry_s=root_retry_s,
            )  # fmt: skip

        self._lookouts = {source.name: lookout(source) for source in disk.sources}
        # Of each source its own: a root that does not answer may hold up the checks, and no more.
        self._locks = {source.name: threading.Lock() for source in disk.sources}
        self._thread = threading.Thread(target=self._run, name="watcher-notes", daemon=True)

    def start(self) -> None:
        """Watch every root that is there; `check` will find the others when they come."""
        self._thread.start()
        for name, lookout in self._lookouts.items():
            with self._locks[name]:
                lookout.start()
        self._checked_s = time.monotonic()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop watching. Notes not yet looked at are dropped, as is a watch whose check hangs."""
        deadline_s = time.monotonic() + timeout_s
        self._stopped = True
        for name, lookout in self._lookouts.items():
            if self._locks[name].acquire(timeout=max(0.0, deadline_s - time.monotonic())):
                try:
                    lookout.stop(deadline_s - time.monotonic())
                finally:
                    self._locks[name].release()
        self._notes.close()
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline_s - time.monotonic()))

    def check(self) -> None:
        """Look after the watches, every second or so: judge each, make anew what is damaged."""
        for name in self._lookouts:
            with self._looking_at(name) as lookout:
                if lookout:
                    lookout.check()
        self._checked_s = time.monotonic()

    def mind_the_checks(self) -> None:
        """Say so once if they do not come back; for a thread that no file system can hold up.

        A second look must agree: who stood still for a minute is late in all threads at first.
        """
        late = [name for name, why in self.blind.items() if why == "checks_late"]
        hint = sight.REMEDIES["checks_late"]
        self._late_looks = self._late_looks + 1 if late else 0
        for name in late if self._late_looks == 2 else ():
            self._instruments.blindness.labels("checks_late").inc()
            values = {"source": name, "reason": "checks_late", "hint": hint}
            log.error("watch_blind", extra=values)

    def swept(self, source: str, folders_count: int) -> None:
        """A walk of a source saw so many folders: does the kernel watch as many?"""
        with self._looking_at(source) as lookout:
            if lookout:
                lookout.swept(folders_count)

    def unlisted(self, source: str) -> None:
        """A sweep found that a source cannot be listed."""
        with self._looking_at(source) as lookout:
            if lookout:
                lookout.unlisted()

    def alive(self) -> bool:
        """Does the notes thread live? (A watch with a dead thread is blind, and made anew.)"""
        return self._thread.is_alive()

    @property
    def blind(self) -> Mapping[str, str]:
        """The sources that are not watched as a whole, and why: a word of `sight.REMEDIES`."""
        return {name: one.why for name, one in self._sights().items() if one.blind}

    @property
    def unheard(self) -> list[str]:
        """The sources that events do not speak for, as a whole or at all."""
        sights = self._sights()
        return [
            name
            for name, lookout in self._lookouts.items()
            if lookout.polled or sight.is_unheard(sights[name])
        ]

    def complaints(self) -> list[str]:
        """For people: which sources are blind, why, and what to do."""
        return [f"{name} is not watched: {why}" for name, why in self.remedies().items()]

    def remedies(self) -> Mapping[str, str]:
        """The sources that are blind: why and what to do, in words."""
        return {name: complaint(why) for name, why in self.blind.items()}

    def blind_seconds(self) -> float:
        """Since the first source that is blind became so; 0 if none is."""
        return sight.blind_seconds(self._sights().values(), time.monotonic())

    @property
    def event_count(self) -> int:
        """Paths that events have named so far, canaries included."""
        return self._notes.seen_count

    @property
    def renewed_count(self) -> int:
        """Watches that were made anew."""
        return sum(lookout.renewed_count for lookout in self._lookouts.values())

    @property
    def fault_counts(self) -> Mapping[str, int]:
        """What went wrong so far, by kind: `overflow`, `reader_error`, `too_many_changes` …"""
        return dict(self._notes.fault_counts)

    def wanted_directories(self) -> int:
        """How many folders the last walks of the watched sources saw."""
        return sum(one.folders_wanted for one in self._lookouts.values() if not one.polled)

    def watched_directories(self) -> int:
        """How many folders the kernel watches for this process; 0 where it cannot be told."""
        if sys.platform != "linux":
            return 0
        from watcher.inotify import watch_count

        return watch_count()

    def refused_directories(self) -> int:
        """How many folders could not be watched: a limit was reached, or they are unreadable."""
        watches = [lookout.watch for lookout in self._lookouts.values()]
        return sum(watch.refused_count for watch in watches if watch)

    @contextmanager
    def _looking_at(self, source: str) -> Iterator[Lookout | None]:
        """The lookout of a source, for this thread alone; None after the end."""
        with self._locks[source]:
            yield None if self._stopped else self._lookouts[source]

    def _sights(self) -> dict[str, Sight]:
        """What is known of each source now. Without locks: a check that hangs may hold one."""
        now_s, checked_s = time.monotonic(), self._checked_s
        return {
            name: sight.unless_late(one.sight, checked_s=checked_s, now_s=now_s)
            for name, one in self._lookouts.items()
        }

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
            for source, path in batch.files:
                if path == canary.NAME:
                    self._lookouts[source].heard()

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
