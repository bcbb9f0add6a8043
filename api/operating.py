"""Endpoints for what waits and what failed: look, send back, build anew, pause.

The rule: for admins alone. Nothing is decided here: the operator of the service
(`api.control.Operator`) does it, and what changes something has an `action` for the audit.
"""

from typing import Annotated, Any

from msgspec import Meta

from api.endpoints import Ask, Endpoint, Fields
from api.parts import Parts

Limit = Annotated[int, Meta(ge=1, le=1000)]
Path = Annotated[str, Meta(min_length=1, max_length=4096)]


class ParkedQuery(Fields):
    limit: Limit = 100
    after: str = ""
    processor: str | None = None
    state: str | None = None


class RequeueBody(Fields):
    processor: str | None = None
    source: str | None = None
    path: Path | None = None


class ReprocessBody(Fields):
    path: Path
    source: str | None = None
    processor: str | None = None


def endpoints(parts: Parts) -> list[Endpoint]:
    """All of them for operators."""
    here = _Operating(parts)
    return [
        Endpoint("GET", "/api/v1/backlog", here.backlog, "What waits, by processor."),
        Endpoint(
            "GET", "/api/v1/parked", here.parked, "Files that failed.", query=ParkedQuery
        ),
        Endpoint(
            "POST", "/api/v1/requeue", here.requeue, "Try failed files now.", body=RequeueBody,
            action="requeue", resource="sessions", errors=(404,),
        ),
        Endpoint(
            "POST", "/api/v1/reprocess", here.reprocess, "Build one session's rows anew.",
            body=ReprocessBody, action="reprocess", resource="session", errors=(404, 409),
        ),
        Endpoint(
            "POST", "/api/v1/processors/{processor}/pause", here.pause,
            "Hand out no more files to a processor.", body=Fields,
            action="processor.pause", resource="processor:{processor}",
        ),
        Endpoint(
            "POST", "/api/v1/processors/{processor}/resume", here.resume,
            "Hand out files again.", body=Fields,
            action="processor.resume", resource="processor:{processor}",
        ),
    ]  # fmt: skip


class _Operating:
    def __init__(self, parts: Parts) -> None:
        self._control = parts.control
        self._queries = parts.queries

    def backlog(self, _: Ask) -> dict[str, Any]:
        return self._control.operator.backlog()

    def parked(self, ask: Ask) -> dict[str, Any]:
        query: ParkedQuery = ask.query
        return self._queries.failing_page(query.limit, query.after, query.processor, query.state)

    def requeue(self, ask: Ask) -> dict[str, Any]:
        body: RequeueBody = ask.body
        found = self._control.operator.requeue(body.processor, body.source, body.path)
        ask.note.params |= found
        return found

    def reprocess(self, ask: Ask) -> dict[str, Any]:
        body: ReprocessBody = ask.body
        found = self._control.operator.reprocess(body.source, body.path, body.processor)
        ask.note.resource = f"session:{found['source']}:{found['session']}"
        ask.note.params |= {"files": len(found["files"]), "errors": found["errors"]}
        ask.note.failed = bool(found["errors"])
        return found

    def pause(self, ask: Ask) -> dict[str, Any]:
        return self._control.operator.pause(ask.path["processor"], ask.who)

    def resume(self, ask: Ask) -> dict[str, Any]:
        return self._control.operator.resume(ask.path["processor"])
