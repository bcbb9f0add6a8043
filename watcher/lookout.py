"""Looks after one source: has it watched or polled, judges the watch and makes it anew.

The rules: what is wrong, since when and what to say is decided in `watcher.sight`; here it is done.
A polled source is judged by its sweeps alone and never touched by `check`, because a file system
that does not answer would hold up the checks of all sources.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from metrics.instruments import Instruments
from watcher import mounts, sight
from watcher.canary import Canary
from watcher.disk import Source
from watcher.notes import Notes
from watcher.rootwatch import RootWatch
from watcher.sight import Sight

log = logging.getLogger("sessionwatch.watcher")

Kind = Literal["auto", "inotify", "polling"]
STOP_S = 1.0


class Lookout:
    """All but `heard` and what reads is called under its lock in `watcher.source.Observer`."""

    def __init__(
        self,
        source: Source,
        notes: Notes,
        *,
        kind: Kind,
        with_canary: bool,
        sweep_wanted: Callable[[str], None],
        instruments: Instruments,
        retry_s: float,
    ) -> None:
        self.sight = Sight(time.monotonic(), "not_started")
        self.polled = False
        self.renewed_count = 0
        self.folders_wanted = 0
        self.watch: RootWatch | None = None
        self._source = source
        self._notes = notes
        self._kind: Kind = kind
        self._with_canary = with_canary
        self._sweep_wanted = sweep_wanted
        self._instruments = instruments
        self._retry_s = retry_s
        self._try_again_s = 0.0
        self._swept_s = time.monotonic()
        self._between_sweeps_s = 0.0

    def start(self) -> None:
        """Watch it if its root is there. A first watch is believed until it is refuted."""
        self.sight = Sight(time.monotonic())
        self._judge(self._watch())

    def stop(self, timeout_s: float) -> None:
        """Stop watching, and leave nothing in the root."""
        watch, self.watch = self.watch, None
        if watch:
            watch.stop(timeout_s)
            if watch.canary:
                watch.canary.remove()

    def check(self) -> None:
        """Judge the watch, and make it anew if it is damaged and has rested."""
        now_s = time.monotonic()
        if self.polled:
            self._check_polled(now_s)
            return
        if self.watch is None:
            self._check_unwatched(now_s)
            return
        why = sight.fault(self.watch.facts(now_s))
        self._judge(why, self.watch.proved_s(now_s))
        if not why:
            self._write_canary(self.watch)
        elif self._may_renew(self.watch, why, now_s):
            self._renew(self.watch, why)

    def swept(self, folders_count: int) -> None:
        """A walk saw so many folders: does the kernel watch as many? If not, another look soon
        tells whether that lasts."""
        now_s = time.monotonic()
        self.folders_wanted = folders_count
        self._swept_s, self._between_sweeps_s = now_s, now_s - self._swept_s
        if self.polled:
            self._judge("", now_s)
        if self.watch and self.watch.compare(folders_count) and not self.sight.blind:
            self._sweep_wanted("watches_missing")

    def unlisted(self) -> None:
        """A sweep found that it cannot be listed."""
        if self.polled:
            self._judge("root_missing")

    def heard(self) -> None:
        """Its canary is among the notes, and everything before it has been worked off."""
        watch = self.watch
        took_s = watch.canary.came_back(time.monotonic()) if watch and watch.canary else None
        if took_s is not None:
            self._instruments.canary.observe(took_s)

    def _check_unwatched(self, now_s: float) -> None:
        """Its root was missing or refused."""
        if now_s < self._try_again_s:
            return
        before = self.sight.why
        refused = self._watch()
        self._judge(refused)
        if not refused:
            self._sweep_wanted(before)

    def _check_polled(self, now_s: float) -> None:
        since_s = now_s - self._swept_s
        if sight.sweep_is_late(since_s=since_s, before_s=self._between_sweeps_s):
            self._judge("sweep_late")

    def _may_renew(self, watch: RootWatch, why: str, now_s: float) -> bool:
        from_s = sight.renewal_s(why, started_s=watch.started_s, took_s=watch.took_s)
        return now_s >= from_s and (why != "watch_limit" or watch.has_room())

    def _renew(self, watch: RootWatch, why: str) -> None:
        log.info("watch_renewed", extra={"source": self._source.name, "reason": why})
        self.renewed_count += 1
        self.watch = None
        watch.stop(STOP_S)
        refused = self._watch()
        self._judge(refused)
        if not refused:
            self._sweep_wanted(why)

    def _watch(self) -> str:
        """Watch the root, or have it polled; why not, if neither can be done."""
        shared = mounts.shared_type(self._source.root) if self._kind == "auto" else ""
        if shared or self._kind == "polling":
            reason = shared or "configured"
            log.info("watch_polled", extra={"source": self._source.name, "reason": reason})
            self.polled = True
            return ""
        try:
            canary = Canary(self._source.root) if self._with_canary else None
            self.watch = RootWatch(self._source, self._notes, canary)
        except (OSError, RuntimeError) as error:  # RuntimeError: no more threads.
            self._try_again_s = time.monotonic() + self._retry_s
            return sight.refusal(error)
        self._write_canary(self.watch)
        return ""

    def _write_canary(self, watch: RootWatch) -> None:
        if watch.canary is None:
            return
        before = watch.canary.refused
        watch.canary.write_if_due(time.monotonic())
        reason = watch.canary.refused
        if reason and not before:
            log.info(
                "canary_refused",
                extra={
                    "source": self._source.name,
                    "reason": reason,
                    "hint": "watches are checked by other means; canary = false ends this message",
                },
            )

    def _judge(self, why: str, proved_s: float | None = None) -> None:
        before, self.sight = self.sight, sight.looked(self.sight, why, proved_s=proved_s)
        if self.sight.why == before.why:
            return
        news = sight.news(before, self.sight, time.monotonic(), _limits())
        if self.sight.blind:
            self._instruments.blindness.labels(self.sight.why).inc()
        log.log(news.level, news.event, extra={"source": self._source.name, **news.values})


def complaint(why: str) -> str:
    """Why a source is not watched, and what to do."""
    return f"{why}: {sight.remedy(why, _limits())}"


def _limits() -> dict[str, int]:
    """The kernel's limits of watching, by sysctl name."""
    found = {}
    for name in sight.LIMIT_NAMES:
        try:
            found[name] = int(Path("/proc/sys", *name.split(".")).read_text())
        except (OSError, ValueError):
            continue  # Another system, or it may not be read.
    return found
