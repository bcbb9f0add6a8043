"""The real command on an address that others can reach: nothing without a token."""

import http.client
import json
import re
import socket
from contextlib import closing

import pytest

from api import place
from tests.tools.askers import FORWARDED, ask, bearer, sign_in
from tests.tools.service import PROJECT, ServiceProcess, sessionwatch

DEMO = PROJECT / "demo/sessions"
EVERYWHERE = "0.0.0.0"


@pytest.fixture
def db(tmp_path):
    return tmp_path / "t.duckdb"


def started(db, **settings):
    service = ServiceProcess(db, DEMO, host=EVERYWHERE, canary="false", **settings)
    service.start()
    return service


def port_of(service):
    return int(service.url.rpartition(":")[2])


def status_by_own_address(port):
    """What /healthz says to this machine by an address that others have too, if it has one."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asker:
        try:
            asker.connect(("203.0.113.1", 9))
        except OSError:
            return None
        address = asker.getsockname()[0]
    with closing(http.client.HTTPConnection(address, port, timeout=30)) as connection:
        connection.request("GET", "/healthz")
        return connection.getresponse().status


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_without_a_token_it_does_not_start(db, host):
    done = sessionwatch("serve", DEMO, "--db", db, "--host", host, "--port", "0")

    assert done.code == 2
    assert re.search(r"no token .* can be reached by others", done.err)
    assert "token create" in done.err
    assert not place.socket_path(db).exists()


def test_a_token_that_has_ended_is_none(db):
    made = sessionwatch("token", "create", "me", "--json", "--db", db).json
    assert sessionwatch("token", "revoke", made["id"], "--db", db).code == 0

    assert sessionwatch("serve", DEMO, "--db", db, "--host", EVERYWHERE, "--port", "0").code == 2


def test_a_token_can_be_made_before_the_first_start(db):
    token = sessionwatch("token", "create", "me", "--db", db).out.strip()
    service = started(db)
    try:
        port = port_of(service)
        assert ask(port, "GET", "/api/v1/status").status == 401
        assert ask(port, "GET", "/api/v1/status", bearer(token)).status == 200
        assert ask(port, "GET", "/healthz").status == 200, "a container's own check"
        assert ask(port, "GET", "/healthz", FORWARDED).status == 401
        assert status_by_own_address(port) in (401, None)
        assert service.terminate() == 0
    finally:
        service.close()
    listed = json.loads(sessionwatch("token", "list", "--json", "--db", db).out)
    assert listed["tokens"][0]["last_used_at"], "kept at the stop"


def test_a_socket_of_both_kinds_knows_this_machine_by_either_address(db):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    sessionwatch("token", "create", "me", "--db", db)
    service = ServiceProcess(db, DEMO, host="::", canary="false")
    try:
        service.start()
        port = port_of(service)
        assert ask(port, "GET", "/healthz").status == 200
        assert ask(port, "GET", "/healthz", FORWARDED).status == 401
    finally:
        service.close()


def test_no_token_and_no_cookie_gets_into_the_log(db, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s3cret-" * 8)
    service = started(db, metrics_token_file=secret, log_level="debug", log_format="json")
    try:
        port = port_of(service)
        token = service.client.post("/api/v1/tokens", {"name": "me"})["token"]
        cookie = sign_in(port, token).headers["set-cookie"].partition(";")[0]
        wrong = "swt_abc_wrong-token-of-somebody"
        ask(port, "GET", "/metrics", bearer(secret.read_text()) | FORWARDED)
        ask(port, "GET", "/api/v1/status", bearer(wrong))
        ask(port, "POST", "/api/v1/rescan", bearer(token), b"{")
        ask(port, "GET", "/", {"Cookie": cookie})
        sign_in(port, wrong)
        assert service.terminate() == 0
    finally:
        service.close()

    held = [token, cookie.partition("=")[2], wrong, secret.read_text()]
    assert [text for text in held if text in service.log] == []


def test_a_short_secret_is_an_error_of_the_start(db):
    done = sessionwatch("serve", DEMO, "--db", db, "--port", "0", metrics_token="short")

    assert done.code == 2
    assert "fewer than 32 characters" in done.err


def test_a_proxy_before_a_service_in_development_lets_nobody_in(tmp_path, db):
    service = ServiceProcess(db, DEMO, canary="false")
    try:
        service.start()
        port = port_of(service)
        assert ask(port, "GET", "/api/v1/status").status == 200
        assert ask(port, "GET", "/api/v1/status", FORWARDED).status == 401
    finally:
        service.close()
