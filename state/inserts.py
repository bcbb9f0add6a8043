"""Rows into tables, a statement for a whole table at a time.

The rule: columns by name, values of the declared types, never row by row. 2 000 rows took 2.7 s
with `executemany` and 0.04 s as one insert of unnested lists; Arrow takes a third of that again,
but only the backfill has it loaded.
"""

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

import duckdb

from core.errors import PermanentError
from core.rows import ArrowRows, RowSet
from state.arrow import table_of

_PLACE = {"generation": "BIGINT", "offset": "BIGINT", "seq": "INTEGER"}
_PARSED: dict[str, duckdb.Statement] = {}
"""By text; a few for each table."""
_KINDS: Mapping[str, tuple[type, ...]] = {
    "BIGINT": (int,),
    "BLOB": (bytes,),
    "BOOLEAN": (bool,),
    "DOUBLE": (float, int),
    "INTEGER": (int,),
    "UBIGINT": (int,),
    "VARCHAR": (str,),
}


def insert_sets(
    db: duckdb.DuckDBPyConnection,
    table: str,
    columns: Mapping[str, str],
    sets: Sequence[tuple[int, RowSet]],
) -> None:
    """All rows of a table, by generation: one statement for tuples and one for Arrow.

    `columns` are the processor's own, in the order of its rows. Raises as `insert` does.
    """
    tuples: list[tuple[Any, ...]] = []
    arrows: list[tuple[int, ArrowRows]] = []
    for generation, rows in sets:
        if isinstance(rows, ArrowRows):
            arrows.append((generation, rows))
        else:
            tuples.extend((generation, *row) for row in rows)
    if tuples:
        insert(db, f'raw."{table}"', _PLACE | dict(columns), tuples)
    if arrows:
        db.register("incoming", table_of(arrows, columns))
        db.execute(f'INSERT INTO raw."{table}" BY NAME SELECT * FROM incoming')
        db.unregister("incoming")


def insert(
    db: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], rows: Sequence[Any]
) -> None:
    """Insert tuples set-wise: one parameter list per column.

    Raises `PermanentError` for values of another type. The engine would convert many of them,
    and with them the others of the same list: beside one 1.5, integers beyond 2^53 change.
    """
    values = _by_column(table, columns, rows)
    names = ", ".join(f'"{name}"' for name in columns)
    if len(rows) == 1:  # Most live commits; planning this takes half as long.
        marks = ", ".join(f"${i}::{sql}" for i, sql in enumerate(columns.values(), 1))
        run(db, f"INSERT INTO {table} ({names}) VALUES ({marks})", rows[0])
        return
    lists = ", ".join(f"unnest(${i}::{sql}[])" for i, sql in enumerate(columns.values(), 1))
    run(db, f"INSERT INTO {table} ({names}) SELECT {lists}", values)


def run(db: duckdb.DuckDBPyConnection, text: str, values: Sequence[Any]) -> None:
    """Execute a statement that is parsed once: of a live commit, parsing was the third part."""
    if text not in _PARSED:
        _PARSED[text] = db.extract_statements(text)[0]
    db.execute(_PARSED[text], values)


def _by_column(table: str, columns: Mapping[str, str], rows: Sequence[Any]) -> list[list[Any]]:
    if {len(row) for row in rows} != {len(columns)}:
        raise PermanentError(f"{table} has rows of another length", reason="rows_refused")
    lists = [list(values) for values in zip(*rows, strict=True)]
    for (name, sql), values in zip(columns.items(), lists, strict=True):
        for kind in set(map(type, values)):
            if not issubclass(kind, (*_KINDS[sql], NoneType)):
                raise PermanentError(
                    f"{table}.{name} is {sql} and was given {kind.__name__}", reason="rows_refused"
                )
    return lists
