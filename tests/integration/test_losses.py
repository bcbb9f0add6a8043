"""Bytes that vanished unread, from the file to the row that an operator reads."""

import pytest

from service.limits import Limits
from tests.tools.processors import Notes, SeenLines, WholeSession
from tests.tools.simulation import Crash, DuckStorage, World, key

LINE = b'{"type":"user"}\n'
HALF = b'{"type":"us'
A, B = key("a"), key("b")


@pytest.fixture
def world() -> World:
    return World([SeenLines()], storage=DuckStorage())


def look(world: World, *keys) -> None:
    """Events, and all that follows from them at once."""
    for one in keys or (A,):
        world.touch(one)
    world.clock.seconds += 0.2
    world.engine.drain()


def write(world: World, data: bytes, one=A) -> None:
    world.clock.seconds += 0.01
    world.files.write(one, data)


def losses(world: World) -> list[tuple]:
    """What an operator lists, and that the counter agrees with it."""
    rows = world.storage.db.execute(
        "SELECT processor, path, lost_bytes, how FROM losses ORDER BY ALL"
    ).fetchall()
    return [(name, path.removeprefix("u/"), size, how) for name, path, size, how in rows]


def counted(world: World, processor: str = "seen") -> float:
    """By this process since it started."""
    labels = {"processor": processor}
    value = world.instruments.registry.get_sample_value("sessionwatch_lost_bytes_total", labels)
    return value or 0.0


def test_a_half_line_is_not_lost_as_long_as_it_may_be_completed(world):
    write(world, LINE + HALF)
    look(world)
    write(world, LINE + HALF + b'er"}\n')
    look(world)

    assert (losses(world), counted(world)) == ([], 0)


def test_a_half_line_that_vanishes_is_lost(world):
    write(world, LINE + HALF)
    look(world)
    world.files.delete(A)
    look(world)

    assert losses(world) == [("seen", "a.jsonl", len(HALF), "vanished")]
    assert counted(world) == len(HALF)


def test_a_half_line_that_is_cut_off_is_lost(world):
    write(world, LINE + HALF)
    look(world)
    write(world, LINE)
    look(world)
    write(world, LINE + LINE)
    look(world)

    assert losses(world) == [("seen", "a.jsonl", len(HALF), "truncated")]
    assert len(world.rows("seen", A)) == 2


def test_a_file_emptied_and_written_again_lost_what_was_unread(world):
    write(world, LINE + HALF)
    look(world)
    write(world, LINE[::-1].strip() + b"\n")
    look(world)

    assert losses(world) == [("seen", "a.jsonl", len(HALF), "truncated")]


def test_a_file_replaced_by_a_longer_version_of_itself_lost_nothing(world):
    write(world, LINE + HALF)
    look(world)
    world.files.replace(A, LINE + HALF + b'er"}\n' + LINE)
    look(world)

    assert losses(world) == []


def test_a_file_replaced_by_other_content_lost_what_was_unread(world):
    write(world, LINE + HALF)
    look(world)
    world.files.replace(A, b'{"type":"other"}\n' * 9)
    look(world)

    assert losses(world) == [("seen", "a.jsonl", len(HALF), "replaced")]


def test_a_renamed_file_lost_nothing(world):
    write(world, LINE + HALF)
    look(world)
    world.files.rename(A, B)
    look(world, A, B)

    assert losses(world) == []


def test_a_rotated_file_lost_nothing(world):
    write(world, LINE + HALF)
    look(world)
    world.files.rename(A, B)
    write(world, b'{"type":"other"}\n')
    look(world, A, B)

    assert losses(world) == []


def test_what_was_read_is_not_lost_when_it_vanishes(world):
    write(world, LINE * 3)
    look(world)
    world.files.delete(A)
    look(world)
    write(world, LINE)
    look(world)

    assert losses(world) == []


def test_what_a_sweep_saw_and_nobody_read_is_lost(world):
    write(world, LINE * 3)
    world.sweep()
    world.files.delete(A)
    look(world)

    assert losses(world) == [("seen", "a.jsonl", 3 * len(LINE), "vanished")]
    assert world.database.ledger.get("seen", A).source_gone


def test_what_a_sweep_saw_in_a_known_file_counts_as_well(world):
    write(world, LINE)
    look(world)
    write(world, LINE * 4)
    world.sweep()
    write(world, LINE * 2)
    look(world)

    assert losses(world) == [("seen", "a.jsonl", 2 * len(LINE), "truncated")]


def test_what_shrank_between_two_sweeps_before_its_turn_is_lost(world):
    write(world, LINE * 3)
    world.sweep()
    write(world, LINE)
    world.sweep()
    look(world)

    assert losses(world) == [("seen", "a.jsonl", 2 * len(LINE), "truncated")]


def test_what_no_stat_ever_saw_cannot_be_counted(world):
    write(world, LINE * 3)
    world.files.delete(A)
    look(world)

    assert losses(world) == []


def test_a_file_that_was_only_seen_is_read_when_it_comes_back(world):
    write(world, LINE * 3)
    world.sweep()
    world.files.delete(A)
    look(world)
    write(world, LINE)
    look(world)

    assert len(world.rows("seen", A)) == 1


def test_a_loss_is_counted_once_however_often_one_looks(world):
    write(world, LINE + HALF)
    look(world)
    world.files.delete(A)
    for _ in range(3):
        look(world)
        world.settle()
        world.restart()

    assert losses(world) == [("seen", "a.jsonl", len(HALF), "vanished")]


@pytest.mark.parametrize("before_commit", [True, False])
def test_a_crash_at_the_commit_of_a_loss_neither_forgets_nor_repeats_it(world, before_commit):
    write(world, LINE + HALF)
    look(world)
    write(world, b"")
    world.crash_after, world.crash_before_commit = 0, before_commit
    with pytest.raises(Crash):
        look(world)
    world.crash_after = None
    world.restart()
    world.settle()

    assert losses(world) == [("seen", "a.jsonl", len(HALF), "truncated")]


def test_what_was_lost_while_nobody_ran_is_found_at_the_start(world):
    write(world, LINE + HALF)
    look(world)
    world.files.delete(A)
    world.restart()
    world.settle()

    assert losses(world) == [("seen", "a.jsonl", len(HALF), "vanished")]
    assert counted(world) == len(HALF)


def test_bytes_behind_the_last_commit_of_a_large_file_are_lost_with_it():
    world = World([SeenLines()], Limits(chunk_bytes=4096), DuckStorage())
    write(world, LINE * 1000)
    world.crash_after = 1
    with pytest.raises(Crash):
        look(world)
    world.crash_after = None
    world.files.delete(A)
    world.restart()
    world.settle()
    entry = world.database.ledger.get("seen", A)

    assert 0 < entry.committed_bytes < 1000 * len(LINE)
    unread = 1000 * len(LINE) - entry.committed_bytes
    assert losses(world) == [("seen", "a.jsonl", unread, "vanished")]


def test_a_file_that_failed_until_it_vanished_is_lost_whole(world):
    write(world, LINE * 5)
    world.files.failing[A] = OSError(5, "Input/output error")
    look(world)
    world.files.failing.clear()
    world.files.delete(A)
    world.settle()

    assert losses(world) == [("seen", "a.jsonl", 5 * len(LINE), "vanished")]


def test_a_document_that_is_rewritten_loses_nothing():
    world = World([Notes()], storage=DuckStorage())
    write(world, b"one\ntwo\n")
    look(world)
    write(world, b"one\ntwo\nthree\n")
    world.sweep()
    write(world, b"4")
    look(world)

    assert losses(world) == []


def test_each_processor_loses_what_it_has_not_read():
    world = World([SeenLines(), WholeSession()], storage=DuckStorage())
    write(world, LINE * 2)
    world.sweep()
    world.engine.drain()
    world.files.delete(A)
    world.settle()

    assert losses(world) == [("whole", "a.jsonl", 2 * len(LINE), "vanished")]
    assert (counted(world, "seen"), counted(world, "whole")) == (0, 2 * len(LINE))


def test_a_rescan_and_a_new_version_lose_nothing(world):
    write(world, LINE + HALF)
    look(world)
    world.rescan()
    look(world)
    newer = SeenLines()
    newer.version = 2
    world.processors = [newer]
    world.restart()
    world.settle()

    assert losses(world) == []


def test_sweeps_do_not_keep_a_session_from_becoming_quiet():
    world = World([WholeSession()], storage=DuckStorage())
    write(world, LINE)
    for _ in range(13):
        world.sweep()
        world.clock.seconds += 10.0
    world.engine.drain()

    assert len(world.rows("whole", A)) == 1


def test_a_session_that_grows_is_not_quiet_even_if_only_sweeps_see_it():
    world = World([WholeSession()], storage=DuckStorage())
    for number in range(13):
        write(world, LINE * (number + 1))
        world.sweep()
        world.clock.seconds += 10.0
    world.engine.drain()

    assert world.rows("whole", A) == []
