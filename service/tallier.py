"""Counts messages while the service runs, so that reports find most of it done.

The rule: it only hurries what every report does anyway (`state.usage.tally`), on a thread of its
own and with a bounded share of a core; that it fails or lags behind costs nobody a row.
"""

import logging
import math
from datetime import UTC, datetime

from core.errors import SessionwatchError
from core.seams import Clock
from metrics.instruments import Instruments
from service.timer import Timer
from state.queries import Queries
from state.store import Store

log = logging.getLogger("sessionwatch.service")

EVERY_S = 1.0
FAILED_S = 60.0
"""After a count that failed: it took memory that the writer needs, and reports try it as well."""
AGAIN_S = 0.1
COMPARED_EVERY_S = 600.0
SHARE = 10
"""Counting takes at most a tenth of a core: after n seconds of it the next waits ten times n."""


class Tallier:
    """Owns the thread."""

    def __init__(
        self, queries: Queries, store: Store, clock: Clock, instruments: Instruments
    ) -> None:
        self._queries = queries
        self._tally = queries.tally
        self._store = store
        self._clock = clock
        self._instruments = instruments
        self._tallied: object = None
        self._beyond: dict[str, int] = {}
        self.failed: str | None = None
        """Why the last count failed; None if it did not."""
        jobs = {"tally": self._tally_up, "compare": self._compare}
        self._timer = Timer(jobs, clock, "tallier")

    @property
    def alive(self) -> bool:
        return self._timer.alive

    def beyond_ccusage(self, counting: str) -> float:
        """Tokens that we count and ccusage, counting so, does not; not a number before it is known.

        A step in it says that one of the two reads a new version of Claude Code otherwise.
        """
        return float(self._beyond.get(counting, math.nan))

    def start(self) -> None:
        self._timer.start()

    def stop(self, timeout_s: float) -> bool:
        """End what runs: it is made up for at the next start. False if that took too long."""
        ends_s = self._clock.monotonic_s() + timeout_s
        self._tally.interrupt()
        while not (ended := self._timer.stop(AGAIN_S)) and self._clock.monotonic_s() < ends_s:
            self._tally.interrupt()  # One between two statements is forgotten by DuckDB.
        return ended

    def _compare(self) -> float:
        started_s = self._clock.monotonic_s()
        try:
            now = datetime.fromtimestamp(self._clock.now_us() / 1e6, UTC)
            self._beyond = self._queries.beyond_ccusage(now)
        except SessionwatchError as error:
            log.debug("not_compared", extra={"error": str(error)})
        took_s = self._clock.monotonic_s() - started_s
        return max(COMPARED_EVERY_S, 10 * SHARE * took_s)

    def _tally_up(self) -> float:
        wanted, started_s = (self._store.revision, self._tally.own), self._clock.monotonic_s()
        if wanted == self._tallied:
            return EVERY_S
        rest_s = EVERY_S
        try:
            self._queries.catch_up()
            self._tallied, self.failed = wanted, None
        except SessionwatchError as error:
            if error.reason != "stopping":
                log.warning("tally_failed", extra={"error": str(error)})
                self.failed = str(error)
            rest_s = FAILED_S
        took_s = self._clock.monotonic_s() - started_s
        self._instruments.tally_seconds.observe(took_s)
        return max(rest_s, SHARE * took_s)
