"""How often an address was wrong lately.

The rule: a bounded memory of the last failures by address; who fails too often waits, and waiting
is all: what is right later is taken again.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

from api.addresses import neighbourhood

FAILURES_MAX = 10
"""Wrong tokens from one address within `WITHIN_S` before it has to wait."""
WITHIN_S = 60.0
ADDRESSES_MAX = 10_000


class Failures:
    """Safe from any thread."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._times: OrderedDict[str, list[float]] = OrderedDict()

    def add(self, address: str) -> None:
        now_s = self._monotonic_s()
        address = neighbourhood(address)
        with self._lock:
            times = self._times.setdefault(address, [])
            times[:] = [*(t for t in times if t > now_s - WITHIN_S), now_s][-FAILURES_MAX:]
            self._times.move_to_end(address)
            while len(self._times) > ADDRESSES_MAX:
                self._times.popitem(last=False)

    def wait_s(self, address: str) -> float:
        """How long this address has to wait; 0 if it need not."""
        now_s = self._monotonic_s()
        with self._lock:
            known = self._times.get(neighbourhood(address), ())
            times = [t for t in known if t > now_s - WITHIN_S]
        return times[0] + WITHIN_S - now_s if len(times) >= FAILURES_MAX else 0.0
