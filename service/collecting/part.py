"""Collects while the service runs: everything at the start and whenever it is told to, and at once
what events tell of.

The rule: events only say where to look sooner. What they miss, the next `run_now` of the scheduler
finds, and that alone proves whole copies.
"""

import logging
import math
import os
import threading
from collections.abc import Callable, Collection, Iterable
from typing import Any

from core.errors import ConfigurationError, TransientError
from core.seams import Clock
from metrics.instruments import Instruments
from service.collecting import beneath
from service.collecting.collector import Collector
from service.collecting.homes import Place
from service.collecting.settings import CollectorSettings
from service.collecting.stats import Stats
from service.settings import Settings
from service.timer import Timer
from watcher.folders import Change, FolderEvents

log = logging.getLogger("sessionwatch.collector")

TOUCHED_MAX = 1 << 14
"""More than this many changed files, and all homes are looked at."""
AGAIN_S = 1.0
"""After a look that another process's run was in the way of."""
TRY_AGAIN_S = 60.0
"""After a look that failed as a whole: the drop folder could not be used."""


class Collecting:
    """Owns two threads: one reads events, one looks."""

    def __init__(
        self,
        settings: CollectorSettings,
        clock: Clock,
        *,
        on_stats: Callable[[Stats], None] = lambda stats: None,
        refuses: Callable[[str], bool] = lambda user: False,
    ) -> None:
        """`on_stats` is told what each look did; users whom `refuses` fits have no home here."""
        self._settings = settings
        self._clock = clock
        self._on_stats = on_stats
        self._events = FolderEvents[Place](self._changed, self._lost)
        self._collector = Collector(settings, entered=self._entered)
        self._collector.choice.refuse(refuses)
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._rest_s = math.inf
        self._files: dict[Place, None] = {}
        self._users: set[str] = set()
        self._stopping = threading.Event()
        self._rests_until_s = clock.monotonic_s()
        self._timer = Timer({"run": self._run, "touched": self._run_touched}, clock, "collector")

    @property
    def alive(self) -> bool:
        return self._timer.alive and (self._events.alive or not self._settings.watch)

    def start(self) -> None:
        if self._settings.watch:
            self._events.start()
        self._timer.start()

    def stop(self, timeout_s: float) -> bool:
        """End what runs, between two pieces of a copy: the next start goes on from there."""
        ends_s = self._clock.monotonic_s() + timeout_s
        self._stopping.set()
        ended = self._timer.stop(timeout_s)
        left_s = max(0.1, ends_s - self._clock.monotonic_s())
        return self._events.stop(left_s) and ended

    def run_now(self, *, stopping: Callable[[], bool] = lambda: False) -> Stats:
        """Look at all homes, in this thread. Raises as `Collector.run` does."""
        with self._looking:
            stats = self._collector.run(stopping=lambda: stopping() or self._stopping.is_set())
        self._tell(stats)
        return stats

    def job(self, *, dry_run: bool, stopping: Callable[[], bool]) -> dict[str, Any]:
        """The same as a job: `rc`, and the figures."""
        del dry_run  # A job is for real; `sessionwatch collect --dry-run` only says what it would.
        stats = self.run_now(stopping=stopping)
        return {"rc": int(stats.errors > 0), **stats.as_dict()}

    def _run(self) -> float:
        took_s = self._look(lambda: self._collector.run(stopping=self._stopping.is_set))
        return AGAIN_S if took_s is None else self._rest_s

    def _run_touched(self) -> float:
        with self._lock:
            files, self._files = self._files, {}
            users, self._users = self._users, set()
        took_s = self._look(lambda: self._touched(users, files)) if users or files else 0.0
        if took_s is None:
            with self._lock:
                self._files |= files
                self._users |= users
            return AGAIN_S
        self._rests_until_s = self._clock.monotonic_s() + took_s
        return math.inf

    def _touched(self, users: Collection[str], files: Iterable[Place]) -> Stats:
        stats = Stats()
        stopping = self._stopping.is_set
        if users:
            stats.add(self._collector.run(stopping=stopping, users=users))
        rest = [place for place in files if place.user not in users]
        if rest:
            stats.add(self._collector.collect(rest, stopping=stopping))
        return stats

    def _look(self, look: Callable[[], Stats]) -> float | None:
        """The seconds it took; None if another process collects just now."""
        started_s = self._clock.monotonic_s()
        self._rest_s = math.inf
        try:
            with self._looking:
                stats = look()
            self._tell(stats)
        except TransientError:  # Of another process; ours is this thread.
            return None
        except ConfigurationError as error:
            self._rest_s = TRY_AGAIN_S
            log.warning("collect_failed", extra={"error": error.args[0], "hint": error.hint})
        except OSError as error:
            self._rest_s = TRY_AGAIN_S
            log.warning("collect_failed", extra={"error": beneath.reason_of(error)})
        return self._clock.monotonic_s() - started_s

    def _tell(self, stats: Stats) -> None:
        self._on_stats(stats)
        told = {name: value for name, value in stats.as_dict().items() if name != "errors_detail"}
        if stats.errors:
            first = stats.errors_detail[0]
            log.warning("collect_errors", extra={**told, **first})
        elif stats.files_copied:
            log.debug("collected", extra=told)

    # What the events' thread does.

    def _entered(self, folder: int, place: Place) -> None:
        if self._settings.watch:
            files = any(pattern.holds(place.parts) for pattern in self._collector.choice.patterns)
            self._events.add(folder, place, names_only=not (place.user and files))

    def _changed(self, change: Change[Place]) -> None:
        base, user, parts = change.folder
        inner = Place(base, user, (*parts, change.name)) if user else Place(base, change.name, ())
        choice = self._collector.choice
        patterns = [one for one in choice.patterns if one.base == base and one.has_user(inner.user)]
        if change.is_folder and any(one.leads(inner.parts) for one in patterns):
            self._note(user=inner.user)
        elif any(choice.place(one, inner.user, inner.parts) for one in patterns):
            self._note(file=inner)

    def _note(self, *, user: str = "", file: Place | None = None) -> None:
        with self._lock:
            if user:
                self._users.add(user)
            if file:
                self._files[file] = None
            if len(self._files) + len(self._users) > TOUCHED_MAX:
                self._files, self._users = {}, set()
                self._timer.hurry("run")
        rest_s = self._rests_until_s - self._clock.monotonic_s()
        self._timer.hurry("touched", max(self._settings.settle_s, rest_s))

    def _lost(self) -> None:
        self._timer.hurry("run")


def part_of(
    settings: Settings,
    clock: Clock,
    instruments: Instruments,
    refuses: Callable[[str], bool] = lambda user: False,
) -> Collecting | None:
    """The service's collector, counted by its instruments; None without a drop folder. `refuses`:
    who was erased, so that nothing of theirs is copied again."""

    def count(stats: Stats) -> None:
        instruments.collected_files.inc(stats.files_copied)
        instruments.collected_bytes.inc(stats.bytes_copied)
        instruments.collect_errors.inc(stats.errors)

    wanted = settings.collector
    if not wanted.into:
        return None
    into = os.path.realpath(wanted.into)
    roots = (os.path.join(os.path.realpath(source.path), "") for source in settings.sources)
    if not os.path.join(into, "").startswith(tuple(roots)):
        hint = "add a [[source]] with this path, or nobody reads what is collected"
        log.warning("collector_into_no_source", extra={"path": wanted.into, "hint": hint})
    return Collecting(wanted, clock, on_stats=count, refuses=refuses)
