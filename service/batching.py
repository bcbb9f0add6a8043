"""Asks in batches what sessions were told to wait for, and has them read again when it is answered.

The rule: nothing is remembered here that a kill may not take. What is under way stands in the book,
what waits stands as `queued` in the tables of sessions, and both are asked for whenever something
is to be done about them; so each step may be repeated, and a look may come at any time.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from core.errors import SessionwatchError
from core.keys import SessionKey
from core.seams import Clock
from processors.llm.batches import ITEMS_MAX
from processors.llm.stack import Stack
from processors.llm.values import PERSON, Answer
from service.timer import Timer
from state.operations.desk import Desk

if TYPE_CHECKING:
    from service.model_part import ModelPart

log = logging.getLogger("sessionwatch.batches")

_ANSWERED_S = 900.0
"""A session that was being read while its answer came is found for so long after it."""
_FILES_MAX = 10_000

Reread = Callable[[Sequence[SessionKey]], object]


class UnderWay(NamedTuple):
    """Batches under way and the requests in them, and since when the oldest of them is."""

    batches: int
    requests: int
    oldest_s: float

    def told(self, *, wanted: bool, waiting: int) -> dict[str, Any]:
        """As plain JSON; `waiting` requests are for the next batch."""
        return {"enabled": wanted, **self._asdict(), "waiting": waiting}


def under_way(stack: Stack, clock: Clock) -> UnderWay:
    """How it stands now."""
    batches, now_us = stack.batches.book.open(), clock.now_us()
    oldest_us = min((batch.at_us for batch in batches), default=now_us)
    requests = sum(len(batch.items) for batch in batches)
    return UnderWay(len(batches), requests, (now_us - oldest_us) / 1e6)


class Batching:
    """Sends and collects; called by one thread at a time."""

    def __init__(self, stack: Stack, desk: Desk, clock: Clock) -> None:
        self._stack = stack
        self._desk = desk
        self._clock = clock
        self._short = False
        """Something waits that is not in the tray, and may be sent from `_from_s` on."""
        self._from_s = 0.0

    def collect(self) -> list[SessionKey]:
        """Take what came of those under way: the files that are to be read again for it."""
        if self._stack.offline():
            return []
        for batch in self._stack.batches.book.open():
            if self._stack.batches.collect(batch).ended:
                log.info("batch_ended", extra={"batch": batch.id, "requests": len(batch.items)})
                self._from_s = 0.0  # It cost less than was reserved for it.
        since_us = self._clock.now_us() - int(_ANSWERED_S * 1e6)
        return self._desk.findings.keys_to_ask(_FILES_MAX, ended_since_us=since_us)

    def send(self) -> bool:
        """Ask what waits in the tray; True if a batch went out."""
        tray = self._stack.tray
        self._short |= tray.turned_away
        tray.turned_away = False
        requests = tray.take()
        if not requests:
            return False
        batch, stopped = self._stack.batches.submit(requests)
        if stopped:
            self._put_off(stopped)
        if batch:
            log.info("batch_sent", extra={"batch": batch.id, "requests": len(batch.items)})
        return batch is not None

    def left(self) -> list[SessionKey]:
        """Files with something to ask for which there was no room or no money, once there may be;
        as many as fill the tray."""
        if not self._short or self._clock.monotonic_s() < self._from_s:
            return []
        keys = self._desk.findings.keys_to_ask(ITEMS_MAX)
        self._short = len(keys) >= ITEMS_MAX
        return keys

    def _put_off(self, stopped: Answer) -> None:
        """What was not sent left the tray: when it can be, it is asked for as it stands then."""
        log.info("batch_short", extra={"outcome": stopped.outcome, "reason": stopped.reason})
        if stopped.outcome not in PERSON:  # Else it is tried when its files are looked at again.
            self._short = True
            self._from_s = self._clock.monotonic_s() + (stopped.retry_after_s or 0.0)


class BatchThread:
    """The same by the clock, and at once when the tray is full. Owns the thread."""

    def __init__(self, model: "ModelPart", every_s: float) -> None:
        self._batching = model.batching
        self._every_s = every_s
        self._reread: Reread = lambda keys: None
        self._timer = Timer({"batches": self.look}, model.clock, "batches")
        model.stack.tray.full = partial(self._timer.hurry, "batches")

    @property
    def alive(self) -> bool:
        return self._timer.alive

    def start(self, reread: Reread) -> None:
        self._reread = reread
        self._timer.start()

    def stop(self, timeout_s: float) -> bool:
        return self._timer.stop(timeout_s)

    def look(self) -> float:
        """Whatever could not be done now is done at the next look."""
        try:
            self._reread(self._batching.collect())
            self._batching.send()
            self._reread(self._batching.left())
        except SessionwatchError as error:
            log.warning("batches_put_off", extra={"reason": error.reason})
        return self._every_s
