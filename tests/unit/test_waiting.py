"""A session whose rows lack what the world did not give yet: committed, visible, wanted again."""

from collections.abc import Iterator
from typing import Any

import pytest

from core.ledger import LedgerEntry
from processors.base import Later, Session, Tools
from tests.tools.processors import Whole, WholeSession
from tests.tools.simulation import World, key

KEY = key("one")
LINE = b'{"type":"user","isSidechain":false}\n'


class Patient(WholeSession):
    """Has its row at once, and says `last_offset` only once the world has answered."""

    def __init__(self) -> None:
        self.answered = False
        self.runs = 0

    def rows(self, session: Session, tools: Tools) -> Iterator[Any]:
        self.runs += 1
        yield Whole(len(session.lines), session.lines[-1].offset if self.answered else -1)
        if not self.answered:
            yield Later("no_answer", "nobody answers", after_s=600.0)


@pytest.fixture
def processor() -> Patient:
    return Patient()


@pytest.fixture
def world(processor: Patient) -> World:
    made = World([processor])
    made.files.write(KEY, LINE * 2)
    made.clock.seconds += 1000.0
    made.sweep()
    made.clock.seconds += 1000.0
    made.engine.drain()
    return made


def entry(world: World) -> LedgerEntry:
    found = world.database.ledger.get("whole", KEY)
    assert found
    return found


def rows(world: World) -> list[tuple[Any, ...]]:
    generation = entry(world).generation
    return [row[3:] for row in world.database.tables["whole"] if row[0] == generation]


def test_the_rows_that_there_are_are_committed_and_the_file_waits(world: World) -> None:
    assert rows(world) == [(2, -1)]
    assert (entry(world).status, entry(world).reason) == ("waiting", "no_answer")
    assert entry(world).error == "nobody answers"


def test_it_is_not_looked_at_before_its_time(world: World, processor: Patient) -> None:
    world.sweep()
    world.touch(KEY)
    world.clock.seconds += 30.0
    world.engine.drain()

    assert processor.runs == 1


def test_it_is_read_again_in_time_and_is_clean_once_it_is_answered(
    world: World, processor: Patient
) -> None:
    world.clock.seconds += 601.0
    world.engine.drain()
    assert entry(world).attempts == 2
    processor.answered = True
    world.clock.seconds += 601.0
    world.engine.drain()

    assert rows(world) == [(2, len(LINE))]
    assert (entry(world).status, entry(world).attempts) == ("ok", 0)
    assert processor.runs == 3


def test_a_sweep_after_a_restart_finds_it(world: World, processor: Patient) -> None:
    processor.answered = True
    world.clock.seconds += 601.0
    world.restart()
    world.sweep()
    world.clock.seconds += 200.0
    world.engine.drain()

    assert rows(world) == [(2, len(LINE))]


def test_what_is_added_meanwhile_is_read_without_waiting(world: World, processor: Patient) -> None:
    world.files.write(KEY, LINE * 3)
    world.touch(KEY)
    world.clock.seconds += 121.0
    world.engine.drain()

    assert rows(world) == [(3, -1)]


def test_a_failure_in_between_does_not_make_it_forget(world: World, processor: Patient) -> None:
    world.files.failing[KEY] = OSError(5, "EIO")
    world.clock.seconds += 601.0
    world.engine.drain()
    assert entry(world).status == "retrying"

    world.files.failing.clear()
    processor.answered = True
    world.settle()

    assert rows(world) == [(2, len(LINE))]
    assert entry(world).status == "ok"


def test_it_may_wait_more_often_than_a_failing_file_is_tried(
    world: World, processor: Patient
) -> None:
    for _ in range(3 * world.limits.attempts_max):
        world.clock.seconds += 3601.0
        world.sweep()
        world.clock.seconds += 121.0
        world.engine.drain()

    assert processor.runs > world.limits.attempts_max
    assert entry(world).status == "waiting"
