"""What commands print: JSON for programs, CSV for spreadsheets, tables for people.

The rule: results go to stdout, everything else to stderr, and what a program reads has no colour,
no progress and no cut-off columns.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

_NESTED = frozenset(
    {
        "modelBreakdowns",
        "price",
        "counted",
        "first",
        "otherCopies",
        "tokenCounts",
        "burnRate",
        "projection",
    }
)
_SHORT = {
    "inputTokens": "input",
    "outputTokens": "output",
    "cacheCreationTokens": "cache write",
    "cacheReadTokens": "cache read",
    "totalTokens": "tokens",
    "totalCost": "cost $",
    "finalShare": "final",
    "firstActivity": "first",
    "lastActivity": "last",
}
WIDE_COLUMNS = 400
"""A table that goes into a file or a pipe is never wrapped."""


def as_json(value: Any) -> None:
    """One JSON document, indented, keys in the order they came."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    _write(text + "\n")


def as_json_line(value: Any) -> None:
    """One JSON document on one line."""
    _write(json.dumps(value, ensure_ascii=False) + "\n")


def as_records(records: Sequence[Mapping[str, Any]]) -> None:
    """A table of records, whose keys may differ."""
    if not records:
        note("none")
        return
    columns = list(dict.fromkeys(name for record in records for name in record))
    as_table(columns, [[record.get(name) for name in columns] for record in records])


def as_page(found: Mapping[str, Any], name: str, *, json: bool) -> None:
    """A page of a list, and how to get the next one."""
    if json:
        as_json(found)
        return
    as_records(found[name])
    if found.get("next"):
        note(f"there is more: --after {found['next']}")


def as_counts(stats: Mapping[str, Any], *, json: bool) -> None:
    """What a run did: its counts, and each of its `errors_detail` on a line of its own."""
    if json:
        as_json(stats)
        return
    counts = {name: count for name, count in stats.items() if name != "errors_detail"}
    as_table(list(counts), [list(counts.values())])
    for error in stats["errors_detail"]:
        line(": ".join(error.values()))


def as_csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Comma-separated values with a header line."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_flat(value) for value in row] for row in rows)
    _write(text.getvalue())


def as_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    footer: Sequence[Any] = (),
    grouped: bool = True,
) -> None:
    """A table; numbers at the right, `grouped` with separators (not where one may be a name)."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    on_terminal = sys.stdout.isatty()
    table = Table(box=box.SIMPLE, show_footer=bool(footer), pad_edge=False)
    last = [_cell(value, grouped=grouped) for value in footer] or [""] * len(columns)
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        side: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(Text(name), Text(last[index]), justify=side, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value, grouped=grouped)) for value in row))
    Console(width=None if on_terminal else WIDE_COLUMNS, highlight=False).print(table)


def report_rows(report: Mapping[str, Any]) -> tuple[list[str], list[list[Any]], list[Any]]:
    """Columns, rows and totals of a usage report; nested parts are for JSON only."""
    top = next(name for name, value in report.items() if isinstance(value, list))
    entries = report[top]
    totals = report.get("totals", {})
    columns = [name for name in (entries[0] if entries else totals) if name not in _NESTED]
    rows = [[entry[name] for name in columns] for entry in entries]
    last = [totals.get(name, "") for name in columns]
    if last and entries:
        last[0] = "total"
    return columns, rows, last


def telling(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], totals: Sequence[Any]
) -> tuple[list[str], list[list[Any]], list[Any]]:
    """For people, whose terminal is narrow: short names, and only columns that say something."""
    kept = [
        i
        for i, name in enumerate(columns)
        if name != "modelsUsed" and (not rows or any(row[i] for row in rows))
    ]
    return (
        [_SHORT.get(columns[i], columns[i]) for i in kept],
        [[row[i] for i in kept] for row in rows],
        [totals[i] for i in kept],
    )


def listed(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report of ccusage as one list, whose columns are names first and then numbers."""
    top = next(name for name in report if name != "totals")
    parts = report[top].values() if isinstance(report[top], dict) else [report[top]]
    rows = [dict(sorted(row.items(), key=_is_number)) for part in parts for row in part]
    totals = report.get("totals", {})
    return {top: rows, "totals": totals}


def line(text: str) -> None:
    """One line of a result, whatever is in it."""
    _write(_printable(text) + "\n")


def note(text: str) -> None:
    """A line for the person at the terminal."""
    sys.stderr.write(text + "\n")


@contextmanager
def progress(label: str, *, wanted: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr if that is a terminal; `(done, total)` moves it."""
    if not wanted or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _cell(value: Any, *, grouped: bool) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() if grouped:
            return f"{value:,}"
        case float() if grouped:
            return f"{value:,.4f}"
        case _:
            return _printable(_flat(value))


def _is_number(item: tuple[str, Any]) -> bool:
    return not isinstance(item[1], str)


def _flat(value: Any) -> Any:
    """Lists as words, other nested values as JSON."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _printable(text: Any) -> str:
    """Without control characters: names of files must not steer the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def _write(text: str) -> None:
    """UTF-8 whatever the locale says; names of files may hold what it cannot."""
    sys.stdout.flush()
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        sys.stdout.write(text)
        return
    binary.write(text.encode("utf-8", "backslashreplace"))
    binary.flush()
