"""Stops asking a side that does not answer, and finds out by single probes when it does again.

The rule: `Breaker` is pure, and the caller brings the clock. Open, it answers at once and nothing
is sent, so an outage costs each session a moment, not a timeout.

    closed ── `failures` in a row, or one that only a person can mend ──▶ open for a while
    open ── time is up ──▶ half open: one probe at a time ── an answer ──▶ closed
                                                          └─ a failure ──▶ open, twice as long
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TypeVar

from processors.llm.values import PERSON, TRANSIENT, Answer, Model, Outcome, Request

T = TypeVar("T")

_ASKED_MAX_S = 86_400.0
"""However long the server says, it is asked again after a day."""


class State(IntEnum):
    """Numbers, because a gauge shows them."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class BreakerPatience:
    """`open_s` is doubled with each failed probe up to `open_max_s`; what a person must mend is
    probed every `open_max_s` from the start."""

    failures: int = 5
    open_s: float = 30.0
    open_max_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of the other side. `cause` says what opened it."""

    patience: BreakerPatience = BreakerPatience()
    failures: int = 0
    open_s: float = 0.0
    until_s: float = 0.0
    probing: bool = False
    cause: Answer | None = None

    def state(self, now_s: float) -> State:
        if self.cause is None:
            return State.CLOSED
        return State.OPEN if now_s < self.until_s else State.HALF_OPEN

    def lets_through(self, now_s: float) -> bool:
        state = self.state(now_s)
        return state is State.CLOSED or (state is State.HALF_OPEN and not self.probing)

    def begun(self, now_s: float) -> "Breaker":
        """A call was let through."""
        return replace(self, probing=self.state(now_s) is State.HALF_OPEN)

    def ended(self, answer: Answer, now_s: float) -> "Breaker":
        """A call that was let through has ended."""
        if not answer.sent:
            return replace(self, probing=False)  # Nothing was learned of the other side.
        if answer.outcome not in TRANSIENT | PERSON:
            return Breaker(self.patience)
        failures = self.failures + 1
        open_s = self._open_s(answer, failures, now_s)
        if not open_s:
            return replace(self, failures=failures, probing=False)
        return Breaker(self.patience, failures, open_s, now_s + open_s, cause=answer)

    def _open_s(self, answer: Answer, failures: int, now_s: float) -> float:
        """How long nothing is sent now; 0 to go on."""
        limits = self.patience
        if answer.outcome in PERSON:
            return limits.open_max_s
        if self.state(now_s) is State.OPEN:
            open_s = self.open_s  # A call that began before it opened: nothing new.
        elif self.state(now_s) is State.HALF_OPEN:
            open_s = min(self.open_s * 2, limits.open_max_s)
        else:
            open_s = limits.open_s if failures >= limits.failures else 0.0
        asked_s = min(answer.retry_after_s or 0.0, _ASKED_MAX_S)
        return max(open_s, asked_s) if open_s or asked_s >= limits.open_s else 0.0


class Guarded:
    """The layer with a breaker in it, for all threads."""

    def __init__(
        self, inner: Model, monotonic_s: Callable[[], float], patience: BreakerPatience
    ) -> None:
        self._inner = inner
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._breaker = Breaker(patience)

    def ask(self, request: Request) -> Answer:
        return self.passed(lambda: self._inner.ask(request))

    def passed(self, work: Callable[[], T | Answer]) -> T | Answer:
        """Any exchange with the other side; what is no `Answer` went well."""
        with self._lock:
            now_s = self._monotonic_s()
            if not self._breaker.lets_through(now_s):
                return _shut(self._breaker, now_s)
            self._breaker = self._breaker.begun(now_s)
        answer = Answer(Outcome.OFFLINE)  # If the layers below raise, nothing was learned.
        try:
            found = work()
            answer = found if isinstance(found, Answer) else Answer(Outcome.DONE, sent=True)
        finally:
            self.learned(answer)
        return found

    def learned(self, answer: Answer) -> None:
        """How an exchange ended."""
        with self._lock:
            self._breaker = self._breaker.ended(answer, self._monotonic_s())

    def shut(self) -> Answer | None:
        """What is answered while nobody is asked, None if somebody may be."""
        now_s = self._monotonic_s()
        return _shut(self._breaker, now_s) if self.state() is State.OPEN else None

    def state(self) -> State:
        return self._breaker.state(self._monotonic_s())

    @property
    def cause(self) -> Answer | None:
        """What opened it, None if it is closed."""
        return self._breaker.cause


def _shut(breaker: Breaker, now_s: float) -> Answer:
    assert breaker.cause is not None
    return Answer(
        Outcome.BREAKER_OPEN,
        reason=breaker.cause.outcome,
        message=breaker.cause.message,
        retry_after_s=max(breaker.until_s - now_s, 0.0),
    )
