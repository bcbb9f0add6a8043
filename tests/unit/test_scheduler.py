"""The scheduler: looks by a hand-held clock, jobs on real threads, and the thread itself."""

import itertools
import logging
import math
import threading

import pytest

from core.errors import TransientError
from metrics.instruments import Instruments
from service.clock import SystemClock
from service.scheduling.jobs import Job, Outcome
from service.scheduling.scheduler import Scheduler
from tests.tools.clockwork import DAY_S, Clockwork, HandClock, Kept, ok
from tests.tools.waiting import wait_for

MINUTE_S, HOUR_S = 60, 3600


def test_an_interval_is_kept_to_the_second_over_a_day():
    clockwork = Clockwork({"usage": "every 10m"})

    clockwork.run(DAY_S)

    starts = clockwork.starts["usage"]
    assert len(starts) == 144
    assert {b - a for a, b in itertools.pairwise(starts)} == {600.0}


def test_a_slot_missed_while_the_service_was_down_runs_once_after_the_start():
    clockwork = Clockwork({"nightly": "daily 03:00"})
    clockwork.run(HOUR_S)
    before = len(clockwork.starts["nightly"])

    clockwork.down(3 * DAY_S)
    clockwork.run(HOUR_S)

    assert len(clockwork.starts["nightly"]) == before + 1


def test_a_restart_runs_nothing_that_is_not_due():
    clockwork = Clockwork({"usage": "every 10m", "nightly": "daily 03:00"})
    clockwork.run(25 * MINUTE_S)
    before = {name: len(starts) for name, starts in clockwork.starts.items()}

    clockwork.down(MINUTE_S)
    clockwork.run(MINUTE_S)

    assert {name: len(starts) for name, starts in clockwork.starts.items()} == before


def test_nothing_starts_within_the_grace():
    clockwork = Clockwork({"usage": "every 10m"}, grace_s=60.0)

    clockwork.run(59.0)
    before = clockwork.starts["usage"][:]
    clockwork.run(2.0)

    assert (before, len(clockwork.starts["usage"])) == ([], 1)


def test_without_grace_the_first_job_starts_at_once():
    clockwork = Clockwork({"usage": "every 10m"})

    clockwork.look()

    assert len(clockwork.starts["usage"]) == 1


def test_jobs_of_one_cadence_never_start_together():
    names = ("a", "b", "c", "d", "e")
    clockwork = Clockwork(dict.fromkeys(names, "every 10m") | dict.fromkeys("xyz", "daily 03:00"))

    clockwork.run(2 * DAY_S)
    clockwork.clock.seconds += DAY_S  # The machine slept: now all of them are due.
    clockwork.run(DAY_S)

    for group in (names, "xyz"):
        starts = sorted(start for name in group for start in clockwork.starts[name])
        assert min(b - a for a, b in itertools.pairwise(starts)) > 0.5


def test_every_0m_runs_at_each_tick_and_not_without_end():
    clockwork = Clockwork({"eager": "every 0m"}, tick_s=30.0)

    clockwork.run(10 * MINUTE_S)

    assert len(clockwork.starts["eager"]) == 20


@pytest.mark.parametrize("error", [TransientError("the disk is full"), RuntimeError("a fault")])
def test_a_job_that_fails_comes_back_with_its_schedule_and_not_with_the_tick(error):
    def fail() -> Outcome:
        raise error

    clockwork = Clockwork({"usage": "every 10m"}, fail)

    clockwork.run(59 * MINUTE_S)

    assert len(clockwork.starts["usage"]) == 6


def test_a_clock_that_was_far_ahead_does_not_stop_a_job_for_ever():
    clockwork = Clockwork({"usage": "every 10m", "nightly": "daily 03:00"})
    clockwork.run(MINUTE_S)
    clockwork.clock.seconds += 400 * DAY_S
    clockwork.run(2 * MINUTE_S)
    before = {name: len(starts) for name, starts in clockwork.starts.items()}

    clockwork.clock.ahead_s = -400 * DAY_S
    clockwork.run(DAY_S)

    assert len(clockwork.starts["usage"]) - before["usage"] in (143, 144)
    assert len(clockwork.starts["nightly"]) - before["nightly"] == 1


def test_a_clock_that_is_set_back_a_little_repeats_no_slot():
    clockwork = Clockwork({"nightly": "daily 00:10"})
    clockwork.run(10 * MINUTE_S + 1)
    before = len(clockwork.starts["nightly"])

    clockwork.clock.ahead_s = -30
    clockwork.run(HOUR_S)

    assert len(clockwork.starts["nightly"]) == before == 2  # The first, and that of 00:10.


def test_names_that_are_no_jobs_any_more_are_dropped():
    clockwork = Clockwork({"usage": "every 10m"})
    clockwork.kept.last_runs["store-prune"] = 1

    clockwork.restart()

    assert [job.name for job in clockwork.scheduler.jobs()] == ["usage"]


def test_the_last_run_is_the_tick_it_was_started_at():
    clockwork = Clockwork({"usage": "every 10m"})
    started_us = clockwork.clock.now_us()

    clockwork.look()

    assert clockwork.kept.last_runs == {"usage": started_us}


# What the API shows and what is measured.


def test_jobs_say_when_they_ran_how_and_when_they_run_next():
    clockwork = Clockwork({"usage": "every 10m"}, lambda: Outcome("failed", "status 500: oops"))
    now_us = clockwork.clock.now_us()

    (before,) = clockwork.scheduler.jobs()
    clockwork.look()
    (after,) = clockwork.scheduler.jobs()

    assert (before.last_run, before.next_due, before.last_outcome) == (None, now_us, None)
    assert (after.name, after.schedule, after.target) == ("usage", "every 10m", "local")
    assert (after.last_run, after.next_due) == (now_us, now_us + 600_000_000)
    assert after.last_outcome == ("failed", "status 500: oops")


def test_jobs_can_be_shown_before_the_start():
    jobs = [Job("usage", "every 10m", "local", ok)]
    scheduler = Scheduler(jobs, Kept(), SystemClock(), Instruments(), tick_s=30, startup_grace_s=60)

    assert not scheduler.jobs()[0].in_flight


def value(instruments, name, **labels):
    return instruments.registry.get_sample_value(f"sessionwatch_{name}", labels)


def test_runs_are_counted_by_outcome_and_success_has_a_time():
    clockwork = Clockwork({"usage": "every 10m"})
    instruments = clockwork.instruments
    assert value(instruments, "job_runs_total", job="usage", outcome="failed") == 0
    assert math.isnan(value(instruments, "job_last_success_timestamp_seconds", job="usage"))

    clockwork.look()

    now_s = clockwork.clock.seconds
    assert value(instruments, "job_runs_total", job="usage", outcome="ok") == 1
    assert value(instruments, "job_seconds_count", job="usage") == 1
    assert value(instruments, "job_last_success_timestamp_seconds", job="usage") == now_s
    assert value(instruments, "job_in_flight", job="usage") == 0


def test_a_failure_is_told_with_its_text_and_a_fault_of_ours_with_its_class_only(caplog):
    def break_down() -> Outcome:
        raise KeyError("what a session said")

    jobs = {"a": lambda: Outcome("failed", "status 500"), "b": break_down}
    for call in jobs.values():
        Clockwork({"job": "every 10m"}, call).look()

    told = [(record.message, record.levelno) for record in caplog.records]
    assert told == [("job_failed", logging.WARNING), ("job_broke", logging.ERROR)]
    assert caplog.records[0].why == "status 500"


def test_a_last_run_that_cannot_be_kept_costs_no_run(caplog):
    clockwork = Clockwork({"usage": "every 10m"})

    def refuse(name, started_us):
        raise TransientError("the disk is full")

    clockwork.kept.save = refuse
    clockwork.run(HOUR_S - 1)

    assert len(clockwork.starts["usage"]) == 6
    assert {record.message for record in caplog.records} == {"last_run_not_kept"}


# Jobs that take long.


class Held:
    """A job that runs until it is let go."""

    def __init__(self):
        self.runs = 0
        self.go_on = threading.Event()

    def __call__(self):
        self.runs += 1
        assert self.go_on.wait(30)
        return Outcome("ok")


def test_a_slow_job_is_not_started_again_and_holds_up_no_other():
    held, clock, quick = Held(), HandClock(1_000_000.0), []

    def note():
        quick.append(clock.seconds)
        return Outcome("ok")

    scheduler = Scheduler(
        [Job("slow", "every 1m", "local", held), Job("quick", "every 1m", "local", note)],
        Kept(), clock, Instruments(), tick_s=30, startup_grace_s=0,
    )  # fmt: skip
    scheduler.take_up()
    for _ in range(30):
        scheduler.look()
        wait_for(lambda: not scheduler.jobs()[1].in_flight)
        clock.seconds += 20
    slow = scheduler.jobs()[0]
    held.go_on.set()
    wait_for(lambda: not scheduler.jobs()[0].in_flight)

    assert (held.runs, slow.in_flight, len(quick)) == (1, True, 10)
    scheduler.look()
    wait_for(lambda: held.runs == 2)


@pytest.fixture
def started():
    made = []

    def start(*jobs, kept=None, clock=None):
        made.append(
            Scheduler(
                jobs, kept or Kept(), clock or SystemClock(), Instruments(),
                tick_s=30, startup_grace_s=0,
            )
        )  # fmt: skip
        made[-1].start()
        return made[-1]

    yield start
    for scheduler in made:
        scheduler.stop(10)


def test_a_job_that_is_overdue_when_it_ends_starts_again_without_a_tick(started):
    held, clock = Held(), HandClock(1_000_000.0)
    started(Job("slow", "every 1m", "local", held), clock=clock)
    wait_for(lambda: held.runs)

    clock.seconds += 61  # The thread waits for 30 real seconds from here on.
    held.go_on.set()

    wait_for(lambda: held.runs == 2, 10)


def test_a_stop_waits_for_what_runs_but_not_for_ever(started):
    held, kept = Held(), Kept()
    scheduler = started(Job("slow", "every 1m", "local", held), kept=kept)
    wait_for(lambda: held.runs)

    too_long = scheduler.stop(0.05)
    assert not scheduler.alive
    held.go_on.set()

    assert not too_long
    assert scheduler.stop(10)
    assert list(kept.last_runs) == ["slow"]


def test_a_scheduler_without_jobs_lives_and_stops(started):
    scheduler = started()

    assert scheduler.alive
    assert scheduler.stop(10)
