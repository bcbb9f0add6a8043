"""Endpoints that read: how the service stands, what is in the tables, what is wrong."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Meta, field
from prometheus_client.exposition import choose_encoder
from starlette.responses import HTMLResponse, Response

from api.answers import Answer
from api.endpoints import READERS, SCRAPERS, Ask, Endpoint, Fields, given
from api.parts import Parts
from state.usage.ccusage import require_counting
from state.usage.options import report_options
from state.usage.reports import REPORTS

PAGE_ROWS_MAX = 1000
Limit = Annotated[int, Meta(ge=1, le=PAGE_ROWS_MAX)]

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
)
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_LEDGER = "/api/v1/ledger/"


class QuarantineQuery(Fields):
    limit: Limit = 100
    after: str = ""
    processor: str | None = None
    kind: str | None = None


class LedgerQuery(Fields):
    source: str | None = None


class UsageQuery(Fields):
    timezone: str | None = None
    since: str | None = None
    until: str | None = None
    user: str | None = None
    agent: str | None = None
    explain: str | None = None
    counting: str | None = field(default=None, name="as")
    instances: str | None = None


def endpoints(parts: Parts) -> list[Endpoint]:
    """How the service stands and what is in its tables."""
    here = _Reading(parts)
    return [
        Endpoint("GET", "/", here.index, "A page for people.", READERS, media="text/html"),
        Endpoint("GET", "/healthz", here.health, "The process lives.", None),
        Endpoint("GET", "/readyz", here.ready, "Of use, or why not.", SCRAPERS, errors=(503,)),
        Endpoint(
            "GET", "/metrics", here.metrics, "For Prometheus.", SCRAPERS, media="text/plain"
        ),
        Endpoint("GET", "/api/v1/status", here.status, "Files, bytes, states.", READERS),
        Endpoint("GET", "/api/v1/processors", here.processors, "Every processor.", READERS),
        Endpoint(
            "GET", "/api/v1/quarantine", here.quarantine, "What is not cleanly in the tables.",
            query=QuarantineQuery,
        ),
        Endpoint(
            "GET", _LEDGER + "{path:path}", here.ledger, "What is committed of a file.",
            query=LedgerQuery, errors=(404, 409),
        ),
        Endpoint(
            "GET", "/api/v1/usage/{report}", here.usage, "A usage report.", query=UsageQuery,
            errors=(404,),
        ),
    ]  # fmt: skip


class _Reading:
    def __init__(self, parts: Parts) -> None:
        self._control = parts.control
        self._queries = parts.queries
        self._instruments = parts.instruments
        self._parts = parts

    def health(self, _: Ask) -> dict[str, str]:
        """The process lives; whether it is of use is what `ready` says."""
        return {"status": "ok"}

    def ready(self, _: Ask) -> Response:
        reasons = self._control.readiness()
        status = "not ready" if reasons else "ready"
        return Answer({"status": status, "reasons": reasons}, 503 if reasons else 200)

    def metrics(self, ask: Ask) -> Response:
        encode, content_type = choose_encoder(ask.request.headers.get("accept", ""))
        return Response(encode(self._instruments.registry), media_type=content_type)

    def index(self, _: Ask) -> Response:
        page = _PAGES.get_template("index.html").render(
            reasons=self._control.readiness(),
            status=self._control.status(),
            routes=[one.path for one in endpoints(self._parts)],
            reports=list(REPORTS),
        )
        return HTMLResponse(page, headers=PAGE_HEADERS)

    def status(self, _: Ask) -> dict[str, Any]:
        return self._control.status()

    def processors(self, _: Ask) -> dict[str, Any]:
        return {"processors": self._control.processors()}

    def quarantine(self, ask: Ask) -> dict[str, Any]:
        query: QuarantineQuery = ask.query
        return self._queries.quarantine_page(query.limit, query.after, query.processor, query.kind)

    def ledger(self, ask: Ask) -> dict[str, Any]:
        return self._queries.ledger(_bytes_path(ask), ask.query.source)

    def usage(self, ask: Ask) -> dict[str, Any]:
        asked, name, now = given(ask.query), ask.path["report"], datetime.now(UTC)
        if counting := asked.get("as"):
            return self._queries.ccusage(counting, name, asked, now)
        require_counting(asked)
        return self._queries.usage(name, report_options(asked, now), asked.get("explain"))


def _bytes_path(ask: Ask) -> str:
    """The path as the file system has it: names of files need not be UTF-8, so the framework's
    own decoding would lose some of them."""
    raw: bytes = ask.request.scope["raw_path"]
    return os.fsdecode(unquote_to_bytes(raw)).removeprefix(_LEDGER)
