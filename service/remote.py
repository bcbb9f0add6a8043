"""A service elsewhere, asked over one connection that is kept.

The rules: the token goes to the address that was given and nowhere else, so no redirect is
followed, and it goes over TLS unless the other end is this machine or it was said otherwise. What
may succeed a moment later is tried again, with back-off, for a limited time.
"""

import http.client
import json
import random
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from api.addresses import is_loopback
from core.errors import ConfigurationError, PermanentError, SessionwatchError, TransientError
from core.plan import backoff_s

TIMEOUT_S = 60.0
RETRY_FIRST_S = 0.5
RETRY_MAX_S = 15.0
ANSWER_BYTES_MAX = 8 << 20
_AGAIN = (408, 500, 502, 503, 504)
_FOR_ALL = (401, 403, 429, 507)
"""Whatever file was sent: it is the same for the next one."""

Body = Callable[[], Iterable[bytes]]
"""Makes a body anew for each try."""


class Answer(NamedTuple):
    """Status and JSON of an answer."""

    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        error = self.body.get("error")
        return str(error.get("code", "")) if isinstance(error, dict) else ""


class Remote:
    """`patience_s`: how long to try again what fails in a way that may pass."""

    def __init__(
        self,
        url: str,
        token: str,
        user: str = "",
        *,
        patience_s: float = 60.0,
        timeout_s: float = TIMEOUT_S,
        plain_http: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Raises `ConfigurationError` for an address that may not be used."""
        self._address = _address(url, has_token=bool(token), plain_http=plain_http)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._user = {"user": user} if user else {}
        self._patience_s = patience_s
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._chance = chance
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def ask(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        **query: str | int,
    ) -> Answer:
        """The answer, if it is about this very question (2xx, 404, 409, 413 …).

        Raises `ConfigurationError` for what is the same for every question (token, role, redirect),
        `TransientError` if nothing came of it in time.
        """
        given = urlencode({**self._user, **query})
        target = f"{self._address.path}{quote(path)}" + (f"?{given}" if given else "")
        began_s, attempts = time.monotonic(), 0
        while True:
            try:
                return _judged(self._once(method, target, body, dict(headers or {})))
            except _Again as error:
                attempts += 1
                wait_s = backoff_s(
                    attempts, jitter=self._chance(), first_s=RETRY_FIRST_S, max_s=RETRY_MAX_S
                )
                if time.monotonic() - began_s + wait_s > self._patience_s:
                    raise TransientError(
                        f"the service does not answer this: {error}", reason="service_silent",
                        hint="try again later: what is done already is not done again",
                    ) from error  # fmt: skip
                self._sleep(wait_s)

    def _once(self, method: str, target: str, body: Body | None, headers: dict[str, str]) -> Answer:
        try:
            connection = self._connection = self._connection or self._connected()
            chunks = body() if body else None
            if body:
                headers["Transfer-Encoding"] = "chunked"
            with suppress(BrokenPipeError, ConnectionResetError):  # It may have answered already.
                connection.request(
                    method, target, chunks, {**self._headers, **headers}, encode_chunked=True
                )
            response = connection.getresponse()
            content = response.read(ANSWER_BYTES_MAX)
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise ConfigurationError(
                f"the certificate of {self._address.host} cannot be trusted: "
                f"{error.verify_message}",
                reason="certificate", hint="SSL_CERT_FILE names another list of authorities",
            ) from error  # fmt: skip
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise _Again(getattr(error, "strerror", None) or type(error).__name__) from error
        except BaseException:
            self.close()
            raise
        # Of a refused body some may be under way still.
        if not response.isclosed() or response.will_close or (body and response.status >= 400):
            self.close()
        if 300 <= response.status < 400:
            raise ConfigurationError(
                f"{self._address.host} sends us elsewhere: "
                f"{response.headers.get('Location', '')[:200]}",
                reason="redirected", hint="give that address as --url if you trust it",
            )  # fmt: skip
        return Answer(response.status, _json(content))

    def _connected(self) -> http.client.HTTPConnection:
        one = self._address
        if one.is_secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                one.host, one.port, timeout=self._timeout_s, context=context
            )
        return http.client.HTTPConnection(one.host, one.port, timeout=self._timeout_s)


class _Again(Exception):
    """It may succeed a moment later."""


class _Address(NamedTuple):
    is_secure: bool
    host: str
    port: int | None
    path: str


def _address(url: str, *, has_token: bool, plain_http: bool) -> _Address:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query:
        raise ConfigurationError(
            f"{url[:100]!r} is no address of a service", reason="bad_url",
            hint="such as --url https://sessions.example.org",
        )  # fmt: skip
    is_secure = parts.scheme == "https"
    if has_token and not is_secure and not plain_http and not is_loopback(host):
        raise ConfigurationError(
            f"the token would go to {host} unprotected", reason="plain_http",
            hint="use https; `push` takes --plain-http if the way there is safe",
        )  # fmt: skip
    return _Address(is_secure, host, port, parts.path.rstrip("/"))


def _judged(answer: Answer) -> Answer:
    error = answer.body.get("error")
    told = error if isinstance(error, dict) else {}
    text = str(told.get("message", "") or f"status {answer.status}")[:300]
    if answer.status in _FOR_ALL:
        kind: type[SessionwatchError] = (
            ConfigurationError if answer.status in (401, 403) else TransientError
        )
        raise kind(text, reason=answer.code, hint=str(told.get("hint", ""))[:300])
    if answer.status in _AGAIN:
        raise _Again(text)
    if answer.status < 400 and not answer.body:
        raise PermanentError("this is no answer of sessionwatch", reason="bad_answer")
    return answer


def _json(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
