"""Refuses requests that reached us under a foreign name (DNS rebinding).

The rule: a page of a hostile site can point its own name at 127.0.0.1 and would then be of the
same origin as we are. It cannot do that with an IP address or with `localhost`, so those pass,
and any other name only if the operator listed it in `hosts`.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.answers import error

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:]+)(:[0-9]+)?")


class HostGuard:
    """ASGI middleware; `hosts` are further names, in lower case, that this service is called by."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._knows(Headers(scope=scope).getlist("host")):
            await self._app(scope, receive, send)
            return
        hint = "use the address, localhost, or list the name in `hosts`"
        await error(421, "unknown_host", "no service of this name", hint)(scope, receive, send)

    def _knows(self, headers: list[str]) -> bool:
        found = _HOST.fullmatch(headers[0]) if len(headers) == 1 else None
        if not found:
            return False
        name = found[1].strip("[]").lower()
        return name in self._hosts or name == "localhost" or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
