"""ccusage's reports, as ccusage 20.0.24 would print them of the same files.

The rule: token for token and cent for cent, its quirks included, with its names, shapes and order,
so that the two can be compared and the one put in place of the other. What we hold to be right is
in `reports.py`.

ccusage counts in two ways: its daily report also takes what callers logged of their subagents
(agent_progress lines), all others do not. Here any report can be had in either counting.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from core.errors import ConfigurationError
from state.usage import blocks, ccusage_codex, ccusage_messages, days
from state.usage.asking import Cursor, Row
from state.usage.options import storable

Report = dict[str, Any]
Entry = dict[str, Any]

DAILY, SESSION = "ccusage-daily", "ccusage-session"
COUNTINGS = (DAILY, SESSION)
"""Of Claude Code transcripts; Codex sessions have one of their own."""
TOKENS = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")


@dataclass(frozen=True, slots=True)
class Options:
    """Whose days, which of them (both ends included), and of one project (here: user) alone.

    `instances`: the daily report by project, as `ccusage claude daily --instances`.
    """

    timezone: str = "UTC"
    since: date | str | None = None
    until: date | str | None = None
    user: str | None = None
    instances: bool = False
    person: str | None = None
    """Only files of this user as we know it, which a setting of the source may say."""


def options_of(given: Mapping[str, str | None]) -> Options:
    """Options from the texts of a query string or a command line; empty is not given."""
    instances = given.get("instances") or "false"
    _check(instances, ("true", "false"), "bad_parameter", "value of instances")
    return Options(
        timezone=given.get("timezone") or "UTC",
        since=given.get("since") or None,
        until=given.get("until") or None,
        user=storable(given.get("user")),
        instances=instances == "true",
        person=storable(given.get("person")),
    )


def require_counting(given: Mapping[str, str | None]) -> None:
    """For reports of our own, which have no instances. Raises `ConfigurationError`."""
    if given.get("instances"):
        raise ConfigurationError(
            "instances belong to a report of ccusage", reason="bad_parameter",
            hint=f"say which counting: --as {DAILY}",
        )  # fmt: skip


def report(cursor: Cursor, counting: str, name: str, options: Options, now: datetime) -> Report:
    """The report as JSON-ready values. `now` decides which block is active.

    Raises `ConfigurationError` for what cannot be asked.
    """
    _check(counting, (*COUNTINGS, ccusage_codex.COUNTING), "unknown_counting", "counting")
    if counting == ccusage_codex.COUNTING:
        return _codex(cursor, name, options)
    _check(name, REPORTS, "unknown_report", "report")
    if options.instances and name != "daily":
        raise ConfigurationError(
            f"{name} has no instances", reason="bad_parameter", hint="ask for daily"
        )
    who = {"user": options.user, "person": options.person}
    asked = _Asked(cursor, {"daily": counting == DAILY, **who}, options, now)
    return REPORTS[name](asked)


def _codex(cursor: Cursor, name: str, options: Options) -> Report:
    _check(name, ("daily",), "unknown_report", f"report of {ccusage_codex.COUNTING}")
    where = days.zone(options.timezone)
    since, until = days.iso_day(options.since), days.iso_day(options.until)
    return ccusage_codex.daily(cursor, where.key, since, until)


class _Asked:
    """One question: options that are checked, and rows on demand."""

    def __init__(
        self, cursor: Cursor, parameters: Mapping[str, Any], options: Options, now: datetime
    ) -> None:
        self.zone = days.zone(options.timezone)
        self.since, self.until = days.iso_day(options.since), days.iso_day(options.until)
        self.instances = options.instances
        self.now = now
        self._cursor, self._parameters = cursor, parameters

    def groups(self, by: str) -> Sequence[Row]:
        asked = {
            "by": by, "timezone": self.zone.key, "since": self.since, "until": self.until,
        }  # fmt: skip
        return ccusage_messages.grouped(self._cursor, self._parameters, asked)

    def timed(self) -> Sequence[Row]:
        return ccusage_messages.timed(self._cursor, self._parameters)

    def within(self, day: str) -> bool:
        return (not self.since or day >= self.since) and (not self.until or day <= self.until)


def _daily(asked: _Asked) -> Report:
    if not asked.instances:
        return _listed("daily", _days(asked, "day"))
    entries = _days(asked, "instance")
    if not entries:
        return _listed("daily", [])
    projects: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: str(entry["project"])):
        projects.setdefault(entry["project"], []).append(entry)
    return {"projects": projects, "totals": _totals(entries)}


def _weekly(asked: _Asked) -> Report:
    return _listed("weekly", _buckets(asked, "week", days.week_of))


def _monthly(asked: _Asked) -> Report:
    return _listed("monthly", _buckets(asked, "month", lambda day: day[:7]))


def _session(asked: _Asked) -> Report:
    entries = [_session_entry(rows) for rows in _split(asked.groups("session"))]
    entries = [entry for entry in entries if entry["totalTokens"]]
    entries.sort(key=lambda entry: -entry["totalCost"])
    return _listed("sessions", entries)


def _model(asked: _Asked) -> Report:
    """Not one of ccusage's: its figures by model, dearest first."""
    entries = [_entry({"model": rows[0][0]}, rows) for rows in _split(asked.groups("model"))]
    entries.sort(key=lambda entry: -entry["totalCost"])
    return _listed("models", entries)


def _user(asked: _Asked) -> Report:
    """Not one of ccusage's: its figures by user, which are its projects in a drop folder."""
    entries = [_entry({"user": rows[0][0]}, rows) for rows in _split(asked.groups("user"))]
    return _listed("users", sorted(entries, key=lambda entry: str(entry["user"])))


def _blocks(asked: _Asked) -> Report:
    now_ms = int(asked.now.timestamp() * 1000)
    found = blocks.blocks(asked.timed(), now_ms)
    return {
        "blocks": [
            one for start_ms, one in found if asked.within(days.day_of(start_ms, asked.zone))
        ]
    }


REPORTS: Mapping[str, Callable[[_Asked], Report]] = {
    "blocks": _blocks,
    "daily": _daily,
    "model": _model,
    "monthly": _monthly,
    "session": _session,
    "user": _user,
    "weekly": _weekly,
}


def _check(given: str, known: Iterable[str], reason: str, what: str) -> None:
    if given not in known:
        raise ConfigurationError(
            f"unknown {what} {given!r}", reason=reason, hint=f"known: {', '.join(known)}"
        )


def _split(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows by their key and part, in the order in which those first occur."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row[0], row[1]), []).append(row)
    return list(found.values())


def _days(asked: _Asked, by: str) -> list[Entry]:
    entries = []
    for rows in _split(asked.groups(by)):
        day, project = rows[0][:2]
        part = {"project": project} if by == "instance" else {}
        entries.append(_entry({"date": day, **part}, rows))
    return sorted(entries, key=lambda entry: (entry["date"], entry.get("project", "")))


def _session_entry(rows: Sequence[Row]) -> Entry:
    path, session = rows[0][:2]
    whole = next(row for row in rows if row[2])
    times = {"firstActivity": days.iso_ms(whole[10]), "lastActivity": days.iso_ms(whole[11])}
    return _entry({"projectPath": path, "sessionId": session, **times}, rows)


def _entry(keys: Mapping[str, Any], rows: Sequence[Row]) -> Entry:
    """One line of a report from its rows by model and the one that sums them up."""
    whole = next(row for row in rows if row[2])
    models = [_breakdown(row) for row in rows if not row[2] and row[3] is not None]
    return _finished(keys, dict(zip(TOKENS, whole[4:8], strict=True)), whole[8], models)


def _breakdown(row: Row) -> Entry:
    found = dict(zip(TOKENS, row[4:8], strict=True)) | {"modelName": row[3], "cost": row[8]}
    return _sorted(found | ({"missingPricing": True} if row[9] else {}))


def _finished(
    keys: Mapping[str, Any], counts: Mapping[str, int], cost: float, models: Sequence[Entry]
) -> Entry:
    return _sorted(
        {
            **keys,
            **counts,
            "totalTokens": sum(counts.values()),
            "totalCost": cost,
            "modelsUsed": [one["modelName"] for one in models],
            "modelBreakdowns": sorted(models, key=lambda one: -one["cost"]),
        }
    )


def _buckets(asked: _Asked, name: str, bucket: Callable[[str], str]) -> list[Entry]:
    """Weeks or months from days, whose figures are added as ccusage adds them."""
    days_of: dict[str, list[Entry]] = {}
    for entry in _days(asked, "day"):
        days_of.setdefault(bucket(entry["date"]), []).append(entry)
    return [_bucket(name, key, entries) for key, entries in sorted(days_of.items())]


def _bucket(name: str, key: str, entries: Sequence[Entry]) -> Entry:
    counts = {token: sum(entry[token] for entry in entries) for token in TOKENS}
    used = list(dict.fromkeys(model for entry in entries for model in entry["modelsUsed"]))
    models: dict[str, Entry] = {}
    for one in (one for entry in entries for one in entry["modelBreakdowns"]):
        known = models.get(one["modelName"])
        models[one["modelName"]] = dict(one) if known is None else _added(known, one)
    found = _finished({name: key}, counts, _sum(entries), list(models.values()))
    return {**found, "modelsUsed": used}


def _added(one: Entry, other: Entry) -> Entry:
    sums = {name: one[name] + other[name] for name in (*TOKENS, "cost")}
    return _sorted({**one, **other, **sums})


def _listed(top: str, entries: Sequence[Entry]) -> Report:
    return _sorted({top: list(entries), "totals": _totals(entries)})


def _totals(entries: Sequence[Entry]) -> Entry:
    counts = {token: sum(entry[token] for entry in entries) for token in TOKENS}
    unpriced = {one["modelName"] for entry in entries for one in entry["modelBreakdowns"]
                if one.get("missingPricing")}  # fmt: skip
    return _sorted(
        counts
        | {"totalTokens": sum(counts.values()), "totalCost": _sum(entries)}
        | ({"unpricedModels": sorted(unpriced)} if unpriced else {})
    )


def _sum(entries: Iterable[Entry]) -> float:
    """One after the other: floats add up differently otherwise, also as `sum` does it."""
    total = -0.0
    for entry in entries:
        total += entry["totalCost"]
    return total


def _sorted(entry: Mapping[str, Any]) -> Entry:
    """Keys in ccusage's order, which is the alphabet's."""
    return dict(sorted(entry.items()))
