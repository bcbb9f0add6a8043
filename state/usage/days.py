"""Time zones and days as people write them, and the days of instants.

The rule: what is no zone or no day is refused with a hint, never guessed at.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.errors import ConfigurationError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises `ConfigurationError`, `unknown_timezone`."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:  # not found is a KeyError
        raise ConfigurationError(
            f"unknown time zone {name!r}", reason="unknown_timezone", hint="such as Europe/Berlin"
        ) from error


def day_named(day: date | str | None) -> date | None:
    """A date, YYYY-MM-DD or YYYYMMDD as a date. Raises `ConfigurationError`, `bad_date`."""
    if day is None or isinstance(day, date):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError as error:
        raise ConfigurationError(
            f"{day!r} is not a day", reason="bad_date", hint="write YYYY-MM-DD"
        ) from error


def iso_day(day: date | str | None) -> str | None:
    """The same as YYYY-MM-DD."""
    named = day_named(day)
    return named.isoformat() if named else None


def midnight_us(day: date | None, where: ZoneInfo) -> int | None:
    """When a day begins in a zone, in microseconds since 1970 UTC."""
    return None if day is None else (datetime.combine(day, time(), where) - _EPOCH) // _MICRO


def day_of(at_ms: int, where: ZoneInfo) -> str:
    """The day of an instant in a zone."""
    return moment(at_ms).astimezone(where).date().isoformat()


def week_of(day: str) -> str:
    """The Sunday on or before a day."""
    on = date.fromisoformat(day)
    return (on - timedelta(days=(on.weekday() + 1) % 7)).isoformat()


def iso_ms(at_ms: int) -> str:
    """ISO 8601 in UTC with milliseconds and a `Z`."""
    return moment(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)
