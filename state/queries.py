"""Questions that people and programs ask of the database, answered as plain JSON values.

The rule: a reader has its own cursor, fetches all and closes it, so that nothing it does can hold
the writer up. Every list has a limit and can be continued with `after`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import duckdb

from core.errors import ConfigurationError, TransientError
from core.keys import SessionKey, stored_names
from core.ledger import LedgerEntry
from core.prices import OwnPrice
from state import digest, failing, places, schema, sql
from state.migrations import released
from state.sandbox import Sandbox, storable
from state.store import Store
from state.times import iso_utc
from state.usage import ccusage, explain, reports
from state.usage.options import ReportOptions
from state.usage.tally import Tally

_QUERIES = sql.load("queries.sql")
_START = ("", "", "", -1, "", "")


class Queries:
    """Everything the API and the command line read. Safe from any thread.

    `sql_s` and `sql_rows_max` bound each typed statement and may be changed at any time.
    """

    def __init__(
        self,
        store: Store,
        *,
        sql_s: float = 30.0,
        sql_rows_max: int = 10_000,
        prices: Sequence[OwnPrice] = (),
    ) -> None:
        self.sql_s = sql_s
        self.sql_rows_max = sql_rows_max
        self._store = store
        self._sandbox = Sandbox(store.cursor)
        self.tally = Tally(store.cursor, prices)

    def quarantine(
        self,
        limit: int = 100,
        after: str = "",
        processor: str | None = None,
        kind: str | None = None,
        user: str | None = None,
    ) -> list[dict[str, Any]]:
        """Faults in a fixed order, those after the place that `after` names.

        `kind`: "line" for bytes of a file that are not in the tables as they should, "file" for
        whole files that failed. `user`: only of this one's files.
        """
        if kind not in (None, "line", "file"):
            raise ConfigurationError(
                f"unknown kind {kind!r}", reason="bad_parameter", hint="known: line, file"
            )
        start = places.decoded(after) if after else _START
        with self._cursor() as cursor:
            asked = [*start, storable(processor), kind, limit, storable(user)]
            cursor.execute(_QUERIES["quarantine"], asked)
            names = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def quarantine_page(
        self,
        limit: int = 100,
        after: str = "",
        processor: str | None = None,
        kind: str | None = None,
        user: str | None = None,
    ) -> dict[str, Any]:
        """One page of faults, the `after` of the next page (or None), and how many there are."""
        rows = self.quarantine(limit, after, processor, kind, user)
        return {
            "quarantine": [_fault(row) for row in rows],
            "next": places.encoded(rows[-1]) if len(rows) == limit else None,
            "reasons": self.quarantine_count(processor, user),
        }

    def quarantine_count(
        self, processor: str | None = None, user: str | None = None
    ) -> dict[str, int]:
        """How many faults there are, by reason."""
        with self._cursor() as cursor:
            asked = [storable(processor), storable(user)]
            rows = cursor.execute(_QUERIES["quarantine_count"], asked).fetchall()
        return {str(reason): int(count) for reason, count in rows}

    def failing_page(
        self,
        limit: int = 100,
        after: str = "",
        processor: str | None = None,
        state: str | None = None,
    ) -> dict[str, Any]:
        """One page of files that failed, see `state.failing`."""
        return failing.page(self._store.ledger, limit, after, processor, state)

    def ledger(
        self, path: str, source: str | None = None, user: str | None = None
    ) -> dict[str, Any]:
        """What each processor has committed of a file: the promise "these bytes are in the tables".

        `path` is relative to its source's root. Raises `ConfigurationError`: `not_found` if it was
        never seen, `ambiguous` if several sources have it and `source` does not say which.
        With a `user` only that one's files are known.
        """
        found = self._entries(path)
        if user is not None:
            own = self.files_of(user)
            found = [entry for entry in found if tuple(entry.key) in own]
        sources = sorted({entry.key.source for entry in found})
        if source is None and len(sources) > 1:
            raise ConfigurationError(
                f"{path} lies in several sources", reason="ambiguous",
                hint=f"say which: source={', source='.join(sources)}",
            )  # fmt: skip
        entries = [entry for entry in found if source in (None, entry.key.source)]
        if not entries:
            raise ConfigurationError(
                f"no processor has seen {path}", reason="not_found",
                hint="give the path relative to the source's root",
            )  # fmt: skip
        return {
            "source": entries[0].key.source,
            "path": entries[0].key.path,
            "processors": {entry.processor: _ledger_row(entry) for entry in entries},
        }

    def keys_of(self, person: str) -> list[SessionKey]:
        """Every file of a person that some processor knows and that is not gone."""
        with self._cursor() as cursor:
            rows = cursor.execute(_QUERIES["keys_of"], [storable(person)]).fetchall()
        return [SessionKey(source, path) for source, path in rows]

    def files_of(self, user: str) -> set[tuple[str, str]]:
        """Source and path of every file of a user."""
        with self._cursor() as cursor:
            return set(cursor.execute(_QUERIES["files_of"], [storable(user)]).fetchall())

    def usage(self, report: str, options: ReportOptions, key: str | None = None) -> dict[str, Any]:
        """A report of `state.usage.reports`, as it is printed; nothing committed is missing.

        With a `key`, what the row of that key is made of (`state.usage.explain`).
        """
        self.catch_up()
        with _reporting(), self._snapshot() as cursor:
            if key is not None:
                return explain.explain(cursor, report, storable(key), options)
            return reports.report(cursor, report, options)

    def catch_up(self) -> None:
        """Count what is not counted yet. Raises `SessionwatchError` if that cannot be done now."""
        with _reporting():
            self.tally.catch_up()

    def ccusage(
        self, counting: str, report: str, given: Mapping[str, str | None], now: datetime
    ) -> dict[str, Any]:
        """A report of `state.usage.ccusage`, asked for in the texts of a query string."""
        with _reporting(), self._cursor() as cursor:
            return ccusage.report(cursor, counting, report, ccusage.options_of(given), now)

    def beyond_ccusage(self, now: datetime) -> dict[str, int]:
        """Tokens of Claude Code that we count and each of ccusage's countings does not."""
        ours = self.usage("daily", ReportOptions(agent="claude"))["totals"]["totalTokens"]
        return {
            counting: ours - self.ccusage(counting, "daily", {}, now)["totals"]["totalTokens"]
            for counting in ccusage.COUNTINGS
        }

    def sql(
        self, query: str, *, timeout_s: float | None = None, rows_max: int | None = None
    ) -> dict[str, Any]:
        """The answer to one read-only statement; see `state.sandbox`."""
        return self._sandbox.run(
            query,
            timeout_s=self.sql_s if timeout_s is None else timeout_s,
            rows_max=self.sql_rows_max if rows_max is None else rows_max,
        )

    def digests(self) -> dict[str, list[tuple[str, str, int, int]]]:
        """`(source, path, rows, digest)` of every file in every table: what `doctor` compares.

        Files whose rows retention took are `digest.RETIRED`, unless there are rows of them.
        """
        with self._snapshot() as cursor:
            return {
                table: [
                    (*key, *found)
                    for key, found in (
                        digest.retired(cursor, table) | digest.by_file(cursor, table)
                    ).items()
                ]
                for table in schema.data_tables(cursor)
            }

    def schema(self) -> tuple[int, int]:
        """The schema version of the database as it is now, and the one this program needs.

        Raises `TransientError` if the database does not answer.
        """
        try:
            with self._cursor() as cursor:
                return schema.version(cursor), len(released())
        except duckdb.Error as error:
            raise TransientError(
                f"the database does not answer: {type(error).__name__}", reason="unreachable",
                hint="see the log of the service",
            ) from error  # fmt: skip

    def wrong_messages(self) -> list[str]:
        """Ids of messages whose tally is not what the rows say: none, or the tally is broken."""
        try:
            with _reporting():
                return self.tally.prove()
        except ConfigurationError:  # Usage was never processed here.
            return []

    def interrupt(self) -> None:
        """End running statements: the service is stopping."""
        self._sandbox.interrupt()
        self.tally.interrupt()

    def _entries(self, path: str) -> list[LedgerEntry]:
        """Of the path as it is stored, or as the file system has it."""
        return [e for name in stored_names(path) for e in self._store.ledger.at(name)]

    @contextmanager
    def _snapshot(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """All that is asked of this cursor sees the database as it was at its first query."""
        with self._cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            try:
                yield cursor
            finally:
                with suppress(duckdb.Error):  # One that failed may have ended it.
                    cursor.execute("ROLLBACK")

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._store.cursor()
        try:
            yield cursor
        finally:
            cursor.close()


@contextmanager
def _reporting() -> Iterator[None]:
    """The database's own errors as what they mean to whoever asked for a report."""
    try:
        yield
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise ConfigurationError(
            "the database lacks what this version of the report needs", reason="no_such_table",
            hint="let this version's serve or ingest open it once",
        ) from error  # fmt: skip
    except duckdb.NotImplementedException as error:
        raise ConfigurationError(
            "the database does not know this time zone", reason="unknown_timezone",
            hint="such as Europe/Berlin",
        ) from error  # fmt: skip
    except duckdb.FatalException:
        raise
    except duckdb.Error as error:
        raise TransientError(
            f"the report failed: {type(error).__name__}", reason="report_failed",
            hint="ask for less, or raise memory_limit if this is about memory",
        ) from error  # fmt: skip


def _ledger_row(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "committed_bytes": entry.committed_bytes,
        "committed_at": iso_utc(entry.committed_at_us),
        "status": entry.status,
        "generation": entry.generation,
        "processor_version": entry.processor_version,
        "dialect": entry.dialect,
        "size_bytes": entry.stat.size_bytes if entry.stat else None,
        "settled": entry.settled,
        "unproved_since": iso_utc(entry.unproved_since_us),
        "attempts": entry.attempts,
        "try_again_at": iso_utc(entry.try_again_at_us),
        "reason": entry.reason,
        "error": entry.error,
        "source_gone": entry.source_gone,
    }


def _fault(row: Mapping[str, Any]) -> dict[str, Any]:
    again_us = row["try_again_at_us"]
    rest = {name: value for name, value in row.items() if name != "try_again_at_us"}
    return {**rest, "try_again_at": iso_utc(again_us)}
