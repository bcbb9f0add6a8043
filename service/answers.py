"""Answers for the command line: from the running service, or from the database itself.

The rule: only one process can open the database, so whoever serves it is asked; if nobody does,
the command opens it, answers and closes it. Both ways give the same values.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from core.errors import ConfigurationError
from core.keys import SessionKey
from service.client import Client
from service.settings import Settings

if TYPE_CHECKING:  # Imported where they are needed: each of them costs a tenth of a second.
    from processors.registry import Registry
    from service.asking import Asks
    from service.doctor import Digests
    from state.store import Store

T = TypeVar("T")

FOLLOW_S = 0.2
"""How often a command looks how far a run is."""
BUSY_SECONDS = 2.0
"""Another short command may have the database open: that passes sooner than this."""


class Answers(Protocol):
    """What commands ask, as plain JSON values."""

    def status(self) -> dict[str, Any]: ...

    def processors(self) -> list[dict[str, Any]]: ...

    def quarantine(self, limit: int, after: str, processor: str | None) -> dict[str, Any]: ...

    def usage(self, report: str, options: Mapping[str, str | None]) -> dict[str, Any]: ...

    def sql(self, query: str) -> dict[str, Any]: ...

    def rescan(self, processor: str | None, session: str | None) -> dict[str, Any]: ...

    def follow(self, found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """A rescan while it goes on, until it has ended: `state` and `details`."""

    def complaints(self) -> list[str]:
        """What is known to be amiss, one line each."""

    def digests(self) -> "Digests": ...

    def wrong_messages(self) -> list[str]:
        """Ids of messages whose tally is not what the rows say."""


@contextmanager
def answers(settings: Settings) -> Iterator[Answers]:
    """Whoever can answer. Raises `ConfigurationError`, `database_locked` if nobody can."""
    client = Client(settings.db)
    if client.available():
        yield Remote(client)
        return
    require_database(settings.db)
    from state.store import Store

    # Nothing is declared: a command that only asks changes no table.
    store = patiently(lambda: Store.open(settings.db, (), memory_limit=settings.memory_limit))
    try:
        yield Local(store, settings)
    finally:
        store.close()


def require_database(path: Path) -> None:
    """For commands that must not make one. Raises `ConfigurationError` (`no_database`)."""
    if not path.exists():
        raise ConfigurationError(
            f"there is no database {path}", reason="no_database",
            hint="fill one with `sessionwatch ingest ROOT`, or name it with --db",
        )  # fmt: skip


def require_no_service(settings: Settings) -> None:
    """For commands that need the database themselves. Raises `ConfigurationError`."""
    if Client(settings.db).available():
        raise ConfigurationError(
            f"{settings.db} is in use by a running service", reason="database_locked",
            hint="it takes up every change by itself; use another --db for something else",
        )  # fmt: skip


def patiently(call: Callable[[], T]) -> T:
    """Call again for a moment while another process has the database."""
    deadline_s = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return call()
        except ConfigurationError as error:
            if error.reason != "database_locked" or time.monotonic() > deadline_s:
                raise
        time.sleep(0.05)


def followed(asked: "Asks", run_id: str) -> Iterator[dict[str, Any]]:
    """A run, again and again while it goes on; the last one has ended."""
    while True:
        run = dict(asked.ask("GET", f"/api/v1/runs/{run_id}"))
        yield run
        if run["state"] != "running":
            return
        time.sleep(FOLLOW_S)


class Remote:
    """The running service."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def status(self) -> dict[str, Any]:
        return dict(self._client.get("/api/v1/status"))

    def processors(self) -> list[dict[str, Any]]:
        return list(self._client.get("/api/v1/processors")["processors"])

    def quarantine(self, limit: int, after: str, processor: str | None) -> dict[str, Any]:
        place = after or None
        found = self._client.get(
            "/api/v1/quarantine", limit=limit, after=place, processor=processor
        )
        return dict(found)

    def usage(self, report: str, options: Mapping[str, str | None]) -> dict[str, Any]:
        return dict(self._client.get(f"/api/v1/usage/{report}", **options))

    def sql(self, query: str) -> dict[str, Any]:
        return dict(self._client.post("/api/v1/sql", {"query": query}))

    def rescan(self, processor: str | None, session: str | None) -> dict[str, Any]:
        body = {"processor": processor, "session": session}
        return dict(self._client.post("/api/v1/rescan", body))

    def follow(self, found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        return followed(self._client, found["run_id"])

    def complaints(self) -> list[str]:
        failed = [
            f"{row['processor']}: {row['source']}:{row['path']}: "
            f"{row['kind']}: {row['reason']}: {row['detail']}"
            for row in self._failed_files()
        ]
        outdated = [
            f"{one['name']}: {one['outdated']} files have rows of an older version"
            for one in self.processors()
            if one.get("outdated")
        ]
        return failed + outdated

    def _failed_files(self) -> Iterator[dict[str, Any]]:
        after = None
        while True:
            page = self._client.get("/api/v1/quarantine", limit=1000, after=after, kind="file")
            yield from page["quarantine"]
            after = page["next"]
            if after is None:
                return

    def wrong_messages(self) -> list[str]:
        return list(self._client.get("/api/v1/wrong-messages")["ids"])

    def digests(self) -> "Digests":
        return _digests(self._client.get("/api/v1/digests"))


class Local:
    """The database, in this process."""

    def __init__(self, store: "Store", settings: Settings) -> None:
        from state.queries import Queries

        limits = settings.limits
        self._store = store
        self._queries = Queries(
            store, sql_s=limits.sql_s, sql_rows_max=limits.sql_rows_max, prices=settings.prices
        )

    @property
    def _registry(self) -> "Registry":
        from processors import registry

        return registry.load()

    def status(self) -> dict[str, Any]:
        from service import overview

        return overview.status(self._store.ledger, self._registry)

    def processors(self) -> list[dict[str, Any]]:
        from service import overview

        return overview.processor_list(self._store.ledger, self._registry)

    def quarantine(self, limit: int, after: str, processor: str | None) -> dict[str, Any]:
        return self._queries.quarantine_page(limit, after, processor)

    def usage(self, report: str, options: Mapping[str, str | None]) -> dict[str, Any]:
        from state.usage.ccusage import require_counting
        from state.usage.options import report_options

        now = datetime.now(UTC)
        if counting := options.get("as"):
            return self._queries.ccusage(counting, report, options, now)
        require_counting(options)
        return self._queries.usage(report, report_options(options, now), options.get("explain"))

    def sql(self, query: str) -> dict[str, Any]:
        return self._queries.sql(query)

    def rescan(self, processor: str | None, session: str | None) -> dict[str, Any]:
        """Marks what matches; the next `serve` or `ingest` rebuilds it."""
        from service.engine import outdate

        commits = outdate(self._store.ledger, self._registry, processor, session)
        for answer in self._store.apply(commits) if commits else ():
            if isinstance(answer, Exception):
                raise answer
        return {"matched": len(commits)}

    def follow(self, found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        raise ConfigurationError(
            "marked, but nobody rebuilds: no service runs on this database", reason="no_service",
            hint="start it: sessionwatch serve",
        )  # fmt: skip

    def complaints(self) -> list[str]:
        from service import doctor

        return doctor.shallow(self._store, self._registry)

    def wrong_messages(self) -> list[str]:
        return self._queries.wrong_messages()

    def digests(self) -> "Digests":
        return _digests(self._queries.digests())


def _digests(found: Mapping[str, Iterable[Sequence[Any]]]) -> "Digests":
    from state.digest import FileDigest

    return {
        table: {
            SessionKey(source, path): FileDigest(rows, total) for source, path, rows, total in files
        }
        for table, files in found.items()
    }
