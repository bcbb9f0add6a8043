"""Browsers that have signed in: a cookie stands for the token that was given on the page.

The rule: what a browser may is asked of its token anew at each request, so it ends with it. Of a
cookie only the digest is held, in memory, and the token of its forms follows from the cookie.
"""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from api.addresses import is_loopback
from core.acting import Principal

LIFE_S = 12 * 3600
"""How long a browser stays signed in, whatever it does."""
BROWSERS_MAX = 1000
OF_ONE_MAX = 10
"""Browsers of one token: the oldest is signed out, so nobody can crowd others out."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A token that lets somebody in. `principal` is None as soon as it does no longer."""

    name: str
    principal: Callable[[], Principal | None]


class Browsers:
    """Safe from any thread."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[Holder, float]] = {}

    def sign_in(self, holder: Holder) -> str:
        """The text of a new cookie."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._forget_ended()
            same = [key for key, (one, _) in self._known.items() if one.name == holder.name]
            for key in same[: max(0, len(same) - OF_ONE_MAX + 1)]:
                del self._known[key]
            while len(self._known) >= BROWSERS_MAX:
                del self._known[next(iter(self._known))]
            self._known[_digest(cookie)] = (holder, self._monotonic_s() + LIFE_S)
        return cookie

    def principal(self, cookie: str) -> Principal | None:
        """Whom a cookie stands for now."""
        holder, ends_s = self._known.get(_digest(cookie), (None, 0.0))
        if holder is None or self._monotonic_s() >= ends_s:
            return None
        return holder.principal()

    def sign_out(self, cookie: str) -> None:
        with self._lock:
            self._known.pop(_digest(cookie), None)

    def __len__(self) -> int:
        return len(self._known)

    def _forget_ended(self) -> None:
        now_s = self._monotonic_s()
        for key in [key for key, (_, ends_s) in self._known.items() if ends_s <= now_s]:
            del self._known[key]


def cookie_of(request: Request) -> str:
    """The text of the cookie; empty if there is none."""
    return request.cookies.get(_name(request), "")


def csrf_token(request: Request) -> str:
    """What a form or `X-CSRF-Token` of this browser must hold; empty if it has no cookie.

    A page of another site can make the browser send its cookie, but can read neither.
    """
    cookie = cookie_of(request)
    return hmac.new(cookie.encode(), b"csrf", hashlib.sha256).hexdigest() if cookie else ""


def set_cookie(request: Request, response: Response, cookie: str) -> None:
    """Kept by the browser for as long as it may last here. Empty: kept no longer."""
    response.set_cookie(
        _name(request), cookie, max_age=LIFE_S if cookie else 0, path="/",
        secure=_is_secure(request), httponly=True, samesite="strict",
    )  # fmt: skip


def is_exposed(request: Request) -> bool:
    """Did this come over the network without encryption? A browser would not keep the cookie."""
    return _is_secure(request) and not _is_encrypted(request)


def _name(request: Request) -> str:
    """`__Host-` keeps other hosts of the same domain, and plain HTTP, from setting it."""
    return "__Host-sessionwatch" if _is_secure(request) else "sessionwatch"


def _is_secure(request: Request) -> bool:
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return _is_encrypted(request) or not is_loopback(host)


def _is_encrypted(request: Request) -> bool:
    """A forged header makes the cookie stricter, never laxer."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).digest()
