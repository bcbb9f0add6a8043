"""The routes: what can be asked over HTTP, each in one line.

The rule: over TCP only reading is offered. What changes something or runs typed SQL exists only
in the application behind the private Unix socket, where the file's mode says who may ask.
"""

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from api.answers import (
    Answer,
    body,
    count,
    error,
    from_fault,
    from_http_error,
    from_our_error,
    parameters,
)
from api.control import Control
from api.guard import HostGuard
from core.errors import ConfigurationError, SessionwatchError
from metrics.instruments import Instruments
from state.queries import Queries
from state.usage.ccusage import require_counting
from state.usage.options import report_options
from state.usage.reports import REPORTS

BODY_BYTES_MAX = 1 << 20
PAGE_ROWS_MAX = 1000

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
)
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_LEDGER = "/api/v1/ledger/"
_OPTIONS = ("timezone", "since", "until", "user", "agent", "explain", "as", "instances")


def application(
    control: Control,
    queries: Queries,
    instruments: Instruments,
    *,
    private: bool = False,
    hosts: Iterable[str] = (),
) -> Starlette:
    """The reading application, and with `private` the one that may also change something.

    `hosts`: further names the service is called by over TCP; a Unix socket has no name to forge.
    """
    handlers = _Handlers(control, queries, instruments)
    return Starlette(
        routes=[*handlers.reading(), *(handlers.changing() if private else handlers.refusing())],
        middleware=[] if private else [Middleware(HostGuard, hosts=tuple(hosts))],
        exception_handlers={
            SessionwatchError: from_our_error,
            HTTPException: from_http_error,
            Exception: from_fault,
        },
        max_body_size=BODY_BYTES_MAX,
    )


class _Handlers:
    """Handlers that are no coroutines run in the thread pool, since queries block."""

    def __init__(self, control: Control, queries: Queries, instruments: Instruments) -> None:
        self._control = control
        self._queries = queries
        self._instruments = instruments

    def reading(self) -> list[Route]:
        return [
            Route("/", self.index),
            Route("/healthz", self.health),
            Route("/readyz", self.ready),
            Route("/metrics", self.metrics),
            Route("/api/v1/status", self.status),
            Route("/api/v1/processors", self.processors),
            Route("/api/v1/quarantine", self.quarantine),
            Route(_LEDGER + "{path:path}", self.ledger),
            Route("/api/v1/usage/{report}", self.usage),
        ]

    def changing(self) -> list[Route]:
        return [
            Route("/api/v1/rescan", self.rescan, methods=["POST"]),
            Route("/api/v1/sweep", self.sweep, methods=["POST"]),
            Route("/api/v1/sql", self.sql, methods=["POST"]),
            Route("/api/v1/hold", self.hold, methods=["POST"]),
            Route("/api/v1/release", self.release, methods=["POST"]),
            Route("/api/v1/digests", self.digests),
            Route("/api/v1/wrong-messages", self.wrong_messages),
        ]

    def refusing(self) -> list[Route]:
        """The same paths over TCP, where nobody can say who asks."""
        return [Route(route.path, self.refuse, methods=["POST"]) for route in self.changing()]

    async def refuse(self, _: Request) -> Response:
        hint = "use the sessionwatch command on this machine"
        return error(403, "private_only", "only the private socket offers this", hint)

    async def health(self, _: Request) -> Response:
        """The process lives; whether it is of use is what `ready` says."""
        return Answer({"status": "ok"})

    def ready(self, _: Request) -> Response:
        reasons = self._control.readiness()
        status = "not ready" if reasons else "ready"
        return Answer({"status": status, "reasons": reasons}, 503 if reasons else 200)

    def metrics(self, request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._instruments.registry), media_type=content_type)

    def index(self, _: Request) -> Response:
        page = _PAGES.get_template("index.html").render(
            reasons=self._control.readiness(),
            status=self._control.status(),
            routes=[route.path for route in self.reading()],
            reports=list(REPORTS),
        )
        return HTMLResponse(page, headers=_PAGE_HEADERS)

    def status(self, request: Request) -> Response:
        parameters(request, ())
        return Answer(self._control.status())

    def processors(self, request: Request) -> Response:
        parameters(request, ())
        return Answer({"processors": self._control.processors()})

    def quarantine(self, request: Request) -> Response:
        given = parameters(request, ("limit", "after", "processor", "kind"))
        limit = count(given, "limit", 100, PAGE_ROWS_MAX)
        filters = (given.get("after", ""), given.get("processor"), given.get("kind"))
        return Answer(self._queries.quarantine_page(limit, *filters))

    def ledger(self, request: Request) -> Response:
        given = parameters(request, ("source",))
        return Answer(self._queries.ledger(_bytes_path(request), given.get("source")))

    def usage(self, request: Request) -> Response:
        given = parameters(request, _OPTIONS)
        name, now = request.path_params["report"], datetime.now(UTC)
        if counting := given.get("as"):
            return Answer(self._queries.ccusage(counting, name, given, now))
        require_counting(given)
        return Answer(self._queries.usage(name, report_options(given, now), given.get("explain")))

    def wrong_messages(self, request: Request) -> Response:
        parameters(request, ())
        return Answer({"ids": self._queries.wrong_messages()})

    def digests(self, request: Request) -> Response:
        parameters(request, ())
        return Answer(self._queries.digests())

    async def rescan(self, request: Request) -> Response:
        given = await body(request, {"processor": str, "session": str})
        return await _pooled(self._control.rescan, given.get("processor"), given.get("session"))

    async def sweep(self, request: Request) -> Response:
        await body(request, {})
        return await _pooled(self._control.sweep)

    async def hold(self, request: Request) -> Response:
        await body(request, {})
        return await _pooled(self._control.hold)

    async def release(self, request: Request) -> Response:
        await body(request, {})
        return await _pooled(self._control.release)

    async def sql(self, request: Request) -> Response:
        given = await body(request, {"query": str})
        if "query" not in given:
            raise ConfigurationError("query is missing", reason="bad_body")
        return await _pooled(self._queries.sql, given["query"])


def _bytes_path(request: Request) -> str:
    """The path as the file system has it: names of files need not be UTF-8, so the framework's
    own decoding would lose some of them."""
    raw: bytes = request.scope["raw_path"]
    return os.fsdecode(unquote_to_bytes(raw)).removeprefix(_LEDGER)


async def _pooled(call: Callable[..., Any], *arguments: Any) -> Response:
    return Answer(await run_in_threadpool(call, *arguments))
