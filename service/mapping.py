"""What a processor makes of records: rows by table, in the order and at the offset they belong to.

The rule: a processor is foreign code. What it does to one line costs that line, never its
neighbours, and a row of a type that it did not declare goes nowhere.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from core.errors import PermanentError
from core.lines import Fault, Line
from processors.base import LineProcessor


def line_rows(
    processor: LineProcessor, lines: Iterable[Line[Any]]
) -> tuple[dict[str, list[Any]], list[Fault]]:
    """Rows by table, and a fault for each line the processor could not take.

    A line processor is pure, so a line it raises on would fail at every try: it is listed, and
    raising the processor's version rebuilds it.
    """
    out: dict[str, list[Any]] = {table: [] for table in processor.tables}
    places = {row_type: out[table].append for table, row_type in processor.tables.items()}
    failed: list[Fault] = []
    rows_of = processor.rows
    for line in lines:
        try:
            made = list(rows_of(line))
        except Exception as error:  # A processor is foreign code.
            reason = type(error).__name__
            failed.append(Fault(line.offset, 0, "processor_error", reason, kept=False))
            continue
        offset = line.offset
        for seq, row in enumerate(made):
            place = places.get(type(row)) or _undeclared(row)
            place((offset, seq, *row))
    return out, failed


def group_rows(tables: Mapping[str, type], rows: Iterable[tuple[int, Any]]) -> dict[str, list[Any]]:
    """Rows by table, numbered in the order the processor gave them."""
    out: dict[str, list[Any]] = {table: [] for table in tables}
    places = {row_type: out[table].append for table, row_type in tables.items()}
    for seq, (offset, row) in enumerate(rows):
        place = places.get(type(row)) or _undeclared(row)
        place((offset, seq, *row))
    return out


def _undeclared(row: Any) -> NoReturn:
    raise PermanentError(
        f"a row of type {type(row).__name__} belongs to no declared table",
        reason="undeclared_table",
        hint="add it to the processor's tables",
    )
