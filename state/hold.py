"""Keeps the bytes of the database file as they are while somebody copies it; commits go on.

The rule: the process that has the database never opens its file, since closing any descriptor of
it would drop the lock that keeps others out. Who copies is another process.

How it holds (DuckDB 2.0): between two checkpoints, commits go into the log and new blocks are
written beside those that the last checkpoint refers to. So the file alone, without its log, is the
database of the last checkpoint until there is another, and there is none while a transaction that
changes something is open. Ours changes nothing, so it is in nobody's way.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence

import duckdb

from core.errors import TransientError
from core.rows import Command, Hold, Receipt
from state import digest
from state.digest import FileDigest
from state.refusals import refused_write

_CHANGES_NOTHING = "UPDATE schema_migrations SET version = version WHERE false"


class Holder:
    """The hold on one open database; `cursor` gives a connection of its own.

    `begin` is for whoever writes the rows, so that none are committed within; the rest is safe
    from any thread.
    """

    def __init__(self, cursor: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self._cursor = cursor
        self._held: duckdb.DuckDBPyConnection | None = None
        self._using = threading.Lock()
        self.pause_s = 0.0
        """How long the last `begin` took: so long, commits waited."""

    def answered(
        self, commands: Sequence[Command], answers: list[Receipt | Exception]
    ) -> list[Receipt | Exception]:
        """The writer's answers, with those to `Hold` in their places."""
        if not any(isinstance(command, Hold) for command in commands):
            return answers
        pairs = zip(commands, answers, strict=True)
        return [self._begun() if isinstance(c, Hold) else answer for c, answer in pairs]

    def begin(self) -> None:
        """Checkpoint and hold. Raises `TransientError`: `database_busy` while others write."""
        if self._held:
            raise TransientError(
                "a backup is being made already", reason="backup_running",
                hint="wait for it; what is left of a broken one ends by itself in ten minutes",
            )  # fmt: skip
        started_s = time.monotonic()
        cursor = self._cursor()
        try:
            _hold(cursor)
        except BaseException:
            cursor.close()
            raise
        self._held = cursor
        self.pause_s = time.monotonic() - started_s

    def contents(self) -> dict[str, FileDigest]:
        """What is in the held bytes, by table. Raises `TransientError` if the hold ended."""
        with self._using:
            if self._held is None:
                raise _let_go()
            try:
                return digest.of_tables(self._held)
            except duckdb.InterruptException as error:
                raise _let_go() from error

    def end(self) -> None:
        """Checkpoints may come again; nothing happens if there is no hold."""
        held, self._held = self._held, None
        if held:
            held.interrupt()
            with self._using:
                held.close()

    def _begun(self) -> Receipt | Exception:
        try:
            self.begin()
        except duckdb.FatalException:
            raise
        except duckdb.Error as error:
            return refused_write(error)
        except TransientError as error:
            return error
        return Receipt()


def _hold(cursor: duckdb.DuckDBPyConnection) -> None:
    """Raises `TransientError` unless the transaction sees exactly what the checkpoint wrote."""
    found = cursor.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchall()
    try:
        cursor.execute("CHECKPOINT")
        cursor.execute("BEGIN")
        cursor.execute(_CHANGES_NOTHING)
    except duckdb.TransactionException as error:
        raise _busy() from error
    if os.path.exists(f"{found[0][0]}.wal"):  # Somebody committed after the checkpoint.
        raise _busy()


def _busy() -> TransientError:
    return TransientError("the database is being written to", reason="database_busy")


def _let_go() -> TransientError:
    return TransientError("the backup took too long", reason="hold_ended", hint="start it again")
