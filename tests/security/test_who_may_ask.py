"""Every endpoint and everybody who may ask it. A new endpoint is covered by being one."""

import hmac
import re

import pytest

from api import gate, openapi, views
from api.app import all_endpoints
from api.endpoints import READERS
from core.acting import ADMIN, ANALYST, METRICS
from state.operations import tokens
from state.usage.reports import REPORTS
from tests.tools.askers import ASKERS, FORWARDED, ask, bearer, expected, path_of
from tests.tools.http import no_parts

ENDPOINTS = {f"{one.method} {one.path}": one for one in all_endpoints(no_parts())}
OPEN = {"GET /api/health", "GET /login", "POST /login", "GET /api/v1/openapi.json"}
NEAR = {"GET /healthz", "GET /readyz", "GET /metrics"}
ANALYSTS_MAY = {
    "POST /api/upload/local-md",
    "GET /", "GET /api/v1/status", "GET /api/v1/processors", "GET /api/v1/quarantine",
    "GET /api/v1/ledger/{path:path}", "GET /api/v1/usage/{report}", "POST /logout",
    "POST /api/upload/sessions", "POST /api/v1/uploads/{path:path}",
    # What is their own: what they add, their vote, their bundle.
    "POST /api/memory", "POST /api/memory/{item_id}/vote", "POST /api/memory/{item_id}/personal",
    "POST /api/memory/{item_id}/dismiss", "DELETE /api/memory/{item_id}/dismiss",
}  # fmt: skip


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_answers_whom_its_line_names_and_nobody_else(askers, name, asker):
    endpoint = ENDPOINTS[name]
    path = f"{path_of(endpoint)}?no_such_parameter=1"

    reply = ask(askers.port, endpoint.method, path, askers.headers(asker), b"{}")

    assert (reply.status, reply.code) == expected(endpoint, asker)


def test_what_is_open_and_what_analysts_may_is_listed_here_too():
    """So that nobody opens something by the way: whoever does so says it twice."""
    assert {name for name, one in ENDPOINTS.items() if one.roles is None} == OPEN
    assert {name for name, one in ENDPOINTS.items() if one.near} == NEAR
    asked = {
        name for name, one in ENDPOINTS.items() if ANALYST in (one.roles or ()) and not one.private
    }
    assert asked >= ANALYSTS_MAY
    for name in asked - ANALYSTS_MAY:
        assert name.startswith("GET "), f"{name}: an analyst changes nothing"


def test_who_scrapes_metrics_sees_nothing_else():
    found = {name for name, one in ENDPOINTS.items() if METRICS in (one.roles or ())}

    assert found == NEAR | {"POST /logout"}


def test_an_endpoint_that_says_nothing_is_for_admins():
    assert {one.roles for one in ENDPOINTS.values() if "tokens" in one.path} == {frozenset({ADMIN})}
    assert ADMIN in READERS


def test_the_document_names_the_same_roles():
    paths = openapi.describe(list(ENDPOINTS.values()))["paths"]

    for one in ENDPOINTS.values():
        if one.private:
            continue
        said = paths[re.sub(r":path", "", one.path)][one.method.lower()]
        assert said.get("x-roles") == (None if one.roles is None else sorted(one.roles))


def test_every_report_is_placed():
    assert set(REPORTS) == views.OF_THE_TEAM | views.OF_ONE_PERSON
    assert set() == views.OF_THE_TEAM & views.OF_ONE_PERSON


# Near and far.


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_this_machine_may_look_after_the_service_without_a_token(port, path):
    assert ask(port, "GET", path).status == 200


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Host"]
)
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_a_proxy_on_this_machine_asks_for_others(askers, path, header):
    far = {header: "203.0.113.9"}

    assert ask(askers.port, "GET", path, far).status == 401
    assert ask(askers.port, "GET", path, far | bearer(askers.texts[METRICS])).status == 200


def test_a_wrong_token_is_wrong_from_near_as_well(askers):
    assert ask(askers.port, "GET", "/healthz", bearer("x")).status == 401


# How a token is compared, and what happens to those that guess.


def test_secrets_are_compared_in_constant_time(askers, monkeypatch):
    compared = []

    def watched(left, right):
        compared.append((left, right))
        return hmac.compare_digest(left, right)

    class Watched:
        compare_digest = staticmethod(watched)

    monkeypatch.setattr(tokens, "hmac", Watched)

    for name, status in (("admin", 200), ("wrong token", 401), ("revoked", 401)):
        compared.clear()
        asked = ask(askers.port, "GET", "/api/v1/status", bearer(askers.texts[name]))
        assert asked.status == status
        ((left, right),) = compared
        assert len(left) == len(right) == 32, "digests, so the length says nothing either"


@pytest.mark.parametrize("module", [gate, tokens])
def test_no_secret_is_compared_by_equality(module):
    with open(module.__file__, encoding="utf-8") as file:
        text = file.read()

    assert re.findall(r"(?:digest|secret|cookie|csrf|encoded)\w*(?:\.text)? ?[!=]= ", text) == []


def test_an_address_that_guesses_has_to_wait_and_no_other_does(askers):
    address, right = "127.200.0.1", bearer(askers.texts["admin"])
    wrong = [
        ask(askers.port, "GET", "/api/v1/status", bearer(f"guess{n}"), address=address).status
        for n in range(11)
    ]

    assert wrong == [401] * 10 + [429]
    reply = ask(askers.port, "GET", "/api/v1/status", right, address=address)
    assert (reply.status, reply.code) == (429, "too_many_failures")
    assert 0 < int(reply.headers["retry-after"]) <= 60
    assert ask(askers.port, "GET", "/api/v1/status", right, address="127.200.0.2").status == 200
    assert ask(askers.port, "GET", "/healthz", FORWARDED, address=address).status == 401


def test_the_last_use_of_a_token_is_shown_and_kept(askers, service):
    token, text = service.desk.tokens.create("used", "admin", by="tests")
    admin = bearer(askers.texts["admin"])

    def last_used():
        found = ask(askers.port, "GET", "/api/v1/tokens", admin).json["tokens"]
        return next(one["last_used_at"] for one in found if one["id"] == token.token_id)

    assert last_used() is None
    assert ask(askers.port, "GET", "/api/v1/status", bearer(text)).status == 200
    assert last_used() is not None

    service.desk.tokens.write_used()

    kept = "SELECT last_used_at_us > 0 FROM tokens WHERE token_id = ?"
    assert service.desk.book.rows(kept, [token.token_id]) == [(True,)]
    assert last_used() is not None
