"""The timer: jobs by a hand-held clock, one after another; only the thread is real."""

import threading
from collections.abc import Callable, Iterator

import pytest

from service.timer import Job, Timer
from tests.tools.simulation import SimClock
from tests.tools.waiting import wait_for

HOUR_S = 3600.0


class Counted:
    """A job that counts its runs and wants to run again after `every_s`."""

    def __init__(self, every_s: float = HOUR_S, then: Callable[[], object] = bool) -> None:
        self.runs = 0
        self.every_s = every_s
        self.then = then

    def __call__(self) -> float:
        self.runs += 1
        self.then()
        return self.every_s


@pytest.fixture
def clock() -> SimClock:
    return SimClock(100.0)


@pytest.fixture
def started(clock: SimClock) -> Iterator[Callable[..., Timer]]:
    made: list[Timer] = []

    def start(**jobs: Job) -> Timer:
        made.append(Timer(jobs, clock))
        made[-1].start()
        return made[-1]

    yield start
    for timer in made:
        timer.stop(10)


def look(timer: Timer, probe: Counted) -> None:
    """Make the timer look at its jobs: the clock is ours, so it cannot know that time passed."""
    runs = probe.runs
    timer.hurry("probe")
    wait_for(lambda: probe.runs > runs)


def test_every_job_runs_at_the_start(started: Callable[..., Timer]) -> None:
    sweep, check = Counted(), Counted()

    started(sweep=sweep, check=check)

    wait_for(lambda: (sweep.runs, check.runs) == (1, 1))


def test_a_job_runs_again_after_the_time_it_asked_for(
    started: Callable[..., Timer], clock: SimClock
) -> None:
    sweep, probe = Counted(30.0), Counted()
    timer = started(sweep=sweep, probe=probe)
    wait_for(lambda: probe.runs == 1)

    clock.seconds += 29.9
    look(timer, probe)
    before = sweep.runs
    clock.seconds += 0.1
    look(timer, probe)

    assert (before, sweep.runs) == (1, 2)


def test_a_job_may_ask_for_another_time_after_each_run(
    started: Callable[..., Timer], clock: SimClock
) -> None:
    sweep, probe = Counted(1.0), Counted()
    timer = started(sweep=sweep, probe=probe)
    wait_for(lambda: probe.runs == 1)

    sweep.every_s = 50.0
    for _ in range(3):
        clock.seconds += 10.0
        look(timer, probe)

    assert sweep.runs == 2


def test_a_job_in_a_hurry_runs_now(started: Callable[..., Timer]) -> None:
    sweep = Counted()
    timer = started(sweep=sweep)
    wait_for(lambda: sweep.runs == 1)

    timer.hurry("sweep")

    wait_for(lambda: sweep.runs == 2)


def test_a_job_may_be_hurried_to_a_later_time(
    started: Callable[..., Timer], clock: SimClock
) -> None:
    sweep, probe = Counted(), Counted()
    timer = started(sweep=sweep, probe=probe)
    wait_for(lambda: probe.runs == 1)

    timer.hurry("sweep", 5.0)
    look(timer, probe)
    before = sweep.runs
    clock.seconds += 5.0
    look(timer, probe)

    assert (before, sweep.runs) == (1, 2)


def test_hurrying_never_makes_a_job_later(started: Callable[..., Timer], clock: SimClock) -> None:
    sweep, probe = Counted(5.0), Counted()
    timer = started(sweep=sweep, probe=probe)
    wait_for(lambda: probe.runs == 1)

    timer.hurry("sweep", HOUR_S)
    clock.seconds += 5.0
    look(timer, probe)

    assert sweep.runs == 2


def test_a_hurry_that_comes_while_the_job_runs_makes_it_run_once_more(
    started: Callable[..., Timer],
) -> None:
    running, go_on = threading.Event(), threading.Event()

    def pause() -> None:
        running.set()
        assert go_on.wait(10)

    sweep = Counted(then=pause)
    timer = started(sweep=sweep)
    assert running.wait(10)
    timer.hurry("sweep")
    timer.hurry("sweep")
    go_on.set()

    wait_for(lambda: sweep.runs == 2)
    assert timer.stop(10)
    assert sweep.runs == 2


def test_a_stop_ends_it_although_no_job_is_due_for_an_hour(started: Callable[..., Timer]) -> None:
    sweep = Counted()
    timer = started(sweep=sweep)
    wait_for(lambda: sweep.runs == 1)

    assert timer.alive
    assert timer.stop(10)
    assert not timer.alive


def test_a_stop_waits_for_the_job_that_runs_but_starts_no_other(
    started: Callable[..., Timer],
) -> None:
    running, go_on = threading.Event(), threading.Event()

    def pause() -> None:
        running.set()
        assert go_on.wait(10)

    first, second = Counted(then=pause), Counted()
    timer = started(first=first, second=second)
    assert running.wait(10)

    assert not timer.stop(0.05)
    go_on.set()
    assert timer.stop(10)
    assert second.runs == 0


def test_a_stop_is_not_missed_in_the_moment_before_the_wait(started: Callable[..., Timer]) -> None:
    """The stop comes just before the timer forgets what it was woken for."""
    sweep = Counted()
    timer = started(sweep=sweep)
    wait_for(lambda: sweep.runs == 1)
    ended: list[bool] = []
    stopper = threading.Thread(target=lambda: ended.append(timer.stop(2)))

    class Racing(threading.Event):
        def clear(self) -> None:
            if not stopper.ident:
                stopper.start()
                wait_for(lambda: timer._stopping and self.is_set())
            super().clear()

    old, timer._wake = timer._wake, Racing()
    timer._wake.set()
    old.set()  # The thread may be waiting for the event that was there before.
    wait_for(lambda: stopper.ident)
    stopper.join(10)

    assert ended == [True]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_that_raises_ends_the_thread_for_the_supervisor_to_see(
    started: Callable[..., Timer],
) -> None:
    def fail() -> float:
        raise RuntimeError("a fault of ours")

    timer = started(fail=fail)

    wait_for(lambda: not timer.alive)
    assert timer.stop(10)
