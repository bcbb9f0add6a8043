"""What an operator may do to a running service, beyond reading: rescan, requeue, reprocess, pause.

The rule: everything ends in the ledger or in a touch, so that a crash right behind it loses
nothing; no file is worked on here.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from core.acting import Principal
from core.errors import ConfigurationError, SessionwatchError
from core.keys import SessionKey, session_base, stored_names
from core.ledger import LedgerEntry
from core.rows import Command, Commit, Receipt
from processors.registry import Registry
from service.engine import Engine, Lane, outdate
from service.forcing import require_working
from service.jobs import Run
from service.losses import COMPRESSED
from service.rebuilding import LOOK_S, Marked, became, change, follow
from service.run_limits import RunLimits
from state.operations.pauses import Pauses

log = logging.getLogger("sessionwatch.operator")

LOOKED_AT_MAX = 10_000
"""Files whose size is looked up for one answer about the backlog."""


class Operator:
    """`api.control.Operator`. Every method may be called from any thread."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        submit: Callable[[Command], "Future[Receipt]"],
        pauses: Pauses,
        limits: Callable[[], RunLimits],
        stopping: Callable[[], bool],
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._submit = submit
        self._pauses = pauses
        self._limits = limits
        self._stopping = stopping

    # Rescan.

    def mark(self, processor: str | None, session: str | None) -> list[Marked]:
        """Take their version from all matching files and touch them; vanished ones stay as they
        are. Files need not go quiet first: they are read as they are, and again when they grow."""
        ledger = self._engine.world.ledger
        marked = self._rescanned(outdate(ledger, self._registry, processor, session))
        log.info("rescan", extra={"processor": processor, "matched": len(marked)})
        return marked

    def begin_rescan(self, run: Run) -> Mapping[str, Any]:
        run.memory = self.mark(run.params.get("processor"), run.params.get("session"))
        return {"matched": len(run.memory)}

    def follow_rescan(self, run: Run) -> Mapping[str, Any]:
        ledger = self._engine.world.ledger
        return follow(ledger, run.memory, run.stopping, run.progress.update)

    def reread(self, commits: Iterable[Commit]) -> int:
        """Carry out such commits; how many files are read again."""
        return len({one.key for one in self._rescanned(commits)})

    def _rescanned(self, commits: Iterable[Commit]) -> list[Marked]:
        entries = (commit.before for commit in commits)
        return self._outdated((entry for entry in entries if entry), "rescan")

    # Failed files.

    def requeue(
        self, processor: str | None, source: str | None, path: str | None
    ) -> dict[str, Any]:
        """Try failed files now, as often as if they had just failed. Raises `ConfigurationError`,
        `not_found` if a path is given and nothing of it has failed."""
        lanes = [self._engine.lane(processor)] if processor else self._engine.lanes
        names = None if path is None else set(stored_names(path))
        failed = [
            entry
            for lane in lanes
            for entry in self._entries(lane)
            if entry.status in ("retrying", "parked")
            and source in (None, entry.key.source)
            and (names is None or entry.key.path in names)
        ]
        if path is not None and not failed:
            raise ConfigurationError(
                "nothing of this path has failed", reason="not_found",
                hint="GET /api/v1/parked lists what has",
            )  # fmt: skip
        written = self._changed(failed, LedgerEntry.requeued)
        self._touch(written, "requeue")
        log.info("requeued", extra={"processor": processor, "files": len(written)})
        return {"requeued": len(written)}

    # One session.

    def reprocess(self, source: str | None, path: str, processor: str | None) -> dict[str, Any]:
        """Build all rows of one session anew and wait: what became of each of its files.

        Raises `ConfigurationError`: `not_found`, `ambiguous` (several sources have it), `paused`.
        """
        lanes = [self._engine.lane(processor)] if processor else list(self._engine.lanes)
        for lane in lanes:
            require_working(lane)
        entries = _of_session(path, [e for lane in lanes for e in self._entries(lane)], source)
        marked = self._outdated(entries, "reprocess")
        self._wait(marked)
        files = [_file(one, self._engine) for one in marked]
        return {
            "source": entries[0].key.source,
            "session": session_base(entries[0].key.path),
            "files": files,
            "errors": sum(file["outcome"] == "failed" for file in files),
        }

    def _wait(self, marked: list[Marked]) -> None:
        """Until each was built anew or has failed; as long as a run may take."""
        world, pause = self._engine.world, threading.Event()
        ends_s = world.clock.monotonic_s() + self._limits().budget_s
        while any(self._is_waiting(one) for one in marked):
            if world.clock.monotonic_s() >= ends_s or self._stopping():
                return
            pause.wait(LOOK_S)

    def _is_waiting(self, marked: Marked) -> bool:
        word, entry = became(self._engine.world.ledger, marked)
        return word == "waiting" and entry is not None and entry.status == "ok"

    # Pauses.

    def pause(self, processor: str, who: Principal) -> dict[str, Any]:
        """Hand out nothing of a processor from now on, also after a restart; touches are kept."""
        lane = self._engine.lane(processor)
        self._pauses.add(processor, who)
        lane.queue.pause()
        return {"processor": processor, "paused": True}

    def resume(self, processor: str) -> dict[str, Any]:
        lane = self._engine.lane(processor)
        self._pauses.remove(processor)
        lane.queue.resume()
        return {"processor": processor, "paused": False}

    def restore_pauses(self) -> None:
        """Before the workers start."""
        paused = set(self._pauses.names())
        for lane in self._engine.lanes:
            if lane.processor.name in paused:
                lane.queue.pause()
                log.warning("paused", extra={"processor": lane.processor.name})

    # The backlog.

    def backlog(self) -> dict[str, Any]:
        """Of each processor what waits, for how long, and how much of it."""
        return {
            "processors": {lane.processor.name: self._waiting(lane) for lane in self._engine.lanes}
        }

    def _waiting(self, lane: Lane) -> dict[str, Any]:
        now_s = self._engine.world.clock.monotonic_s()
        states = [entry.status for entry in self._entries(lane)]
        keys = lane.queue.waiting(LOOKED_AT_MAX)
        return {
            "depth": lane.queue.depth,
            "due": lane.queue.due_count,
            "oldest_pending_s": round(lane.queue.pending_s(now_s), 3),
            "retrying": states.count("retrying"),
            "parked": states.count("parked"),
            "bytes_behind": sum(self._behind(lane, key) for key in keys),
            "paused": lane.queue.paused,
        }

    def _behind(self, lane: Lane, key: SessionKey) -> int:
        """Bytes of a file that are not committed; of a compressed one nobody knows before."""
        world = self._engine.world
        if key.path.endswith(COMPRESSED):
            return 0
        try:
            size_bytes = world.files.stat(key).size_bytes
        except (OSError, SessionwatchError):
            return 0
        entry = world.ledger.get(lane.processor.name, key)
        return max(0, size_bytes - (entry.committed_bytes if entry else 0))

    # What these share.

    def _entries(self, lane: Lane) -> list[LedgerEntry]:
        entries = self._engine.world.ledger.entries(lane.processor.name)
        return [entry for entry in entries if not entry.source_gone]

    def _changed(
        self, entries: Iterable[LedgerEntry], altered: Callable[[LedgerEntry], LedgerEntry]
    ) -> list[LedgerEntry]:
        return change(self._engine.world.ledger, self._submit, entries, altered)

    def _outdated(self, entries: Iterable[LedgerEntry], origin: str) -> list[Marked]:
        written = self._changed(entries, LedgerEntry.outdated)
        self._touch(written, origin)
        return [Marked(entry.processor, entry.key, entry.generation) for entry in written]

    def _touch(self, entries: list[LedgerEntry], origin: str) -> None:
        for entry in entries:
            self._engine.lane(entry.processor).queue.touch(entry.key, urgent=True)
        self._engine.world.instruments.touches.labels(origin).inc(len(entries))


def _of_session(path: str, entries: Iterable[LedgerEntry], source: str | None) -> list[LedgerEntry]:
    bases = {session_base(name) for name in stored_names(path)}
    found = [
        entry
        for entry in entries
        if source in (None, entry.key.source) and session_base(entry.key.path) in bases
    ]
    sources = sorted({entry.key.source for entry in found})
    if not found:
        raise ConfigurationError(
            "no processor knows a file of this session", reason="not_found",
            hint="give the path of one of its files, relative to the source's root",
        )  # fmt: skip
    if len(sources) > 1:
        raise ConfigurationError(
            "several sources have such a session", reason="ambiguous",
            hint=f"say which: source={', source='.join(sources)}",
        )  # fmt: skip
    return found


def _file(marked: Marked, engine: Engine) -> dict[str, Any]:
    """What became of a file: rebuilt, failed (and tried again later, or parked), gone, or still
    waiting."""
    word, entry = became(engine.world.ledger, marked)
    failed = entry is not None and entry.status != "ok"
    return {
        "processor": marked.processor,
        "path": marked.key.path,
        "outcome": "failed" if failed else word,
        "generation": entry.generation if entry else 0,
        "reason": entry.reason if entry and failed else "",
        "error": entry.error if entry and failed else "",
    }
