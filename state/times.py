"""Times as people and programs read and write them.

The rule: inside they are whole microseconds UTC; only here do they become text and back.
"""

from datetime import UTC, date, datetime, timedelta

from core.errors import ConfigurationError


def midnight_us(day: date) -> int:
    """When a day begins in UTC, in microseconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def iso_utc(time_us: int | None) -> str | None:
    """ISO 8601 in UTC with microseconds and a `Z`; None for a time that is not set."""
    if not time_us:
        return None
    seconds, micros = divmod(time_us, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micros:06d}Z"


def instant_us(text: str | None, *, ends: bool = False) -> int | None:
    """Microseconds since 1970 of an ISO 8601 time or day, in UTC unless it says otherwise.

    `ends`: the end of a period, so of a day that is included. Raises `ConfigurationError`.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        if ends and len(text) <= len("2026-05-01"):
            found += timedelta(days=1)
        return (found - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(
            f"{text[:40]!r} is no time", reason="bad_parameter",
            hint="such as 2026-05-01 or 2026-05-01T10:00:00Z",
        ) from error  # fmt: skip
