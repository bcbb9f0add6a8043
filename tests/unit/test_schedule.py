"""When a job is due: pure, by instants that are written out."""

from datetime import UTC, datetime

import pytest

from service.scheduling.schedule import due, next_due, parse, text_of_s


def at(text):
    """Microseconds since 1970 of `2026-05-01 10:00[:00]`, UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


def written(us):
    return datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")


def is_due(schedule, last, now):
    return due(parse(schedule), last and at(last), at(now))


def following(schedule, last):
    return written(next_due(parse(schedule), at(last), at(last)))


@pytest.mark.parametrize("schedule", ["every 10m", "every 0m", "daily 03:00", "cron 0 6 13 * 5"])
def test_what_never_ran_is_due(schedule):
    assert is_due(schedule, None, "2026-05-01 10:00")


def test_an_interval_counts_from_the_last_run():
    assert not is_due("every 10m", "2026-05-01 10:00", "2026-05-01 10:09:59")
    assert is_due("every 10m", "2026-05-01 10:00", "2026-05-01 10:10")
    assert is_due("every 2h", "2026-05-01 23:00", "2026-05-02 01:00")


def test_every_0m_is_always_due():
    assert is_due("every 0m", "2026-05-01 10:00", "2026-05-01 10:00")
    assert is_due("every 0h", "2026-05-01 10:00", "2026-05-01 10:00")


def test_a_time_of_day_is_due_from_its_minute_on_until_it_ran():
    assert not is_due("daily 03:00,15:30", "2026-05-01 03:00", "2026-05-01 15:29:59")
    assert is_due("daily 03:00,15:30", "2026-05-01 03:00", "2026-05-01 15:30")
    assert not is_due("daily 03:00,15:30", "2026-05-01 15:30", "2026-05-02 02:59")


def test_the_times_of_a_day_need_no_order():
    assert following("daily 15:30,03:00", "2026-05-01 02:00") == "2026-05-01 03:00:00"


def test_yesterdays_missed_time_is_made_up_for():
    """The predecessor lost it at midnight."""
    assert is_due("daily 23:50", "2026-04-30 23:50", "2026-05-02 00:10")
    assert not is_due("daily 23:50", "2026-05-02 00:10", "2026-05-02 00:11")


def test_midnight_is_a_time_of_the_day_it_begins():
    assert following("daily 00:00", "2026-05-01 00:00") == "2026-05-02 00:00:00"


def test_cron_has_sunday_as_0_and_works_in_utc():
    assert following("cron 0 6 * * 0", "2026-05-01 00:00") == "2026-05-03 06:00:00"
    assert following("cron 0 6 * * 1-5", "2026-05-01 06:00") == "2026-05-04 06:00:00"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("*/15 * * * *", "2026-05-01 10:15:00"),
        ("5,40 9-10 * * *", "2026-05-01 10:05:00"),
        ("0 8-20/6 * * *", "2026-05-01 14:00:00"),
        ("0 0 1 1,7 *", "2026-07-01 00:00:00"),
        ("30 4 * JUL MON", "2026-07-06 04:30:00"),
        ("0  0  29  2  *", "2028-02-29 00:00:00"),
    ],
)
def test_cron_takes_stars_lists_ranges_steps_and_names(fields, expected):
    assert following(f"cron {fields}", "2026-05-01 10:00") == expected


def test_both_days_of_cron_must_fit_as_in_the_predecessor():
    """cronsim by itself would say the 13th of any month or any Friday, which is 1 May."""
    assert following("cron 0 6 13 * 5", "2026-05-01 00:00") == "2026-11-13 06:00:00"


def test_a_29_february_that_is_a_monday_is_found_28_years_ahead():
    assert following("cron 0 0 29 2 1", "2026-05-01 00:00") == "2044-02-29 00:00:00"
    assert following("cron 0 0 29 2 1", "2072-02-29 00:00") == "2112-02-29 00:00:00"


def test_a_rare_time_that_was_missed_years_ago_is_due():
    assert is_due("cron 0 0 29 2 *", "2024-02-28 00:00", "2027-12-31 00:00")


@pytest.mark.parametrize(
    "text",
    [
        "", "every", "every 10", "every 10s", "every -1m", "every 1.5h", "every  10m", "Every 10m",
        "every 10m ", "every 10m\n", "every ١m", "daily", "daily 3:00", "daily 24:00",
        "daily 03:60", "daily 03:00, 15:00", "daily 03:00,", "daily 03:00:00", "weekly 03:00",
        "cron", "cron * * * *", "cron * * * * * *", "cron 60 * * * *", "cron 0 24 * * *",
        "cron 0 0 0 * *", "cron 0 0 * 13 *", "cron 0 0 * * 7", "cron 0 0 * * 1/2",
        "cron */0 * * * *", "cron 5-1 * * * *", "cron 0 0 L * *", "cron 0 0 * * XYZ",
        "cron 0 0 30 2 *", "cron 0 0 30 2 1", "cron 0 0 31 4,6,9,11 *", "10m", "@daily",
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(text):
    with pytest.raises(ValueError):
        parse(text)


@pytest.mark.parametrize(
    ("seconds", "schedule"),
    [
        (1, "every 1m"), (60, "every 1m"), (61, "every 2m"), (90, "every 2m"), (600, "every 10m"),
        (1020, "every 17m"), (3600, "every 1h"), (3601, "every 61m"), (7200, "every 2h"),
        (10**9, "every 16666667m"),
    ],
)  # fmt: skip
def test_seconds_become_hours_or_minutes_rounded_up(seconds, schedule):
    assert text_of_s(seconds) == schedule
    assert parse(schedule)
