"""Holds a report that ccusage printed against ours of the same counting.

The rule: every figure of every row is compared, whichever of the two has it; counts must be equal
and costs within a millionth of a dollar. What depends on the time of asking is left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from core.errors import ConfigurationError
from state.usage import ccusage_codex
from state.usage.ccusage import DAILY, SESSION

Difference = dict[str, Any]
Figures = dict[str, dict[str, Any]]

COST_TOLERANCE = 1e-6
MISSING = "missing"
_TOTALS = "totals"
_OF_THE_CLOCK = ("isActive", "burnRate", "projection")


class Kind(NamedTuple):
    """Which report a file is, and the fields that name one of its rows."""

    counting: str
    name: str
    keys: tuple[str, ...]
    instances: bool = False


_KINDS = {
    "daily": Kind(DAILY, "daily", ("date", "project")),
    "projects": Kind(DAILY, "daily", ("date", "project"), instances=True),
    "weekly": Kind(SESSION, "weekly", ("week",)),
    "monthly": Kind(SESSION, "monthly", ("month",)),
    "sessions": Kind(SESSION, "session", ("projectPath", "sessionId")),
    "blocks": Kind(SESSION, "blocks", ("id",)),
}


_CODEX = Kind(ccusage_codex.COUNTING, "daily", ("date",))


def recognised(expected: Any) -> Kind:
    """Which report of `ccusage claude REPORT --json`, or of `ccusage codex daily --json`, this is.

    Raises `ConfigurationError`.
    """
    top = _top(expected) if isinstance(expected, Mapping) else None
    if top == "daily" and "reasoningOutputTokens" in (expected.get(_TOTALS) or {}):
        return _CODEX
    if top is None or not all(map(_is_row, _rows(expected[top]))):
        raise ConfigurationError(
            "this is no report of ccusage on Claude transcripts", reason="not_a_report",
            hint="print one with `ccusage claude daily --json --offline -z UTC`",
        )  # fmt: skip
    return _KINDS[top]


def difference(expected: Mapping[str, Any], ours: Mapping[str, Any]) -> list[Difference]:
    """What differs, row by row: `key`, `field`, both values, and their difference if numbers.

    Raises `ConfigurationError` if `expected` is no report of ccusage.
    """
    kind = recognised(expected)
    theirs, mine = _figures(expected, kind), _figures(ours, kind)
    return [
        found
        for key in dict.fromkeys((*theirs, *mine))
        for found in _of_row(key, theirs.get(key), mine.get(key))
    ]


def _top(report: Mapping[str, Any]) -> str | None:
    return next((name for name in _KINDS if name in report), None)


def _rows(listed: Any) -> list[Any]:
    if isinstance(listed, Mapping):
        return [row for rows in listed.values() for row in _rows(rows)]
    return list(listed) if isinstance(listed, list) else [None]


def _is_row(row: Any) -> bool:
    """Claude's; those of Codex' daily report name their models otherwise."""
    return isinstance(row, Mapping) and ("modelBreakdowns" in row or "isGap" in row)


def _figures(report: Mapping[str, Any], kind: Kind) -> Figures:
    """The figures of each row by its key, in the report's order, and the totals."""
    top = _top(report)
    rows = _rows(report[top]) if top else []
    found = {" ".join(str(row[k]) for k in kind.keys if k in row): _flat(row) for row in rows}
    totals = report.get(_TOTALS)
    return found | ({_TOTALS: _flat(totals)} if isinstance(totals, Mapping) else {})


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's figures by name; those of a model under its name. Lists are taken as sets."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if name == "models" and isinstance(value, Mapping):
            for model, parts in value.items():
                found |= _named(model, parts)
        elif name == "modelBreakdowns" and isinstance(value, list):
            for one in value:
                parts = {part: figure for part, figure in one.items() if part != "modelName"}
                found |= {
                    f"{one.get('modelName')} {part}": figure for part, figure in parts.items()
                }
        elif name not in _OF_THE_CLOCK:
            found |= _named(name, value)
    return found


def _named(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {f"{name} {part}": figure for part, figure in value.items()}
    return {name: sorted(map(str, value)) if isinstance(value, list) else value}


def _of_row(
    key: str, theirs: Mapping[str, Any] | None, mine: Mapping[str, Any] | None
) -> Iterator[Difference]:
    if theirs is None or mine is None:
        sides = (MISSING if side is None else "there" for side in (theirs, mine))
        yield _difference(key, "row", *sides)
        return
    for name in dict.fromkeys((*theirs, *mine)):
        one, other = theirs.get(name, MISSING), mine.get(name, MISSING)
        if not _same(name, one, other):
            yield _difference(key, name, one, other)


def _same(name: str, one: Any, other: Any) -> bool:
    if "cost" in name.lower() and _is_number(one) and _is_number(other):
        return bool(abs(one - other) <= COST_TOLERANCE)
    return bool(one == other)


def _difference(key: str, field: str, theirs: Any, mine: Any) -> Difference:
    numbers = _is_number(theirs) and _is_number(mine)
    return {
        "key": key,
        "field": field,
        "ccusage": theirs,
        "ours": mine,
        "difference": mine - theirs if numbers else None,
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def row_count(report: Mapping[str, Any]) -> int:
    """How many rows a report lists."""
    top = _top(report)
    return len(_rows(report[top])) if top else 0
