"""A small set of tables that is written rarely, by whoever acts, one at a time.

The rule: a change is one short transaction under the book's lock, on a cursor of its own. It never
touches a table of the writer's, so neither can wait for or conflict with the other.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import duckdb

from core.errors import TransientError

Row = tuple[Any, ...]


class Book:
    """`rows` reads; `change` gives a cursor inside a transaction. Safe from any thread."""

    def __init__(self, cursor: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self._cursor = cursor
        self._lock = threading.Lock()

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query. Raises as `change` does, and `duckdb.CatalogException` as it is: a
        processor that never ran has no table."""
        return self._read(query, parameters)[1]

    def named_rows(self, query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """The same, each row by the names of its columns."""
        names, rows = self._read(query, parameters)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _read(self, query: str, parameters: Sequence[Any]) -> tuple[list[str], list[Row]]:
        cursor = self._cursor()
        try:
            rows = cursor.execute(query, list(parameters)).fetchall()
            return [column[0] for column in cursor.description or ()], rows
        except (duckdb.FatalException, duckdb.CatalogException):
            raise
        except duckdb.Error as error:
            raise _refused(error) from error
        finally:
            cursor.close()

    @contextmanager
    def change(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction: committed at the end, undone if anything is raised.

        Raises `TransientError` if the database refuses it now (`duckdb.FatalException` as it is:
        the database is gone).
        """
        with self._lock:
            cursor = self._cursor()
            try:
                cursor.execute("BEGIN")
                yield cursor
                cursor.execute("COMMIT")
            except duckdb.FatalException:
                raise
            except BaseException as error:
                with suppress(duckdb.Error):
                    cursor.execute("ROLLBACK")
                if isinstance(error, duckdb.Error):
                    raise _refused(error) from error
                raise
            finally:
                cursor.close()


def _refused(error: duckdb.Error) -> TransientError:
    return TransientError(
        f"the database refused: {type(error).__name__}", reason="database_refused",
        hint="try again; if it stays so, see the log",
    )  # fmt: skip
