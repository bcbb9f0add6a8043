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

from api import (
    accounts,
    auditing,
    changing,
    forced,
    governing,
    health,
    memory,
    model,
    openapi,
    operating,
    people,
    reading,
    running,
    settling,
    signing_in,
    uploads,
)
from api.answers import error, from_fault, from_http_error, from_our_error
from api.endpoints import Endpoint
from api.guard import Defaults, Guard
from api.parts import Parts
from core.errors import SessionwatchError

GROUPS = (
    reading.endpoints, changing.endpoints, operating.endpoints, running.endpoints, forced.endpoints,
    auditing.endpoints, accounts.endpoints, people.endpoints, signing_in.endpoints,
    uploads.endpoints, health.endpoints, model.endpoints, memory.endpoints, governing.endpoints,
    settling.endpoints,
)  # fmt: skip


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
    guards = [] if private else [Middleware(Guard, hosts=tuple(hosts))]
    app = Starlette(
        routes=[
            _refusing(one)
            if one.private and not private
            else one.route(parts.gate, parts.desk.audit)
            for one in all_endpoints(parts)
        ],
        middleware=[Middleware(Defaults), *guards],
        exception_handlers={
            SessionwatchError: from_our_error,
            HTTPException: from_http_error,
            Exception: from_fault,
        },
    )
    app.router.redirect_slashes = False  # What is not there is not somewhere else either.
    return app


def _refusing(endpoint: Endpoint) -> Route:
    """The same path over TCP, where what it offers would be too much for any token."""

    async def refuse(_: Request) -> Response:
        hint = "use the sessionwatch command on this machine"
        return error(403, "private_only", "only the private socket offers this", hint)

    return Route(endpoint.path, refuse, methods=[endpoint.method])
