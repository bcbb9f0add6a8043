"""Laws of the scheduler over whole lives: failing jobs, restarts, sleeps of the machine, whenever.

What is a slot is said here once more and independently: every minute is asked.
"""

import itertools
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given

from core.errors import TransientError
from service.scheduling.jobs import Outcome
from service.scheduling.schedule import Every, due, next_due, parse
from service.scheduling.starts import delays_us, spread_us
from tests.tools.clockwork import DAY_S, Clockwork

MINUTE_S = 60
TICK_S, GRACE_S, SPREAD_S = 30.0, 60.0, 60.0
LATE_S = GRACE_S + SPREAD_S + TICK_S
"""After so long with the service up, whatever was due has been started."""

SLOTS = {
    "daily 03:00": lambda t: (t.hour, t.minute) == (3, 0),
    "daily 00:00,12:30,23:59": lambda t: (t.hour, t.minute) in {(0, 0), (12, 30), (23, 59)},
    "cron */20 * * * *": lambda t: t.minute % 20 == 0,
    "cron 0,1 4-8/2 * * 1-5": lambda t: (
        t.minute in (0, 1) and t.hour in (4, 6, 8) and t.weekday() < 5
    ),
    "cron 15 6 1-10 * 0": lambda t: (
        (t.hour, t.minute) == (6, 15) and t.day <= 10 and t.weekday() == 6
    ),
}
INTERVALS = {"every 7m": 420.0, "every 1h": 3600.0, "every 1m": 60.0}


def stories(longest_s):
    durations = st.one_of(st.floats(0, 900), st.floats(0, longest_s))
    event = st.tuples(st.sampled_from(["run", "down", "sleep", "fail"]), durations)
    return st.lists(event, min_size=1, max_size=8)


def slots(schedule, since_s, until_s):
    """The instants of all slots in (since_s, until_s]."""
    minute = int(since_s) // MINUTE_S + 1
    found = []
    while minute * MINUTE_S <= until_s:
        if SLOTS[schedule](datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)):
            found.append(minute * MINUTE_S)
        minute += 1
    return found


def lived(schedules, story, start_s):
    """A life, and the stretches of time in which the service was up, without a break."""
    failing = []

    def call():
        if failing:
            raise TransientError("the other side is down")
        return Outcome("ok")

    clockwork = Clockwork(schedules, call, now_s=start_s, tick_s=TICK_S, grace_s=GRACE_S)
    ups = []
    for event, for_s in story:
        began_s = clockwork.clock.seconds
        if event == "down":
            clockwork.down(for_s)
        elif event == "sleep":
            clockwork.clock.seconds += for_s
        else:
            failing[:] = [1] if event == "fail" else []
            clockwork.run(for_s)
            ups.append((began_s, clockwork.clock.seconds))
    return clockwork, ups


starts_s = st.floats(20_000 * DAY_S, 20_030 * DAY_S)


@pytest.mark.slow
@given(schedule=st.sampled_from(sorted(SLOTS)), story=stories(DAY_S), start_s=starts_s)
def test_a_slot_runs_once_and_none_is_missed(schedule, story, start_s):
    clockwork, ups = lived({"first": "daily 12:00", "job": schedule}, story, start_s)
    runs = clockwork.starts["job"]

    for one, other in itertools.pairwise(runs):
        assert slots(schedule, one, other), "ran twice for one slot"
    for began_s, ended_s in ups:
        if ended_s - began_s > LATE_S:
            before = [run for run in runs if run <= ended_s]
            assert before, "never ran"
            assert not slots(schedule, before[-1], ended_s - LATE_S), "missed a slot"


@pytest.mark.slow
@given(schedule=st.sampled_from(sorted(INTERVALS)), story=stories(DAY_S), start_s=starts_s)
def test_an_interval_is_never_cut_short_and_never_stretched_while_up(schedule, story, start_s):
    clockwork, ups = lived({"first": "daily 12:00", "job": schedule}, story, start_s)
    runs, interval_s = clockwork.starts["job"], INTERVALS[schedule]

    for one, other in itertools.pairwise(runs):
        assert other - one > interval_s - 0.001
    for began_s, ended_s in ups:
        within = [began_s, *(run for run in runs if began_s <= run <= ended_s), ended_s]
        gaps = [b - a for a, b in itertools.pairwise(within)]
        assert max(gaps) < interval_s + LATE_S
        assert all(gap < interval_s + 0.001 for gap in gaps[1:]), "stretched"


@given(schedule=st.sampled_from(sorted(SLOTS)), last_s=starts_s, later_s=st.floats(0, 3 * DAY_S))
def test_a_schedule_is_due_exactly_if_a_slot_lies_between(schedule, last_s, later_s):
    last_us, now_us = int(last_s * 1e6), int((last_s + later_s) * 1e6)

    assert due(parse(schedule), last_us, now_us) == bool(slots(schedule, last_s, now_us / 1e6))


@given(
    schedule=st.sampled_from([*SLOTS, *INTERVALS, "every 0m"]),
    last_s=starts_s,
    later_s=st.floats(0, DAY_S),
)
def test_once_due_it_stays_due_until_it_runs(schedule, last_s, later_s):
    parsed, last_us = parse(schedule), int(last_s * 1e6)
    due_us = next_due(parsed, last_us, last_us)

    assert due_us > last_us or parsed == Every(0)
    assert due(parsed, last_us, due_us + int(later_s * 1e6))
    assert not due(parsed, last_us, due_us - 1)


@given(st.lists(st.sampled_from([*SLOTS, *INTERVALS, "every 17m", "every 0m"]), max_size=40))
def test_delays_are_bounded_and_differ_within_a_cadence(schedules):
    parsed = [parse(schedule) for schedule in schedules]
    delays = delays_us(parsed)

    for schedule, delay in zip(parsed, delays, strict=True):
        assert 0 <= delay <= spread_us(schedule) <= 60_000_000
    alike = [pair for pair in zip(parsed, delays, strict=True) if pair[0] != Every(0)]
    assert len(set(alike)) == len(alike)
    assert delays == delays_us(parsed)
