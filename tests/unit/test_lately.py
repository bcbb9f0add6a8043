"""A dear figure is counted seldom, a cheap one whenever it is asked for."""

import pytest

from service.lately import SHARE, Lately


class Counting:
    """Takes so long by its own clock, and says how often it was asked to count."""

    def __init__(self, takes_s):
        self.takes_s, self.now_s, self.count = takes_s, 100.0, 0

    def read(self):
        self.now_s += self.takes_s
        self.count += 1
        return self.count


def test_what_takes_a_second_is_counted_anew_after_ten():
    counting = Counting(1.0)
    figure = Lately(counting.read, lambda: counting.now_s)

    assert [figure(), figure(), figure()] == [1, 1, 1]
    counting.now_s += SHARE - 0.1
    assert figure() == 1
    counting.now_s += 0.1
    assert figure() == 2


def test_what_takes_no_time_is_never_old():
    counting = Counting(0.0)
    figure = Lately(counting.read, lambda: counting.now_s)

    assert [figure(), figure(), figure()] == [1, 2, 3]


def test_what_fails_is_counted_at_the_next_question():
    counting = Counting(1.0)
    failing = [OSError("away")]

    def read():
        if failing:
            raise failing.pop()
        return counting.read()

    figure = Lately(read, lambda: counting.now_s)

    with pytest.raises(OSError, match="away"):
        figure()
    assert figure() == 1
