"""Asks a service on another machine for a bundle.

The rule: the token goes to the address that was named and nowhere else, over TLS or within this
machine, and an answer that is no bundle changes no file.
"""

import os
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from core.errors import ConfigurationError, TransientError
from service.client import answer_of

TOKEN_VARIABLE = "SESSIONWATCH_TOKEN"  # noqa: S105 - the name of a variable
ANSWER_SECONDS = 20.0
ANSWER_BYTES_MAX = 8 << 20
_LOCAL = ("localhost", "127.0.0.1", "::1")


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def fetched(
    url: str, person: str | None = None, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The answer of `GET /api/memory/bundle` below an address.

    Raises `ConfigurationError` for an address or token that is not right and `TransientError` if
    nobody answers.
    """
    token = (os.environ if environ is None else environ).get(TOKEN_VARIABLE, "").strip()
    target = _checked(url) + "/api/memory/bundle"
    asked = f"{target}?{urlencode({'person': person})}" if person else target
    request = Request(asked)  # noqa: S310 - the scheme is checked
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    status, content = _answer(request)
    found = answer_of(status, content)
    files = found.get("files") if isinstance(found, dict) else None
    if not isinstance(files, dict) or not all(isinstance(one, str) for one in files.values()):
        raise TransientError(f"{url} gave no bundle", reason="bad_answer", hint="is it a service?")
    return dict(found)


def _checked(url: str) -> str:
    parts = urlsplit(url)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    if not safe or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{url[:200]!r} cannot be asked", reason="bad_url",
            hint="https://HOST, or http:// on this machine: a token is not for others to see",
        )  # fmt: skip
    return url.rstrip("/")


def _answer(request: Request) -> tuple[int, bytes]:
    try:
        with build_opener(_NoRedirects).open(request, timeout=ANSWER_SECONDS) as answer:
            content = answer.read(ANSWER_BYTES_MAX + 1)
            if len(content) > ANSWER_BYTES_MAX:
                raise TransientError("the answer is too long", reason="bad_answer")
            return answer.status, content
    except HTTPError as error:
        with error:
            return error.code, error.read(ANSWER_BYTES_MAX)
    except (OSError, HTTPException) as error:
        raise TransientError(
            f"{urlsplit(request.full_url).netloc} does not answer", reason="service_silent",
            hint="the rules stay as they are; pull again later",
        ) from error  # fmt: skip
