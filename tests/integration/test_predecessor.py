"""What those who switch over bring along: databases of several versions, taken over as they are."""

import hashlib
import json

import duckdb
import pytest

from core.errors import ConfigurationError
from service.predecessor import import_from
from tests.tools import predecessor
from tests.tools.databases import opened
from tests.tools.predecessor import V15, V31, V121, event, session, state
from tests.tools.service import in_process, ingested, sessionwatch, settings_for

UUID = "0a1b2c3d-0000-4000-8000-000000000001"
LINE = b'{"type":"user","uuid":"u1","timestamp":"2026-05-01T10:00:00Z","sessionId":"s"}\n'


@pytest.fixture
def db(tmp_path):
    return tmp_path / "ours.duckdb"


@pytest.fixture
def theirs(tmp_path):
    return tmp_path / "system.duckdb"


@pytest.fixture
def root(tmp_path):
    """Two session files of ours."""
    folder = tmp_path / "user_sessions/amara"
    folder.mkdir(parents=True)
    (folder / "one.jsonl").write_bytes(LINE)
    (folder / f"{UUID}.jsonl").write_bytes(LINE)
    return folder.parent


def taken(db, theirs, *roots, verify=False):
    return import_from(settings_for(db, *roots), theirs, verify=verify)


def counts(report):
    """New, changed, unchanged by table, those without rows left out."""
    return {
        name: (one["new"], one["changed"], one["unchanged"])
        for name, one in report["tables"].items()
        if one["read"]
    }


def asked(db, query):
    with opened(db) as connection:
        return connection.execute(query).fetchall()


# Versions.


def test_the_oldest_schema_had_one_processor(db, theirs):
    row = {"session_file": "amara/a.jsonl", "username": "amara", "file_hash": "ab",
           "processed_at": "2026-05-01 10:00:00.25", "items_extracted": 3}  # fmt: skip
    predecessor.write(theirs, V15, ("session_extraction_state", row),
                      ("schema_version", {"version": 15}))  # fmt: skip

    report = taken(db, theirs)

    assert counts(report) == {"predecessor_states": (1, 0, 0)}
    assert report["schema_version"] == 15
    assert "usage_events" in report["absent"]
    assert asked(db, "FROM predecessor_states") == [
        ("verification", "amara/a.jsonl", "amara", 1777629600250000, 3, "ab", None)
    ]


def test_a_schema_without_usage_brings_states_and_knowledge(db, theirs):
    item = {"id": "kv_1", "title": "Weekly", "content": "We report weekly.", "confidence": 0.9,
            "domain": "finance", "tags": '["reports"]', "created_at": "2026-05-01"}  # fmt: skip
    predecessor.write(
        theirs, V31, state("amara/a.jsonl"), ("knowledge_items", item),
        ("knowledge_votes", {"item_id": "kv_1", "user_id": "ben", "vote": 1}),
        ("verification_evidence", {"id": "ev_1", "item_id": "kv_1", "user_quote": "weekly!"}),
    )  # fmt: skip

    report = taken(db, theirs)

    assert counts(report) == {"predecessor_states": (1, 0, 0), "predecessor_knowledge": (3, 0, 0)}
    [(title, confidence, created, other)] = asked(
        db,
        "SELECT title, confidence, created_at_us, other FROM predecessor_knowledge "
        "WHERE kind = 'knowledge_items'",
    )
    assert (title, confidence, created) == ("Weekly", 0.9, 1777593600000000)
    assert json.loads(other)["domain"] == "finance"
    assert json.loads(other)["tags"] == ["reports"]
    assert asked(db, "SELECT kind, row_key FROM predecessor_knowledge ORDER BY kind") == [
        ("knowledge_items", '["kv_1"]'),
        ("knowledge_votes", '["kv_1","ben"]'),
        ("verification_evidence", '["ev_1"]'),
    ]


def test_the_newest_schema_brings_everything(db, theirs):
    predecessor.write(
        theirs, V121, state("amara/a.jsonl"), event("e1", "amara/a.jsonl", is_error=True),
        session("amara/a.jsonl", input_tokens=10, started_at="2026-05-01 10:00:00"),
        ("knowledge_item_domains", {"item_id": "kv_1", "domain_id": "d"}),
        ("knowledge_item_domains", {"item_id": "kv_1", "domain_id": None}),
    )  # fmt: skip

    report = taken(db, theirs)

    assert counts(report) == {
        "predecessor_states": (1, 0, 0),
        "predecessor_events": (1, 0, 0),
        "predecessor_sessions": (1, 0, 0),
        "predecessor_knowledge": (2, 0, 0),
    }
    assert asked(db, "SELECT is_error, occurred_at_us FROM predecessor_events") == [
        (True, 1777629600000000)
    ]


def test_a_column_that_is_not_ours_and_a_value_that_is_unreadable_are_kept(db, theirs):
    tables = (
        "CREATE TABLE usage_session_summary (session_file VARCHAR, input_tokens VARCHAR, "
        'started_at VARCHAR, ended_at TIMESTAMP, mood VARCHAR, "odd \'name" INTEGER[])',
    )
    row = {"session_file": "a/b.jsonl", "input_tokens": "many", "started_at": "2026-05-01 10:00",
           "ended_at": "infinity", "mood": "calm", "\"odd 'name\"": [1, 2]}  # fmt: skip
    predecessor.write(theirs, tables, ("usage_session_summary", row))

    taken(db, theirs)

    [(tokens, started, ended, other)] = asked(
        db, "SELECT input_tokens, started_at_us, ended_at_us, other FROM predecessor_sessions"
    )
    assert (tokens, started, ended) == (None, 1777629600000000, None)
    assert json.loads(other) == {
        "input_tokens": "many", "ended_at": "infinity", "mood": "calm", "odd 'name": [1, 2],
    }  # fmt: skip


# Once and again.


def test_a_second_import_adds_nothing(db, theirs):
    rows = (state("amara/a.jsonl"), event("e1", "amara/a.jsonl"), session("amara/a.jsonl"),
            ("knowledge_votes", {"item_id": "kv_1", "user_id": "ben", "vote": 1}))  # fmt: skip
    predecessor.write(theirs, V121, *rows)
    first = taken(db, theirs)
    before = asked(db, "FROM predecessor_events ORDER BY ALL")

    second = taken(db, theirs)

    assert set(counts(first).values()) == {(1, 0, 0)}
    assert set(counts(second).values()) == {(0, 0, 1)}
    assert asked(db, "FROM predecessor_events ORDER BY ALL") == before


def test_what_went_on_over_there_replaces_and_what_was_pruned_stays(db, theirs):
    predecessor.write(theirs, V121, session("a/a.jsonl", input_tokens=1), event("e1", "a/a.jsonl"))
    taken(db, theirs)
    predecessor.write(
        theirs, V121, session("a/a.jsonl", input_tokens=5), session("a/b.jsonl"),
        event("e2", "a/a.jsonl"),
    )  # fmt: skip
    with duckdb.connect(str(theirs)) as connection:
        connection.execute("DELETE FROM usage_events WHERE id = 'e1'")

    report = taken(db, theirs)

    assert counts(report) == {"predecessor_sessions": (1, 1, 0), "predecessor_events": (1, 0, 0)}
    assert asked(db, "SELECT id FROM predecessor_events ORDER BY id") == [("e1",), ("e2",)]
    assert asked(
        db, "SELECT session_file, input_tokens FROM predecessor_sessions ORDER BY session_file"
    ) == [("a/a.jsonl", 5), ("a/b.jsonl", None)]


def test_rows_that_cannot_be_told_apart_are_refused_and_said(db, theirs):
    tables = ("CREATE TABLE usage_session_summary (session_file VARCHAR, username VARCHAR)",)
    predecessor.write(theirs, tables, session_of(None), session_of("a/b.jsonl", "amara"),
                      session_of("a/b.jsonl", "ben"))  # fmt: skip

    report = taken(db, theirs)

    assert report["tables"]["predecessor_sessions"] == {
        "read": 3, "new": 1, "changed": 0, "unchanged": 0,
        "refused": {"no_key": 1, "same_key": 1},
    }  # fmt: skip
    assert asked(db, "SELECT username FROM predecessor_sessions") == [("amara",)]


def session_of(session_file, username="amara"):
    return "usage_session_summary", {"session_file": session_file, "username": username}


# What we have of it.


def test_the_report_says_of_which_sessions_only_the_archive_knows(db, theirs, root):
    ingested(db, root)
    predecessor.write(
        theirs, V121,
        session("amara/one.jsonl", input_tokens=1000), event("e1", "amara/one.jsonl"),
        session(f"uploads/2026-05-01_{UUID}.jsonl", input_tokens=1000),
        session("ben/gone.jsonl", username="ben", input_tokens=3, output_tokens=4),
        event("e2", "ben/gone.jsonl", username="ben"),
        event("e3", "ben/gone.jsonl", username="ben", is_error=True),
        state("cleo/only-a-state.jsonl", username="cleo"),
        state("__rollup__", processor_name="marketplace_rollup_30d", username="system"),
        event("e4", "server", source="server", username="admin"),
    )  # fmt: skip

    report = taken(db, theirs)

    assert report["users"] == 3
    assert report["sessions"] == {"all": 4, "ours": 1, "elsewhere": 1, "only": 2}
    assert report["only"] == {
        "sessions": 2, "events": 2, "input_tokens": 3, "output_tokens": 4,
        "cache_read_tokens": 0, "cache_creation_tokens": 0,
    }  # fmt: skip


def test_what_only_the_archive_has_is_read_by_sql(db, theirs, root):
    ingested(db, root)
    gone = session("ben/gone.jsonl", input_tokens=3), event("e", "ben/gone.jsonl")
    predecessor.write(theirs, V121, session("amara/one.jsonl"), *gone)
    taken(db, theirs)

    query = "select session_file, input_tokens, events from predecessor_only_sessions"
    found = sessionwatch("sql", query, "--json", "--db", db)

    assert found.json["rows"] == [["ben/gone.jsonl", 3, 1]]


def test_a_file_that_arrives_later_is_no_longer_only_theirs(db, theirs, root):
    predecessor.write(theirs, V121, session("amara/one.jsonl"))
    assert taken(db, theirs)["sessions"]["only"] == 1

    ingested(db, root)

    assert asked(db, "FROM predecessor_only_sessions") == []


def test_a_compressed_file_of_ours_is_the_same_session(db, theirs, root):
    (root / "amara/two.jsonl.gz").write_bytes(gzipped(LINE))
    ingested(db, root)
    noted = hashlib.md5(LINE).hexdigest()
    predecessor.write(theirs, V121, state("amara/two.jsonl", file_hash=noted))

    report = taken(db, theirs, root, verify=True)

    assert report["sessions"]["ours"] == 1
    assert report["hashes"] == {"equal": 1, "differs": 0, "unreadable": 0}


def gzipped(content):
    import gzip

    return gzip.compress(content)


def test_verify_compares_what_was_noted_with_our_files(db, theirs, root):
    ingested(db, root)
    noted = hashlib.md5(LINE).hexdigest()
    predecessor.write(
        theirs, V121,
        state("amara/one.jsonl", file_hash=noted),
        state("amara/one.jsonl", processor_name="verification", file_hash="0" * 32),
        state(f"amara/{UUID}.jsonl", file_hash=noted),
        state("amara/not-ours.jsonl", file_hash=noted),
        state("amara/never-hashed.jsonl"),
    )  # fmt: skip
    (root / f"amara/{UUID}.jsonl").unlink()

    without, with_it = taken(db, theirs, root), taken(db, theirs, root, verify=True)

    assert "hashes" not in without
    assert with_it["hashes"] == {"equal": 1, "differs": 1, "unreadable": 1}


def test_nothing_that_we_count_changes(db, theirs, root):
    ingested(db, root)
    before = sessionwatch("usage", "daily", "--json", "--db", db).json
    predecessor.write(theirs, V121, session("amara/one.jsonl", input_tokens=10**12))

    taken(db, theirs)

    assert sessionwatch("usage", "daily", "--json", "--db", db).json == before
    assert sessionwatch("doctor", "--deep", root, "--db", db).code == 0


# Refusals.


def test_the_service_must_be_stopped(db, theirs, root):
    predecessor.write(theirs, V121, session("amara/one.jsonl"))
    with in_process(settings_for(db, root)):
        refused = sessionwatch("import-predecessor", theirs, "--db", db)

    assert refused.code == 3


def test_a_predecessor_that_still_runs_is_refused(db, theirs):
    predecessor.write(theirs, V121, session("amara/one.jsonl"))
    with duckdb.connect(str(theirs)):
        refused = sessionwatch("import-predecessor", theirs, "--db", db)

    assert refused.code == 3
    assert "stop the predecessor" in refused.err


def test_their_file_is_left_as_it_is(db, theirs):
    predecessor.write(theirs, V121, session("amara/one.jsonl"))
    before = theirs.read_bytes()

    taken(db, theirs)

    assert theirs.read_bytes() == before
    assert not theirs.with_name(f"{theirs.name}.wal").exists()


@pytest.mark.parametrize("what", ["missing", "text", "of others", "our own"])
def test_a_file_that_is_not_the_predecessors_is_refused(db, theirs, root, what):
    ingested(db, root)
    if what == "text":
        theirs.write_bytes(b"x" * 100_000)
    elif what == "of others":
        predecessor.write(theirs, ("CREATE TABLE songs (title VARCHAR)",))

    with pytest.raises(ConfigurationError):
        taken(db, db if what == "our own" else theirs)


def test_an_import_that_fails_takes_nothing(db, theirs):
    predecessor.write(theirs, V121, state("amara/a.jsonl"), session("amara/one.jsonl"))
    with duckdb.connect(str(theirs)) as connection:
        big = "SELECT 'a/' || i, repeat(md5(i::VARCHAR), 20) FROM range(20000) r(i)"
        connection.execute(f"INSERT INTO usage_session_summary (session_file, session_id) {big}")
    content = bytearray(theirs.read_bytes())
    for place in range(len(content) // 2, len(content), 50_000):
        content[place] ^= 0xFF
    theirs.write_bytes(content)

    with pytest.raises(ConfigurationError, match="could not be taken over"):
        taken(db, theirs)

    assert asked(db, "FROM predecessor_states") == []


def test_the_command_tells_people_the_same(db, theirs):
    predecessor.write(theirs, V121, session("amara/one.jsonl", output_tokens=1500))

    told = sessionwatch("import-predecessor", theirs, "--verify", "--db", db)
    as_json = sessionwatch("import-predecessor", theirs, "--json", "--db", db)

    assert told.code == as_json.code == 0, told.err + as_json.err
    assert "1 sessions of 1 users: 0 ours, 0 ours under another path, 1 only there" in told.out
    assert "1,500 tokens" in told.out
    assert as_json.json["only"]["output_tokens"] == 1500
