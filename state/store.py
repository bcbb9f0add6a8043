"""The database file and the only code that changes it: fenced group commits of rows and ledger.

The rule: rows and the ledger entry that says which bytes they came from are committed together
or not at all, and only if the ledger still holds the entry the work started from. That makes the
tables exactly-once whatever crashes, without a unique index anywhere.

Facts behind the form (DuckDB 2.0): a second process cannot open the file, which is our instance
lock; `executemany` is 70 times slower than an appender; a `fetchone` leaves its
transaction open, so everything here fetches all.
"""

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import duckdb

from core.errors import PermanentError, SessionwatchError
from core.identity import Identity
from core.keys import SessionKey, user_of
from core.ledger import LedgerEntry
from core.rows import (
    QUARANTINE,
    QUARANTINE_COLUMNS,
    Abandon,
    Amendment,
    Chunk,
    Collect,
    Command,
    Commit,
    Receipt,
)
from core.tables import columns
from state import amending, ledger, losses, schema
from state.connecting import connect
from state.files import FileIds
from state.group import Group, grows
from state.hold import Holder
from state.inserts import Appenders
from state.ledger import LedgerMirror
from state.migrations import Migration, released
from state.refusals import refused_write
from state.usage import sources


class Declares(Protocol):
    """The part of a processor the database needs to know."""

    name: str
    tables: Mapping[str, type]


class Store:
    """One open database. `apply` is for the writer; everything else reads."""

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        processors: Iterable[Declares],
        *,
        user: Callable[[SessionKey], str] = lambda key: user_of(key.path),
        identity: Identity | None = None,
        migrations: Sequence[Migration] | None = None,
    ) -> None:
        self._db = db
        self._appenders = Appenders(db)
        self.identity = identity or Identity()
        self._named = user
        self.revision = 0
        """How many transactions this store has committed: who reads sees whether there is news."""
        self._cursor_lock = threading.Lock()
        self.holder = Holder(self.cursor)
        self.schema_version = schema.migrate(db, released() if migrations is None else migrations)
        self._columns: dict[str, Mapping[str, str]] = {QUARANTINE: QUARANTINE_COLUMNS}
        for processor in processors:
            schema.declare(db, processor.name, processor.tables)
            for table, row_type in processor.tables.items():
                self._columns[table] = {c.name: c.sql_type for c in columns(row_type)}
        sources.declare(db, self._columns)
        self.ledger = LedgerMirror()
        self._files = FileIds(ledger.load(db, self.ledger))
        self._tables = schema.data_tables(db)
        self._building: set[int] = set()
        self._spoiled: dict[int, SessionwatchError] = {}
        self._garbage = self._stored_generations() - self.ledger.generations()
        self._retired = amending.retired_generations(db)
        newest = max(self._garbage | self.ledger.generations(), default=0)
        self._generations = itertools.count(newest + 1)

    @classmethod
    def open(
        cls, path: str | Path, processors: Iterable[Declares], *, memory_limit: str = "512MB",
        threads: int = 2, **options: Any,
    ) -> "Store":  # fmt: skip
        """Open or create the file. Raises `ConfigurationError` if another process has it."""
        db = connect(path, memory_limit=memory_limit, threads=threads)
        store = cls(db, processors, **options)
        db.execute("SET lock_configuration = true")
        return store

    def new_generation(self) -> int:
        """A generation number no row in this database has ever carried. Safe from any thread."""
        return next(self._generations)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of one's own for reading; fetch all and close it."""
        with self._cursor_lock:
            return self._db.cursor()

    @property
    def tables(self) -> list[str]:
        """Every table with rows of generations, those of processors that are gone included."""
        return list(self._tables)

    @property
    def garbage_count(self) -> int:
        """How many dead generations still have rows to be collected."""
        return len(self._garbage)

    def apply(self, commands: Sequence[Command]) -> list[Receipt | Exception]:
        """Commit the commands as one transaction; if that fails, each on its own.

        Amendments come last, each a transaction of its own. A `duckdb.FatalException` is raised:
        the database is gone and the service must stop.
        """
        changes = [one for one in commands if isinstance(one, Amendment)]
        if not changes:
            return self._apply_group(commands)
        rest = [one for one in commands if not isinstance(one, Amendment)]
        answers = iter(self._apply_group(rest) if rest else ())
        amended = iter([self._amend(change) for change in changes])
        return [next(amended if isinstance(one, Amendment) else answers) for one in commands]

    def _apply_group(self, commands: Sequence[Command]) -> list[Receipt | Exception]:
        try:
            answers = self._apply(commands)
        except duckdb.FatalException:
            raise
        except (duckdb.Error, PermanentError) as error:
            self._rollback()
            if len(commands) == 1:
                return [self._refuse(commands[0], refused_write(error))]
            return [answer for command in commands for answer in self._apply_group([command])]
        # Behind the transaction, because there is no checkpoint inside of one.
        return self.holder.answered(commands, answers)

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file; harmless if readers are in the way."""
        try:
            self._db.execute("CHECKPOINT")
        except duckdb.TransactionException:
            return

    def close(self) -> None:
        """Checkpoint and close. No cursor may be in use."""
        self.holder.end()
        self.checkpoint()
        self._db.close()

    def _refuse(self, command: Command, error: SessionwatchError) -> SessionwatchError:
        """A generation that lacks a chunk must never become live: its commit fails likewise.

        Without that commit, on the other hand, its chunks are nobody's.
        """
        if isinstance(command, Chunk):
            self._spoiled[command.generation] = error
        elif isinstance(command, Commit) and command.after.generation in self._building:
            self._building.remove(command.after.generation)
            self._garbage.add(command.after.generation)
        return error

    def _apply(self, commands: Sequence[Command]) -> list[Receipt | Exception]:
        group = Group()
        for command in commands:
            group.receipts.append(self._gather(command, group))
        self._db.execute("BEGIN")
        for table, sets in group.rows.items():
            self._appenders.insert_sets(table, self._columns[table], sets)
        new_files = self._write_entries(group.entries)
        file_ids = [self._files.of(entry.key, new_files) for entry, _ in group.losses]
        losses.write(self._appenders, group.losses, file_ids)
        collected = self._collect(commands)
        self._db.execute("COMMIT")
        self.revision += 1
        self._files.learn(new_files)
        for entry in group.entries.values():
            self.ledger.put(entry)
        live = {entry.generation for entry in group.entries.values()}
        self._garbage = (self._garbage | group.garbage) - collected - live
        self._building = (self._building | group.building) - live - group.garbage
        for generation in group.garbage & self._spoiled.keys():
            del self._spoiled[generation]
        return group.receipts

    def _amend(self, change: Amendment) -> Receipt | Exception:
        try:
            self._db.execute("BEGIN")
            # What is not live is not in the ledger, so an erasure would not find it.
            collected = self._collect([Collect(limit=len(self._garbage))])
            receipt = amending.amend(
                self._db,
                change,
                tables=self._tables,
                user=self._user,
                person=self.identity.resolve,
            )
            left = {row[0] for row in self._db.execute("SELECT file_id FROM files").fetchall()}
            retired = amending.retired_generations(self._db)
            self._db.execute("COMMIT")
        except duckdb.FatalException:
            raise
        except duckdb.Error as error:
            self._rollback()
            return refused_write(error)
        for key in self._files.keep(left):
            self.ledger.drop(key)
        self._garbage -= collected
        self._retired = retired
        self.revision += 1
        return receipt

    def _user(self, key: SessionKey) -> str:
        return self.identity.resolve(self._named(key))

    def _gather(self, command: Command, group: Group) -> Receipt | Exception:
        match command:
            case Commit():
                return self._gather_commit(command, group)
            case Chunk(generation) if generation in self._spoiled:
                return self._spoiled[generation]
            case Chunk(generation, rows):
                group.building.add(generation)
                return Receipt(rows_written=group.take(generation, rows))
            case Abandon(generation):
                # What is live already stays: only rows that nobody sees are given up.
                unseen = self._building | group.building | self._spoiled.keys()
                group.garbage.update({generation} & unseen)
                return Receipt()
            case _:
                return Receipt()

    def _gather_commit(self, commit: Commit, group: Group) -> Receipt | Exception:
        after = commit.after
        if after.generation in self._spoiled:
            group.garbage.add(after.generation)
            return self._spoiled[after.generation]
        place = (after.processor, after.key)
        current = group.entries.get(place) or self.ledger.get(*place)
        if current != commit.before or self.identity.refuses(self._named(after.key)):
            if after.generation in self._building | group.building:
                group.garbage.add(after.generation)
            return Receipt(fenced=True)
        if current and grows(current, after) and current.generation in self._retired:
            # Some of its rows are retired, so new ones alone would be half a file: all is read.
            group.entries[place] = current.outdated()
            return Receipt(fenced=True)
        group.entries[place] = after
        if commit.loss:
            group.losses.append((after, commit.loss))
        if current and current.generation and current.generation != after.generation:
            group.garbage.add(current.generation)
        return Receipt(rows_written=group.take(after.generation, commit.rows))

    def _write_entries(
        self, entries: Mapping[tuple[str, SessionKey], LedgerEntry]
    ) -> dict[SessionKey, int]:
        new_files = self._files.write(self._appenders, entries.values(), self._user)
        file_ids = {key: self._files.of(key, new_files) for _, key in entries}
        old = [(name, file_ids[key]) for name, key in entries if self.ledger.get(name, key)]
        if old:
            self._appenders.delete("ledger", ("processor", "file_id"), old)
        rows = [ledger.row_of(entry, file_ids[entry.key]) for entry in entries.values()]
        if rows:
            self._appenders.insert("ledger", ledger.COLUMNS, rows)
        return new_files

    def _collect(self, commands: Sequence[Command]) -> set[int]:
        limit = max((c.limit for c in commands if isinstance(c, Collect)), default=0)
        dead = sorted(self._garbage)[:limit]
        if dead:
            for table in self._tables:
                self._db.execute(
                    f'DELETE FROM raw."{table}" WHERE generation IN (SELECT unnest($1::BIGINT[]))',
                    [dead],
                )
        return set(dead)

    def _stored_generations(self) -> set[int]:
        found: set[int] = set()
        for table in self._tables:
            rows = self._db.execute(f'SELECT DISTINCT generation FROM raw."{table}"').fetchall()
            found.update(generation for (generation,) in rows)
        return found

    def _rollback(self) -> None:
        try:
            self._db.execute("ROLLBACK")
        except duckdb.TransactionException:
            return  # The failed statement ended the transaction itself.
