"""What holds for every request and answer, whatever the endpoint: the name we are called by (DNS
rebinding), bounds of the head, one length of the body, and headers against misreading.

The rule: a page of a hostile site can point its own name at 127.0.0.1 and would then be of the
same origin as we are. It cannot do that with an IP address or with `localhost`, so those pass,
and any other name only if the operator listed it in `hosts`.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers import error

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:]+)(:[0-9]+)?")

HEAD_BYTES_MAX = 32 << 10
"""What comes in one piece the parser takes whole, however long."""
_DEFAULTS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """ASGI middleware; `hosts` are further names, in lower case, that this service is called by."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if fault := self._fault(scope, headers):
            refused = error(*fault)
            refused.headers["Connection"] = "close"
            await refused(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _fault(self, scope: Scope, headers: Headers) -> tuple[int, str, str, str] | None:
        if _size_bytes(scope) > HEAD_BYTES_MAX:
            hint = f"at most {HEAD_BYTES_MAX} bytes of address and headers"
            return 431, "head_too_large", "the request says too much of itself", hint
        if "transfer-encoding" in headers and "content-length" in headers:
            # A proxy may have believed the other one, and taken the rest for another request.
            return 400, "two_lengths", "the body has two lengths", "send one of them"
        if not self._knows(headers.getlist("host")):
            hint = "use the address, localhost, or list the name in `hosts`"
            return 421, "unknown_host", "no service of this name", hint
        return None

    def _knows(self, headers: list[str]) -> bool:
        found = _HOST.fullmatch(headers[0]) if len(headers) == 1 else None
        if not found:
            return False
        name = found[1].strip("[]").lower()
        return name in self._hosts or name == "localhost" or _is_address(name)


class Defaults:
    """ASGI middleware: headers of every answer that does not say otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _DEFAULTS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, sent)


def _size_bytes(scope: Scope) -> int:
    target = len(scope["raw_path"]) + len(scope["query_string"])
    return target + sum(len(name) + len(value) + 4 for name, value in scope["headers"])


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
