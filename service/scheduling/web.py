"""One request over HTTP, within a time for all of it.

The rules: redirects are not followed, so a token stays with whom it was meant for; an answer is
read to its end, because many servers work while they answer, and only its beginning is kept.
"""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socket import SHUT_RDWR, socket
from typing import NamedTuple
from urllib.parse import urlsplit

BODY_CHARS_MAX = 200
_PIECE_BYTES = 1 << 16


class Request(NamedTuple):
    """`token` is a bearer, or nothing. The body is empty."""

    method: str
    url: str
    timeout_s: float
    token: str = ""


class Answer(NamedTuple):
    """`good`: a status below 300. `text` says what was wrong."""

    good: bool
    text: str = ""


def ask(request: Request) -> Answer:
    """Never raises for what the network or the other side does."""
    ends_s = time.monotonic() + request.timeout_s
    late = threading.Event()
    try:
        status, body, whole = _exchanged(request, ends_s, late)
    except (OSError, http.client.HTTPException) as error:
        if late.is_set() or isinstance(error, TimeoutError):
            return _too_late(request)
        return Answer(False, f"no answer: {_reason(error)}")
    if late.is_set():
        return _too_late(request)
    if status >= 300:
        return Answer(False, f"status {status}{_hint(status)}: {_shown(body, request.token)}")
    return Answer(whole, "" if whole else f"status {status}, but the answer broke off")


def _exchanged(request: Request, ends_s: float, late: threading.Event) -> tuple[int, bytes, bool]:
    """Status, the first bytes of the body, and whether it came whole."""
    parts = urlsplit(request.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=request.timeout_s)
    try:
        connection.connect()
        with _cut_off(connection.sock, ends_s, late):
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(request.method, target, headers=_headers(request.token))
            response = connection.getresponse()
            body = response.read(_PIECE_BYTES)
            while response.read(_PIECE_BYTES):
                pass
            return response.status, body, not response.length
    finally:
        connection.close()


@contextmanager
def _cut_off(connected: socket, ends_s: float, late: threading.Event) -> Iterator[None]:
    """End what is read or written at `ends_s`: the time-out of a socket is for each piece, and an
    answer in many small ones would last for ever."""

    def cut() -> None:
        late.set()
        try:
            connected.shutdown(SHUT_RDWR)
        except OSError:  # Closed meanwhile.
            return

    timer = threading.Timer(max(0.0, ends_s - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _headers(token: str) -> dict[str, str]:
    found = {"User-Agent": "sessionwatch", "Accept": "*/*"}
    return found | {"Authorization": f"Bearer {token}"} if token else found


def _too_late(request: Request) -> Answer:
    text = f"no whole answer within {request.timeout_s:g} s; the work may still go on there"
    return Answer(False, text)


def _reason(error: Exception) -> str:
    """The class, and what the system says of it; other texts may quote what was sent."""
    reason = getattr(error, "strerror", None)
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__


def _hint(status: int) -> str:
    return " (redirects are not followed: write the new address)" if status < 400 else ""


def _shown(body: bytes, token: str) -> str:
    """Its beginning on one line, without the token that some error pages give back."""
    text = " ".join(body.decode("utf-8", "replace").split())
    return (text.replace(token, "***") if token else text)[:BODY_CHARS_MAX]
