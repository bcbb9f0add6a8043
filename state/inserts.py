"""Rows into tables, a table at a time.

The rule: columns by name, values of the declared types, and every call leaves nothing behind for
the next: rows that were refused are not kept. An appender takes half the time of an insert of
unnested lists (and a seventieth of `executemany`), for one row as for thousands; Arrow takes less,
but only the backfill has it loaded.
"""

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, Literal

import duckdb

from core.errors import PermanentError
from core.rows import ArrowRows, RowSet
from state.arrow import table_of

_PLACE = {"generation": "BIGINT", "offset": "BIGINT", "seq": "INTEGER"}
_KINDS: Mapping[str, tuple[type, ...]] = {
    "BIGINT": (int,),
    "BLOB": (bytes,),
    "BOOLEAN": (bool,),
    "DOUBLE": (float, int),
    "INTEGER": (int,),
    "UBIGINT": (int,),
    "VARCHAR": (str,),
}


class Appenders:
    """Those of one connection, one for each table: making one costs as much as using it."""

    def __init__(self, db: duckdb.DuckDBPyConnection) -> None:
        self._db = db
        self._kept: dict[tuple[str, str], duckdb.Appender] = {}

    def insert_sets(
        self, table: str, columns: Mapping[str, str], sets: Sequence[tuple[int, RowSet]]
    ) -> None:
        """All rows of a processor's table, by generation, tuples and Arrow.

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
            self.insert(f"raw.{table}", _PLACE | dict(columns), tuples)
        if arrows:
            self._db.register("incoming", table_of(arrows, columns))
            self._db.execute(f'INSERT INTO raw."{table}" BY NAME SELECT * FROM incoming')
            self._db.unregister("incoming")

    def insert(self, table: str, columns: Mapping[str, str], rows: Sequence[Any]) -> None:
        """Insert tuples.

        Raises `PermanentError` for values of another type: the engine would convert many of them.
        """
        _check(table, columns, rows)
        self._append(table, "insert", list(columns), rows)

    def delete(self, table: str, key: Sequence[str], rows: Sequence[Any]) -> None:
        """Delete the rows of these keys."""
        self._append(table, "delete", key, rows)

    def _append(
        self, table: str, action: Literal["insert", "delete"], columns: Sequence[str], rows: Any
    ) -> None:
        appender = self._kept.pop((table, action), None)
        if appender is None:
            if action == "insert":
                appender = self._db.appender(table, columns=list(columns))
            else:
                appender = self._db.appender(table, action=action, key=list(columns))
        try:
            appender.append_rows(rows)
            appender.flush()
        except BaseException:
            appender.clear()  # What was refused must not come back with the next rows.
            raise
        self._kept[table, action] = appender


def _check(table: str, columns: Mapping[str, str], rows: Sequence[Any]) -> None:
    if {len(row) for row in rows} != {len(columns)}:
        raise PermanentError(f"{table} has rows of another length", reason="rows_refused")
    for (name, sql), values in zip(columns.items(), zip(*rows, strict=True), strict=True):
        for kind in set(map(type, values)):
            if not issubclass(kind, (*_KINDS[sql], NoneType)):
                raise PermanentError(
                    f"{table}.{name} is {sql} and was given {kind.__name__}", reason="rows_refused"
                )
