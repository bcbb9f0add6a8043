"""The engine: touches go in, commits come out. It has no threads of its own.

The rule: everything that can happen to a file ends in `touch`, and what is done about it is
computed from the file and the ledger. Threads, timers and the simulation only call `touch`,
`sweep` and `work`.
"""

import logging
import re
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from fnmatch import fnmatch, translate
from typing import Any

from core.errors import ConfigurationError
from core.keys import SessionKey, user_of
from core.rows import Command, Commit, Receipt
from core.seams import Clock, Files, Ledger
from metrics.instruments import Instruments
from processors.base import Tools
from processors.registry import Registry
from service.decoding import SharedDecoding
from service.limits import Limits
from service.unread import Unread
from service.worker import Worker
from service.world import Backfill, World
from watcher.settle import Pace, Quiet, Settler
from watcher.sweep import due
from watcher.workqueue import WorkQueue

log = logging.getLogger("sessionwatch.engine")


@dataclass(frozen=True, slots=True)
class Lane:
    """One processor with its queue and its worker: nothing of it is shared with the others."""

    processor: Any
    queue: WorkQueue
    worker: Worker
    wants: Callable[[str], object]
    unread: Unread

    def rests(self, within_s: float) -> bool:
        """Is nothing in hand, and nothing due soon? What waits for a retry is due later."""
        due_s = self.queue.next_due_s()
        return self.queue.idle() and (due_s is None or due_s > self.queue.now_s() + within_s)

    def run(self, timeout_s: float) -> bool:
        """Take one settled key, if there is one within the time, and do what it needs."""
        key = self.queue.get(timeout_s)
        if key is None:
            return False
        self.worker.run(key, lambda: self.queue.done(key))
        return True


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep saw of one source."""

    source: str
    files: int
    folders: int
    touched: int
    gone: int


class Engine:
    """Lanes by processor over one set of files. All arguments are seams or values."""

    def __init__(
        self,
        *,
        sources: Iterable[str],
        registry: Registry,
        files: Files,
        ledger: Ledger,
        submit: Callable[[Command], Future[Receipt]],
        new_generation: Callable[[], int],
        clock: Clock,
        limits: Limits,
        instruments: Instruments,
        backfill: Backfill | None = None,
        user: Callable[[SessionKey], str] = lambda key: user_of(key.path),
        agent: Callable[[SessionKey], str] = lambda key: "",
        stopping: Callable[[], bool] = lambda: False,
        at_once: bool = False,
        toolbox: Callable[[SessionKey], Tools] | None = None,
    ) -> None:
        """`user` is whom a file belongs to, for fairness; `agent` is its dialect, where that is
        settled beforehand; `toolbox` has the tools of session processors; once `stopping`, large
        reads end at the next step; `at_once` drops all quiet times."""
        self._user = user
        self.sources = tuple(sources)
        self.world = World(
            files, ledger, submit, new_generation, clock, limits, instruments, backfill, stopping,
            agent=agent, toolbox=toolbox,
        )  # fmt: skip
        instruments.expect([processor.name for processor in registry.processors], self.sources)
        if sum(processor.kind == "line" for processor in registry.processors) > 1:
            self.world.decode = SharedDecoding()
        self.lanes = tuple(self._lane(p, at_once=at_once) for p in registry.processors)

    def lane(self, processor: str) -> Lane:
        """Raises `ConfigurationError` that names the known ones."""
        for lane in self.lanes:
            if lane.processor.name == processor:
                return lane
        known = ", ".join(lane.processor.name for lane in self.lanes)
        raise ConfigurationError(
            f"unknown processor {processor[:100]!r}", reason="unknown_processor",
            hint=f"known: {known}",
        )  # fmt: skip

    def touch(self, key: SessionKey, *, origin: str) -> None:
        """Look at this file soon. `origin` is only counted."""
        self.world.instruments.touches.labels(origin).inc()
        name = key.path.rpartition("/")[2]
        for lane in self.lanes:
            if lane.wants(name):
                lane.queue.touch(key)

    def sweep(self, source: str) -> Swept:
        """Compare every file of a source with the ledger and touch what differs.

        Raises `OSError` if the root cannot be listed: nothing is known then, least of all that
        files are gone.
        """
        world = self.world
        started_s, began_us = world.clock.monotonic_s(), world.clock.now_us()
        walk = world.files.walk(source)
        on_disk = dict(walk)
        world.names.forget()
        touched: set[SessionKey] = set()
        gone: set[SessionKey] = set()
        for lane in self.lanes:
            found = due(
                {
                    key: stat
                    for key, stat in on_disk.items()
                    if lane.wants(key.path.rpartition("/")[2])
                },
                [e for e in world.ledger.entries(lane.processor.name) if e.key.source == source],
                processor_version=lane.processor.version,
                now_us=world.clock.now_us(),
                proof_max_us=int(world.limits.proof_max_s * 1e6),
                unlisted=walk.unlisted,
            )
            lane.unread.swept(source, {key: on_disk[key] for key in found.touch}, began_us)
            # What waits already is left alone: a file is not less quiet for being looked at.
            new = [key for key in found.touch if lane.worker.losses.expect(key, on_disk[key])]
            for key in (*new, *found.gone):
                lane.queue.touch(key)
            touched.update(new)
            gone.update(found.gone)
        world.instruments.touches.labels("sweep").inc(len(touched) + len(gone))
        world.instruments.sweep_finds.labels(source).inc(len(touched) + len(gone))
        world.instruments.sweeps.labels(source).inc()
        world.instruments.sweep_seconds.labels(source).observe(
            world.clock.monotonic_s() - started_s
        )
        return Swept(source, len(on_disk), walk.folder_count, len(touched), len(gone))

    def drain(self) -> None:
        """Run in this thread until nothing is due: for one-shot runs and simulation."""
        while any([lane.run(0) for lane in self.lanes]):
            pass

    @property
    def idle(self) -> bool:
        """Nothing due and nothing in hand, in any lane."""
        return all(lane.queue.idle() for lane in self.lanes)

    def _lane(self, processor: Any, *, at_once: bool) -> Lane:
        settler = Settler(_settling(processor, self.world.limits.quiet_max_s, at_once=at_once))
        queue = WorkQueue(settler, self.world.clock.monotonic_s, self._user)
        worker = Worker(
            self.world, processor, lambda key, after_s: queue.touch(key, after_s=after_s)
        )
        wants = re.compile("|".join(translate(pattern) for pattern in processor.match)).match
        unread = Unread(processor.name, processor.version, self.world.ledger)
        return Lane(processor, queue, worker, wants, unread)


def _settling(processor: Any, longest_s: float, *, at_once: bool) -> Pace | Quiet:
    if processor.kind != "session":
        return Pace(0.0 if at_once else processor.pace_s)
    longest_s = 0.0 if at_once else longest_s
    return Quiet(min(processor.quiet_s, longest_s), min(processor.wait_max_s, longest_s))


def outdate(
    ledger: Ledger, registry: Registry, processor: str | None, session: str | None
) -> list[Commit]:
    """An operator's rescan as commits: every matching entry loses its version and is rebuilt.

    `session` is a glob over paths (`*` crosses folders). Vanished files are left alone, since
    nothing could rebuild them. Raises `ConfigurationError` for an unknown processor.
    """
    chosen = [registry.by_name(processor)] if processor else registry.processors
    return [
        Commit(entry, entry.outdated())
        for one in chosen
        for entry in ledger.entries(one.name)
        if not entry.source_gone and (session is None or fnmatch(entry.key.path, session))
    ]
