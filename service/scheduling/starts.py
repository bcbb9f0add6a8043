"""When the scheduler starts a job that is due. Pure, in microseconds.

The rule: jobs do not start together, and none is ever moved past its next time. Each has a place:
after a start of the service (and a sleep of the machine) it waits its share of the spread, and an
interval counts from there on, so jobs of one cadence stay apart; a time of day is moved by its
share each time.
"""

from collections.abc import Sequence

from service.scheduling.schedule import MINUTE_US, Every, Schedule, next_due

SHARE = 10
"""Of an interval, a tenth is the most that a start is moved."""
SPREAD_MAX_US = MINUTE_US
CLOCK_SLACK_US = MINUTE_US
"""A clock that is corrected by less than this repeats no run."""


def spread_us(schedule: Schedule) -> int:
    """The most that a start is moved. Two times of a `daily` or `cron` may be a minute apart."""
    period_us = schedule.period_us if isinstance(schedule, Every) else MINUTE_US
    return min(SPREAD_MAX_US, period_us // SHARE)


def delays_us(schedules: Sequence[Schedule]) -> list[int]:
    """The delay of each job, by its place: the same for the same jobs, and no two of one cadence
    alike."""
    return [
        spread_us(schedule) * place // len(schedules) for place, schedule in enumerate(schedules)
    ]


def start_us(
    schedule: Schedule, last_run_us: int | None, now_us: int, *, opens_us: int, delay_us: int
) -> int:
    """The instant from which to start the job; nothing starts before `opens_us`."""
    due_us = next_due(schedule, last_run_us, now_us)
    if last_run_us is not None and not isinstance(schedule, Every):
        due_us += delay_us
    return max(due_us, opens_us + delay_us)


def believed(last_run_us: int, now_us: int) -> int:
    """A last run in the future was written by a clock that was wrong: waiting until then could be
    for ever."""
    return now_us if last_run_us > now_us + CLOCK_SLACK_US else max(0, last_run_us)
