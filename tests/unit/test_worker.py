"""A worker with a writer that answers when told to: what it holds, submits, notes and asks for."""

from concurrent.futures import Future
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from core.errors import PermanentError, TransientError
from core.keys import SessionKey
from core.ledger import LedgerEntry
from core.rows import Abandon, Chunk, Command, Commit, Receipt
from service.limits import Limits
from service.worker import Worker
from tests.tools.processors import SeenLines, WholeSession
from tests.tools.simulation import World, key
from watcher.disk import SourceMissing

KEY = key("one")
LINE = b'{"type":"user","isSidechain":false}\n'
OTHER = b'{"type":"system","isSidechain":true}\n'


class Undeclared(NamedTuple):
    """A row of no table."""

    text: str


class Breaks(SeenLines):
    """A version that fails on all lines but the first, and with them on the file."""

    version = 2

    def rows(self, line: Any) -> Any:
        yield from super().rows(line) if not line.offset else [Undeclared("x")]


class Desk:
    """One worker, and everything that it hands out."""

    def __init__(self, processor: Any = None, limits: Limits | None = None) -> None:
        processor = processor or SeenLines()
        self.world = World([processor], limits)
        self.commands: list[Command] = []
        self.futures: list[Future[Receipt]] = []
        self.touches: list[tuple[SessionKey, float]] = []
        self.done_count = 0
        given = replace(self.world.engine.world, submit=self.submit)
        self.worker = Worker(
            given, processor, lambda key, after_s: self.touches.append((key, after_s))
        )

    def submit(self, command: Command) -> "Future[Receipt]":
        self.commands.append(command)
        self.futures.append(Future())
        return self.futures[-1]

    def write(self, data: bytes) -> None:
        self.world.files.write(KEY, data)
        self.world.clock.seconds += 1000.0

    def run(self) -> None:
        self.worker.run(KEY, self.done)

    def done(self) -> None:
        self.done_count += 1

    def answer(self) -> None:
        """Apply what waits, as the writer would."""
        for number, future in enumerate(self.futures):
            if not future.done():
                (found,) = self.world.database.apply([self.commands[number]])
                assert isinstance(found, Receipt)
                future.set_result(found)

    def take(self, data: bytes) -> LedgerEntry:
        """Bring the file to this content and the ledger up to it."""
        self.write(data)
        self.run()
        self.answer()
        self.commands.clear()
        self.futures.clear()
        self.done_count = 0
        return self.entry()

    def entry(self) -> LedgerEntry:
        found: LedgerEntry | None = self.world.database.ledger.get("seen", KEY)
        assert found is not None
        return found


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def small() -> Desk:
    """Steps of one line."""
    return Desk(limits=Limits(chunk_bytes=len(LINE)))


def kinds(desk: Desk) -> list[type]:
    return [type(command) for command in desk.commands]


def test_a_key_stays_in_hand_until_the_writer_has_answered(desk: Desk) -> None:
    desk.write(LINE)
    desk.run()
    held = desk.done_count

    desk.answer()

    assert (held, desk.done_count) == (0, 1)
    assert desk.entry().committed_bytes == len(LINE)


def test_of_several_steps_the_last_answer_counts(small: Desk) -> None:
    small.write(LINE * 3)
    small.run()
    for future in small.futures[:-1]:
        future.set_result(Receipt())
    held = small.done_count

    small.futures[-1].set_result(Receipt())

    assert len(small.futures) == 3
    assert (held, small.done_count) == (0, 1)


def test_nothing_to_do_gives_the_key_back_at_once(desk: Desk) -> None:
    desk.take(LINE)

    desk.run()

    assert (desk.commands, desk.done_count) == ([], 1)


def test_a_first_load_and_an_append_are_seen_step_by_step(small: Desk) -> None:
    small.take(LINE * 2)
    small.write(LINE * 4)
    small.run()

    steps = [command for command in small.commands if isinstance(command, Commit)]
    assert kinds(small) == [Commit, Commit]
    assert [step.after.committed_bytes for step in steps] == [3 * len(LINE), 4 * len(LINE)]
    assert steps[1].before == steps[0].after


def test_a_rebuild_is_written_beside_and_its_last_step_makes_it_live(small: Desk) -> None:
    before = small.take(LINE * 3)
    small.world.files.replace(KEY, OTHER * 3)
    small.run()

    *chunks, last = small.commands
    assert kinds(small) == [Chunk, Chunk, Commit]
    assert isinstance(last, Commit)
    assert last.before == before
    assert {chunk.generation for chunk in chunks if isinstance(chunk, Chunk)} == {
        last.after.generation
    }
    assert last.after.generation > before.generation


def test_a_rebuild_that_breaks_off_is_given_up(small: Desk) -> None:
    before = small.take(LINE * 4)
    desk = Desk(Breaks(), Limits(chunk_bytes=len(LINE)))
    desk.world.database.ledger.put(before)
    desk.write(LINE * 4)
    desk.run()

    given_up, noted = desk.commands
    assert isinstance(given_up, Abandon)
    assert isinstance(noted, Commit)
    assert (noted.after.status, noted.after.reason) == ("parked", "undeclared_table")
    assert noted.after.generation == before.generation


# Answers.


def test_a_fenced_commit_asks_for_another_look(desk: Desk) -> None:
    desk.write(LINE)
    desk.run()

    desk.futures[0].set_result(Receipt(fenced=True))

    assert desk.touches == [(KEY, 0.0)]
    assert desk.done_count == 1


@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_step_that_could_not_be_written_is_noted_at_the_next_run(small: Desk, step: int) -> None:
    small.write(LINE * 3)
    small.run()
    for number, future in enumerate(small.futures):
        if number == step:
            future.set_exception(PermanentError("no", reason="rows_refused"))
        else:
            future.set_result(Receipt(fenced=number > step))
    assert small.touches == [(KEY, 0.0)]

    small.run()

    noted = small.commands[-1]
    assert isinstance(noted, Commit)
    assert (noted.after.status, noted.after.reason) == ("parked", "rows_refused")


def test_a_writer_that_stops_is_no_failure_of_the_file(desk: Desk) -> None:
    desk.write(LINE)
    desk.run()

    desk.futures[0].set_exception(TransientError("stopped", reason="stopping"))

    assert (desk.touches, desk.done_count) == ([], 1)
    desk.run()
    first, second = desk.commands
    assert isinstance(first, Commit)
    assert isinstance(second, Commit)
    assert (second.before, second.rows) == (first.before, first.rows)


# Failures and files that are not there.


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (OSError(5, "EIO"), "retrying", "unreadable"),
        (PermissionError(13, "EACCES"), "retrying", "unreadable"),
        (ValueError("odd"), "retrying", "processor_error"),
        (TransientError("later", reason="busy"), "retrying", "busy"),
        (PermanentError("never", reason="fifo"), "parked", "fifo"),
    ],
)
def test_a_file_that_cannot_be_read_keeps_its_rows_and_its_failure_is_noted(
    desk: Desk, error: Exception, status: str, reason: str
) -> None:
    before = desk.take(LINE)
    desk.write(LINE * 2)
    desk.world.files.failing[KEY] = error
    desk.run()
    desk.answer()

    entry = desk.entry()
    assert (entry.status, entry.reason, entry.attempts) == (status, reason, 1)
    assert (entry.generation, entry.committed_bytes) == (before.generation, len(LINE))
    assert bool(desk.touches) == (status == "retrying")
    assert all(2.5 <= after_s <= 5.0 for _, after_s in desk.touches)


def test_a_vanished_file_is_marked_and_its_rows_stay(desk: Desk) -> None:
    before = desk.take(LINE)
    desk.world.files.delete(KEY)
    desk.run()
    desk.answer()

    assert desk.entry() == replace(before, source_gone=True, settled=False)
    assert len(desk.world.rows("seen", KEY)) == 1


def test_it_is_marked_once_and_what_was_never_seen_is_not(desk: Desk) -> None:
    desk.run()
    never_seen = list(desk.commands)
    desk.take(LINE)
    desk.world.files.delete(KEY)
    desk.run()
    desk.answer()

    desk.run()

    assert never_seen == []
    assert len(desk.commands) == 1
    assert desk.done_count == 2


def test_a_file_that_came_back_is_no_longer_marked(desk: Desk) -> None:
    desk.take(LINE)
    inode = desk.world.files.inodes[KEY]
    desk.world.files.delete(KEY)
    desk.run()
    desk.answer()

    desk.world.files.inodes[KEY] = inode
    desk.run()
    desk.answer()

    assert not desk.entry().source_gone


def test_a_missing_root_says_nothing_of_its_files(desk: Desk) -> None:
    before = desk.take(LINE)
    desk.world.files.failing[KEY] = SourceMissing("gone")
    desk.run()

    assert (desk.commands, desk.done_count) == ([], 1)
    assert desk.entry() == before


# Second looks.


@pytest.mark.parametrize(
    ("tail", "age_s", "settled", "after_s"),
    [
        (b"", 1.0, False, None),
        (b"", 2.0, True, None),
        (b'{"ty', 2.0, False, 28.01),
        (b'{"ty', 30.0, True, None),
        (b'{"type":"b"}', 10.0, False, 20.01),
        (b'{"type":"b"}', 30.0, True, None),
    ],
)
def test_a_file_is_settled_once_its_stat_can_be_trusted_and_its_tail_is_quiet(
    desk: Desk, tail: bytes, age_s: float, settled: bool, after_s: float | None
) -> None:
    desk.world.files.write(KEY, LINE + tail)
    desk.world.clock.seconds += age_s
    desk.run()
    desk.answer()

    assert desk.entry().settled is settled
    assert [round(after, 3) for _, after in desk.touches] == ([after_s] if after_s else [])


@pytest.mark.parametrize("processor", [SeenLines(), WholeSession()])
@pytest.mark.parametrize(("agent", "dialect"), [("", "unknown"), ("claude", "claude")])
def test_the_agent_of_a_source_is_the_dialect_whatever_the_content_says(
    processor: Any, agent: str, dialect: str
) -> None:
    desk = Desk(processor)
    desk.worker._world.agent = lambda key: agent
    desk.write(b'{"strange":"%s"}\n' % (b"x" * 1000) * 80)
    desk.run()

    (commit,) = desk.commands
    assert isinstance(commit, Commit)
    assert commit.after.dialect == dialect


def test_a_loss_whose_commit_is_fenced_or_fails_is_counted_with_the_one_that_is_written(
    desk: Desk,
) -> None:
    registry = desk.world.instruments.registry

    def counted() -> float | None:
        labels = {"processor": "seen"}
        return registry.get_sample_value("sessionwatch_lost_bytes_total", labels)

    desk.take(LINE + b"half")
    desk.world.files.delete(KEY)
    desk.run()
    desk.futures.pop().set_result(Receipt(fenced=True))
    desk.run()
    desk.futures.pop().set_exception(TransientError("no", reason="disk_full"))
    before = counted()
    desk.commands.clear()
    desk.worker._failed.clear()
    desk.run()
    desk.answer()

    assert (before, counted()) == (0, len(b"half"))
