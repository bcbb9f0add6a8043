"""What an endpoint is: a line that says who may ask, with what, and what the audit calls it.

The rule: routes, checks, audit rows and the OpenAPI document all come from the same value, so none
can be forgotten or differ. A handler gets an `Ask` whose parts are already checked.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from anyio import from_thread
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from api.answers import Answer, BadBody, BadParameter
from api.browsers import csrf_token
from api.gate import Gate
from core.acting import ADMIN, ANALYST, METRICS, Principal
from state.operations.audit import Audit, Note

ADMINS = frozenset({ADMIN})
READERS = frozenset({ADMIN, ANALYST})
SCRAPERS = frozenset({ADMIN, METRICS})
BODY_SECONDS = 30.0
"""How long the body of a request may take to come, and a pause of one that is streamed."""
OPEN_BODY_SECONDS = 5.0
"""The same where nobody has said yet who asks."""
BYTES_PER_S_MIN = 16 << 10
"""What a stream must bring on average behind its first `BODY_SECONDS`."""
FORM_FIELDS_MAX = 100
UNTOLD = frozenset({"csrf", "token"})
"""Fields whose values no audit row may hold."""
_CORRELATION = re.compile(r"[!-~]{1,100}")


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
    bytes_max: int
    note: Note = field(default_factory=lambda: Note("", ""))

    @property
    def correlation_id(self) -> str:
        """What the asker calls this request, for the audit."""
        return correlation_id_of(self.request)

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes, for a handler that streams. Raises an `HTTPException`: 408 if
        nothing comes for a while or too little for long (the time that the handler takes does not
        count), 413 if too much does, 400 if it is cut off."""
        stream = aiter(self.request.stream())
        waited_s, came_bytes = 0.0, 0
        while True:
            started_s = time.monotonic()
            chunk = from_thread.run(_next, stream)
            if chunk is None:
                return
            waited_s += time.monotonic() - started_s
            came_bytes += len(chunk)
            if came_bytes > self.bytes_max:
                raise _too_large()
            if waited_s > BODY_SECONDS and came_bytes < waited_s * BYTES_PER_S_MIN:
                raise _too_slow()
            yield chunk

    @property
    def csrf(self) -> str:
        """What the forms of a page must hold; empty if nobody signed in."""
        return csrf_token(self.request) if self.who.kind == "browser" else ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`handle` takes an `Ask` and returns JSON or a `Response`; it runs in a thread, so it may
    wait. With `roles=None` anybody may ask, with `near` anybody on this machine. `action` makes it
    audited; `resource` names what it is about and may hold `{path parameters}`. `private`: on the
    private socket alone. `legacy`: errors as the predecessor's clients know them. `form`: the body
    is that of an HTML form. `streams`: the body is any bytes, and the handler reads it
    (`Ask.chunks`). `choices`: all values a path parameter can have, for the document."""

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
    near: bool = False
    form: bool = False
    choices: Mapping[str, Collection[str]] = field(default_factory=dict)
    streams: bool = False
    media: str = "application/json"
    body_bytes_max: int = 1 << 20

    def route(self, gate: Gate, audit: Audit) -> Route:
        async def answer(request: Request) -> Response:
            request.state.legacy, request.state.page = self.legacy, self.media == "text/html"
            who = gate.admit(request, self.roles, near=self.near)
            _require_length(request, self.body_bytes_max)
            raw = b"" if self.body is None else await self._whole(request)
            if self.roles is not None:
                in_form = _form(raw).get("csrf", "") if self.form else ""
                gate.require_csrf_token(request, who, in_form)
            return await run_in_threadpool(self._perform, audit, who, request, raw)

        return Route(self.path, answer, methods=[self.method])

    async def _whole(self, request: Request) -> bytes:
        found = bytearray()
        try:
            async with asyncio.timeout(OPEN_BODY_SECONDS if self.roles is None else BODY_SECONDS):
                async for chunk in request.stream():
                    found += chunk
                    if len(found) > self.body_bytes_max:
                        raise _too_large()
        except TimeoutError as error:
            raise _too_slow() from error
        except ClientDisconnect as error:
            raise _cut_off() from error
        return bytes(found)

    def _perform(self, audit: Audit, who: Principal, request: Request, raw: bytes) -> Response:
        """A wrong question is in the audit as well as a right one: checked inside."""
        if not self.action:
            return self._answer(who, request, raw, Note("", ""))
        resource = self.resource.format_map(request.path_params)
        correlation_id = correlation_id_of(request)
        with audit.acting(who, self.action, resource, correlation_id=correlation_id) as note:
            return self._answer(who, request, raw, note)

    def _answer(self, who: Principal, request: Request, raw: bytes, note: Note) -> Response:
        query = _query(request, self.query)
        read = _from_form if self.form else _body
        body = None if self.body is None else read(raw, self.body)
        told = {**given(query), **given(body)}
        note.params |= {name: value for name, value in told.items() if name not in UNTOLD}
        found = self.handle(
            Ask(who, query, body, request.path_params, request, self.body_bytes_max, note)
        )
        return found if isinstance(found, Response) else Answer(found, self.status)


def correlation_id_of(request: Request) -> str:
    """What the asker calls a request, if it is nothing but plain signs."""
    given_id = request.headers.get("x-request-id", "")
    return given_id if _CORRELATION.fullmatch(given_id) else ""


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
        raise _too_slow() from error
    except ClientDisconnect as error:
        raise _cut_off() from error


def _cut_off() -> HTTPException:
    """Nobody is there to read it, and it is no fault of ours."""
    return HTTPException(400, "the body was cut off")


def _too_slow() -> HTTPException:
    return HTTPException(408, "the body did not come in time", {"Connection": "close"})


def _too_large() -> HTTPException:
    """The connection stays for a moment: one that is closed while it sends hides the answer."""
    return HTTPException(413, "the body is too large")


def _require_length(request: Request, bytes_max: int) -> None:
    """Refuse a body by the length that is announced, before any of it came."""
    if int(request.headers.get("content-length", "0")) > bytes_max:
        raise _too_large()


def _query(request: Request, declared: type[Fields]) -> Fields:
    pairs = request.query_params.multi_items()
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadParameter("a parameter is given twice", reason="bad_parameter")
    return _checked(lambda: msgspec.convert(found, declared, strict=False), declared, BadParameter)


def _body(raw: bytes, declared: type[Fields]) -> Fields:
    text = raw if raw.strip() else b"{}"
    return _checked(lambda: msgspec.json.decode(text, type=declared), declared, BadBody)


def _form(raw: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=FORM_FIELDS_MAX
        )
    except ValueError as error:
        raise BadBody("this is no form", reason=BadBody.REASON) from error
    if len(dict(pairs)) != len(pairs):
        raise BadBody("a field is given twice", reason=BadBody.REASON)
    return dict(pairs)


def _from_form(raw: bytes, declared: type[Fields]) -> Fields:
    found = _form(raw)
    return _checked(lambda: msgspec.convert(found, declared, strict=False), declared, BadBody)


def _checked(
    read: Callable[[], Fields], declared: type[Fields], kind: type[BadParameter | BadBody]
) -> Fields:
    try:
        return read()
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        known = ", ".join(declared.__struct_encode_fields__) or "none"
        raise kind(str(error)[:200], reason=kind.REASON, hint=f"known: {known}") from error
