"""When a job is due. Pure: the caller brings the last run and the clock, in microseconds UTC.

    every Nm, every Nh         N minutes or hours after the last run; `every 0m` is always due
    daily HH:MM[,HH:MM...]     each day at these times
    cron M H DAY MONTH WEEKDAY at the minutes that fit all five fields; Sunday is 0

The rule: a time that has passed since the last run makes a job due, once, however long ago it was
and however many there were; so what was missed while the service was down is made up for.

Day of month and day of week of `cron` must both fit, as in the predecessor: `cron 0 6 13 * 5` is
Friday the 13th. Most crons, and `cronsim` by itself, take either where both are given.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cronsim import CronSim, CronSimError

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
ALLOWED = '"every 10m", "daily 03:00,15:30" or "cron 0 6 * * 1-5" (UTC)'

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVERY = re.compile(r"every ([0-9]{1,8})([mh])")
_DAILY = re.compile(r"daily ((?:[01][0-9]|2[0-3]):[0-5][0-9](?:,(?:[01][0-9]|2[0-3]):[0-5][0-9])*)")


def _field(value: str) -> str:
    """A list of `*`, values and ranges, the first and last with or without a step."""
    term = rf"(?:(?:\*|{value}-{value})(?:/[0-9]{{1,2}})?|{value})"
    return rf"{term}(?:,{term})*"


# Narrower than cronsim: a step behind a single day of the week would begin a Sunday 7 there.
_ANY, _WEEKDAY = _field("(?:[0-9]{1,2}|[A-Za-z]{3})"), _field("(?:[0-6]|[A-Za-z]{3})")
_CRON = re.compile(rf"cron +({_ANY} +{_ANY} +{_ANY} +{_ANY} +{_WEEKDAY})")


class Every(NamedTuple):
    """So long after the last run."""

    period_us: int


class Daily(NamedTuple):
    """At these minutes of the day, in order."""

    minutes: tuple[int, ...]


class Cron(NamedTuple):
    """At the minutes that fit the five fields."""

    fields: str


Schedule = Every | Daily | Cron


def parse(text: str) -> Schedule:
    """`ValueError` if it is no schedule, or one whose time never comes (30 February)."""
    if found := _EVERY.fullmatch(text):
        return Every(int(found[1]) * (MINUTE_US if found[2] == "m" else HOUR_US))
    if found := _DAILY.fullmatch(text):
        times = (time.split(":") for time in found[1].split(","))
        return Daily(tuple(sorted({int(hour) * 60 + int(minute) for hour, minute in times})))
    if found := _CRON.fullmatch(text):
        _next_of_cron(found[1], datetime(2000, 1, 1, tzinfo=UTC))
        return Cron(found[1])
    raise ValueError(f"no schedule; allowed is {ALLOWED}")


def text_of_s(seconds: int) -> str:
    """The schedule of an interval in seconds: whole hours as hours, else minutes, rounded up, so
    that no job ever runs more often than it was meant to."""
    if seconds % 3600 == 0:
        return f"every {seconds // 3600}h"
    return f"every {-(-seconds // 60)}m"


def next_due(schedule: Schedule, last_run_us: int | None, now_us: int) -> int:
    """From when on the job is due: before `now_us` if its time was missed, now if it never ran."""
    if last_run_us is None:
        return now_us
    if isinstance(schedule, Every):
        return last_run_us + schedule.period_us
    if isinstance(schedule, Daily):
        return _next_of_day(schedule.minutes, last_run_us)
    last = _EPOCH + timedelta(microseconds=last_run_us)
    return (_next_of_cron(schedule.fields, last) - _EPOCH) // timedelta(microseconds=1)


def due(schedule: Schedule, last_run_us: int | None, now_us: int) -> bool:
    return next_due(schedule, last_run_us, now_us) <= now_us


def _next_of_day(minutes: tuple[int, ...], last_run_us: int) -> int:
    day, rest_us = divmod(last_run_us, DAY_US)
    later = [minute for minute in minutes if minute * MINUTE_US > rest_us]
    return day * DAY_US + (later[0] * MINUTE_US if later else DAY_US + minutes[0] * MINUTE_US)


def _next_of_cron(fields: str, last: datetime) -> datetime:
    """cronsim looks 50 years ahead; what comes at all comes within 40 (a weekday that is a 29
    February, around 2100)."""
    try:
        times = CronSim(fields, last)
        times.day_and = True
        return next(times)
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"its time never comes: {error}") from error
