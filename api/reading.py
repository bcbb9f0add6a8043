"""Endpoints that read: how the service stands, what is in the tables, what is wrong.

The rule: nothing changes anything, and what an analyst gets is cut down by `api.views` alone.
"""

import os
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import unquote_to_bytes

from msgspec import Meta, field
from prometheus_client.exposition import choose_encoder
from starlette.responses import Response

from api import views
from api.answers import Answer
from api.endpoints import READERS, SCRAPERS, Ask, Endpoint, Fields, given
from api.pages import page
from api.parts import Parts
from state.usage.ccusage import require_counting
from state.usage.options import report_options
from state.usage.reports import REPORTS

PAGE_ROWS_MAX = 1000
Limit = Annotated[int, Meta(ge=1, le=PAGE_ROWS_MAX)]

_LEDGER = "/api/v1/ledger/"


class QuarantineQuery(Fields):
    limit: Limit = 100
    after: str = ""
    processor: str | None = None
    kind: Literal["line", "file"] | None = None


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
    instances: Literal["true", "false"] | None = None


def endpoints(parts: Parts) -> list[Endpoint]:
    """How the service stands and what is in its tables."""
    here = _Reading(parts)
    return [
        Endpoint("GET", "/", here.index, "A page for people.", READERS, media="text/html"),
        Endpoint("GET", "/healthz", here.health, "The process lives.", SCRAPERS, near=True),
        Endpoint(
            "GET", "/readyz", here.ready, "Of use, or why not.", SCRAPERS, near=True, errors=(503,)
        ),
        Endpoint(
            "GET", "/metrics", here.metrics, "For Prometheus.", SCRAPERS, near=True,
            media="text/plain",
        ),
        Endpoint("GET", "/api/v1/status", here.status, "Files, bytes, states.", READERS),
        Endpoint("GET", "/api/v1/processors", here.processors, "Every processor.", READERS),
        Endpoint(
            "GET", "/api/v1/quarantine", here.quarantine, "What is not cleanly in the tables.",
            READERS, query=QuarantineQuery,
        ),
        Endpoint(
            "GET", _LEDGER + "{path:path}", here.ledger, "What is committed of a file.", READERS,
            query=LedgerQuery, errors=(404, 409),
        ),
        Endpoint(
            "GET", "/api/v1/usage/{report}", here.usage, "A usage report.", READERS,
            query=UsageQuery, errors=(404,), choices={"report": REPORTS},
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

    def index(self, ask: Ask) -> Response:
        """Offers what may be asked, of that what whoever asks may ask."""
        offered = [one for one in endpoints(self._parts) if ask.who.role in (one.roles or ())]
        return page(
            ask, "index.html",
            reasons=views.reasons_shown(ask.who, self._control.readiness()),
            status=views.status_shown(ask.who, self._control.status()),
            routes=[one.path for one in offered],
            reports=list(REPORTS),
        )  # fmt: skip

    def status(self, ask: Ask) -> dict[str, Any]:
        return views.status_shown(ask.who, self._control.status())

    def processors(self, ask: Ask) -> dict[str, Any]:
        return {"processors": views.processors_shown(ask.who, self._control.processors())}

    def quarantine(self, ask: Ask) -> dict[str, Any]:
        query: QuarantineQuery = ask.query
        own = views.own_user(ask.who)
        return self._queries.quarantine_page(
            query.limit, query.after, query.processor, query.kind, own
        )

    def ledger(self, ask: Ask) -> dict[str, Any]:
        return self._queries.ledger(_bytes_path(ask), ask.query.source, views.own_user(ask.who))

    def usage(self, ask: Ask) -> dict[str, Any]:
        name, now = ask.path["report"], datetime.now(UTC)
        asked = views.usage_asked(ask.who, name, given(ask.query))
        if counting := asked.get("as"):
            return self._queries.ccusage(counting, name, asked, now)
        require_counting(asked)
        found = self._queries.usage(name, report_options(asked, now), asked.get("explain"))
        own = views.own_user(ask.who)
        return found if own is None else views.own_places(found, self._queries.files_of(own))


def _bytes_path(ask: Ask) -> str:
    """The path as the file system has it: names of files need not be UTF-8, so the framework's
    own decoding would lose some of them."""
    raw: bytes = ask.request.scope["raw_path"]
    return os.fsdecode(unquote_to_bytes(raw)).removeprefix(_LEDGER)
