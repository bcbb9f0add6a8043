"""Values and errors as JSON responses: one shape for each, whatever raised them.

The rule: an error is `{"error": {"code", "message", "hint"}}`, the code is a fixed word, and what
went wrong inside us is told to the log and not to the asker.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core.errors import ConfigurationError, SessionwatchError, TransientError

_STATUS_BY_REASON = {"not_found": 404, "unknown_report": 404, "ambiguous": 409}
_CODE_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


class Answer(JSONResponse):
    """JSON that no string can break: names of files may hold what UTF-8 cannot say."""

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")


def error(status: int, code: str, message: str, hint: str = "") -> Response:
    """The one shape of an error."""
    content = {"error": {"code": code, "message": message, "hint": hint}}
    return Answer(content, status, headers={"Cache-Control": "no-store"})


async def from_our_error(_: Request, raised: Exception) -> Response:
    """What was raised on purpose: its text is written for the asker."""
    assert isinstance(raised, SessionwatchError)
    status = 500
    if isinstance(raised, ConfigurationError):
        status = _STATUS_BY_REASON.get(raised.reason, 400)
    elif isinstance(raised, TransientError):
        status = 503
    return error(status, raised.reason, str(raised.args[0]), raised.hint)


async def from_http_error(_: Request, raised: Exception) -> Response:
    """What the framework refused: no such route, wrong method, body too large."""
    assert isinstance(raised, HTTPException)
    code = _CODE_BY_STATUS.get(raised.status_code, "refused")
    return error(raised.status_code, code, raised.detail, "GET / lists what can be asked")


async def from_fault(_: Request, raised: Exception) -> Response:
    """A fault of ours; the server logs it."""
    return error(500, "internal", f"the service failed: {type(raised).__name__}", "see its log")


def parameters(request: Request, allowed: Collection[str]) -> Mapping[str, str]:
    """The query string as a mapping. An unknown name is an error: it may be a misspelt filter."""
    given = dict(request.query_params)
    _refuse_unknown(given, allowed)
    return given


def count(given: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A parameter that is a number from 1 to `most`."""
    text = given.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise ConfigurationError(
            f"{name}={text[:40]} is not a number of rows", reason="bad_parameter",
            hint=f"from 1 to {most}",
        )  # fmt: skip
    return int(text)


async def body(request: Request, types: Mapping[str, type]) -> dict[str, Any]:
    """The JSON object of a POST, every member optional and of the given type."""
    text = await request.body()
    try:
        given = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise ConfigurationError("the body is not a JSON object", reason="bad_body")
    _refuse_unknown(given, types)
    for name, value in given.items():
        if value is not None and type(value) is not types[name]:
            raise ConfigurationError(f"{name} must be a {types[name].__name__}", reason="bad_body")
    return {name: value for name, value in given.items() if value is not None}


def _refuse_unknown(given: Collection[str], allowed: Collection[str]) -> None:
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        raise ConfigurationError(
            f"unknown parameter {unknown[0][:40]!r}", reason="bad_parameter",
            hint=f"known: {', '.join(allowed) or 'none'}",
        )  # fmt: skip
