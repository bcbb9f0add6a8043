"""The writer: groups, limits, answers, and an end for everybody whatever happens to it."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from core.errors import PermanentError, TransientError
from core.keys import SessionKey
from core.ledger import LedgerEntry
from core.rows import Abandon, ArrowRows, Chunk, Collect, Command, Commit, Receipt
from state import writer as module
from state.store import Store
from state.writer import Writer
from tests.tools.processors import SeenLines
from tests.tools.waiting import wait_for

SEEN: Any = [SeenLines()]
dies = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


class Fatal(BaseException):
    """The database is gone."""


class Gated:
    """A database that keeps what it is given and answers when the gate is open."""

    def __init__(self) -> None:
        self.groups: list[list[Command]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.fault: BaseException | None = None

    def apply(self, commands: Sequence[Command]) -> list[Receipt | Exception]:
        self.groups.append(list(commands))
        assert self.gate.wait(20)
        if self.fault:
            raise self.fault
        return [Receipt(rows_written=rows_in(command)) for command in commands]

    @property
    def sizes(self) -> list[int]:
        return [len(group) for group in self.groups]


class HandClock:
    """Moves only when told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def rows_in(command: Command) -> int:
    return sum(map(len, command.rows.values())) if isinstance(command, Commit | Chunk) else 0


def live(number: int = 0, rows: int = 1) -> Commit:
    """A commit of an append, which somebody waits for."""
    entry = LedgerEntry("seen", SessionKey("s", f"{number}.jsonl"), generation=number + 1)
    return Commit(None, entry, {"seen": [(at, 0, "user") for at in range(rows)]})


def chunk(number: int = 0) -> Chunk:
    """Rows of a generation under construction, which nobody waits for."""
    return Chunk(number + 1, {"seen": [(0, 0, "user")]})


def backfilled(number: int = 0) -> Commit:
    """A commit whose rows were made by the backfill."""
    entry = LedgerEntry("seen", SessionKey("s", f"{number}.jsonl"), generation=number + 1)
    return Commit(None, entry, {"seen": ArrowRows(b"", 3)})


@pytest.fixture
def database() -> Gated:
    return Gated()


@pytest.fixture
def started(database: Gated) -> Iterator[Callable[..., Writer]]:
    """Starts writers and stops them, whatever the test left in their way."""
    made: list[Writer] = []

    def start(**options: Any) -> Writer:
        options = {"clock": time.monotonic, **options}
        made.append(Writer(options.pop("database", database), **options))
        made[-1].start()
        return made[-1]

    yield start
    database.gate.set()
    for writer in made:
        writer.stop(10)


@pytest.fixture
def busy(database: Gated, started: Callable[..., Writer]) -> Callable[..., Writer]:
    """A writer that stands in a transaction until the gate is opened."""

    def start(**options: Any) -> Writer:
        writer = started(**options)
        database.gate.clear()
        writer.submit(live(99))
        wait_for(lambda: database.groups)
        return writer

    return start


def answered(future: "Future[Receipt]") -> bool:
    return isinstance(future.result(10), Receipt)


def error_of(future: "Future[Receipt]") -> BaseException:
    error = future.exception(10)
    assert error is not None
    return error


def in_thread(run: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


# Groups.


def test_a_command_is_answered_with_its_own_receipt(started: Callable[..., Writer]) -> None:
    writer = started()

    futures = [writer.submit(live(number, rows=number)) for number in range(5)]

    assert [future.result(10).rows_written for future in futures] == [0, 1, 2, 3, 4]


def test_what_waits_while_a_transaction_runs_becomes_one_group(
    database: Gated, busy: Callable[..., Writer]
) -> None:
    writer = busy()
    commands = [live(number) for number in range(10)]
    futures = [writer.submit(command) for command in commands]

    database.gate.set()

    assert answered(futures[-1])
    assert database.groups[1:] == [commands]


def test_a_group_has_so_many_commits_at_most(database: Gated, busy: Callable[..., Writer]) -> None:
    writer = busy(group_commits_max=4)
    futures = [writer.submit(live(number)) for number in range(10)]

    database.gate.set()

    assert answered(futures[-1])
    assert database.sizes == [1, 4, 4, 2]


def test_a_group_has_about_so_many_rows_at_most(
    database: Gated, busy: Callable[..., Writer]
) -> None:
    writer = busy(group_rows_max=25)
    futures = [writer.submit(live(number, rows=10)) for number in range(7)]

    database.gate.set()

    assert answered(futures[-1])
    assert database.sizes == [1, 3, 3, 1]


def test_every_group_is_reported_with_its_commands_and_rows(
    database: Gated, busy: Callable[..., Writer]
) -> None:
    reports: list[tuple[int, int, float]] = []
    clock = HandClock()
    writer = busy(clock=clock, on_group=lambda *report: reports.append(report))
    futures = [writer.submit(live(number, rows=2)) for number in range(3)]

    clock.now_s = 5.0
    database.gate.set()

    assert answered(futures[-1])
    assert reports == [(1, 1, 5.0), (3, 6, 0.0)]


def test_a_command_that_cannot_be_written_fails_alone(started: Callable[..., Writer]) -> None:
    store = Store.open(":memory:", SEEN)
    bad = Commit(None, live(1).after, {"seen": [(2**70, 0, "user")]})
    writer = started(database=store, patient=True)

    before, failing, after = (writer.submit(c) for c in (live(0), bad, live(2)))
    writer.stop(10)

    assert isinstance(error_of(failing), PermanentError)
    assert before.result(10) == after.result(10) == Receipt(rows_written=1)
    paths = store.cursor().execute("SELECT path FROM seen ORDER BY path").fetchall()
    assert paths == [("0.jsonl",), ("2.jsonl",)]
    store.close()


# Lingering: nobody waits for the backfill, so its groups may wait for more.


@pytest.fixture
def for_an_hour(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(module, "LINGER_S", 3600.0)
    return 3600.0


@pytest.mark.usefixtures("for_an_hour")
def test_a_live_commit_is_written_at_once(started: Callable[..., Writer]) -> None:
    assert answered(started(clock=HandClock()).submit(live()))


@pytest.mark.usefixtures("for_an_hour")
@pytest.mark.parametrize("command", [Abandon(1), Collect()])
def test_so_is_whatever_has_no_rows(started: Callable[..., Writer], command: Command) -> None:
    assert answered(started(clock=HandClock()).submit(command))


@pytest.mark.usefixtures("for_an_hour")
def test_rows_of_the_backfill_wait_for_more_until_a_live_commit_comes(
    database: Gated, started: Callable[..., Writer]
) -> None:
    writer = started(clock=HandClock())
    waiting = [writer.submit(chunk(0)), writer.submit(backfilled(1)), writer.submit(chunk(2))]
    wait_for(lambda: writer.depth == 0)

    assert database.groups == []
    assert answered(writer.submit(live(3)))
    assert database.sizes == [4]
    assert all(future.done() for future in waiting)


def test_rows_of_the_backfill_wait_no_longer_than_that(
    database: Gated, started: Callable[..., Writer], for_an_hour: float
) -> None:
    clock = HandClock()
    writer = started(clock=clock)
    first = writer.submit(chunk(0))
    wait_for(lambda: writer.depth == 0)

    clock.now_s = for_an_hour
    second = writer.submit(chunk(1))

    assert answered(second)
    assert first.done()
    assert database.sizes == [2]


@pytest.mark.usefixtures("for_an_hour")
def test_in_a_one_shot_run_nobody_waits_for_any_commit(
    database: Gated, started: Callable[..., Writer]
) -> None:
    writer = started(clock=HandClock(), patient=True)
    futures = [writer.submit(live(number)) for number in range(3)]
    wait_for(lambda: writer.depth == 0)

    assert database.groups == []
    assert writer.stop(10)
    assert database.sizes == [3]
    assert all(future.done() for future in futures)


# Back-pressure.


def test_who_submits_waits_while_the_inbox_is_full(
    database: Gated, busy: Callable[..., Writer]
) -> None:
    writer = busy(inbox_max=2)
    futures = [writer.submit(live(0)), writer.submit(live(1))]
    late = in_thread(lambda: futures.append(writer.submit(live(2))))
    late.join(0.05)

    assert (writer.depth, late.is_alive(), len(futures)) == (2, True, 2)
    database.gate.set()
    late.join(10)
    assert answered(futures[-1])


# The end.


def test_what_was_submitted_before_the_stop_is_still_written(
    database: Gated, busy: Callable[..., Writer]
) -> None:
    writer = busy()
    commands = [live(number) for number in range(600)]
    futures: list[Future[Receipt]] = []
    submitter = in_thread(lambda: futures.extend(map(writer.submit, commands)))
    wait_for(lambda: writer.depth == 128)
    database.gate.set()
    submitter.join(10)

    assert writer.stop(10)
    assert not writer.alive
    assert [command for group in database.groups[1:] for command in group] == commands
    assert all(map(answered, futures))


def test_what_comes_after_the_stop_is_refused(started: Callable[..., Writer]) -> None:
    writer = started()
    writer.stop(10)

    error = error_of(writer.submit(live()))

    assert isinstance(error, TransientError)
    assert error.reason == "stopping"
    assert writer.stop(10)


def test_a_stop_waits_no_longer_than_it_was_told_to(busy: Callable[..., Writer]) -> None:
    writer = busy()

    assert not writer.stop(0.05)
    assert writer.alive


def test_neither_does_it_behind_a_full_inbox_and_somebody_who_waits(
    database: Gated, busy: Callable[..., Writer]
) -> None:
    writer = busy(inbox_max=1)
    futures = [writer.submit(live(0))]
    late = in_thread(lambda: futures.append(writer.submit(live(1))))
    late.join(0.05)
    stopped: list[bool] = []
    stopper = in_thread(lambda: stopped.append(writer.stop(0.05)))
    stopper.join(10)

    assert stopped == [False]
    database.gate.set()
    assert writer.stop(10)
    late.join(10)
    assert all(future.done() for future in futures)


@dies
def test_if_it_dies_everybody_is_told(database: Gated, busy: Callable[..., Writer]) -> None:
    writer = busy()
    futures = [writer.submit(live(number)) for number in range(5)]
    database.fault = Fatal()
    database.gate.set()

    errors = [error_of(future) for future in futures]

    assert {getattr(error, "reason", "") for error in errors} == {"stopping"}
    wait_for(lambda: not writer.alive)
    assert isinstance(error_of(writer.submit(live(9))), TransientError)
    assert writer.stop(10)


@dies
def test_so_is_who_was_waiting_for_room_in_the_inbox(
    database: Gated, busy: Callable[..., Writer]
) -> None:
    writer = busy(inbox_max=1)
    futures = [writer.submit(live(0))]
    late = [in_thread(lambda: futures.append(writer.submit(live(1)))) for _ in range(3)]
    late[0].join(0.05)
    database.fault = Fatal()
    database.gate.set()
    for thread in late:
        thread.join(10)

    assert len(futures) == 4
    assert all(isinstance(error_of(future), TransientError) for future in futures)


def test_it_says_what_it_is(started: Callable[..., Writer]) -> None:
    assert repr(started()) == "<Writer alive=True inbox=0>"
