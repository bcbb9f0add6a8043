"""Runs SQL that somebody typed: one statement that reads, with limits on time and rows.

The rule: nothing is trusted to the text. The parser counts the statements and names their kind,
the transaction is read-only and always rolled back, the store has locked its configuration and
shut off files and network, and a watchdog interrupts what runs too long.
"""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, overload
from uuid import UUID

import duckdb

from core.errors import ConfigurationError, SessionwatchError, TransientError

AT_ONCE_MAX = 2
"""Statements that may run together; they share the memory limit with the writer."""

RESULT_BYTES_MAX = 32 << 20
"""Rows of more than about this much text are cut off, as rows beyond `rows_max` are."""

_ALLOWED = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
_FETCH_ROWS = 256
_AGAIN_S = 0.05


class Sandbox:
    """`cursor` gives a connection of its own for each statement."""

    def __init__(self, cursor: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self._cursor = cursor
        self._slots = threading.BoundedSemaphore(AT_ONCE_MAX)
        self._stopping = threading.Event()

    def run(self, query: str, *, timeout_s: float, rows_max: int) -> dict[str, Any]:
        """`{"columns", "rows", "truncated"}` in JSON values.

        Raises `ConfigurationError` for what may not run, fails or takes too long, and
        `TransientError` if others keep the slots occupied.
        """
        statement = _only_statement(storable(query))
        if not self._slots.acquire(timeout=timeout_s):
            raise TransientError("other statements are running", reason="sql_busy")
        try:
            with self._transaction(timeout_s) as cursor:
                return _answer(cursor, statement, rows_max)
        finally:
            self._slots.release()

    def interrupt(self) -> None:
        """End what runs and refuse what comes: the service is stopping."""
        self._stopping.set()

    @contextmanager
    def _transaction(self, timeout_s: float) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._cursor()
        try:
            with _Watchdog(cursor, timeout_s, self._stopping) as watchdog:
                try:
                    cursor.execute("BEGIN TRANSACTION READ ONLY")
                    yield cursor
                except duckdb.Error as error:
                    raise watchdog.verdict() or _refused(error) from error
        finally:
            with suppress(duckdb.Error):
                cursor.execute("ROLLBACK")
            cursor.close()


class _Watchdog:
    """Interrupts a cursor once its time is over, again and again until the statement has ended.

    Once is not enough: an interrupt that falls between two calls is forgotten by DuckDB.
    """

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, timeout_s: float, stopping: threading.Event
    ) -> None:
        self._cursor = cursor
        self._timeout_s = timeout_s
        self._stopping = stopping
        self._done = threading.Event()
        self._fired = False
        self._thread = threading.Thread(target=self._run, name="sql-watchdog", daemon=True)

    def __enter__(self) -> "_Watchdog":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def verdict(self) -> SessionwatchError | None:
        """Why the statement was ended, None if it was not."""
        if self._stopping.is_set():
            return TransientError("the service is stopping", reason="stopping")
        if self._fired:
            return ConfigurationError(
                f"the statement took longer than {self._timeout_s:g} s", reason="sql_timed_out",
                hint="ask for less, or aggregate",
            )  # fmt: skip
        return None

    def _run(self) -> None:
        waited_s = 0.0
        while not self._done.wait(_AGAIN_S):
            waited_s += _AGAIN_S
            if waited_s >= self._timeout_s or self._stopping.is_set():
                self._fired = True
                self._cursor.interrupt()


@overload
def storable(text: str) -> str: ...
@overload
def storable(text: None) -> None: ...
def storable(text: str | None) -> str | None:
    """The text with a `?` for what is no character: the database takes UTF-8 only."""
    return None if text is None else text.encode("utf-8", "replace").decode()


def _only_statement(query: str) -> duckdb.Statement:
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        raise _refused(error) from error
    if len(statements) != 1 or statements[0].type not in _ALLOWED:
        kinds = ", ".join(s.type.name for s in statements) or "nothing"
        raise ConfigurationError(
            f"only one SELECT or EXPLAIN may be asked, not {kinds}", reason="sql_refused",
            hint="the tables are written by the service alone",
        )  # fmt: skip
    return statements[0]


def _answer(
    cursor: duckdb.DuckDBPyConnection, statement: duckdb.Statement, rows_max: int
) -> dict[str, Any]:
    cursor.execute(statement)
    names = [column[0] for column in cursor.description or ()]
    zoned = ["TIME ZONE" in str(column[1]) for column in cursor.description or ()]
    if any(zoned):
        # Python would need one more package for times with a zone; DuckDB can write them itself.
        columns = (f"#{i}::VARCHAR" if z else f"#{i}" for i, z in enumerate(zoned, 1))
        text = statement.query.rstrip().rstrip(";")
        cursor.execute(f"SELECT {', '.join(columns)} FROM (\n{text}\n)")
    rows, truncated = _fetched(cursor, rows_max)
    return {"columns": names, "rows": rows, "truncated": truncated}


def _fetched(cursor: duckdb.DuckDBPyConnection, rows_max: int) -> tuple[list[list[Any]], bool]:
    """Rows up to a limit of rows or bytes, and whether there were more."""
    rows: list[list[Any]] = []
    left_bytes = RESULT_BYTES_MAX
    while page := cursor.fetchmany(_FETCH_ROWS):
        for row in page:
            values = [_plain(value) for value in row]
            left_bytes -= sum(_size(value) for value in values)
            if len(rows) == rows_max or left_bytes < 0:
                return rows, True
            rows.append(values)
    return rows, False


def _plain(value: Any) -> Any:
    """A database value as JSON can say it; what it cannot becomes text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return float(value) if Decimal(repr(float(value))) == value else str(value)
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case timedelta() | UUID():
            return str(value)
        case _:
            return str(value)


def _size(value: Any) -> int:
    """About how many bytes a value takes as JSON."""
    match value:
        case str():
            return len(value)
        case list():
            return sum(map(_size, value)) + len(value)
        case dict():
            return _size([*value, *value.values()])
        case _:
            return 8


def _refused(error: duckdb.Error) -> SessionwatchError:
    """The engine's own words: whoever asks for rows may read what is in them."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return TransientError(
            "the statement needs more memory than memory_limit leaves", reason="sql_memory",
            hint="ask for less, or aggregate",
        )  # fmt: skip
    return ConfigurationError(str(error).partition("\n\n")[0].strip(), reason="sql_failed")
