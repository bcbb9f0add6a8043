"""Asks again what may succeed in a moment, and gives up while somebody still waits for the answer.

The rule: this is the only place that repeats a call. It waits as long as the server says, or not
at all: a wait that does not fit is handed on as `retry_after_s`, and no worker is held by it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from tenacity import RetryCallState, Retrying, retry_if_result
from tenacity.nap import sleep_using_event
from tenacity.wait import wait_exponential_jitter

from processors.llm.values import TRANSIENT, Answer, Model, Request

_BACKOFF = wait_exponential_jitter(multiplier=1, max=60, jitter=1)


@dataclass(frozen=True, slots=True)
class Patience:
    """At most so many calls, none begun later than `total_s` after the first."""

    attempts: int = 4
    total_s: float = 180.0


class Retry:
    """`stopping` is set when the service stops: waits end at once, and no call is begun."""

    def __init__(
        self,
        inner: Model,
        patience: Patience,
        monotonic_s: Callable[[], float],
        stopping: threading.Event,
        retried: Callable[[], None],
    ) -> None:
        self._inner = inner
        self._patience = patience
        self._monotonic_s = monotonic_s
        self._stopping = stopping
        self._retried = retried

    def ask(self, request: Request) -> Answer:
        end_s = self._monotonic_s() + self._patience.total_s
        retrying = Retrying(
            retry=retry_if_result(lambda answer: answer.outcome in TRANSIENT),
            wait=_wait_s,
            stop=lambda state: self._given_up(state, end_s),
            sleep=sleep_using_event(self._stopping),
            before_sleep=lambda _: self._retried(),
            retry_error_callback=_answer,
        )
        last: list[Answer] = []
        return retrying(self._once, request, last)

    def _given_up(self, state: RetryCallState, end_s: float) -> bool:
        late = self._monotonic_s() + state.upcoming_sleep > end_s
        return late or self._stopping.is_set() or state.attempt_number >= self._patience.attempts

    def _once(self, request: Request, last: list[Answer]) -> Answer:
        if not (last and self._stopping.is_set()):
            last[:] = [self._inner.ask(request)]
        return last[0]


def _wait_s(state: RetryCallState) -> float:
    """The server's own word, and a jitter on top of it: everybody was told the same second."""
    asked_s = _answer(state).retry_after_s
    backoff_s = _BACKOFF(state)
    return backoff_s if asked_s is None else asked_s + backoff_s % 1


def _answer(state: RetryCallState) -> Answer:
    assert state.outcome is not None
    answer: Answer = state.outcome.result()
    return answer
