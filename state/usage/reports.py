"""Usage reports: what was used, by day, model, session, user and tool.

The rule: every API message counts once, a report depends only on what the files say, and its
order is fixed, so two databases of the same files give the same bytes. The counting is in
`reports.sql`; here its rows are only folded into the shape a person or a script reads.

Names are ccusage's (`inputTokens`, `modelBreakdowns`, …). Costs are for now what the agent itself
reported (`costUSD`, Claude Code 1.0.x), 0.0 elsewhere: prices are not applied yet.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from core.errors import ConfigurationError
from state.sql import load

Row = tuple[Any, ...]
Report = dict[str, Any]

_QUERIES = load("usage/reports.sql")
_MICRO = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANO = 10**9
_TOKENS = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")


class Result(Protocol):
    """What `execute` gives back."""

    def fetchall(self) -> Sequence[Row]: ...


class Cursor(Protocol):
    """A DuckDB connection or cursor, as far as reports need one."""

    def execute(self, query: str, parameters: object = None) -> Result: ...


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """Which rows count, and how days are cut.

    `since` and `until` are days of `timezone`, both included, as `date`, YYYY-MM-DD or YYYYMMDD.
    `progress` False leaves out what only a caller logged of its subagents (agent_progress lines):
    ccusage's session, weekly, monthly and block reports do that, its daily report does not.
    """

    timezone: str = "UTC"
    since: date | str | None = None
    until: date | str | None = None
    user: str | None = None
    progress: bool = True


def report(cursor: Cursor, name: str, options: ReportOptions | None = None) -> Report:
    """The report as JSON-ready values. Raises `ConfigurationError` for what cannot be asked."""
    if name not in REPORTS:
        raise ConfigurationError(
            f"unknown report {name!r}", reason="unknown_report", hint=f"known: {', '.join(REPORTS)}"
        )
    return REPORTS[name](cursor, options or ReportOptions())


def _daily(cursor: Cursor, options: ReportOptions) -> Report:
    zone = {"timezone": _zone(options.timezone).key}
    rows = _ask(cursor, "counted", "daily", _usage_filters(options) | zone)
    return _usage_report("daily", ("date",), rows)


def _model(cursor: Cursor, options: ReportOptions) -> Report:
    rows = _ask(cursor, "counted", "model", _usage_filters(options))
    return _usage_report("models", ("model",), rows)


def _user(cursor: Cursor, options: ReportOptions) -> Report:
    rows = _ask(cursor, "counted", "user", _usage_filters(options))
    return _usage_report("users", ("user",), rows)


def _session(cursor: Cursor, options: ReportOptions) -> Report:
    rows = _ask(cursor, "counted", "session", _usage_filters(options))
    keys = ("source", "projectPath", "sessionId", "user")
    made = _usage_report("sessions", keys, rows)
    made["sessions"].sort(key=lambda row: (row["lastActivity"] or "", *map(row.get, keys)))
    return made


def _tool(cursor: Cursor, options: ReportOptions) -> Report:
    names = ("tool", "kind", "calls", "errors", "denied", "unanswered", "resultChars", "users",
             "sessions")  # fmt: skip
    found = _ask(cursor, "called", "tool", _filters(options))
    rows = [dict(zip(names, row, strict=True)) for row in found]
    summed = ("calls", "errors", "denied", "unanswered", "resultChars")
    return {"tools": rows, "totals": {name: sum(row[name] for row in rows) for name in summed}}


REPORTS: Mapping[str, Callable[[Cursor, ReportOptions], Report]] = {
    "daily": _daily,
    "model": _model,
    "session": _session,
    "tool": _tool,
    "user": _user,
}


def _ask(cursor: Cursor, base: str, name: str, parameters: Mapping[str, Any]) -> Sequence[Row]:
    return cursor.execute(f"{_QUERIES[base]}\n{_QUERIES[name]}", dict(parameters)).fetchall()


def _filters(options: ReportOptions) -> dict[str, Any]:
    zone = _zone(options.timezone)
    until = _day(options.until)
    return {
        "since_us": _midnight_us(_day(options.since), zone),
        "until_us": _midnight_us(until + timedelta(days=1) if until else None, zone),
        "user": options.user,
    }


def _usage_filters(options: ReportOptions) -> dict[str, Any]:
    return _filters(options) | {"progress": options.progress}


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


def _usage_report(top: str, keys: Sequence[str], rows: Iterable[Row]) -> Report:
    """Fold rows of (keys, model, counts, …), one per key and model, into an entry per key."""
    parts_by_key: dict[Row, list[Row]] = {}
    for row in rows:
        parts_by_key.setdefault(row[: len(keys)], []).append(row[len(keys) :])
    entries = [
        dict(zip(keys, key, strict=True)) | _entry(parts) for key, parts in parts_by_key.items()
    ]
    every = [part for parts in parts_by_key.values() for part in parts]
    return {top: entries, "totals": _usage(every)}


def _entry(parts: Sequence[Row]) -> dict[str, Any]:
    named = [part for part in parts if part[0] is not None]
    breakdowns = [_breakdown(part) for part in named]
    breakdowns.sort(key=lambda b: (-sum(b[name] for name in _TOKENS), b["modelName"]))
    return (
        _usage(parts)
        | _activity(parts)
        | {"modelsUsed": sorted(part[0] for part in named), "modelBreakdowns": breakdowns}
    )


def _usage(parts: Sequence[Row]) -> dict[str, Any]:
    """Sums of (model, messages, four token classes, nano-dollars)."""
    messages, *tokens, cost = (sum(part[i] for part in parts) for i in range(1, 7))
    counts = dict(zip(_TOKENS, tokens, strict=True))
    return counts | {
        "totalTokens": sum(tokens),
        "totalCost": cost / _NANO,
        "messages": messages,
    }


def _breakdown(part: Row) -> dict[str, Any]:
    model, _, *tokens = part[:6]
    counts = dict(zip(_TOKENS, tokens, strict=True))
    return {"modelName": model} | counts | {"cost": part[6] / _NANO}


def _activity(parts: Sequence[Row]) -> dict[str, Any]:
    """First and last time, in reports that ask for them."""
    if len(parts[0]) == len(("model", "messages", *_TOKENS, "cost")):
        return {}
    times = [at_us for part in parts for at_us in part[7:9] if at_us is not None]
    return {
        "firstActivity": _iso(min(times)) if times else None,
        "lastActivity": _iso(max(times)) if times else None,
    }


def _iso(at_us: int) -> str:
    moment = _EPOCH + at_us * _MICRO
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
