"""A figure that is dear to count, for whoever asks often.

The rule: counting takes a tenth of a core at most, so a figure may be as old as ten times what it
costs, and what costs next to nothing is never old.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
SHARE = 10


class Lately(Generic[T]):
    """`read` counts. Safe from any thread: whoever comes while it is counted waits for it."""

    def __init__(
        self, read: Callable[[], T], monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._until_s = -math.inf

    def __call__(self) -> T:
        with self._lock:
            began_s = self._monotonic_s()
            if began_s >= self._until_s:
                self._found = self._read()
                ended_s = self._monotonic_s()
                self._until_s = ended_s + SHARE * (ended_s - began_s)
            return self._found
