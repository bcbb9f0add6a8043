"""Asks an endpoint: of the running service, or of the database itself where none runs.

The rule: there is one implementation of everything an operator may ask for, the endpoint. Without a
service the same application is asked in this process, and what needs the engine says so. Only
reads that stand in scripts and prompts have a shorter way (`service.answers`): the application
takes a fifth of a second to import, which is more than such a read itself.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from core.errors import ConfigurationError
from core.keys import SessionKey
from core.rows import Amendment, Receipt
from service.answers import patiently
from service.client import Client, answer_of, target_of
from service.settings import Settings

if TYPE_CHECKING:
    from processors.registry import Registry
    from state.store import Store

App = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application."""


class Asks(Protocol):
    """`body` and answers are JSON; an error becomes the error it was in the service."""

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **parameters: Any
    ) -> Any: ...


@contextmanager
def asking(settings: Settings) -> Iterator[Asks]:
    """Whoever can answer. The database is made if there is none."""
    client = Client(settings.db)
    if client.available():
        yield client
        return
    from processors import registry
    from service.wiring import open_store

    known = registry.load()
    store = patiently(lambda: open_store(settings, known))
    try:
        yield InProcess(_application(store, settings, known))
    finally:
        store.close()


class InProcess:
    """The application without sockets."""

    def __init__(self, app: App) -> None:
        self._app = app

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **parameters: Any
    ) -> Any:
        raw, _, query = target_of(path, parameters).partition("?")
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": raw.encode(),
            "query_string": query.encode(), "headers": [(b"host", b"localhost")], "client": None,
            "server": None, "scheme": "http", "root_path": "", "http_version": "1.1",
            "asgi": {"version": "3.0"},
        }  # fmt: skip
        return answer_of(*asyncio.run(_exchange(self._app, scope, json.dumps(body or {}).encode())))


async def _exchange(app: App, scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


class _Alone:
    """Stands for the service where none runs: it changes the database, and that is all it can."""

    def __init__(self, store: "Store", settings: Settings, registry: "Registry") -> None:
        self._store = store
        self._settings = settings
        self._registry = registry

    def model(self) -> dict[str, Any]:
        from metrics.instruments import Instruments
        from service.clock import SystemClock
        from service.model_part import part_of, status_of
        from service.wiring import desk_over

        desk, clock = desk_over(self._store, self._settings), SystemClock()
        return status_of(part_of(self._settings, self._registry, desk, clock, Instruments()))

    def reread(self, keys: Sequence[SessionKey]) -> int:
        from service.model_part import outdated

        commits = outdated(self._store.ledger, self._registry, keys)
        self._store.apply(commits)
        return len({commit.after.key for commit in commits})

    def amend(self, change: Amendment) -> Receipt:
        (answer,) = self._store.apply([change])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def __getattr__(self, name: str) -> NoReturn:
        raise ConfigurationError(
            "no service runs on this database", reason="no_service",
            hint="start it: sessionwatch serve",
        )  # fmt: skip


def _application(store: "Store", settings: Settings, registry: "Registry") -> App:
    from api.app import application
    from api.gate import Gate
    from api.parts import Parts
    from metrics.instruments import Instruments
    from service.wiring import desk_over
    from state.queries import Queries

    desk = desk_over(store, settings)
    gate = Gate(desk.tokens, loopback=True, monotonic_s=time.monotonic)
    control: Any = _Alone(store, settings, registry)
    queries = Queries(store, prices=settings.prices)
    return application(Parts(control, control, queries, desk, Instruments(), gate), private=True)
