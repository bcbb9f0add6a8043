"""What a row of a usage report is made of: messages, the copies they were chosen from, their price.

The rule: the row is found by the very SQL that makes the report, so what is explained is what was
reported; and every message names the file and the byte it can be read at.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import ConfigurationError
from state.sql import load
from state.usage import asking, tally
from state.usage.asking import Cursor
from state.usage.options import ReportOptions, iso, parameters
from state.usage.reports import text_of

MESSAGES_MAX = 1000
"""The dearest messages of a row; its totals are of all."""
TOTAL = "total"
"""The key of the line below a report."""

_QUERIES = load("usage/explain.sql")
_NANO = 10**9
_TOKENS = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "cacheCreationTokens": "cache_write_tokens",
    "cacheReadTokens": "cache_read_tokens",
}
_KEY_COLUMNS = {
    "daily": "date", "weekly": "week", "monthly": "month", "session": "session", "user": "user",
    "agent": "agent", "project": "project", "model": "name", "skill": "name", "plugin": "name",
    "subagent": "name", "mcp": "name", "pr": "name",
}  # fmt: skip
_BEFORE = {"project": "projects", "subagent": "subagents", "pr": "pull_requests"}
_AGAIN = {
    "user": '"user"', "agent": "agent", "project": "project", "subagent": "name", "pr": "name",
    "session": 'source, session, "user"',
}  # fmt: skip
"""Columns that are keys of a row and columns of a message."""
_RATES = {
    "input": "input_pico",
    "output": "output_pico",
    "cacheWrite5m": "cache_write_5m_pico",
    "cacheWrite1h": "cache_write_1h_pico",
    "cacheRead": "cache_read_pico",
}
_PICO_PER_MILLION = 10**6

Row = Mapping[str, Any]


def explain(
    cursor: Cursor, report: str, key: str, options: ReportOptions | None = None
) -> dict[str, Any]:
    """The messages of one row of a report, as JSON-ready values; `key` is what the row is named by.

    Raises `ConfigurationError` for reports whose rows are calls, and for a row that is not there.
    """
    if report not in _KEY_COLUMNS:
        raise ConfigurationError(
            f"rows of {report!r} are not made of messages", reason="unknown_report",
            hint=f"explained are {', '.join(_KEY_COLUMNS)}",
        )  # fmt: skip
    column = _KEY_COLUMNS[report]
    asked = parameters(options or ReportOptions()) | {"key": None if key == TOTAL else key}
    row = _row_query(report)
    texts = {name: text.format(row=row, column=column) for name, text in _QUERIES.items()}
    count, *sums = asking.rows(cursor, texts["row_sums"], asked)[0]
    if not count and key != TOTAL:
        raise ConfigurationError(
            f"no message counts in a row {key!r} of {report}", reason="not_found",
            hint=f"name a row as `sessionwatch usage {report}` prints it, or {TOTAL}",
        )  # fmt: skip
    found = asking.records(cursor, texts["explained"], asked | {"limit": MESSAGES_MAX})
    copies = _copies(cursor, [one["id"] for one in found])
    return {
        "report": report,
        "key": key,
        "messages": [_message(one, copies[one["id"]]) for one in found],
        "more": count - len(found),
        "totals": {
            "messages": count,
            **dict(zip(_TOKENS, sums[:4], strict=True)),
            "totalTokens": sum(sums[:4]),
            "totalCost": sums[4] / _NANO,
        },
    }


def _row_query(report: str) -> str:
    """Every counted message with the keys of its row, from the report's own SQL."""
    before = _BEFORE.get(report)
    table = "placed" if before else "counted"
    names = ("counted", before, report) if before else ("counted", report)
    again = _AGAIN.get(report)
    hidden = f" EXCLUDE ({again})" if again else ""
    return f"{text_of(*names)} {table}.*{hidden} FROM {table}"


def _copies(cursor: Cursor, ids: Sequence[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {one: [] for one in ids}
    query = f"WITH copies AS ({tally.copies()}) {_QUERIES['copies_of']}"
    for copy in asking.records(cursor, query, {"ids": list(ids)}):
        found[copy["id"]].append(copy)
    return found


def _message(one: Row, copies: Sequence[Row]) -> dict[str, Any]:
    place = (one["winner_source"], one["winner_path"], one["winner_offset"], one["winner_seq"])
    return {
        "id": one["id"],
        "requestId": one["request"],
        "at": iso(one["at_us"]),
        "user": one["user"],
        "session": one["session"],
        "agent": one["agent"],
        "model": one["model"],
        "final": one["final"],
        **{name: one[column] for name, column in _TOKENS.items()},
        "cost": one["cost_nano"] / _NANO,
        "costOrigin": one["cost_origin"],
        "price": _price(one),
        "counted": dict(zip(("source", "path", "offset"), place, strict=False)),
        "first": {"source": one["source"], "path": one["path"], "offset": one["offset"]},
        "otherCopies": [_loser(copy, one, copies) for copy in copies if _place(copy) != place],
    }


def _price(one: Row) -> dict[str, Any] | None:
    """Dollars for a million tokens, and where the price is from."""
    if one["cost_origin"] != "price":
        return None
    rates = {name: one[column] / _PICO_PER_MILLION for name, column in _RATES.items()}
    return {"origin": one["origin"], "variant": one["variant"], **rates}


def _loser(copy: Row, one: Row, copies: Sequence[Row]) -> dict[str, Any]:
    place = {name: copy[name] for name in ("source", "path", "offset")}
    return place | {"outputTokens": copy["output_tokens"], "why": _why(copy, one, copies)}


def _why(copy: Row, one: Row, copies: Sequence[Row]) -> str:
    best = max(other["rank"] for other in copies)
    if copy["rank"] < best:
        return "the conversation itself has it"
    if best == 2 and copy["request_id"] != one["request"]:
        return "another request, counted on its own"
    if sum(map(copy.__getitem__, _TOKENS.values())) < sum(map(one.__getitem__, _TOKENS.values())):
        return "fewer tokens"
    return "later, or behind it by source and path"


def _place(copy: Row) -> tuple[Any, ...]:
    return (copy["source"], copy["path"], copy["offset"], copy["seq"])
