"""How often sources are swept, by a hand-held clock: the share of a core and what is told."""

import errno
import logging
from typing import Any

import pytest

from service.engine import Swept
from service.sweeping import HURRY_SHARE, SWEEP_SHARE, Sweeping
from tests.tools.simulation import SimClock


class Sources:
    """An engine whose sweeps take as long as told to, or fail."""

    def __init__(self, clock: SimClock, *sources: str) -> None:
        self.sources = sources
        self.takes_s = 0.0
        self.failing: set[str] = set()
        self.swept: list[str] = []
        self._clock = clock

    def sweep(self, source: str) -> Swept:
        self.swept.append(source)
        self._clock.seconds += self.takes_s
        if source in self.failing:
            raise OSError(errno.ENOENT, "No such file or directory")
        return Swept(source, files=3, folders=2, touched=1, gone=0)


class Desk:
    """Sweeping over two sources, and what it told of each."""

    def __init__(self) -> None:
        self.clock = SimClock(100.0)
        self.engine: Any = Sources(self.clock, "a", "b")
        self.told: list[str] = []
        self.refused: list[str] = []
        self.sweeping = Sweeping(
            self.engine,
            self.clock,
            on_swept=lambda swept: self.told.append(swept.source),
            on_refused=self.refused.append,
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_all_sources_are_swept_in_turn_and_told(desk: Desk) -> None:
    assert desk.sweeping.all(30.0) == 30.0
    assert (desk.engine.swept, desk.told, desk.refused) == (["a", "b"], ["a", "b"], [])


def test_what_takes_long_is_swept_in_proportion_less_often(desk: Desk) -> None:
    desk.engine.takes_s = 1.0

    assert desk.sweeping.all(30.0) == SWEEP_SHARE * 2.0
    assert desk.sweeping.poll(["b"], 1.0) == HURRY_SHARE * 1.0
    assert desk.sweeping.poll(["b"], 60.0) == 60.0


def test_only_what_is_not_heard_is_polled(desk: Desk) -> None:
    assert desk.sweeping.poll(["b"], 1.0) == 1.0
    assert desk.sweeping.poll([], 1.0) == 1.0
    assert desk.engine.swept == ["b"]


def test_a_sweep_in_a_hurry_begins_at_once_unless_one_has_just_ended(desk: Desk) -> None:
    assert desk.sweeping.hurry_s() == 0.0
    desk.engine.takes_s = 0.5
    desk.sweeping.all(30.0)

    assert desk.sweeping.hurry_s() == HURRY_SHARE * 1.0
    desk.clock.seconds += 4.0
    assert desk.sweeping.hurry_s() == HURRY_SHARE * 1.0 - 4.0
    desk.clock.seconds += 60.0
    assert desk.sweeping.hurry_s() == 0.0


def test_what_is_not_swept_or_cannot_be_listed_is_complained_of(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "sessionwatch.service")
    assert desk.sweeping.complaints() == ["a has not been swept yet", "b has not been swept yet"]
    desk.engine.failing = {"a"}
    desk.sweeping.all(30.0)
    desk.sweeping.all(30.0)

    assert desk.sweeping.complaints() == ["a could not be listed"]
    assert (desk.told, desk.refused) == (["b", "b"], ["a", "a"])
    assert [record.message for record in caplog.records] == ["sweep_failed"]  # Once is enough.
    desk.engine.failing = set()
    desk.sweeping.poll(["a"], 1.0)
    assert desk.sweeping.complaints() == []
