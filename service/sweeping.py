"""When sources are compared with the ledger: in turn, when the watcher asks, and again and again
where no event speaks for a source.

The rule: however often somebody asks, sweeps take a bounded share of a core, because what takes
long waits in proportion.
"""

import logging
from collections.abc import Callable, Iterable

from core.seams import Clock
from service.engine import Engine, Swept

log = logging.getLogger("sessionwatch.service")

SWEEP_SHARE = 200
"""A sweep that takes n seconds is not repeated within 200 n: at most half a percent of a core."""
HURRY_SHARE = 10
"""Sweeps that the watcher asks for take at most a tenth of a core, however often it asks."""


class Sweeping:
    """Called by the timer's thread, except for `hurry_s` and `complaints`."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        on_swept: Callable[[Swept], None],
        on_refused: Callable[[str], None],
    ) -> None:
        """`on_swept` is told of every source that could be listed, `on_refused` of the others."""
        self._engine = engine
        self._clock = clock
        self._on_swept = on_swept
        self._on_refused = on_refused
        self._listed: dict[str, bool] = {}
        self._swept_s: dict[str, float] = {}
        self._ended_s = self._took_s = 0.0

    def all(self, every_s: float) -> float:
        """Sweep all sources. The seconds to wait until the next time."""
        self._took_s = self._sweep(self._engine.sources)
        self._ended_s = self._clock.monotonic_s()
        return self.every_s(every_s)

    def poll(self, sources: Iterable[str], every_s: float) -> float:
        """Sweep these sources, because no event speaks for them; as `all`."""
        return max(every_s, HURRY_SHARE * self._sweep(sources))

    def hurry_s(self) -> float:
        """When to begin a sweep that the watcher asks for, in seconds from now."""
        rested_s = self._clock.monotonic_s() - self._ended_s
        return max(0.0, HURRY_SHARE * self._took_s - rested_s)

    def every_s(self, wanted_s: float) -> float:
        """How far apart sweeps of all sources really are."""
        return max(wanted_s, SWEEP_SHARE * self._took_s)

    def listed(self, source: str) -> bool | None:
        """Could it be listed the last time? None if nobody tried yet."""
        return self._listed.get(source)

    def rested_s(self, source: str) -> float | None:
        """Since it was last compared with the ledger; None if it never was."""
        swept_s = self._swept_s.get(source)
        return None if swept_s is None else self._clock.monotonic_s() - swept_s

    def complaints(self) -> list[str]:
        """Which sources were not or could not be listed."""
        words = {None: "has not been swept yet", False: "could not be listed"}
        asked = [(source, self._listed.get(source)) for source in self._engine.sources]
        return [f"{source} {words[listed]}" for source, listed in asked if listed in words]

    def _sweep(self, sources: Iterable[str]) -> float:
        started_s = self._clock.monotonic_s()
        for source in sources:
            try:
                swept = self._engine.sweep(source)
            except OSError as error:
                if self._listed.get(source, True):
                    reason = error.strerror
                    log.warning("sweep_failed", extra={"source": source, "reason": reason})
                self._listed[source] = False
                self._on_refused(source)
                continue
            self._listed[source] = True
            self._swept_s[source] = self._clock.monotonic_s()
            log.debug(
                "swept", extra={"source": source, "files": swept.files, "found": swept.touched}
            )
            self._on_swept(swept)
        return self._clock.monotonic_s() - started_s
