"""Waiting for what other threads do: on a condition, with a deadline, never for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_EVERY_S = 0.002


def wait_for(condition: Callable[[], T], timeout_s: float = 30.0) -> T:
    """The first true answer of `condition`. Fails with its last answer after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while not (answer := condition()):
        if time.monotonic() > deadline_s:
            raise AssertionError(f"not within {timeout_s} s; last answer: {answer!r}")
        time.sleep(LOOK_EVERY_S)
    return answer
