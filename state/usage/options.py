"""What may be asked of a usage report, and how days become instants.

The rule: days are cut in the zone that was asked for, and a fault says what to write instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.errors import ConfigurationError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """Which rows count, and how days are cut.

    `since` and `until` are days of `timezone`, both included, as `date`, YYYY-MM-DD or YYYYMMDD.
    """

    timezone: str = "UTC"
    since: date | str | None = None
    until: date | str | None = None
    user: str | None = None
    agent: str | None = None


def report_options(given: Mapping[str, str | None]) -> ReportOptions:
    """Options from the texts of a query string or a command line; empty is not given."""
    return ReportOptions(
        timezone=given.get("timezone") or "UTC",
        since=given.get("since") or None,
        until=given.get("until") or None,
        user=_storable(given.get("user")),
        agent=_storable(given.get("agent")),
    )


def parameters(options: ReportOptions) -> dict[str, Any]:
    """What the queries are given. Raises `ConfigurationError` for what cannot be asked."""
    zone = _zone(options.timezone)
    until = _day(options.until)
    return {
        "timezone": zone.key,
        "since_us": _midnight_us(_day(options.since), zone),
        "until_us": _midnight_us(until + timedelta(days=1) if until else None, zone),
        "user": options.user,
        "agent": options.agent,
    }


def iso(at_us: int | None) -> str | None:
    """ISO 8601 in UTC with milliseconds, as the agents write it."""
    if at_us is None:
        return None
    moment = _EPOCH + at_us * _MICRO
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _storable(text: str | None) -> str | None:
    """The database takes UTF-8 only; what is none of it matches nothing."""
    return text.encode("utf-8", "replace").decode() if text else None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:  # not found is a KeyError
        raise ConfigurationError(
            f"unknown time zone {name!r}", reason="unknown_timezone", hint="such as Europe/Berlin"
        ) from error


def _day(day: date | str | None) -> date | None:
    if day is None or isinstance(day, date):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError as error:
        raise ConfigurationError(
            f"{day!r} is not a day", reason="bad_date", hint="write YYYY-MM-DD"
        ) from error


def _midnight_us(day: date | None, zone: ZoneInfo) -> int | None:
    return None if day is None else (datetime.combine(day, time(), zone) - _EPOCH) // _MICRO
