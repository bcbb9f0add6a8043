"""Times as people and programs read them."""

from datetime import UTC, date, datetime


def midnight_us(day: date) -> int:
    """When a day begins in UTC, in microseconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def iso_utc(time_us: int | None) -> str | None:
    """ISO 8601 in UTC with microseconds and a `Z`; None for a time that is not set."""
    if not time_us:
        return None
    seconds, micros = divmod(time_us, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micros:06d}Z"
