"""Runs one processor now over whatever it has not read: what the predecessor's endpoints did.

The rule: a forced run goes through the lane's own queue, as every other touch, so a key is never in
two hands; it only does not wait for quiet or retries, and knows afterwards what became of each
file. It ends in bounded time (`service.run_limits`); files that it did not come to are `capped`.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from core.errors import ConfigurationError, SessionwatchError, with_reason
from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from core.rows import Commit
from service.engine import Engine, Lane
from service.jobs import Run
from service.run_limits import RunLimits, files_max_of
from watcher.sweep import unread

log = logging.getLogger("sessionwatch.forcing")

LOOK_S = 0.1
"""How often a run looks whether it shall end."""
TRIES_MAX = 3
"""Looks at a file that becomes another one each time, before that is an error of the run."""
DETAILS_MAX = 100
WINDOW = 4
"""Files asked for at a time: one for each worker there usually is, and one that waits."""

Outcome = Literal["processed", "skipped", "errors"]
Count = Callable[[Lane, list[SessionKey]], Counter[SessionKey]]
"""Rows of each of these files, by a lane's processor."""


@dataclass(slots=True)
class _Visit:
    """One file that was asked for: what was known of it before."""

    key: SessionKey
    before: LedgerEntry | None
    tries: int = 1


@dataclass(slots=True)
class Forcing:
    """`run` is the work of the jobs `session-processor:NAME`."""

    engine: Engine
    count: Count
    limits: Callable[[], RunLimits]
    environ: Mapping[str, str]

    def run(self, lane: Lane, run: Run) -> Mapping[str, Any]:
        """The predecessor's figures. Raises `ConfigurationError` for a paused processor."""
        require_working(lane)
        clock, limits = self.engine.world.clock, self.limits()
        candidates = self._candidates(lane)
        known = [key for key in candidates if self._entry(lane, key)]
        before = self.count(lane, known)
        files_max = files_max_of(limits, self.environ, lane.processor.kind)
        force = _Force(
            self.engine, lane, run, candidates, files_max,
            ends_s=clock.monotonic_s() + limits.budget_s, grace_s=limits.budget_s,
        )  # fmt: skip
        force.all()
        after = self.count(lane, force.processed)
        new = sum(max(0, after[key] - before[key]) for key in force.processed)
        found = force.stats() | {"items_extracted": new, "errors_detail": force.errors}
        log.info("forced", extra={n: v for n, v in found.items() if n != "errors_detail"})
        return found

    def _candidates(self, lane: Lane) -> list[SessionKey]:
        """Of all sources; one whose root is missing has none."""
        found: list[SessionKey] = []
        for source in self.engine.sources:
            with suppress(OSError):  # The sweep tells of it, again and again.
                found += self._unread(lane, source)
        return found

    def _unread(self, lane: Lane, source: str) -> list[SessionKey]:
        world, processor = self.engine.world, lane.processor
        on_disk = {
            key: stat
            for key, stat in world.files.walk(source)
            if lane.wants(key.path.rpartition("/")[2])
        }
        entries = [e for e in world.ledger.entries(processor.name) if e.key.source == source]
        keys = unread(on_disk, entries, processor_version=processor.version)
        # As a sweep does it: what this run does not come to waits for the lane's own time.
        new = [key for key in keys if lane.worker.losses.expect(key, on_disk[key])]
        for key in new:
            lane.queue.touch(key)
        world.instruments.touches.labels("forced").inc(len(new))
        return keys

    def _entry(self, lane: Lane, key: SessionKey) -> LedgerEntry | None:
        return self.engine.world.ledger.get(lane.processor.name, key)


def require_working(lane: Lane) -> None:
    """Raises `ConfigurationError` if nothing would come of asking."""
    if lane.queue.paused:
        raise ConfigurationError(
            f"{lane.processor.name} is paused", reason="paused",
            hint=f"sessionwatch resume {lane.processor.name}",
        )  # fmt: skip


class _Force:
    """One forced run: asks for files, a few at a time, and counts what became of them."""

    def __init__(
        self,
        engine: Engine,
        lane: Lane,
        run: Run,
        candidates: list[SessionKey],
        files_max: int | None,
        *,
        ends_s: float,
        grace_s: float,
    ) -> None:
        self._world = engine.world
        self._lane = lane
        self._run = run
        self._scanned = len(candidates)
        self._candidates: Iterator[SessionKey] = iter(candidates)
        self._files_max = self._scanned if files_max is None else files_max
        self._ends_s = ends_s
        self._grace_s = grace_s
        self._counts: Counter[str] = Counter()
        self._asked: dict[Future[None], _Visit] = {}
        self.processed: list[SessionKey] = []
        self.errors: list[dict[str, str]] = []

    def stats(self) -> dict[str, Any]:
        counts = {name: self._counts[name] for name in ("processed", "skipped", "errors")}
        stopped = {"stopped": True} if self._run.stopping() else {}
        return {
            "processor": self._lane.processor.name,
            "scanned": self._scanned,
            **counts,
            "capped": self._scanned - sum(counts.values()),
            **stopped,
        }

    def all(self) -> None:
        """Until all are done, the cap is reached, the time is up or somebody wants an end."""
        while self._ask() or self._asked:
            done, _ = wait(self._asked, LOOK_S, FIRST_COMPLETED)
            for future in done:
                self._judge(future, self._asked.pop(future))
            self._run.progress.update(self.stats())
            if self._is_over():
                self._finish()
                return

    def _ask(self) -> bool:
        """Ask for as many files as may be asked for now. Failed tries count for the cap, files
        with nothing to do after all do not."""
        tried = self._counts["processed"] + self._counts["errors"]
        while len(self._asked) < WINDOW and tried + len(self._asked) < self._files_max:
            key = next(self._candidates, None)
            if key is None or self._is_over():
                break
            if self._is_unread(key, self._entry(key)):
                self._visit(_Visit(key, self._hurried(key)))
            else:  # The lane came to it by itself, or it is gone.
                self._counts["skipped"] += 1
        return bool(self._asked)

    def _visit(self, visit: _Visit) -> None:
        self._asked[self._lane.queue.look(visit.key)] = visit

    def _hurried(self, key: SessionKey) -> LedgerEntry | None:
        """What the ledger has of the file, once the wait after its failure is lifted."""
        entry = self._entry(key)
        if entry is None or entry.try_again_at_us is None:
            return entry
        with suppress(SessionwatchError):  # Stopping: the visit will not come about either.
            self._world.submit(Commit(entry, entry.hurried())).result()
        return self._entry(key)

    def _judge(self, future: "Future[None]", visit: _Visit) -> None:
        if future.cancelled():  # The queue is closed; the rest is not visited.
            return
        outcome = self._outcome(visit)
        if outcome is None and visit.tries < TRIES_MAX:
            self._visit(_Visit(visit.key, visit.before, visit.tries + 1))
            return
        self._counts[outcome or "errors"] += 1
        if outcome == "processed":
            self.processed.append(visit.key)
        elif outcome != "skipped" and len(self.errors) < DETAILS_MAX:
            self.errors.append({"session": visit.key.path, "error": self._error(visit)})

    def _outcome(self, visit: _Visit) -> Outcome | None:
        """None if it changed while it was read, or could not be written: look once more."""
        before, entry = visit.before, self._entry(visit.key)
        if entry is None or entry == before:
            return None if self._is_unread(visit.key, entry) else "skipped"
        if entry.status == "waiting":  # For a model: nothing of the file is wrong.
            return "skipped"
        if entry.status != "ok":
            return "errors"
        if entry.source_gone:
            return "skipped"
        return "processed" if before is None or _took(before, entry) else "skipped"

    def _is_unread(self, key: SessionKey, entry: LedgerEntry | None) -> bool:
        try:
            stat: FileStat = self._world.files.stat(key)
        except FileNotFoundError:
            return False
        except (OSError, SessionwatchError):
            return True
        known = [entry] if entry else []
        version = self._lane.processor.version
        return bool(unread({key: stat}, known, processor_version=version))

    def _error(self, visit: _Visit) -> str:
        entry = self._entry(visit.key)
        if entry is not None and entry.status != "ok":
            return f"{entry.reason}: {entry.error}"
        try:
            self._world.files.stat(visit.key)
        except (OSError, SessionwatchError) as error:
            return str(with_reason(error))
        return "changed: it became another file each time it was read"

    def _is_over(self) -> bool:
        late = self._world.clock.monotonic_s() >= self._ends_s
        return late or self._run.stopping() or self._lane.queue.paused or self._lane.queue.closed

    def _finish(self) -> None:
        """Begin nothing more; what is in hand may end, within the same time once more."""
        in_hand = {future: one for future, one in self._asked.items() if not future.cancel()}
        ends_s = self._world.clock.monotonic_s() + self._grace_s
        while in_hand and self._world.clock.monotonic_s() < ends_s and not self._run.stopping():
            done, _ = wait(in_hand, LOOK_S, FIRST_COMPLETED)
            for future in done:
                visit = in_hand.pop(future)
                visit.tries = TRIES_MAX
                self._judge(future, visit)

    def _entry(self, key: SessionKey) -> LedgerEntry | None:
        return self._world.ledger.get(self._lane.processor.name, key)


def _took(before: LedgerEntry, after: LedgerEntry) -> bool:
    """Did a look bring rows or mend a failure, and not only note another stat?"""
    return (
        before.generation != after.generation
        or before.committed_bytes != after.committed_bytes
        or before.processor_version != after.processor_version
        or before.status != "ok"
    )
