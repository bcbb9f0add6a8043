"""Session files that come over HTTP: stored whole or not at all, and read at once."""

import gzip
import hashlib
import json

import pytest
import zstandard

from core.errors import ConfigurationError
from processors import registry
from service.settings import SourceSettings
from service.supervisor import Service
from service.uploads.settings import UploadSettings
from tests.tools.service import in_process, quiet, settings_for
from tests.tools.uploads import PATH, USER, Sender, taking
from tests.tools.waiting import wait_for
from tests.tools.writers import assistant_line, prompt_line

LINES = [prompt_line("p"), *(assistant_line(str(number)) for number in range(20))]
ALL = b"".join(LINES)
HALF = b"".join(LINES[:10])


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def taker(tmp_path):
    with taking(tmp_path) as found:
        yield found


def messages(taker):
    return taker.sql("SELECT count(*) FROM usage_messages")[0][0]


# Storing.


def test_an_upload_becomes_rows(taker):
    answered = taker.sender.send(PATH, ALL)

    assert answered == (
        200,
        {"status": "created", "path": f"{USER}/{PATH}", "size": len(ALL), "digest": sha256(ALL)},
    )
    assert taker.file().read_bytes() == ALL
    wait_for(lambda: messages(taker) == 20)
    assert taker.hidden() == []


@pytest.mark.parametrize(
    ("suffix", "headers", "pack"),
    [
        (".gz", {}, gzip.compress),
        (".zst", {}, zstandard.compress),
        ("", {"Content-Encoding": "gzip"}, gzip.compress),
        ("", {"Content-Encoding": "zstd"}, zstandard.compress),
        (".gz", {"Content-Encoding": "gzip"}, gzip.compress),
    ],
)
def test_a_packed_body_is_stored_unpacked(taker, suffix, headers, pack):
    answered = taker.sender.send(PATH + suffix, pack(ALL), headers)

    assert (answered.status, answered.body["path"]) == (200, f"{USER}/{PATH}")
    assert taker.file().read_bytes() == ALL


def test_what_is_sent_again_changes_nothing(taker):
    taker.sender.send(PATH, ALL)
    before = taker.file().stat()
    again = taker.sender.send(PATH, ALL)

    assert again.body["status"] == "unchanged"
    assert taker.file().stat().st_mtime_ns == before.st_mtime_ns
    assert len(taker.sql("FROM uploads")) == 1


def test_a_whole_file_that_goes_on_is_only_added_to(taker):
    taker.sender.send(PATH, HALF)
    before = taker.file().stat()
    again = taker.sender.send(PATH, ALL)

    assert (again.body["status"], again.body["digest"]) == ("appended", sha256(ALL))
    assert taker.file().stat().st_ino == before.st_ino
    assert taker.file().read_bytes() == ALL


def test_another_content_replaces_what_is_there(taker):
    taker.sender.send(PATH, HALF)
    quiet(taker.service)
    again = taker.sender.send(PATH, assistant_line("other"))

    assert again.body["status"] == "replaced"
    wait_for(lambda: messages(taker) == 1)


def test_less_of_the_same_is_refused_unless_it_is_to_replace(taker):
    taker.sender.send(PATH, ALL)
    less = taker.sender.send(PATH, HALF)

    assert (less.status, less.code) == (409, "conflict")
    assert taker.file().read_bytes() == ALL
    assert taker.sender.send(PATH, HALF, replace="true").body["status"] == "replaced"
    assert taker.file().read_bytes() == HALF


def test_a_document_may_become_shorter(taker):
    path = "0a1b/chats/session-1.json"
    taker.sender.send(path, b'{"messages": [1, 2]}  ')
    again = taker.sender.send(path, b'{"messages": [1, 2]}')

    assert again.body["status"] == "replaced"


# Going on from what is there.


def test_only_new_bytes_need_to_be_sent(taker):
    taker.sender.send(PATH, HALF)
    there = taker.sender.look(PATH).body
    rest = taker.sender.send(
        PATH, ALL[there["size"] :], offset=there["size"], prefix_digest=there["digest"]
    )

    assert (there["size"], there["digest"]) == (len(HALF), sha256(HALF))
    assert (rest.body["status"], rest.body["digest"]) == ("appended", sha256(ALL))
    assert taker.file().read_bytes() == ALL
    wait_for(lambda: messages(taker) == 20)


def test_going_on_twice_from_the_same_place_is_going_on_once(taker):
    taker.sender.send(PATH, HALF)
    given = {"offset": len(HALF), "prefix_digest": sha256(HALF)}
    first = taker.sender.send(PATH, ALL[len(HALF) :], **given)
    again = taker.sender.send(PATH, ALL[len(HALF) :], **given)
    further = taker.sender.send(PATH, ALL[len(HALF) :] + LINES[1], **given)

    assert [one.body["status"] for one in (first, again, further)] == [
        "appended", "unchanged", "appended",
    ]  # fmt: skip
    assert taker.file().read_bytes() == ALL + LINES[1]


@pytest.mark.parametrize(
    ("offset", "digest", "body"),
    [
        (len(HALF), sha256(b"something else"), ALL[len(HALF) :]),
        (len(HALF), "", ALL[len(HALF) :]),
        (len(HALF) + 1, sha256(HALF), ALL[len(HALF) :]),
        (10, sha256(HALF[:10]), b"something else"),
        (10, sha256(HALF[:10]), HALF[10:20]),
    ],
)
def test_what_does_not_go_on_from_what_is_there_is_refused(taker, offset, digest, body):
    taker.sender.send(PATH, HALF)
    answered = taker.sender.send(PATH, body, offset=offset, prefix_digest=digest)

    assert (answered.status, answered.code) == (409, "conflict")
    assert taker.file().read_bytes() == HALF


def test_nothing_can_be_gone_on_from_where_nothing_is(taker):
    assert taker.sender.look(PATH).code == "not_found"
    assert taker.sender.send(PATH, ALL, offset=5, prefix_digest="0").code == "conflict"


# Who and where.


def test_an_admin_says_whose_sessions_these_are(taker):
    assert taker.admin.send(PATH, ALL).code == "no_user"
    assert taker.admin.send(PATH, ALL, user="noor@x.org").status == 200
    assert taker.files() == [f"noor@x.org/{PATH}"]


def test_the_files_of_subagents_lie_beside_their_session(taker):
    path = "-home-amara-shop/0b7d/subagents/agent-a1.jsonl"
    taker.sender.send(path, ALL)
    quiet(taker.service)

    assert taker.sql("SELECT DISTINCT session FROM files") == [("0b7d",)]


def test_modes_are_set_whatever_the_mask_says(tmp_path):
    with taking(tmp_path, mode="0640") as taker:
        taker.sender.send(PATH, ALL)

        assert taker.file().stat().st_mode & 0o777 == 0o640
        assert taker.file().parent.stat().st_mode & 0o777 == 0o750


def test_the_predecessors_clients_are_answered_as_before(taker):
    plain = taker.sender.ask("POST", "/api/upload/sessions?filename=2026-05-01_ab.jsonl", ALL)
    packed = taker.sender.ask(
        "POST", "/api/upload/sessions", gzip.compress(ALL), {"X-Filename": "cd.jsonl.gz"}
    )
    broken = taker.sender.ask("POST", "/api/upload/sessions?filename=e.jsonl.gz", b"\x1f\x8b12")
    named = taker.sender.ask("POST", "/api/upload/sessions?filename=a/b.jsonl", ALL)

    name, size = "2026-05-01_ab.jsonl", len(ALL)
    assert plain == (200, {"status": "ok", "filename": name, "size": size})
    assert packed == (200, {"status": "ok", "filename": "cd.jsonl", "size": size})
    assert (broken.status, broken.code) == (400, "invalid_gzip")
    assert (named.status, named.code) == (400, "bad_name")
    assert "detail" in named.body
    assert taker.files() == [f"{USER}/{name}", f"{USER}/cd.jsonl"]


def test_a_form_with_a_file_is_taken_as_before(taker):
    head = b'--xx\r\nContent-Disposition: form-data; name="file"; filename="f.jsonl.gz"\r\n\r\n'
    body = head + gzip.compress(ALL) + b"\r\n--xx--\r\n"
    given = {"Content-Type": "multipart/form-data; boundary=xx"}
    taken = taker.sender.ask("POST", "/api/upload/sessions", body, given)
    cut = taker.sender.ask("POST", "/api/upload/sessions?filename=g.jsonl", body[:-9], given)

    assert taken == (200, {"status": "ok", "filename": "f.jsonl", "size": len(ALL)})
    assert (cut.status, cut.code) == (400, "bad_form")
    assert taker.file("f.jsonl").read_bytes() == ALL
    assert taker.files() == [f"{USER}/f.jsonl"]


def test_an_upload_is_in_the_audit_whatever_became_of_it(taker):
    taker.sender.send(PATH, ALL)
    taker.sender.send("x" * 300 + ".jsonl", ALL)
    rows = taker.sql("SELECT actor, params, result FROM audit ORDER BY at_us")
    (_, stored, _), (_, refused, _) = rows

    assert [(actor, result) for actor, _, result in rows] == [(USER, "ok"), (USER, "refused")]
    assert json.loads(stored) | {"filename": PATH, "bytes": len(ALL)} == json.loads(stored)
    assert len(json.loads(refused)["filename"]) == 256


def test_without_a_source_for_them_uploads_are_refused(tmp_path):
    (tmp_path / "drop").mkdir()
    with in_process(settings_for(tmp_path / "t.duckdb", tmp_path / "drop")) as service:
        answered = Sender(service).send(PATH, ALL, user=USER)

    assert (answered.status, answered.code) == (403, "uploads_off")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (SourceSettings("other", "drop"), "no_such_source"),
        (SourceSettings("team", "drop", user="amara"), "source_of_one_user"),
    ],
)
def test_the_service_does_not_start_with_nowhere_to_put_uploads(tmp_path, source, reason):
    uploads = UploadSettings(into="team")
    wanted = settings_for(tmp_path / "t.duckdb", sources=(source,), uploads=uploads)
    with pytest.raises(ConfigurationError) as raised:
        Service(wanted, registry.load())

    assert raised.value.reason == reason


# What became of it.


def states(taker, **query):
    found = taker.admin.ask("GET", "/api/v1/uploads").body["uploads"]
    return {one["path"].rpartition("/")[2]: one["state"] for one in found}


def summary(taker):
    return taker.admin.ask("GET", "/api/v1/uploads/summary").body


def test_every_upload_says_whether_it_was_read(taker):
    taker.sender.send("p/whole.jsonl", ALL)
    taker.sender.send("p/tail.jsonl", HALF + b'{"type": "half of a li')
    taker.sender.send("p/empty.jsonl", b"")
    taker.sender.send("p/faulty.jsonl", HALF + b"no json\n")
    wait_for(lambda: summary(taker)["behind"] + summary(taker)["arrived"] == 0)

    assert states(taker) == {
        "whole.jsonl": "read", "tail.jsonl": "read", "empty.jsonl": "read",
        "faulty.jsonl": "quarantined",
    }  # fmt: skip
    assert summary(taker) | {"files": 4, "read": 3, "quarantined": 1} == summary(taker)


def test_what_is_not_read_yet_is_behind_and_its_wait_is_told(taker):
    taker.sender.send("p/a.jsonl", HALF)
    quiet(taker.service)
    for lane in taker.service.engine.lanes:
        lane.queue.touch = lambda *_, **__: None  # Nobody looks any more.
    taker.sender.send("p/a.jsonl", ALL)
    taker.sender.send("p/new.jsonl", ALL)
    found = wait_for(lambda: one if (one := summary(taker))["oldest_behind_s"] > 0.01 else None)

    assert states(taker) == {"a.jsonl": "behind", "new.jsonl": "arrived"}
    assert (found["behind"], found["arrived"]) == (1, 1)


def test_a_file_of_the_same_name_elsewhere_does_not_count_as_read(taker):
    taker.sender.send("one/s.jsonl", ALL)
    taker.of("noor").send("other/s.jsonl", HALF)
    quiet(taker.service)
    mine = taker.sender.ask("GET", "/api/v1/uploads").body["uploads"]

    assert summary(taker)["read"] == 2
    assert [one["path"] for one in mine] == [f"{USER}/one/s.jsonl"]


def test_pages_go_on_where_the_last_one_ended(taker):
    for number in range(5):
        taker.sender.send(f"p/{number}.jsonl", ALL)
    found, after = [], ""
    while after is not None:
        page = taker.admin.ask("GET", f"/api/v1/uploads?limit=2&after={after}").body
        found += [one["path"][-7:] for one in page["uploads"]]
        after = page["next"]

    assert found == [f"{number}.jsonl" for number in reversed(range(5))]


def test_a_file_that_vanished_is_said_to_be_gone(taker):
    taker.sender.send("p/gone.jsonl", ALL)
    quiet(taker.service)
    taker.file("p/gone.jsonl").unlink()
    quiet(taker.service)

    assert states(taker) == {"gone.jsonl": "gone"}


def test_the_metrics_count_uploads_and_what_is_behind(taker):
    taker.sender.send(PATH, ALL)
    quiet(taker.service)
    connection = Sender(taker.service, taker.admin.token)
    text = metrics_of(connection)

    assert 'sessionwatch_uploads_total{outcome="created"} 1.0' in text
    assert f"sessionwatch_upload_bytes_total {float(len(ALL))}" in text
    assert "sessionwatch_uploads_behind 0.0" in text


def metrics_of(sender):
    import urllib.request

    request = urllib.request.Request(
        f"http://{sender.address.netloc}/metrics",
        headers={"Authorization": f"Bearer {sender.token}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def test_a_note_takes_the_place_of_the_one_before_and_lies_where_notes_are_read(taker):
    head = b'--xx\r\nContent-Disposition: form-data; name="file"; filename="of-the-day.md"\r\n\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=xx"}
    first = taker.sender.ask("POST", "/api/upload/local-md", b"- Churn is monthly, as ever\n" * 9)
    second = taker.sender.ask(
        "POST", "/api/upload/local-md", head + b"- a\n" + b"\r\n--xx--\r\n", form
    )
    third = taker.sender.ask("POST", "/api/v1/uploads/CLAUDE.local.md?replace=true", b"- b\n")
    deeper = taker.sender.ask("POST", "/api/v1/uploads/p/CLAUDE.local.md", b"- c\n")

    assert first == (200, {"status": "ok", "size": 252})
    assert second == (200, {"status": "ok", "size": 4})
    assert (third.status, third.body["status"]) == (200, "replaced")
    assert (deeper.status, deeper.code) == (400, "bad_name")
    assert taker.files() == [f"{USER}/CLAUDE.local.md"]
    assert taker.file("CLAUDE.local.md").read_bytes() == b"- b\n"
