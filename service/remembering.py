"""Brings what people said into the team's knowledge base while the service runs.

The rule: it compares and marks nothing (`state.memory.finding`), so it may be killed, late or run
twice. What is new is looked for whenever something was committed, with a bounded share of a core.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from core.errors import SessionwatchError
from core.seams import Clock
from service.engine import Engine
from service.job_list import Work
from service.jobs import Run
from service.timer import Timer
from state.memory.intake import Taken
from state.memory.note_figures import figures, unreadable
from state.operations.desk import Desk
from state.store import Store

log = logging.getLogger("sessionwatch.service")

EVERY_S = 1.0
FAILED_S = 60.0
EXPIRE_S = 3600.0
SHARE = 10
"""At most a tenth of a core: after n seconds of it the next look waits ten times n."""
READ_S = 60.0
"""How long a run waits for notes that are being read."""
LOOK_S = 0.05
PROCESSOR = "notes"


class Remembering:
    """Owns the thread."""

    def __init__(self, desk: Desk, store: Store, engine: Engine, clock: Clock) -> None:
        self._memory = desk.memory
        self._book = desk.book
        self._store = store
        self._engine = engine
        self._clock = clock
        self._lane = next((one for one in engine.lanes if one.processor.name == PROCESSOR), None)
        self._seen = -1
        self._woken = threading.Event()
        self._timer = Timer({"take": self._take, "expire": self._expire}, clock, "memory")

    @property
    def alive(self) -> bool:
        return self._timer.alive

    def start(self) -> None:
        self._timer.start()

    def stop(self, timeout_s: float) -> bool:
        """End between two transactions: the next start goes on from there."""
        self._woken.set()
        return self._timer.stop(timeout_s)

    def run(self, run: Run) -> Mapping[str, Any]:
        """The job `corporate-memory`: notes are read, taken in, and accounted for in the figures
        that the predecessor's operators know."""
        before = self._figures()  # Some of it may be taken in by the thread meanwhile.
        whole = self._read_notes(run.stopping)
        taken = self._memory.take_new(run.stopping)
        return _details(before, self._figures(), taken, unreadable(self._book), whole=whole)

    @property
    def job(self) -> Work | None:
        """The work of the job `corporate-memory`; None where no processor reads notes."""
        return self.run if self._lane else None

    def _read_notes(self, stopping: Callable[[], bool]) -> bool:
        """Look at all sources now, and wait until every note that has changed was read."""
        assert self._lane is not None
        until_s = self._clock.monotonic_s() + READ_S
        for source in self._engine.sources:
            with suppress(OSError):  # A root that is missing is the readiness's business.
                self._engine.sweep(source)
        while not stopping() and self._clock.monotonic_s() < until_s:
            if self._lane.rests(self._lane.processor.pace_s):
                return True
            self._woken.wait(LOOK_S)
        return False

    def _take(self) -> float:
        revision, started_s = self._store.revision, self._clock.monotonic_s()
        if revision == self._seen:
            return EVERY_S
        rest_s = EVERY_S
        try:
            self._memory.take_new(self._woken.is_set)
            self._seen = revision
        except SessionwatchError as error:
            log.warning("not_remembered", extra={"error": error.reason})
            rest_s = FAILED_S
        return max(rest_s, SHARE * (self._clock.monotonic_s() - started_s))

    def _expire(self) -> float:
        try:
            if count := self._memory.governing.expire():
                log.info("items_expired", extra={"count": count})
        except SessionwatchError as error:
            log.warning("not_expired", extra={"error": error.reason})
        return EXPIRE_S

    def _figures(self) -> Counter[str]:
        return figures(self._book, self._memory.base())


def _details(
    before: Counter[str], after: Counter[str], taken: list[Taken], errors: list[str], *, whole: bool
) -> dict[str, Any]:
    new = after["items"] - before["items"]
    confirmed = sum(len(one.confirmed) for one in taken)
    return {
        "users_scanned": after["users_scanned"],
        "files_found": after["files_found"],
        "items_extracted": after["items_extracted"],
        "items_filtered": after["items_filtered"],
        "items_preserved": after["items"] - new,
        "items_new": new,
        "items_pending": after["items_pending"],
        "skipped": not taken and not new,
        "errors": [*errors, *(() if whole else ("some notes are still being read",))],
        "items_db_inserted": after["items_of_all_kinds"] - before["items_of_all_kinds"],
        "items_db_updated": confirmed,
        "items_db_errors": 0,
    }
