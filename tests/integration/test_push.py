"""Pushing one's own sessions: only what is new, only what may go, and on from wherever it ended."""

import gzip
import http.server
import json
import os
import stat
import subprocess
import threading
from contextlib import contextmanager

import pytest

from core.errors import ConfigurationError, TransientError
from service.pushing import journal, pusher
from service.pushing.places import usual_roots
from service.remote import Remote
from tests.tools.corpus import corpus
from tests.tools.cutting import wire_to
from tests.tools.pushes import Home
from tests.tools.service import PROJECT, command, environment, quiet
from tests.tools.uploads import USER, taking
from tests.tools.waiting import wait_for
from tests.tools.writers import assistant_line

LINES = [assistant_line(str(number)) for number in range(30)]
ALL = b"".join(LINES)
HALF = b"".join(LINES[:15])
PATH = "-home-amara-shop/0b7d.jsonl"


@pytest.fixture
def taker(tmp_path):
    with taking(tmp_path / "there") as found:
        yield found


@pytest.fixture(autouse=True)
def there(tmp_path):
    (tmp_path / "there").mkdir()


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def pushed(home, taker, **options):
    return home.push(taker.service.server.url, taker.sender.token, **options)


def counts(stats):
    return stats.files_pushed, stats.files_unchanged, stats.files_skipped, stats.errors


def aged(*paths):
    """As if nobody had written to them for a while."""
    for path in paths:
        os.utime(path, (1.7e9, 1.7e9))


# What is sent.


def test_what_is_pushed_becomes_rows_and_is_not_sent_again(home, taker):
    home.write(PATH, ALL)
    home.write("-home-amara-shop/0b7d/subagents/agent-1.jsonl", assistant_line("sub"))
    first = pushed(home, taker)
    again = pushed(home, taker)

    assert (counts(first), counts(again)) == ((2, 0, 0, 0), (0, 2, 0, 0))
    assert 0 < first.bytes_sent < len(ALL)
    assert again.bytes_sent == 0
    assert taker.file().read_bytes() == ALL
    wait_for(lambda: taker.sql("SELECT count(*) FROM usage_messages") == [(31,)])


def test_of_a_session_that_grew_only_the_new_bytes_are_sent(home, taker):
    noise = [assistant_line(f"n{n}", text=os.urandom(3000).hex()) for n in range(40)]
    home.write(PATH, b"".join(noise[:-1]))
    whole = pushed(home, taker).bytes_sent
    inode = taker.file().stat().st_ino
    home.write(PATH, noise[-1])
    more = pushed(home, taker).bytes_sent

    assert more < whole / 10
    assert taker.file().read_bytes() == b"".join(noise)
    assert taker.file().stat().st_ino == inode


def test_without_a_journal_the_service_is_asked_and_nothing_is_sent_again(home, taker):
    home.write(PATH, ALL)
    pushed(home, taker)
    (home.folder / "journal.json").unlink()
    again = pushed(home, taker)

    assert (counts(again), again.bytes_sent) == ((0, 1, 0, 0), 0)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"p:x": [1]}', b'{"p:x": 5}', b"[" * 9999])
def test_a_broken_journal_costs_nothing_but_time(home, taker, content):
    home.write(PATH, ALL)
    (home.folder / "journal.json").write_bytes(content)

    assert counts(pushed(home, taker)) == (1, 0, 0, 0)


def test_a_journal_that_is_wrong_is_found_out(home, taker):
    home.write(PATH, HALF)
    pushed(home, taker)
    taker.file().unlink()
    home.write(PATH, ALL[len(HALF) :])

    assert counts(pushed(home, taker)) == (1, 0, 0, 0)
    assert taker.file().read_bytes() == ALL


def test_a_session_that_was_rewritten_replaces_the_old_one(home, taker):
    file = home.write(PATH, ALL)
    pushed(home, taker)
    file.write_bytes(assistant_line("another"))

    assert counts(pushed(home, taker)) == (1, 0, 0, 0)
    assert taker.file().read_bytes() == assistant_line("another")


def test_a_session_that_lost_its_end_is_only_replaced_if_it_is_said_so(home, taker):
    file = home.write(PATH, ALL)
    pushed(home, taker)
    file.write_bytes(HALF)
    refused = pushed(home, taker)

    assert refused.errors_detail == [{"path": PATH, "error": "conflict"}]
    assert taker.file().read_bytes() == ALL
    assert counts(pushed(home, taker, replace=True)) == (1, 0, 0, 0)
    assert taker.file().read_bytes() == HALF


def test_a_packed_session_arrives_unpacked(home, taker):
    home.write(PATH + ".gz", gzip.compress(ALL))

    assert counts(pushed(home, taker)) == (1, 0, 0, 0)
    assert taker.file().read_bytes() == ALL


def test_a_large_session_is_sent_in_pieces(home, taker, monkeypatch):
    monkeypatch.setattr(pusher, "PIECE_BYTES", 1000)
    home.write(PATH, ALL)
    pushed(home, taker)

    assert len(taker.sql("FROM uploads")) == -(-len(ALL) // 1000)
    assert taker.file().read_bytes() == ALL


# What stays here.


def test_what_is_private_or_excluded_or_a_link_stays_here(home, taker, tmp_path):
    (tmp_path / "secret.jsonl").write_bytes(ALL)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "s.jsonl").write_bytes(ALL)
    home.write("p/open.jsonl", ALL)
    home.write("p/5f3a.jsonl", ALL)
    home.write("p/5f3a/subagents/agent-1.jsonl", ALL)
    home.write("p/2026-05-01_x-77aa.jsonl", ALL)
    home.write("secret-client/s.jsonl", ALL)
    home.write("scratch/s.jsonl", ALL)
    (home.projects / "p" / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (home.projects / "linked").symlink_to(tmp_path / "folder")
    stats = pushed(
        home, taker, private=("# mine", "5f3a", "77aa", "secret-*"), exclude=("scratch/*",)
    )

    assert taker.files() == [f"{USER}/p/open.jsonl"]
    assert (stats.files_pushed, stats.files_skipped, stats.errors) == (1, 5, 0)


def test_one_file_that_cannot_be_sent_costs_the_others_nothing(home, tmp_path):
    with taking(tmp_path / "there", file_max_bytes=2 * len(ALL)) as taker:
        home.write("p/große.jsonl", ALL)
        home.write("p/large.jsonl", 3 * ALL)
        home.write("p/good.jsonl", ALL)
        stats = pushed(home, taker)

        assert taker.files() == [f"{USER}/p/good.jsonl"]
        assert sorted(one["error"] for one in stats.errors_detail) == ["bad_name", "too_large"]


def test_a_dry_run_asks_nobody_and_writes_nothing(home, tmp_path):
    home.write(PATH, ALL)
    done = run(home, "push", "--dry-run", "--json", "--url", "http://127.0.0.1:9")

    assert (done.returncode, json.loads(done.stdout)["files_pushed"]) == (0, 1)
    assert not (home.folder / ".local").exists()


# When the wire fails.


def test_a_cut_is_gone_on_from(home, taker, monkeypatch):
    monkeypatch.setattr(pusher, "PIECE_BYTES", 2000)
    address = taker.sender.address
    home.write(PATH, ALL)
    with wire_to(address.hostname, address.port) as wire:
        wire.cut_after = 4000
        with pytest.raises(TransientError) as raised:
            home.push(wire.url, taker.sender.token, patience_s=0)
        there = taker.file().read_bytes()
        wire.cut_after = None
        stats = home.push(wire.url, taker.sender.token)

    assert raised.value.reason == "service_silent"
    assert 0 < len(there) < len(ALL)
    assert ALL.startswith(there)
    assert counts(stats) == (1, 0, 0, 0)
    assert taker.file().read_bytes() == ALL


@contextmanager
def answering(status, headers=None, times=None):
    """A server that always answers so; `seen` has what it was sent."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(dict(self.headers))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(home, status):
    home.write(PATH, ALL)
    with (
        answering(200) as (elsewhere, seen),
        answering(status, {"Location": elsewhere}) as (url, _),
    ):
        with pytest.raises(ConfigurationError) as raised:
            home.push(url, "the-token")

        assert raised.value.reason == "redirected"
        assert seen == []


def test_what_may_pass_is_tried_again_for_a_while(home):
    home.write(PATH, ALL)
    waits = []
    with answering(503) as (url, seen):
        remote = Remote(url, "t", patience_s=30, sleep=waits.append, chance=lambda: 1.0)
        with pytest.raises(TransientError):
            remote.ask("GET", "/", **{})

    assert len(seen) == len(waits) + 1 > 5
    assert waits[:3] == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_push_does_not_try_again(home, status):
    home.write(PATH, ALL)
    home.write("p/other.jsonl", ALL)
    with answering(status) as (url, seen):
        with pytest.raises(ConfigurationError):
            home.push(url, "t")

        assert len(seen) == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://sessions.example.org", "plain_http"),
        ("ftp://x", "bad_url"),
        ("https://user:secret@example.org", "bad_url"),
        ("http://[::1", "bad_url"),
        ("", "bad_url"),
    ],
)
def test_an_address_that_is_none_or_not_safe_is_refused(url, reason):
    with pytest.raises(ConfigurationError) as raised:
        Remote(url, "token")

    assert raised.value.reason == reason


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("no openssl")
    with served_over_tls(tmp_path) as url:
        with pytest.raises(ConfigurationError) as raised:
            Remote(url, "t").ask("GET", "/")

        assert raised.value.reason == "certificate"


@contextmanager
def served_over_tls(folder):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    handler = http.server.SimpleHTTPRequestHandler
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()


# The command.


def run(home, *words, stdin="", **variables):
    given = environment({}) | {"HOME": str(home.folder)} | variables
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "CLAUDE_CONFIG_DIR"):
        given.pop(name, None)
    return subprocess.run(
        command(*words), input=stdin, env=given, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_the_command_pushes_the_usual_folders_and_remembers(home, taker):
    home.write(PATH, ALL)
    codex = home.folder / ".codex" / "sessions" / "2026" / "05" / "01"
    codex.mkdir(parents=True)
    (codex / "rollout-1.jsonl").write_bytes(HALF)
    aged(codex / "rollout-1.jsonl")
    variables = {"SESSIONWATCH_TOKEN": taker.sender.token,
                 "SESSIONWATCH_PUSH_URL": taker.service.server.url}  # fmt: skip
    done = run(home, "push", "--json", **variables)
    again = run(home, "push", "--json", **variables)
    (kept,) = (home.folder / ".local/state/sessionwatch/push").glob("*.json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files_pushed"] == 2
    assert json.loads(again.stdout)["files_unchanged"] == 2
    assert taker.files() == [f"{USER}/{PATH}", f"{USER}/2026/05/01/rollout-1.jsonl"]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_the_exit_code_tells_what_went_wrong(home, taker, tmp_path):
    url = taker.service.server.url
    token = tmp_path / "token"
    token.write_text(taker.sender.token + "\n")
    home.write(PATH, ALL)
    home.write("p/große.jsonl", ALL)
    some = run(home, "push", "--url", url, "--token-file", str(token))
    home.write("p/new.jsonl", ALL)  # What the journal knows as whole asks for nothing.
    wrong = run(home, "push", "--url", url, SESSIONWATCH_TOKEN="wrong")
    silent = run(home, "push", "--url", "http://127.0.0.1:9", "--patience", "0")

    assert [one.returncode for one in (some, wrong, silent)] == [4, 2, 1]
    assert "bad_name" in some.stdout


def test_a_private_list_that_cannot_be_read_keeps_everything_here(home, taker):
    home.write(PATH, ALL)
    (home.folder / ".claude" / "private-sessions").write_bytes(b"\xff\xfe")
    done = run(home, "push", "--url", taker.service.server.url)

    assert done.returncode == 2
    assert "nothing is pushed" in done.stderr
    assert taker.files() == []


def hook_json(home, path=PATH):
    """What Claude Code gives a SessionEnd hook."""
    return json.dumps(
        {
            "session_id": "0b7d",
            "transcript_path": str(home.projects / path),
            "cwd": "/home/amara/shop",
            "hook_event_name": "SessionEnd",
            "reason": "exit",
        }
    )


def test_a_hook_pushes_the_session_it_speaks_of(home, taker):
    home.write(PATH, ALL)
    home.write("-home-amara-shop/0b7d/subagents/agent-1.jsonl", HALF)
    home.write("-home-amara-shop/other.jsonl", ALL)
    done = run(
        home, "push", "--hook", "--quiet", "--url", taker.service.server.url,
        stdin=hook_json(home), SESSIONWATCH_TOKEN=taker.sender.token,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert set(taker.files()) == {
        f"{USER}/{PATH}",
        f"{USER}/-home-amara-shop/0b7d/subagents/agent-1.jsonl",
    }
    assert not taker.file("-home-amara-shop/other.jsonl").exists()


@pytest.mark.parametrize(
    "stdin", ["", "no json", "[]", '{"transcript_path": 5}', '{"transcript_path": "/etc/passwd"}']
)
def test_a_hook_that_cannot_push_does_not_hold_the_agent_up(home, taker, stdin):
    done = run(home, "push", "--hook", "--url", taker.service.server.url, stdin=stdin)

    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert taker.files() == []


def test_the_hook_of_the_documents_is_the_one_that_works():
    text = (PROJECT / "docs" / "push.md").read_text()
    block = text.partition("```json\n")[2].partition("```")[0]
    (group,) = json.loads(block)["hooks"]["SessionEnd"]

    assert group["hooks"][0]["command"].startswith("sessionwatch push --hook --quiet")


def test_two_pushes_at_once_do_not_send_twice(home, tmp_path):
    path = tmp_path / "journal.json"
    with (
        journal.opened(path, patience_s=0),
        pytest.raises(TransientError) as raised,
        journal.opened(path, patience_s=0),
    ):
        pass

    assert raised.value.reason == "already_running"


def test_agents_are_found_where_they_say_they_are(tmp_path):
    wanted = [tmp_path / "c1/projects", tmp_path / "cx/sessions", tmp_path / ".gemini/tmp"]
    for root in (*wanted, tmp_path / ".claude/projects"):
        root.mkdir(parents=True)
    variables = {"CLAUDE_CONFIG_DIR": str(tmp_path / "c1"), "CODEX_HOME": str(tmp_path / "cx")}

    assert usual_roots(tmp_path, variables) == wanted


@pytest.mark.corpus
@pytest.mark.slow
def test_real_transcripts_arrive_as_they_are_and_are_read(home, taker):
    root = corpus() / "sessions"
    files = [path for path in root.rglob("*.jsonl") if path.stat().st_size < 1 << 20][:60]
    for path in files:
        home.write("/".join(path.relative_to(root).parts[1:]), path.read_bytes())
    stats = pushed(home, taker)
    quiet(taker.service)

    assert stats.errors == 0
    for path in home.projects.rglob("*.jsonl"):
        assert taker.file(str(path.relative_to(home.projects))).read_bytes() == path.read_bytes()
    summary = taker.admin.ask("GET", "/api/v1/uploads/summary").body
    assert summary["read"] + summary["quarantined"] == summary["files"] == stats.files_pushed
