"""The application: every group of endpoints behind one gate.

The rule: a group is a module with `endpoints(parts)`, listed here; what an endpoint needs, who may
ask and what the audit says of it stand in its own line (`api.endpoints`).
"""

from collections.abc import Iterable
from dataclasses import replace

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api import accounts, changing, governing, memory, openapi, people, reading, settling
from api.answers import error, from_fault, from_http_error, from_our_error
from api.endpoints import Endpoint
from api.guard import HostGuard
from api.parts import Parts
from core.errors import SessionwatchError

GROUPS = (
    reading.endpoints,
    changing.endpoints,
    accounts.endpoints,
    people.endpoints,
    memory.endpoints,
    governing.endpoints,
    settling.endpoints,
)


def all_endpoints(parts: Parts) -> list[Endpoint]:
    """Every endpoint, those of the private socket included."""
    found = [one for group in GROUPS for one in group(parts)]
    return [*found, openapi.endpoint(found)]


def application(parts: Parts, *, private: bool = False, hosts: Iterable[str] = ()) -> Starlette:
    """What is served over TCP, and with `private` what is served to whoever may open the socket.

    `hosts`: further names the service is called by over TCP; a Unix socket has no name to forge.
    """
    if private:
        parts = replace(parts, gate=parts.gate.private())
    return Starlette(
        routes=[
            _refusing(one)
            if one.private and not private
            else one.route(parts.gate, parts.desk.audit)
            for one in all_endpoints(parts)
        ],
        middleware=[] if private else [Middleware(HostGuard, hosts=tuple(hosts))],
        exception_handlers={
            SessionwatchError: from_our_error,
            HTTPException: from_http_error,
            Exception: from_fault,
        },
    )


def _refusing(endpoint: Endpoint) -> Route:
    """The same path over TCP, where what it offers would be too much for any token."""

    async def refuse(_: Request) -> Response:
        hint = "use the sessionwatch command on this machine"
        return error(403, "private_only", "only the private socket offers this", hint)

    return Route(endpoint.path, refuse, methods=[endpoint.method])
