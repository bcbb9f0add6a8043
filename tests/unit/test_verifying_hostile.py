"""What anybody can paste into a session must cost no more than its length."""

import time

import pytest

from processors.verifying.requests import data_of
from processors.verifying.rules import found_by_rules
from tests.tools.turns import turns, windows

SIZE = 1 << 17
SECONDS_MAX = 20
"""On a busy machine; it takes well below one, and what is quadratic takes minutes."""


@pytest.mark.parametrize(
    "piece",
    [
        "<system-reminder>", "<system-reminder></system-reminder>", "```\n", "> a\n", "on ", "No. ",
        "no, ", "yes, yes, ", "our x is ", "it's not a, ", "<a>", "<", "[a", "* a\n", "# a\n", "\n",
        "a\n", '"', "— ", "a. ", "not a, but ", "a ",
    ],
)  # fmt: skip
def test_turns_windows_and_rules_take_time_by_the_length_of_a_text(piece):
    text = (piece * (SIZE // len(piece) + 1))[:SIZE]
    started = time.perf_counter()
    for window in windows(turns(f"agent: {text}", text)):
        list(found_by_rules(window))
        data_of(window)

    assert time.perf_counter() - started < SECONDS_MAX
