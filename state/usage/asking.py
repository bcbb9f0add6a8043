"""Queries with named parameters, asked of any DuckDB connection.

The rule: a query is given exactly the parameters it names, because the database refuses others.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Row = tuple[Any, ...]
Asked = Mapping[str, Any]


class Result(Protocol):
    """What `execute` gives back."""

    @property
    def description(self) -> Sequence[Any] | None: ...

    def fetchall(self) -> Sequence[Row]: ...


class Cursor(Protocol):
    """A DuckDB connection or cursor, as far as reports need one."""

    def execute(self, query: str, parameters: object = None) -> Result: ...


def rows(cursor: Cursor, text: str, asked: Asked) -> Sequence[Row]:
    """All rows, as tuples."""
    return cursor.execute(text, _named(text, asked)).fetchall()


def records(cursor: Cursor, text: str, asked: Asked) -> list[dict[str, Any]]:
    """All rows, by the names of their columns."""
    result = cursor.execute(text, _named(text, asked))
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _named(text: str, asked: Asked) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if f"${name}" in text}
