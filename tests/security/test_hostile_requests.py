"""Requests that no good client sends: odd paths, bodies, headers, framing, and none that ends."""

import re
import socket
import time
from contextlib import closing, contextmanager, suppress

import pytest
from msgspec.structs import fields

from api import connection, endpoints
from api.app import all_endpoints
from api.endpoints import Endpoint, Fields
from api.guard import HEAD_BYTES_MAX
from api.server import Server
from tests.tools.askers import ask, bearer, path_of
from tests.tools.http import no_parts
from tests.tools.waiting import wait_for

ENDPOINTS = all_endpoints(no_parts())
OFFERED = [one for one in ENDPOINTS if not one.private]
WITH_PATHS = {f"{one.method} {one.path}": one for one in OFFERED if "{" in one.path}
WITH_BODIES = {f"{one.method} {one.path}": one for one in OFFERED if one.body is not None}
TRAVERSALS = (
    "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd",
    "%2fetc%2fpasswd", "..%5c..%5cetc", "x%00.jsonl", "%ff%fe", "x/../../../etc/passwd",
    "....//....//etc/passwd", "%252e%252e%252fetc", "~root", "a" * 5000, "'; DROP TABLE tokens; --",
    "%0d%0aSet-Cookie:%20a=b", "{x}", "%7b0.__class__%7d",
)  # fmt: skip


def offered(method, path):
    """Does any endpoint take this method at this path?"""
    patterns = [re.sub(r"\{[^}]*\}", "[^/]+", one.path) for one in OFFERED if one.method == method]
    return any(re.fullmatch(pattern, path) for pattern in patterns)


NOT_OFFERED = [
    (method, one)
    for one in OFFERED
    for method in ("TRACE", "CONNECT", "PUT", "PATCH", "PROPFIND", "X")
    if not offered(method, path_of(one))
]


@pytest.fixture
def admin(askers):
    return bearer(askers.texts["admin"])


def raw(port, data):
    """What comes back for these lines, until the connection ends or stays silent for a while."""
    with closing(socket.create_connection(("127.0.0.1", port), 5)) as asker:
        asker.sendall(data.replace(b"\n", b"\r\n"))
        asker.settimeout(1.0)
        found = b""
        with suppress(TimeoutError, ConnectionResetError):
            while chunk := asker.recv(65536):
                found += chunk
        return found


def statuses(answer):
    return [int(line.split()[1]) for line in answer.splitlines() if line.startswith(b"HTTP/1.1 ")]


# Paths and methods.


@pytest.mark.parametrize("text", TRAVERSALS)
@pytest.mark.parametrize("name", WITH_PATHS)
def test_a_path_leads_nowhere_but_to_what_is_known(port, admin, name, text):
    endpoint = WITH_PATHS[name]
    before, _, rest = endpoint.path.partition("{")
    target = f"{before}{text}{rest.partition('}')[2]}".replace(" ", "%20")

    reply = ask(port, endpoint.method, target, admin, b"{}")

    # Uploads are off here; what is done to their paths where they are on: test_uploads.
    off = reply.code == "uploads_off"
    # 422: what the endpoint wants is looked at before its path is, and `{}` is not it.
    known = (403,) if off else (400, 404, 422)
    assert reply.status in known, reply.text[:200]
    assert "root:" not in reply.text
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    ("method", "endpoint"), NOT_OFFERED, ids=lambda one: getattr(one, "path", one)
)
def test_a_method_that_is_not_offered_is_told_which_are(port, admin, method, endpoint):
    reply = ask(port, method, path_of(endpoint), admin)

    assert reply.status == 405
    assert endpoint.method in reply.headers["allow"].split(", ")
    assert method not in reply.headers["allow"].split(", ")
    assert "Bearer" not in reply.text, "nothing of the request comes back"


def test_head_is_get_without_a_body(port, admin):
    reply = ask(port, "HEAD", "/api/v1/status", admin)

    assert (reply.status, reply.text) == (200, "")
    assert ask(port, "HEAD", "/api/v1/status").status == 401


def test_no_other_site_is_invited(port, admin):
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}

    reply = ask(port, "OPTIONS", "/api/v1/rescan", asked | admin)
    read = ask(port, "GET", "/api/v1/status", {"Origin": "https://evil.example"} | admin)

    assert reply.status == 405
    assert [n for n in (*reply.headers, *read.headers) if n.startswith("access-control")] == []


def test_a_slash_too_many_leads_nowhere(port, admin):
    reply = ask(port, "GET", "/api/v1/status/", admin | {"Host": "localhost"})

    assert reply.status == 404
    assert "location" not in reply.headers


# Bodies.


@pytest.mark.parametrize("name", WITH_BODIES)
def test_a_body_that_is_too_large_is_refused(port, admin, name):
    endpoint = WITH_BODIES[name]
    body = b" " * (endpoint.body_bytes_max + 1)

    reply = ask(port, endpoint.method, path_of(endpoint), admin, body)

    assert (reply.status, reply.code) == (413, "too_large")


@pytest.mark.parametrize("name", WITH_BODIES)
@pytest.mark.parametrize(
    "body", [b"[" * 50_000, b'{"a":' * 10_000, b"\x00", b"\xff\xfe", b'{"a": 1e999999}', b"null"]
)
def test_a_body_that_is_no_body_is_refused(port, admin, name, body):
    endpoint = WITH_BODIES[name]

    needed = "&".join(f"{one.name}=x" for one in fields(endpoint.query) if one.required)

    reply = ask(port, endpoint.method, f"{path_of(endpoint)}?{needed}", admin, body)

    assert (reply.status, reply.code) in (
        (400, "bad_body"), (422, "bad_body"), (413, "too_large")
    )  # fmt: skip


# Headers.


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("job-17/3", True),
        ("a" * 100, True),
        ("a" * 101, False),
        ("a b", False),
        ("caf\xe9", False),
        ("\x1b[2J", False),
        ("<script>", True),
        ("", False),
    ],
)
def test_only_a_plain_request_id_gets_into_the_audit(port, admin, service, given, kept):
    ask(port, "POST", "/api/v1/sweep", admin | {"X-Request-Id": given.encode("latin-1")}, b"{}")

    row = service.desk.audit.page(1, action="sweep")["audit"][0]
    assert (row["correlation_id"] == given) == kept
    assert row["correlation_id"].isascii()
    assert row["correlation_id"].isprintable()


@pytest.mark.parametrize(
    "line",
    [
        b"X-A: " + b"a" * HEAD_BYTES_MAX,
        b"\n".join(b"X-%d: a" % n for n in range(HEAD_BYTES_MAX // 8)),
        b"X-A: a\x00b",
        b"X-A : a",
        b": a",
        b"X-A",
        b"X-\xff: a",
        b"Host: other",
        b"Content-Length: -1",
        b"Content-Length: +5",
        b"Content-Length: 1, 2",
        b"Content-Length: 1\nContent-Length: 2",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding: chunked, gzip",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked\nTransfer-Encoding: chunked",
    ],
    ids=lambda line: line[:30].decode("latin-1"),
)
def test_a_head_that_could_be_read_in_two_ways_is_refused(port, line):
    answer = raw(port, b"GET /healthz HTTP/1.1\nHost: localhost\n" + line + b"\n\n")

    assert statuses(answer) in ([400], [421], [431], [501]), answer[:300]


@pytest.mark.parametrize(
    "target", [b"/" + b"a" * HEAD_BYTES_MAX, b"/a\xff", b"/a b", b"", b"/a\tb"]
)
def test_a_target_that_is_none_is_refused(port, target):
    answer = raw(port, b"GET " + target + b" HTTP/1.1\nHost: localhost\n\n")

    assert statuses(answer) in ([400], [431])


def test_a_target_with_a_name_in_it_names_nothing(port):
    answer = raw(port, b"GET http://evil.example/healthz HTTP/1.1\nHost: localhost\n\n")

    assert statuses(answer) in ([400], [404], [421])


@pytest.mark.parametrize(
    "host", [b"evil.example", b"127.0.0.1@evil.example", b"127.0.0.1:80:80", b"localhost/x", b""]
)
def test_a_host_that_is_not_ours_is_refused(port, host):
    answer = raw(port, b"GET /healthz HTTP/1.1\nHost: " + host + b"\n\n")

    assert statuses(answer) in ([400], [421])


def test_no_host_at_all_is_refused(port):
    assert statuses(raw(port, b"GET /healthz HTTP/1.1\n\n")) == [400]


def test_a_request_is_not_smuggled_behind_another(port):
    hidden = b"GET /metrics HTTP/1.1\nHost: localhost\n\n"
    both = (
        b"POST /login HTTP/1.1\nHost: localhost\nContent-Length: 5\n"
        b"Transfer-Encoding: chunked\n\n0\n\n" + hidden
    )

    answer = raw(port, both)

    assert statuses(answer) == [400]
    assert b"sessionwatch_" not in answer


def test_a_chunk_that_lies_about_its_size_ends_the_connection(port):
    answer = raw(
        port,
        b"POST /login HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\nzz\nabc\n0\n\n",
    )

    assert len(statuses(answer)) <= 1
    assert b"303" not in answer


def test_an_upgrade_is_not_taken(port):
    answer = raw(
        port, b"GET /healthz HTTP/1.1\nHost: localhost\nConnection: Upgrade\nUpgrade: websocket\n\n"
    )

    assert statuses(answer) == [200]


# Those who take their time.


@contextmanager
def served(service, tmp_path, **options):
    """The same service once more, with times of its own."""
    server = Server(
        service_parts(service), host="127.0.0.1", port=0, socket_path=tmp_path / "s", **options
    )
    server.start()
    try:
        yield server.port
    finally:
        assert server.stop(10)


def service_parts(service):
    from api.parts import Parts

    return Parts(
        service, service.jobs, service.queries, service.desk, service.instruments, service.gate
    )


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(connection, "READ_SECONDS", 0.3)
    monkeypatch.setattr(endpoints, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(endpoints, "OPEN_BODY_SECONDS", 0.3)


def ended(asker):
    """Did the other side end it?"""
    asker.settimeout(10)
    try:
        while asker.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def opened(port):
    return closing(socket.create_connection(("127.0.0.1", port), 10))


def dripped(asker, data, pause_s=0.05):
    """Send byte after byte until the other side has had enough; the seconds that took."""
    started_s = time.monotonic()
    try:
        for byte in data:
            asker.sendall(bytes([byte]))
            asker.settimeout(pause_s)
            try:
                if not asker.recv(65536):
                    break
            except TimeoutError:
                continue
    except OSError:
        pass
    return time.monotonic() - started_s


def test_a_silent_connection_is_ended(service, tmp_path, hasty):
    with served(service, tmp_path) as port, opened(port) as asker:
        assert ended(asker)


def test_a_head_that_never_ends_is_ended_however_often_something_comes(service, tmp_path, hasty):
    head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 10_000
    with served(service, tmp_path) as port, opened(port) as asker:
        assert dripped(asker, head) < 10


def test_a_second_head_that_never_ends_is_ended_too(service, tmp_path, hasty):
    with served(service, tmp_path) as port, opened(port) as asker:
        asker.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert asker.recv(65536).startswith(b"HTTP/1.1 200")
        assert dripped(asker, b"GET /" + b"a" * 10_000) < 10


def test_a_body_behind_an_answer_is_not_waited_for(service, tmp_path, hasty):
    head = b"POST /api/v1/sweep HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n"
    with served(service, tmp_path) as port, opened(port) as asker:
        asker.sendall(head)
        assert asker.recv(65536).startswith(b"HTTP/1.1 401")
        assert dripped(asker, b"a" * 9998) < 10


@pytest.mark.parametrize("path", ["/login", "/api/v1/sweep"])
def test_a_body_that_never_ends_is_refused(service, tmp_path, hasty, admin, path):
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n"
        f"Authorization: {admin['Authorization']}\r\n\r\n"
    )
    with served(service, tmp_path) as port, opened(port) as asker:
        asker.sendall(head.encode())

        assert asker.recv(65536).startswith(b"HTTP/1.1 408")
        assert ended(asker)


def test_slow_connections_make_room_for_quick_ones(service, tmp_path, caplog):
    with served(service, tmp_path, connections_max=8) as port:
        slow = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(20)]
        for number, one in enumerate(slow):
            one.sendall(b"GET / HTTP/1.1\r\n" if number % 2 else slow_body())

        for _ in range(20):
            assert ask(port, "GET", "/healthz").status == 200
        for one in slow:
            one.close()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def slow_body():
    return b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\ntoken="


def test_an_answer_that_nobody_reads_is_given_up(service, tmp_path, hasty, admin, monkeypatch):
    big = Endpoint("GET", "/big", lambda _: "x" * (32 << 20), "Much.", query=Fields)
    monkeypatch.setattr("api.app.GROUPS", (lambda _: [big],))
    head = (
        f"GET /big HTTP/1.1\r\nHost: localhost\r\nAuthorization: {admin['Authorization']}\r\n\r\n"
    )
    with served(service, tmp_path) as port, closing(socket.socket()) as asker:
        asker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asker.connect(("127.0.0.1", port))
        asker.sendall(head.encode())
        started_s = time.monotonic()
        wait_for(lambda: time.monotonic() - started_s > 1.5)

        asker.settimeout(10)
        came = 0
        try:
            while chunk := asker.recv(1 << 20):
                came += len(chunk)
        except ConnectionResetError:
            pass
        assert came < 32 << 20


def test_a_stream_that_brings_too_little_for_long_is_refused(
    service, tmp_path, hasty, admin, monkeypatch
):
    got = []

    def take(asked):
        for chunk in asked.chunks():
            got.append(chunk)
        return {}

    stream = Endpoint("POST", "/stream", take, "Any bytes.", streams=True)
    monkeypatch.setattr("api.app.GROUPS", (lambda _: [stream],))
    head = (
        "POST /stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n"
        f"Authorization: {admin['Authorization']}\r\n\r\n"
    )
    with served(service, tmp_path) as port, opened(port) as asker:
        asker.sendall(head.encode())

        assert dripped(asker, b"a" * 9998) < 10
        assert 2 < len(got) < 1000
    with served(service, tmp_path) as port:
        assert ask(port, "POST", "/stream", admin, b"a" * 100_000).status == 200
