"""Calls over HTTP by the clock, against a real server that is slow, broken or sends elsewhere."""

import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import create_server

import pytest

from metrics.instruments import Instruments
from service.clock import SystemClock
from service.scheduling import predecessor
from service.scheduling.jobs import Outcome, planned
from service.scheduling.scheduler import Scheduler
from service.scheduling.settings import JOB_RULES, JobSettings, SchedulerSettings
from service.scheduling.web import Request, ask
from tests.tools.clockwork import Kept
from tests.tools.waiting import wait_for

TOKEN = "0123456789abcdef" * 2


class Server(ThreadingHTTPServer):
    """Answers each path with what `answers` has, and remembers who asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.answers = defaultdict(lambda: (200, {}, b"{}"))
        self.release = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        server = self.server
        length = self.headers.get("Content-Length")
        server.asked.append((self.command, self.path, self.headers.get("Authorization"), length))
        if self.path == "/slow":
            server.release.wait(30)
        if self.path == "/drip":
            return self.drip()
        status, headers, body = server.answers[self.path]
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self):
        """Each piece comes in time, all of them never."""
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        try:
            while not self.server.release.wait(0.05):
                self.wfile.write(b".")
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_args):
        """Silent."""


@pytest.fixture
def make_server():
    made = []

    def make():
        made.append(Server())
        return made[-1]

    yield make
    for server in made:
        server.release.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def server(make_server):
    return make_server()


def get(server, path, timeout_s=10.0, token="", method="GET"):
    return ask(Request(method, server.url + path, timeout_s, token))


def test_a_call_is_made_with_method_query_and_token(server):
    answer = get(server, "/run?processor=usage", token=TOKEN, method="POST")

    assert answer == (True, "")
    assert server.asked == [("POST", "/run?processor=usage", f"Bearer {TOKEN}", "0")]


def test_without_a_token_no_header_is_sent(server):
    get(server, "/")

    assert server.asked == [("GET", "/", None, None)]


def test_a_broken_answer_is_told_with_at_most_200_characters_of_its_body(server):
    server.answers["/"] = (500, {}, b"oh \n no " + b"x" * 5000)

    good, text = get(server, "/")

    assert not good
    assert text == "status 500: oh no " + "x" * 194


def test_a_token_that_an_error_page_gives_back_is_not_told(server):
    server.answers["/"] = (401, {}, f"bad header: Bearer {TOKEN}".encode())

    assert TOKEN not in get(server, "/", token=TOKEN).text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_so_the_token_stays(make_server, status):
    server, elsewhere = make_server(), make_server()
    server.answers["/"] = (status, {"Location": elsewhere.url + "/steal"}, b"")

    good, text = get(server, "/", token=TOKEN, method="POST")

    assert not good
    assert "redirects are not followed" in text
    assert (len(server.asked), elsewhere.asked) == (1, [])


def test_nobody_listening_is_a_failure(server):
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    good, text = ask(Request("GET", f"http://127.0.0.1:{port}/", 5.0))

    assert not good
    assert text.startswith("no answer: ConnectionRefusedError")


@pytest.mark.parametrize("path", ["/slow", "/drip"])
def test_an_answer_has_its_time_for_all_of_it(server, path):
    began_s = time.monotonic()

    good, text = get(server, path, timeout_s=0.3)

    assert not good
    assert text.startswith("no whole answer within 0.3 s")
    assert 0.29 < time.monotonic() - began_s < 10


def test_an_answer_that_breaks_off_is_no_success(server):
    server.answers["/"] = (200, {"Content-Length": "10", "Connection": "close"}, b"short")

    assert get(server, "/").text == "status 200, but the answer broke off"


def test_what_is_no_http_is_a_failure():
    with create_server(("127.0.0.1", 0)) as listening:

        def babble():
            with listening.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        answer = ask(Request("GET", f"http://127.0.0.1:{listening.getsockname()[1]}/", 5.0))
        thread.join(10)

    assert answer == (False, "no answer: BadStatusLine")


# Through the scheduler.


def ran(name):
    return Outcome("ok", name)


@pytest.fixture
def started():
    made = []

    def start(scheduler, jobs):
        plan = [job for job in planned(scheduler, jobs, ran) if job.target != "local"]
        made.append(
            Scheduler(plan, Kept(), SystemClock(), Instruments(), tick_s=1, startup_grace_s=0)
        )
        made[-1].start()
        return made[-1]

    yield start
    for scheduler in made:
        scheduler.stop(0.1)


def outcomes(scheduler):
    return {job.name: job.last_outcome for job in scheduler.jobs()}


def test_a_slow_call_holds_up_no_other_and_a_failing_one_is_told(server, started, caplog):
    server.answers["/broken"] = (503, {}, b"not now")
    jobs = [
        JobSettings("slow", "every 1m", "/slow"),
        JobSettings("broken", "every 1m", "/broken"),
        JobSettings("good", "every 1m", "/good", method="GET"),
    ]
    scheduler = started(SchedulerSettings(api_url=server.url + "/"), jobs)

    wait_for(lambda: (found := outcomes(scheduler))["good"] and found["broken"])

    assert outcomes(scheduler)["good"] == ("ok", "")
    assert outcomes(scheduler)["broken"] == ("failed", "status 503: not now")
    assert [job.name for job in scheduler.jobs() if job.in_flight] == ["slow"]
    assert [(one.message, one.job) for one in caplog.records] == [("job_failed", "broken")]
    assert not scheduler.stop(0.05)
    server.release.set()
    assert scheduler.stop(10)


def test_the_calls_of_the_predecessor_reach_their_endpoints_with_the_token(server):
    entries = predecessor.mapped({"API_URL": server.url, "SCHEDULER_API_TOKEN": TOKEN}).jobs
    jobs = [
        JobSettings(**{name: JOB_RULES[name].read(one.value) for name, one in entry.values.items()})
        for entry in entries
    ]

    plan = planned(SchedulerSettings(api_url=server.url), jobs, ran, token=TOKEN)
    for job in plan:
        assert job.call().word == "ok"

    bearer = f"Bearer {TOKEN}"
    assert server.asked == [
        ("POST", "/api/sync/trigger", bearer, "0"),
        ("GET", "/api/health", bearer, None),
        ("POST", "/api/scripts/run-due", bearer, "0"),
        ("POST", "/api/marketplaces/sync-all", bearer, "0"),
    ]
