"""`ccusage codex daily`, as ccusage 20.0.24 would print it of the same Codex sessions.

The rule: as in `ccusage.py`, its figures, shape and order, right or wrong. What is counted is SQL
(`codex.sql`); here it is priced and listed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from state.sql import load
from state.usage import asking
from state.usage.asking import Cursor, Row
from state.usage.ccusage_prices import price

COUNTING = "ccusage-codex"
LARGE_TOKENS = 272_000
"""Above so many tokens of input OpenAI's models charge more for all of a request."""

_QUERY = load("usage/codex.sql")["ccusage_codex_daily"]
_COUNTS = ("inputTokens", "cacheReadTokens", "outputTokens", "reasoningOutputTokens")


def daily(cursor: Cursor, timezone: str, since: str | None, until: str | None) -> dict[str, Any]:
    """The report. Days are YYYY-MM-DD, both included; a model without a price costs nothing."""
    asked = {"timezone": timezone, "large_tokens": LARGE_TOKENS}
    by_day: dict[str, list[Row]] = {}
    for row in asking.rows(cursor, _QUERY, asked):
        if (since is None or row[0] >= since) and (until is None or row[0] <= until):
            by_day.setdefault(row[0], []).append(row)
    entries = [_entry({"date": day, "models": _models(rows)}, rows) for day, rows in by_day.items()]
    every = [row for rows in by_day.values() for row in rows]
    return {"daily": entries, "totals": _entry({}, every)}


def _models(rows: Sequence[Row]) -> dict[str, Any]:
    names = sorted({row[1] for row in rows})
    parts = {name: [row for row in rows if row[1] == name] for name in names}
    return {name: _sorted(_sums(part) | {"isFallback": False}) for name, part in parts.items()}


def _entry(keys: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    return _sorted({**keys, **_sums(rows), "costUSD": _cost(rows)})


def _sums(rows: Sequence[Row]) -> dict[str, Any]:
    sums = {name: sum(row[i] for row in rows) for i, name in enumerate(_COUNTS, 2)}
    total = sums["inputTokens"] + sums["cacheReadTokens"] + sums["outputTokens"]
    return {**sums, "cacheCreationTokens": 0, "totalTokens": total}


def _cost(rows: Iterable[Row]) -> float:
    cost = 0.0
    for _, model, fresh, cached, output, _, is_large in rows:
        charged = price(model)
        if charged is None:
            continue
        rates: tuple[float, ...] = (charged.input, charged.cache_read, charged.output)
        if is_large and charged.threshold == LARGE_TOKENS:
            above = (charged.input_above, charged.cache_read_above, charged.output_above)
            rates = tuple(dear or rate for dear, rate in zip(above, rates, strict=True))
        cost += fresh * rates[0] + cached * rates[1] + output * rates[2]
    return cost


def _sorted(entry: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(entry.items()))
