"""What an endpoint is: a line that says who may ask, with what, and what the audit calls it.

The rule: routes, checks, audit rows and the OpenAPI document all come from the same value, so none
can be forgotten or differ. A handler gets an `Ask` whose parts are already checked.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from anyio import from_thread
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.answers import Answer, BadBody, BadParameter
from api.gate import Gate
from core.acting import ADMIN, ANALYST, METRICS, Principal
from state.operations.audit import Audit, Note

ADMINS = frozenset({ADMIN})
READERS = frozenset({ADMIN, ANALYST})
SCRAPERS = frozenset({ADMIN, METRICS})
BODY_SECONDS = 30.0
"""How long the body of a request may take to come."""


class Fields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Base of what a query string or a body may hold. No fields: nothing may be given."""


@dataclass(slots=True)
class Ask:
    """One request, checked. `note` is what the audit will say of it, if it is audited."""

    who: Principal
    query: Any
    body: Any
    path: Mapping[str, str]
    request: Request
    note: Note = field(default_factory=lambda: Note("", ""))

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes, for a handler that streams. Raises an `HTTPException` (408) if
        nothing comes for a while."""
        stream = aiter(self.request.stream())
        while (chunk := from_thread.run(_next, stream)) is not None:
            yield chunk


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`handle` takes an `Ask` and returns JSON or a `Response`; it runs in a thread, so
    it may wait. With `roles=None` anybody may ask. `action` makes it audited; `resource` names what
    it is about and may hold `{path parameters}`. `private`: on the private socket alone.
    `legacy`: errors as the predecessor's clients know them. `streams`: the body is any bytes, and
    the handler reads it (`Ask.chunks`)."""

    method: str
    path: str
    handle: Callable[[Ask], Any]
    about: str
    roles: frozenset[str] | None = ADMINS
    query: type[Fields] = Fields
    body: type[Fields] | None = None
    action: str = ""
    resource: str = ""
    status: int = 200
    errors: tuple[int, ...] = ()
    private: bool = False
    legacy: bool = False
    streams: bool = False
    media: str = "application/json"
    body_bytes_max: int = 1 << 20

    def route(self, gate: Gate, audit: Audit) -> Route:
        async def answer(request: Request) -> Response:
            request.state.legacy = self.legacy
            who = gate.admit(request, self.roles)
            raw = b"" if self.body is None else await _whole(request)
            return await run_in_threadpool(self._perform, audit, who, request, raw)

        return Route(self.path, answer, methods=[self.method], max_body_size=self.body_bytes_max)

    def _perform(self, audit: Audit, who: Principal, request: Request, raw: bytes) -> Response:
        """A wrong question is in the audit as well as a right one: checked inside."""
        if not self.action:
            return self._answer(who, request, raw, Note("", ""))
        resource = self.resource.format_map(request.path_params)
        correlation_id = request.headers.get("x-request-id", "")[:100]
        with audit.acting(who, self.action, resource, correlation_id=correlation_id) as note:
            return self._answer(who, request, raw, note)

    def _answer(self, who: Principal, request: Request, raw: bytes, note: Note) -> Response:
        query = _query(request, self.query)
        body = None if self.body is None else _body(raw, self.body)
        note.params |= {**given(query), **given(body)}
        found = self.handle(Ask(who, query, body, request.path_params, request, note))
        return found if isinstance(found, Response) else Answer(found, self.status)


def given(fields: Fields | None) -> dict[str, Any]:
    """What was asked for, by name, without what was left out."""
    if fields is None:
        return {}
    names = zip(fields.__struct_encode_fields__, fields.__struct_fields__, strict=True)
    values = ((name, getattr(fields, attribute)) for name, attribute in names)
    return {name: value for name, value in values if value not in (None, msgspec.UNSET)}


async def _next(stream: AsyncIterator[bytes]) -> bytes | None:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await anext(stream, None)
    except TimeoutError as error:
        raise HTTPException(408, "the body did not come in time") from error


async def _whole(request: Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.body()
    except TimeoutError as error:
        raise HTTPException(408, "the body did not come in time") from error


def _query(request: Request, declared: type[Fields]) -> Fields:
    pairs = request.query_params.multi_items()
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadParameter("a parameter is given twice", reason="bad_parameter")
    return _checked(lambda: msgspec.convert(found, declared, strict=False), declared, BadParameter)


def _body(raw: bytes, declared: type[Fields]) -> Fields:
    text = raw if raw.strip() else b"{}"
    return _checked(lambda: msgspec.json.decode(text, type=declared), declared, BadBody)


def _checked(
    read: Callable[[], Fields], declared: type[Fields], kind: type[BadParameter | BadBody]
) -> Fields:
    try:
        return read()
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        known = ", ".join(declared.__struct_encode_fields__) or "none"
        raise kind(str(error)[:200], reason=kind.REASON, hint=f"known: {known}") from error
