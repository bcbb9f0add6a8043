"""What may be asked of a usage report.

The rule: days are cut in the zone that was asked for, and a fault says what to write instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from state.usage import days


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
    now: datetime | None = None
    """Decides which block is active; without it none is."""


def report_options(given: Mapping[str, str | None], now: datetime) -> ReportOptions:
    """Options from the texts of a query string or a command line; empty is not given."""
    return ReportOptions(
        timezone=given.get("timezone") or "UTC",
        since=given.get("since") or None,
        until=given.get("until") or None,
        user=storable(given.get("user")),
        agent=storable(given.get("agent")),
        now=now,
    )


def parameters(options: ReportOptions) -> dict[str, Any]:
    """What the queries are given. Raises `ConfigurationError` for what cannot be asked."""
    zone = days.zone(options.timezone)
    last = days.day_named(options.until)
    until = last + timedelta(days=1) if last and last < date.max else None
    return {
        "timezone": zone.key,
        "since_us": days.midnight_us(days.day_named(options.since), zone),
        "until_us": days.midnight_us(until, zone),
        "user": options.user,
        "agent": options.agent,
        "now_ms": int(options.now.timestamp() * 1000) if options.now else None,
    }


def iso(at_us: int | None) -> str | None:
    """ISO 8601 in UTC with milliseconds, as the agents write it."""
    return None if at_us is None else days.iso_ms(at_us // 1000)


def storable(text: str | None) -> str | None:
    """The database takes UTF-8 only; what is none of it matches nothing."""
    return text.encode("utf-8", "replace").decode() if text else None
