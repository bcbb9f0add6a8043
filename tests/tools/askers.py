"""Everybody who may ask a service over TCP, and what the answer must be by the endpoint's own line.

The rule: an asker comes from an address of its own (all of 127.0.0.0/8 is this machine), because a
wrong token makes its address wait, and says that it was forwarded, because near ones may more.
"""

import http.client
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import urlencode

from api.endpoints import Endpoint
from core.acting import ROLES
from service.supervisor import Service

FORWARDED = {"X-Forwarded-For": "203.0.113.9"}
PERSON = "amara"
ASKERS = (
    "no token", "wrong token", "revoked", "expired", *ROLES, "cookie without CSRF",
    "cookie with CSRF", "cross-site",
)  # fmt: skip
_CSRF = re.compile(r'name="csrf" value="(\w+)"')
_PARAMETER = re.compile(r"\{\w+(:path)?\}")


class Reply(NamedTuple):
    """What came back; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


def addresses() -> Iterator[str]:
    """Ever new ones of this machine."""
    return (f"127.{1 + n // 65536 % 254}.{n // 256 % 256}.{n % 256}" for n in itertools.count(1))


_ADDRESSES = addresses()


def ask(
    port: int,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    address: str = "",
) -> Reply:
    """One request on a connection of its own, from a new address unless one is given."""
    place = (address or next(_ADDRESSES), 0)
    connection = http.client.HTTPConnection("127.0.0.1", port, 30, source_address=place)
    with closing(connection):
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        text = response.read().decode()
        return Reply(
            response.status, {name.lower(): v for name, v in response.headers.items()}, text
        )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Askers:
    """Their headers, by name. `service` runs in this process."""

    def __init__(self, service: Service) -> None:
        self.port = service.server.port
        tokens = service.desk.tokens
        self.texts = {
            role: tokens.create(f"the {role}", role, by="tests", person=PERSON)[1] for role in ROLES
        }
        revoked, self.texts["revoked"] = tokens.create("gone", "admin", by="tests")
        tokens.revoke(revoked.token_id)
        _, self.texts["expired"] = tokens.create("late", "admin", by="tests", expires_at_us=1)
        self.texts["wrong token"] = "swt_000000000000_" + "x" * 43
        # Of a token of its own: one token has so many browsers and no more.
        self.texts["browser"] = tokens.create("the browser", "admin", by="tests")[1]
        self.cookie = self.sign_in(self.texts["browser"])
        page = ask(self.port, "GET", "/", {"Cookie": self.cookie} | FORWARDED).text
        self.csrf = csrf_of(page)

    def sign_in(self, token: str, **headers: str) -> str:
        """The cookie of a browser that signed in."""
        reply = sign_in(self.port, token, **headers)
        assert reply.status == 303, reply.text
        return reply.headers["set-cookie"].partition(";")[0]

    def headers(self, name: str) -> dict[str, str]:
        if name in self.texts:
            return bearer(self.texts[name]) | FORWARDED
        if name == "no token":
            return dict(FORWARDED)
        found = {"Cookie": self.cookie} | FORWARDED
        if name != "cookie without CSRF":
            found["X-CSRF-Token"] = self.csrf
        if name == "cross-site":
            found |= {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        return found


def sign_in(port: int, token: str, **headers: str) -> Reply:
    body = urlencode({"token": token}).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return ask(port, "POST", "/login", form | headers, body)


def csrf_of(page: str) -> str:
    found = _CSRF.search(page)
    assert found, "the page has no form"
    return found[1]


def path_of(endpoint: Endpoint) -> str:
    """A path of this endpoint, with something for its parameters."""
    return _PARAMETER.sub("x", endpoint.path)


def expected(endpoint: Endpoint, asker: str) -> tuple[int, str]:
    """Status and code of a question with a parameter that nothing takes: so whoever is let in is
    told that, and nothing is done."""
    if endpoint.private:
        return 403, "private_only"
    if asker in ("wrong token", "revoked", "expired"):
        return 401, "unauthorized"
    changes = endpoint.method not in ("GET", "HEAD")
    if changes and asker == "cross-site":
        return 403, "cross_site"
    if endpoint.roles is not None:
        if asker == "no token":
            return 401, "unauthorized"
        if asker in ROLES and asker not in endpoint.roles:
            return 403, "forbidden"
        if changes and asker == "cookie without CSRF":
            return 403, "csrf"
    return 422 if endpoint.legacy else 400, "bad_parameter"
