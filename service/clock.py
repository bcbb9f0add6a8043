"""The machine's clock, as the engine's seam wants it."""

import time


class SystemClock:
    """Wall clock and monotonic clock of this machine (`core.seams.Clock`)."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic_s(self) -> float:
        return time.monotonic()
