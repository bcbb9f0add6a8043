"""Requests that wait to be asked together, and those that are under way so.

The rule: a tray is memory and may be lost. Whoever asked was told `BATCHED`, which is no answer, so
what became of it is found by asking the same again.
"""

import threading
from collections.abc import Callable

from processors.llm.again import Again
from processors.llm.endpoint import Endpoint
from processors.llm.online import fault_of
from processors.llm.seams import Calls, Payloads
from processors.llm.values import Answer, Model, Outcome, Request

LOOK_AGAIN_S = 3600.0
"""Whoever waits is told when an answer is there; this is for those who were not."""
_WAITS = Answer(
    Outcome.BATCHED,
    reason="batch",
    message="it is asked in a batch, which takes up to a day",
    retry_after_s=LOOK_AGAIN_S,
)


class Tray:
    """For all threads. Holds `requests_max` requests at most; `full` is called when it does, and
    `turned_away` says that there were more since it was emptied of them."""

    def __init__(self, requests_max: int) -> None:
        self.requests_max = requests_max
        self.under_way: frozenset[str] = frozenset()
        """Hashes; replaced as a whole by who sends and collects."""
        self.turned_away = False
        self.full: Callable[[], object] = lambda: None
        self._lock = threading.Lock()
        self._requests: dict[str, Request] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def put(self, request: Request) -> None:
        with self._lock:
            if len(self._requests) < self.requests_max:
                self._requests[request.hash] = request
            elif request.hash not in self._requests:
                self.turned_away = True
            full = len(self._requests) >= self.requests_max
        if full:
            self.full()

    def take(self) -> list[Request]:
        """All of it; the tray is empty then."""
        with self._lock:
            taken, self._requests = self._requests, {}
        return list(taken.values())


class Awaited:
    """The layer: what is under way in a batch is waited for, also where none are made any more.

    Outside of what is recorded: an answer is there before its request is not under way any more,
    so nothing falls between the two looks.
    """

    def __init__(self, inner: Model, tray: Tray, payloads: Payloads, endpoint: Endpoint) -> None:
        self._inner = inner
        self._tray = tray
        self._payloads = payloads
        self._endpoint = endpoint

    def ask(self, request: Request) -> Answer:
        if request.hash not in self._tray.under_way or fault_of(self._endpoint):
            return self._inner.ask(request)
        self._payloads.claim(request.hash)
        return _WAITS


class Gathered:
    """The layer: what was never asked is put into the tray. What an item of a batch got no good
    answer to is asked alone, because another question may get a better one."""

    def __init__(
        self, inner: Again, tray: Tray, payloads: Payloads, calls: Calls, endpoint: Endpoint
    ) -> None:
        self._inner = inner
        self._tray = tray
        self._payloads = payloads
        self._calls = calls
        self._endpoint = endpoint

    def ask(self, request: Request) -> Answer:
        if fault_of(self._endpoint):
            return self._inner.ask(request)
        if said := self._calls.said_in_batch(request.hash):
            return self._inner.after(request, said)
        self._payloads.claim(request.hash)
        self._tray.put(request)
        return _WAITS
