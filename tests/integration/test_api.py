"""The API over real sockets, a real database behind it."""

import http.client
import json
import os
import socket
import stat
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from api import place
from api.server import Server
from core.errors import ConfigurationError, TransientError
from core.keys import SessionKey
from core.ledger import LedgerEntry
from core.rows import QUARANTINE, Commit
from metrics.instruments import Instruments
from processors import registry
from service.client import Client, socket_path
from state.store import Store
from tests.tools.http import parts_of
from tests.tools.waiting import wait_for

PATH = "amara/p/one.jsonl"
PRIVATE = (("POST", "/api/v1/sql"), ("GET", "/api/v1/digests"), ("GET", "/api/v1/wrong-messages"))


class FakeControl:
    """A service that does nothing but remember what it was asked."""

    def __init__(self):
        self.reasons = []
        self.asked = []

    def readiness(self):
        return self.reasons

    def status(self):
        return {"files": 3, "processors": {"usage": {"files": 3}}, "unavailable": {"<b>": "no"}}

    def processors(self):
        return [{"name": "usage", "available": True}]

    def rescan(self, processor, session):
        self.asked.append((processor, session))
        if processor == "broken":
            raise ZeroDivisionError(PATH)
        if processor not in (None, "usage"):
            raise ConfigurationError(
                f"unknown processor {processor!r}", reason="unknown_processor", hint="known: usage"
            )
        return {"matched": 2}

    def sweep(self):
        self.asked.append("sweep")
        return {"sources": ["src"]}


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "t.duckdb", registry.load().processors)
    entry = LedgerEntry("usage", SessionKey("src", PATH), 1, 300, committed_at_us=1)
    opened.apply([Commit(None, entry, {QUARANTINE: [(9, 0, 7, "invalid_json", "", False)]})])
    yield opened
    opened.close()


@pytest.fixture
def control():
    return FakeControl()


@contextmanager
def serving(control, store, **changes):
    options = {"host": "127.0.0.1", "port": 0, "socket_path": store_socket(store)} | changes
    server = Server(parts_of(control, store), **options)
    server.start()
    try:
        yield server
    finally:
        assert server.stop(10)


def store_socket(store):
    (row,) = store.cursor().execute("SELECT path FROM duckdb_databases() LIMIT 1").fetchall()
    return socket_path(Path(row[0]))


@pytest.fixture
def server(control, store):
    with serving(control, store) as running:
        yield running


@pytest.fixture
def client(server, store):
    return Client(store_socket(store).with_suffix(""))


def ask(server, method, path, body=None, **headers):
    """Status and parsed body of one request over TCP."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        if response.headers["content-type"] == "application/json":
            return response.status, json.loads(content)
        return response.status, content.decode()


def refusal(client, method, *arguments, **parameters):
    with pytest.raises(ConfigurationError) as refused:
        getattr(client, method)(*arguments, **parameters)
    return refused.value


# Health.


def test_the_process_lives_and_says_whether_it_is_of_use(server, control):
    assert ask(server, "GET", "/healthz") == (200, {"status": "ok"})
    assert ask(server, "GET", "/readyz") == (200, {"status": "ready", "reasons": []})

    control.reasons = ["src is not watched"]

    assert ask(server, "GET", "/healthz")[0] == 200
    assert ask(server, "GET", "/readyz") == (
        503,
        {"status": "not ready", "reasons": ["src is not watched"]},
    )


@pytest.mark.parametrize("accept", ["", "text/plain", "application/openmetrics-text;version=1.0.0"])
def test_prometheus_can_scrape(control, store, accept):
    instruments = Instruments()
    instruments.touches.labels("sweep").inc(3)
    server = Server(
        parts_of(control, store, instruments), host="127.0.0.1", port=0,
        socket_path=store_socket(store),
    )  # fmt: skip
    server.start()
    try:
        status, text = ask(server, "GET", "/metrics", accept=accept)
    finally:
        server.stop(10)

    assert status == 200
    assert 'sessionwatch_touches_total{origin="sweep"} 3.0' in text


def test_the_first_page_names_the_routes_and_runs_nothing_from_elsewhere(server, control):
    control.reasons = ["<script>alert(1)</script>"]

    status, page = ask(server, "GET", "/")

    assert status == 200
    assert "/api/v1/status" in page
    assert "/api/v1/usage/daily" in page
    assert "3 session files" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;b&gt; did not load" in page
    assert "<script" not in page
    assert "http" not in page.replace("http://127.0.0.1", "")


# What can be read.


def test_status_and_processors_come_from_the_service(server, control):
    assert ask(server, "GET", "/api/v1/status") == (200, json.loads(json.dumps(control.status())))
    assert ask(server, "GET", "/api/v1/processors") == (200, {"processors": control.processors()})


def test_the_ledger_answers_for_a_path(server, client):
    status, found = ask(server, "GET", f"/api/v1/ledger/{PATH}")

    assert status == 200
    assert found["processors"]["usage"]["committed_bytes"] == 300
    assert found["processors"]["usage"]["committed_at"] == "1970-01-01T00:00:00.000001Z"
    assert client.get(f"/api/v1/ledger/{PATH}", source="src") == found


def test_an_unknown_path_is_404_and_an_ambiguous_one_409(server, store):
    other = LedgerEntry("usage", SessionKey("other", PATH), 2, committed_at_us=1)
    store.apply([Commit(None, other)])

    assert ask(server, "GET", "/api/v1/ledger/no.jsonl")[0] == 404
    status, answer = ask(server, "GET", f"/api/v1/ledger/{PATH}")

    assert status == 409
    assert answer["error"]["code"] == "ambiguous"
    assert "source=other" in answer["error"]["hint"]


def test_the_ledger_finds_odd_names_as_they_are_percent_encoded(client, store):
    for number, name in enumerate(("ü/#?%.jsonl", "a b.jsonl", "a\\xff.jsonl"), 5):
        store.apply([Commit(None, LedgerEntry("usage", SessionKey("src", name), number))])

        assert client.get(f"/api/v1/ledger/{name}")["path"] == name

    assert client.get("/api/v1/ledger/a\udcff.jsonl")["path"] == "a\\xff.jsonl"


def test_the_quarantine_comes_in_pages(server):
    status, page = ask(server, "GET", "/api/v1/quarantine?limit=1&processor=usage&kind=line")

    assert status == 200
    assert page["quarantine"][0]["offset"] == 9
    assert page["reasons"] == {"invalid_json": 1}
    after = ask(server, "GET", f"/api/v1/quarantine?after={page['next']}")
    assert after[1]["quarantine"] == []


def test_a_report_is_what_the_database_says(server, store):
    status, found = ask(
        server, "GET", "/api/v1/usage/daily?timezone=Europe/Berlin&since=2026-01-01"
    )

    assert status == 200
    assert found["daily"] == []
    assert "totalTokens" in found["totals"]


def test_a_report_can_be_had_as_ccusage_counts(server):
    for query, top in (("daily?as=ccusage-daily&instances=true&since=2026-01-01", "daily"),
                       ("blocks?as=ccusage-session", "blocks")):  # fmt: skip
        status, found = ask(server, "GET", f"/api/v1/usage/{query}")

        assert (status, found[top]) == (200, [])


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/usage/daily?as=ccusage", 400, "unknown_counting"),
        ("/api/v1/usage/tool?as=ccusage-daily", 404, "unknown_report"),
        ("/api/v1/usage/daily?as=ccusage-daily&instances=yes", 400, "bad_parameter"),
        ("/api/v1/usage/daily?instances=true", 400, "bad_parameter"),
        ("/api/v1/usage/nonsense", 404, "unknown_report"),
        ("/api/v1/usage/daily?timezone=Mars", 400, "unknown_timezone"),
        ("/api/v1/usage/daily?since=yesterday", 400, "bad_date"),
        ("/api/v1/usage/daily?timezon=UTC", 400, "bad_parameter"),
        ("/api/v1/status?x=1", 400, "bad_parameter"),
        ("/api/v1/quarantine?limit=0", 400, "bad_parameter"),
        ("/api/v1/quarantine?limit=1001", 400, "bad_parameter"),
        ("/api/v1/quarantine?limit=-1", 400, "bad_parameter"),
        ("/api/v1/quarantine?limit=%D9%A3", 400, "bad_parameter"),
        ("/api/v1/quarantine?limit=" + "9" * 5000, 400, "bad_parameter"),
        ("/api/v1/quarantine?after=x", 400, "bad_parameter"),
        ("/api/v1/quarantine?kind=x", 400, "bad_parameter"),
        ("/api/v1/ledger/", 404, "not_found"),
        ("/api/v1/nonsense", 404, "not_found"),
    ],
)
def test_a_wrong_question_gets_a_code_and_a_hint(server, path, status, code):
    got, answer = ask(server, "GET", path)

    assert (got, answer["error"]["code"]) == (status, code)
    assert answer["error"]["message"]
    assert answer["error"]["hint"]


def test_a_wrong_method_is_told(server):
    assert ask(server, "POST", "/api/v1/status")[1]["error"]["code"] == "method_not_allowed"


# Who may ask.


@pytest.mark.parametrize(("method", "path"), PRIVATE)
def test_typed_sql_and_whole_tables_are_not_offered_over_tcp(server, control, method, path):
    status, answer = ask(server, method, path, b'{"query": "select 1"}')

    assert (status, answer["error"]["code"]) == (403, "private_only")
    assert control.asked == []


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:8787", "10.1.2.3"]
)
def test_addresses_and_localhost_are_names_of_ours(server, host):
    assert ask(server, "GET", "/healthz", host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "a b", "[::1"]
)
def test_a_foreign_name_is_refused(server, host):
    status, answer = ask(server, "GET", "/api/v1/status", host=host)

    assert status in (400, 421)
    assert status == 400 or answer["error"]["code"] == "unknown_host"


def test_a_second_host_header_is_refused(server):
    with closing(socket.create_connection(("127.0.0.1", server.port), 10)) as asker:
        asker.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")

        assert asker.recv(100).split()[1] in (b"400", b"421")


def test_a_name_that_the_operator_listed_is_ours(control, store):
    with serving(control, store, hosts=("metrics.local",)) as server:
        assert ask(server, "GET", "/healthz", host="Metrics.local:8787")[0] == 200
        assert ask(server, "GET", "/healthz", host="other.local")[0] == 421


def test_the_private_socket_is_for_its_owner_alone(server, store):
    found = os.stat(store_socket(store))

    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600


# What can be changed through the private socket.


def test_a_rescan_and_a_sweep_reach_the_service(client, control):
    body = {"processor": "usage", "session": "amara/*"}

    assert client.post("/api/v1/rescan", body)["matched"] == 2
    assert client.post("/api/v1/rescan")["matched"] == 2
    assert client.post("/api/v1/sweep") == {"sources": ["src"]}
    assert control.asked == [("usage", "amara/*"), (None, None), "sweep"]


def test_an_error_of_the_service_arrives_as_it_was(client):
    error = refusal(client, "post", "/api/v1/rescan", {"processor": "x"})

    assert (error.args[0], error.reason, error.hint) == (
        "unknown processor 'x'",
        "unknown_processor",
        "known: usage",
    )


def test_sql_runs_read_only(client):
    assert client.post("/api/v1/sql", {"query": "select 1 as a"}) == {
        "columns": ["a"],
        "rows": [[1]],
        "truncated": False,
    }
    error = refusal(client, "post", "/api/v1/sql", {"query": "drop table ledger"})
    assert error.reason == "sql_refused"


def test_digests_are_served_for_the_doctor(client):
    assert client.get("/api/v1/digests")["quarantine_lines"][0][:3] == ["src", PATH, 1]


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b"3", b'{"processor": 3}', b'{"procesor": "usage"}', b"\xff", b"[" * 100_000],
)
def test_a_wrong_body_is_refused(server, store, control, body):
    status, answer = over_socket(store, "/api/v1/rescan", body)

    assert status == 400
    assert answer["error"]["code"] in ("bad_body", "bad_parameter")
    assert control.asked == []


def test_a_body_that_is_too_large_is_refused(server, store, control):
    status, _ = over_socket(store, "/api/v1/rescan", b" " * (2 << 20))

    assert status == 413
    assert control.asked == []


def test_a_fault_of_ours_is_told_to_the_log_and_not_to_the_asker(client, caplog):
    with pytest.raises(TransientError) as failed:
        client.post("/api/v1/rescan", {"processor": "broken"})

    assert failed.value.reason == "internal"
    assert PATH not in str(failed.value)
    wait_for(lambda: "ZeroDivisionError" in caplog.text)
    assert client.get("/healthz") == {"status": "ok"}


def over_socket(store, path, body):
    with closing(http.client.HTTPConnection("localhost", timeout=10)) as connection:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(os.fspath(store_socket(store)))
        connection.request("POST", path, body)
        response = connection.getresponse()
        content = response.read()
        return response.status, json.loads(content) if content[:1] == b"{" else {}


# The sockets.


def test_port_0_takes_a_free_port_and_says_which(server):
    assert server.port > 0
    assert server.url == f"http://127.0.0.1:{server.port}"


def test_a_busy_port_is_an_error_that_says_so(control, store, server, tmp_path):
    with (
        pytest.raises(ConfigurationError, match=f"port {server.port}") as refused,
        serving(control, store, port=server.port, socket_path=tmp_path / "other.sock"),
    ):
        pass

    assert refused.value.reason == "cannot_listen"
    assert "--port" in refused.value.hint
    assert not (tmp_path / "other.sock").exists()


def test_an_address_of_another_machine_is_an_error_that_says_so(control, store):
    with pytest.raises(ConfigurationError, match=r"203\.0\.113\.1"):
        Server(
            parts_of(control, store), host="203.0.113.1", port=0,
            socket_path=store_socket(store),
        ).start()  # fmt: skip


def test_a_socket_that_a_dead_service_left_is_replaced(control, store):
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(os.fspath(store_socket(store)))

    with serving(control, store):
        assert Client(store_socket(store).with_suffix("")).available()


def test_a_socket_that_answers_is_left_alone(control, store, server, client):
    with (
        pytest.raises(ConfigurationError) as refused,
        serving(control, store),
    ):
        pass

    assert refused.value.reason == "already_served"
    assert client.get("/healthz") == {"status": "ok"}


def test_a_file_in_the_way_is_left_alone(control, store):
    store_socket(store).write_text("mine")

    with pytest.raises(ConfigurationError) as refused, serving(control, store):
        pass

    assert refused.value.reason == "socket_in_the_way"
    assert store_socket(store).read_text() == "mine"


def test_a_database_far_down_is_served_all_the_same(control, store, tmp_path):
    folder = tmp_path / ("d" * 90) / ("e" * 90)
    folder.mkdir(parents=True)
    path = place.socket_path(folder / "t.duckdb")

    with serving(control, store, socket_path=path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert Client(folder / "t.duckdb").get("/healthz") == {"status": "ok"}
    assert not path.exists()


def test_a_name_too_long_for_any_socket_is_an_error_that_says_so(control, store, tmp_path):
    with (
        pytest.raises(ConfigurationError) as refused,
        serving(control, store, socket_path=tmp_path / ("n" * 120)),
    ):
        pass

    assert refused.value.reason == "socket_path_too_long"


def test_a_stop_leaves_no_socket_and_ends_the_thread(control, store):
    with serving(control, store) as server:
        port = server.port

    assert not server.alive
    assert not store_socket(store).exists()
    assert not Client(store_socket(store).with_suffix("")).available()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)


def test_a_stop_does_not_wait_for_idle_connections_or_endless_statements(control, store):
    failed = []

    def ask_without_end():
        client = Client(store_socket(store).with_suffix(""))
        try:
            client.post(
                "/api/v1/sql",
                {"query": "select count(*) from range(1e9::bigint), range(1e9::bigint)"},
            )
        except (ConfigurationError, TransientError) as error:
            failed.append(error.reason)

    with serving(control, store) as server:
        idle = socket.create_connection(("127.0.0.1", server.port), 10)
        asker = threading.Thread(target=ask_without_end)
        asker.start()
        wait_for(lambda: server._queries._sandbox._slots._value < 2)
    asker.join(10)
    idle.close()

    assert failed
    assert not server.alive


def test_a_server_that_never_started_can_be_stopped(control, store):
    server = Server(
        parts_of(control, store), host="127.0.0.1", port=0,
        socket_path=store_socket(store),
    )  # fmt: skip

    assert server.stop(1)
    assert not server.alive


# The client.


def test_without_a_service_nobody_answers(tmp_path):
    client = Client(tmp_path / "t.duckdb")

    assert not client.available()
    with pytest.raises(TransientError) as failed:
        client.get("/healthz")
    assert failed.value.reason == "service_silent"


def test_a_link_to_the_database_leads_to_the_same_service(client, store, tmp_path):
    link = tmp_path / "elsewhere" / "link.duckdb"
    link.parent.mkdir()
    link.symlink_to(store_socket(store).with_suffix(""))

    assert Client(link).get("/healthz") == {"status": "ok"}


def test_an_answer_that_is_no_http_is_an_error(tmp_path):
    path = socket_path(tmp_path / "t.duckdb")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.fspath(path))
    listener.listen()

    def answer():
        taken, _ = listener.accept()
        taken.recv(1000)
        taken.sendall(b"what?\r\n\r\n")
        taken.close()

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(TransientError):
        Client(tmp_path / "t.duckdb").get("/healthz")
    thread.join(5)
    listener.close()
