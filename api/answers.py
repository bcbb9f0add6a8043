"""Values and errors as JSON responses: one shape for each, whatever raised them.

The rule: an error is `{"error": {"code", "message", "hint"}}`, the code is a fixed word, and what
went wrong inside us is told to the log and not to the asker.
"""

import json
import math
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match, Route

from core.errors import ConfigurationError, SessionwatchError, TransientError

_STATUS_BY_REASON = {
    "unauthorized": 401,
    "forbidden": 403,
    "uploads_off": 403,
    "cross_site": 403,
    "csrf": 403,
    "not_found": 404,
    "unknown_report": 404,
    "ambiguous": 409,
    "already_running": 409,
    "conflict": 409,
    "paused": 409,
    "not_owner": 403,
    "transition": 409,
    "directive": 409,
    "no_room": 409,
    "exists": 409,
    "changed": 409,
    "too_large": 413,
    "too_many": 429,
    "too_many_failures": 429,
    "not_configured": 409,
    "quota_exceeded": 429,
    "too_slow": 408,
    "disk_full": 507,
}
_CODE_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 408: "too_slow", 413: "too_large"}


class BadParameter(ConfigurationError):
    """A query string that the endpoint does not take."""

    REASON = "bad_parameter"


class BadBody(ConfigurationError):
    """A body that the endpoint does not take."""

    REASON = "bad_body"


class Answer(JSONResponse):
    """JSON that no string can break: names of files may hold what UTF-8 cannot say."""

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")


def error(status: int, code: str, message: str, hint: str = "") -> Response:
    """The one shape of an error."""
    content = {"error": {"code": code, "message": message, "hint": hint}}
    return Answer(content, status, headers={"Cache-Control": "no-store"})


async def from_our_error(request: Request, raised: Exception) -> Response:
    """What was raised on purpose: its text is written for the asker."""
    assert isinstance(raised, SessionwatchError)
    if raised.reason == "unauthorized" and _is_page(request):
        return RedirectResponse("/login", 303)
    response = error(_status_of(request, raised), raised.reason, str(raised.args[0]), raised.hint)
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if wait_s := getattr(raised, "wait_s", 0.0):
        response.headers["Retry-After"] = str(math.ceil(wait_s))
    return _as_before(request, response, str(raised))


async def from_http_error(request: Request, raised: Exception) -> Response:
    """What the framework refused: no such route, wrong method, body too large."""
    assert isinstance(raised, HTTPException)
    code = _CODE_BY_STATUS.get(raised.status_code, "refused")
    found = error(raised.status_code, code, raised.detail, "GET / lists what can be asked")
    found.headers.update(raised.headers or {})
    if raised.status_code == 405:
        found.headers["Allow"] = ", ".join(_methods(request))
    return found


def _methods(request: Request) -> list[str]:
    """What may be asked of this path: each endpoint has a route of its own, and of those that fit
    the most literal path is meant (`uploads/summary` is no file that could be uploaded)."""
    fitting = [
        route
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
    ]
    path = min(fitting, key=lambda route: len(route.param_convertors)).path
    return sorted({m for route in fitting if route.path == path for m in route.methods or ()})


async def from_fault(request: Request, raised: Exception) -> Response:
    """A fault of ours; the server logs it. Only an operator's run is told its text."""
    response = error(500, "internal", f"the service failed: {type(raised).__name__}", "see its log")
    return _as_before(request, response, f"{type(raised).__name__}: {raised}"[:256])


def _status_of(request: Request, raised: SessionwatchError) -> int:
    if isinstance(raised, BadParameter | BadBody) and _is_legacy(request):
        return 422
    if isinstance(raised, ConfigurationError):
        return _STATUS_BY_REASON.get(raised.reason, 400)
    if isinstance(raised, TransientError):
        return _STATUS_BY_REASON.get(raised.reason, 503)
    return 500


def _as_before(request: Request, response: Response, detail: str) -> Response:
    """The predecessor's clients read `detail`."""
    if not _is_legacy(request):
        return response
    content = {**json.loads(bytes(response.body)), "detail": detail}
    return Answer(content, response.status_code, headers={"Cache-Control": "no-store"})


def _is_page(request: Request) -> bool:
    """Does a person look at a page, rather than a program ask?"""
    wanted = "text/html" in request.headers.get("accept", "")
    return request.method == "GET" and wanted and getattr(request.state, "page", False)


def _is_legacy(request: Request) -> bool:
    return bool(getattr(request.state, "legacy", False))
