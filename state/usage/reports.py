"""Usage reports: what was used, by day, model, session, user, project, tool and more.

The rule: every API message counts once, a report depends only on what the files say, and its
order is fixed, so two databases of the same files give the same bytes. The counting is done in
SQL (`counting.sql`, `reports.sql`); here its rows are only folded into the shape a person or a
script reads. Names are ccusage's (`inputTokens`, `modelBreakdowns`, …).
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from core.errors import ConfigurationError
from state.sql import load
from state.usage import asking, blocks, drift
from state.usage.asking import Asked, Cursor, Row
from state.usage.options import ReportOptions, iso, parameters

Report = dict[str, Any]

_QUERIES = load("usage/reports.sql")
_NANO = 10**9
_TOKENS = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")
SUMS = ("messages", "final", "unpriced", *_TOKENS, "cost")
"""What a usage query gives behind its keys and `model`; then maybe first and last time."""
_CALL_SUMS = ("calls", "errors", "denied", "unanswered", "errorRate", "medianMs", "p95Ms",
              "resultChars", "users", "sessions")  # fmt: skip
_ADDED = ("calls", "errors", "denied", "unanswered", "resultChars")
UNATTRIBUTED = "unattributed"


def report(cursor: Cursor, name: str, options: ReportOptions | None = None) -> Report:
    """The report as JSON-ready values. Raises `ConfigurationError` for what cannot be asked.

    Catch up first (`state.usage.tally`): what is not counted is not in it.
    """
    if name not in REPORTS:
        raise ConfigurationError(
            f"unknown report {name!r}", reason="unknown_report", hint=f"known: {', '.join(REPORTS)}"
        )
    return REPORTS[name](cursor, parameters(options or ReportOptions()))


def _sums(top: str, key: str, name: str) -> Callable[[Cursor, Asked], Report]:
    """A report that is added up from sums, however many messages there are."""

    def make(cursor: Cursor, asked: Asked) -> Report:
        rows = _ask(cursor, asked, "quarters", name, "quarter_sums")
        return _usage_report(cursor, asked, top, (key,), rows)

    return make


def _model(cursor: Cursor, asked: Asked) -> Report:
    made = _sums("models", "model", "model")(cursor, asked)
    made["models"].sort(key=lambda row: (-row["totalTokens"], row["model"]))
    return made


def _session(cursor: Cursor, asked: Asked) -> Report:
    keys = ("source", "projectPath", "sessionId", "user")
    rows = _ask(cursor, asked, "counted", "session", "counted_sums")
    made = _usage_report(cursor, asked, "sessions", keys, rows)
    activity = {row[:3]: row[3:] for row in _ask(cursor, asked, "activity")}
    calls = {row[:3]: row[3:] for row in _ask(cursor, asked, "called", "session_calls")}
    for row in made["sessions"]:
        place = (row["source"], row["user"], row["sessionId"])
        row["activeSeconds"], row["prompts"] = activity.get(place, (0, 0))
        row["toolCalls"], row["toolErrors"] = calls.get(place, (0, 0))
    made["sessions"].sort(key=lambda row: (row["lastActivity"] or "", *map(row.get, keys)))
    return made


def _project(cursor: Cursor, asked: Asked) -> Report:
    placed = _QUERIES["counted_sums"].replace("FROM counted", "FROM placed")
    rows = _ask(cursor, asked, "counted", "projects", "project", last=placed)
    return _usage_report(cursor, asked, "projects", ("project",), rows)


def _tool(cursor: Cursor, asked: Asked) -> Report:
    rows = _calls(cursor, asked, "tool_calls", ("tool", "kind"))
    rows.sort(key=lambda row: (-row["calls"], row["tool"], row["kind"]))
    return {"tools": rows, "totals": _added(rows)}


def _split(top: str, key: str, *parts: str) -> Callable[[Cursor, Asked], Report]:
    """Calls of a thing beside the usage that is attributed to it; the rest is a row of its own.

    So the usage of all rows is the usage of everything, however much could be attributed.
    """
    table = "placed" if parts else "counted"
    sums = _QUERIES["counted_sums"].replace("FROM counted", f"FROM {table}")

    def make(cursor: Cursor, asked: Asked) -> Report:
        rows = _ask(cursor, asked, "counted", *parts, key, last=sums)
        made = _usage_report(cursor, asked, top, (key,), rows)
        if f"{key}_calls" in _QUERIES:
            made[top] = _with_calls(made[top], key, _calls(cursor, asked, f"{key}_calls", (key,)))
        made[top].sort(key=lambda row: (row[key] == UNATTRIBUTED, -row["totalTokens"], row[key]))
        return made

    return make


def _quota(cursor: Cursor, asked: Asked) -> Report:
    names = ("user", "agent", "quota", "slot", "usedPercent", "windowMinutes", "resetsAt", "plan",
             "at")  # fmt: skip
    rows = [dict(zip(names, row, strict=True)) for row in _ask(cursor, asked, "quota")]
    moments = ("resetsAt", "at")
    quotas = [row | {name: iso(row[name]) for name in moments} for row in rows]
    return {"quotas": quotas, "totals": {}}


def _blocks(cursor: Cursor, asked: Asked) -> Report:
    rows = _ask(cursor, asked, "counted", "blocks")
    now_ms = math.inf if asked["now_ms"] is None else asked["now_ms"]
    found = [one for _, one in blocks.blocks(rows, now_ms)]
    summed = ("entries", "totalTokens", "costUSD")
    return {"blocks": found, "totals": {name: sum(one[name] for one in found) for name in summed}}


def _command(cursor: Cursor, asked: Asked) -> Report:
    names = ("command", "calls", "users", "sessions")
    rows = [dict(zip(names, row, strict=True)) for row in _ask(cursor, asked, "command")]
    return {"commands": rows, "totals": {"calls": sum(row["calls"] for row in rows)}}


REPORTS: Mapping[str, Callable[[Cursor, Asked], Report]] = {
    "daily": _sums("daily", "date", "daily"),
    "weekly": _sums("weekly", "week", "weekly"),
    "monthly": _sums("monthly", "month", "monthly"),
    "session": _session,
    "blocks": _blocks,
    "model": _model,
    "project": _project,
    "user": _sums("users", "user", "user"),
    "agent": _sums("agents", "agent", "agent"),
    "tool": _tool,
    "skill": _split("skills", "skill"),
    "plugin": _split("plugins", "plugin"),
    "subagent": _split("subagents", "subagent", "subagents"),
    "mcp": _split("mcps", "mcp"),
    "pr": _split("prs", "pr", "pull_requests"),
    "command": _command,
    "version": drift.versions,
    "quota": _quota,
}


def text_of(*names: str) -> str:
    """Parts of `reports.sql`, one behind the other."""
    return "\n".join(_QUERIES[name] for name in names)


def _ask(cursor: Cursor, asked: Asked, *names: str, last: str = "") -> Sequence[Row]:
    return asking.rows(cursor, f"{text_of(*names)}\n{last}", asked)


def _usage_report(
    cursor: Cursor, asked: Asked, top: str, keys: Sequence[str], rows: Iterable[Row]
) -> Report:
    """Fold rows of (keys, model, sums), one per key and model, into an entry per key."""
    parts_by_key: dict[Row, list[Row]] = {}
    for row in rows:
        parts_by_key.setdefault(row[: len(keys)], []).append(row[len(keys) :])
    entries = [
        dict(zip(keys, key, strict=True)) | _entry(parts) for key, parts in parts_by_key.items()
    ]
    every = [part for parts in parts_by_key.values() for part in parts]
    totals = _usage(every)
    if totals["unpricedMessages"]:
        totals["unpricedModels"] = [model for (model,) in _ask(cursor, asked, "unpriced")]
    return {top: entries, "totals": totals}


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
    """The sums of some rows of (model, sums, …)."""
    sums = dict(zip(SUMS, (sum(part[i] for part in parts) for i in range(1, 9)), strict=True))
    messages = sums["messages"]
    return {
        **{name: sums[name] for name in _TOKENS},
        "totalTokens": sum(sums[name] for name in _TOKENS),
        "totalCost": sums["cost"] / _NANO,
        "messages": messages,
        "finalShare": round(sums["final"] / messages, 4) if messages else None,
        "unpricedMessages": sums["unpriced"],
    }


def _breakdown(part: Row) -> dict[str, Any]:
    sums = dict(zip(SUMS, part[1:9], strict=True))
    counts = {name: sums[name] for name in _TOKENS}
    return {"modelName": part[0]} | counts | {"cost": sums["cost"] / _NANO}


def _activity(parts: Sequence[Row]) -> dict[str, Any]:
    """First and last time, in reports that ask for them."""
    if len(parts[0]) == len(("model", *SUMS)):
        return {}
    times = [at_us for part in parts for at_us in part[9:11] if at_us is not None]
    return {
        "firstActivity": iso(min(times, default=None)),
        "lastActivity": iso(max(times, default=None)),
    }


def _calls(cursor: Cursor, asked: Asked, name: str, keys: Sequence[str]) -> list[dict[str, Any]]:
    sums = f"{_QUERIES[name]}\n{_QUERIES['call_sums']}\nFROM called\nGROUP BY ALL"
    text = f"SELECT * FROM ({sums}) WHERE name IS NOT NULL ORDER BY ALL"
    found = _ask(cursor, asked, "called", last=text)
    return [dict(zip((*keys, *_CALL_SUMS), row, strict=True)) for row in found]


def _with_calls(
    entries: Sequence[Report], key: str, calls: Sequence[Report]
) -> list[dict[str, Any]]:
    """Entries with their calls; what was called and is charged with nothing has a row as well."""
    by_name = {row[key]: row for row in calls}
    nothing = dict.fromkeys(("calls", "errors", "denied", "unanswered"), 0)
    made = []
    for entry in entries:
        called = by_name.pop(entry[key], nothing)
        made.append(_leading(entry, key, called) | {k: v for k, v in entry.items() if k != key})
    free = _usage([]) | {"firstActivity": None, "lastActivity": None}
    free |= {"modelsUsed": [], "modelBreakdowns": []}
    return made + [_leading(row, key, row) | free for row in by_name.values()]


def _leading(entry: Report, key: str, called: Report) -> dict[str, Any]:
    names = ("calls", "errors", "denied", "unanswered")
    return {key: entry[key]} | {name: called[name] for name in names}


def _added(rows: Sequence[Report]) -> dict[str, int]:
    return {name: sum(row[name] for row in rows) for name in _ADDED}
