"""Documents of Gemini CLI and OpenCode: from folders of files to rows, and what stays of them."""

import gzip
import json
import shutil
from pathlib import Path

import duckdb
import pytest

from processors.usage import Usage
from processors.usage_documents import UsageDocuments
from service.limits import Limits
from service.supervisor import Service
from state.sql import load
from tests.tools.corpus import corpus
from tests.tools.service import in_process, ingested, quiet, sessionwatch, settings_for
from tests.tools.usage_tables import FIXTURES
from tests.tools.waiting import wait_for

SOURCES = load("usage/sources.sql")
OTHERS = ("package.json", "agent-1.meta.json", "tool-results/toolu_1.json", "history.json")
QUICK = Limits(retry_first_s=0.05, retry_max_s=0.1)
TEXTS = ("Sort the words", "words.txt", "no such file", "Found it.", "rejected permission")


@pytest.fixture
def root(tmp_path):
    """Both agents' folders of one user, among other JSON."""
    for agent in ("gemini", "opencode"):
        shutil.copytree(FIXTURES.parent / agent, tmp_path / "root", dirs_exist_ok=True)
    for name in OTHERS:
        path = tmp_path / "root" / "atlas" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"half": ')
    return tmp_path / "root"


@pytest.fixture
def db(tmp_path):
    return tmp_path / "t.duckdb"


def asked(db: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(db), read_only=True) as connection:
        return connection.execute(query).fetchall()


def all_read(service: Service) -> bool:
    return all(e.status == "ok" for e in service.store.ledger.entries("usage_documents"))


def chat(root: Path, suffix: str) -> Path:
    return next(root.rglob(f"session-*{suffix}"))


def test_a_folder_of_documents_is_ingested_whole(root, db):
    done = sessionwatch("ingest", root, "--db", db, "--json")

    assert done.code == 0, done.err
    assert done.json["quarantined"] == 0
    assert asked(
        db,
        "SELECT agent, message_id, session, input_tokens, output_tokens, cache_read_tokens "
        "FROM document_usage_messages ORDER BY at_us, message_id",
    ) == [
        ("opencode", "msg_aa02", "ses_aa01", 500, 200, 4096),
        ("gemini", "9b3d0102-4444-4444-8444-444444444444", "session-2026-05-01T09-00-6a0c1e2a",
         200, 80, 1000),
        ("gemini", "codebase_investigator-12ab:m2", "session-2026-05-01T10-01-codebase",
         40, 5, 0),
        ("gemini", "9b3d0103-4444-4444-8444-444444444444", "session-2026-05-01T09-00-6a0c1e2a",
         1407, 12, 0),
    ]  # fmt: skip
    assert asked(db, "SELECT count(*) FROM quarantine") == [(0,)]


def test_other_json_is_neither_read_nor_noted(root, db):
    ingested(db, root)

    paths = {path for (path,) in asked(db, "SELECT path FROM files")}
    assert paths
    assert not [path for path in paths if path.endswith(OTHERS)]


def test_no_words_of_a_session_are_in_the_database(root, db):
    ingested(db, root)

    rows = [
        str(row)
        for table in (*Usage.tables, *UsageDocuments.tables, "quarantine")
        for row in asked(db, f"SELECT * EXCLUDE (path) FROM {table}")
    ]
    assert len(rows) > 40
    assert [text for text in TEXTS if any(text in row for row in rows)] == []


def test_a_rewritten_document_replaces_its_rows(root, db):
    path = chat(root, "6a0c1e2a.json")
    ingested(db, root)
    session = json.loads(path.read_bytes())
    answer = session["messages"].pop()
    session["messages"].append({**answer, "tokens": {"input": 9, "output": 1}})
    path.write_text(json.dumps(session))

    again = ingested(db, root)

    assert again["changed"] == 1
    tokens = "SELECT input_tokens FROM document_usage_messages WHERE path LIKE '%6a0c1e2a.json'"
    assert sorted(asked(db, tokens)) == [(9,), (200,)]
    assert ingested(db, root)["changed"] == 0


def test_a_half_written_document_keeps_its_rows_and_is_tried_again(root, db):
    path = chat(root, "6a0c1e2a.json")
    whole = path.read_bytes()
    ingested(db, root)
    before = asked(db, "SELECT * FROM document_usage_messages ORDER BY ALL")

    path.write_bytes(whole[:-200])
    assert ingested(db, root)["failed"] == 1
    ((kept_reason, status, error),) = asked(
        db, "SELECT reason, status, error FROM ledger WHERE status <> 'ok'"
    )
    assert asked(db, "SELECT * FROM document_usage_messages ORDER BY ALL") == before
    assert (kept_reason, status) == ("invalid_json", "retrying")
    assert "Sort" not in error
    listed = sessionwatch("quarantine", "--db", db, "--json").out
    assert "6a0c1e2a.json" in listed
    assert "invalid_json" in listed

    path.write_bytes(whole)
    with in_process(settings_for(db, root, limits=QUICK)) as service:
        wait_for(lambda: all_read(service))
        quiet(service)
    assert asked(db, "SELECT * FROM document_usage_messages ORDER BY ALL") == before


def test_compressed_documents_say_the_same(root, db, tmp_path):
    ingested(db, root)
    wanted = asked(db, "SELECT * EXCLUDE (source, path) FROM document_usage_messages ORDER BY ALL")
    for path in root.rglob("*.json"):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()

    packed = tmp_path / "packed.duckdb"
    ingested(packed, root)

    query = "SELECT * EXCLUDE (source, path) FROM document_usage_messages ORDER BY ALL"
    assert asked(packed, query) == wanted


def test_the_sources_put_lines_and_documents_together(root, db):
    ingested(db, root)

    for table in Usage.tables:
        union = f"({SOURCES['all_' + table.removeprefix('usage_')]})"
        parts = [asked(db, f"SELECT count(*) FROM {t}") for t in (table, f"document_{table}")]
        ((total,),) = asked(db, f"SELECT count(*) FROM {union}")
        assert total == sum(count for ((count,),) in parts)
        names = [row[0] for row in asked(db, f"DESCRIBE SELECT * FROM {union}")]
        assert names == [row[0] for row in asked(db, f"DESCRIBE SELECT * FROM {table}")]


def test_every_table_of_usage_has_its_source():
    assert set(SOURCES) == {f"all_{table.removeprefix('usage_')}" for table in Usage.tables}


def test_a_part_belongs_to_the_session_it_names(root, db):
    ingested(db, root)

    sessions = asked(
        db,
        f"SELECT DISTINCT agent, session FROM ({SOURCES['all_tool_calls']}) "
        "WHERE agent = 'opencode'",
    )
    assert sessions == [("opencode", "ses_aa01")]
    assert asked(db, f"SELECT count(*) FROM ({SOURCES['all_records']}) WHERE session = ''") == [
        (0,)
    ]


def test_a_session_that_went_from_json_to_jsonl_has_each_message_once(root, db):
    """Gemini CLI copies it line by line when it is resumed, and the document stays."""
    path = chat(root, "6a0c1e2a.json")
    session = json.loads(path.read_bytes())
    header = {name: value for name, value in session.items() if name != "messages"}
    lines = [header, *session["messages"]]
    path.with_suffix(".jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    ingested(db, root)

    assert asked(
        db,
        f"SELECT count(*), count(DISTINCT message_id), count(DISTINCT session) "
        f"FROM ({SOURCES['all_messages']}) WHERE path LIKE '%6a0c1e2a%'",
    ) == [(4, 2, 1)]


def test_a_database_without_documents_has_their_tables(tmp_path, db):
    (tmp_path / "empty").mkdir()
    ingested(db, tmp_path / "empty")

    for query in SOURCES.values():
        assert asked(db, query) == []


@pytest.mark.corpus
def test_a_real_session_counts_what_its_messages_say(tmp_path, db):
    """As one line and, under the name it would have as a document, the same."""
    (sample,) = (corpus() / "other" / "gemini").iterdir()
    folder = tmp_path / "root" / "ann" / "chats"
    folder.mkdir(parents=True)
    shutil.copy(sample, folder / "session-1.jsonl")
    shutil.copy(sample, folder / "session-1.json")

    summary = ingested(db, tmp_path / "root")

    said = json.loads(sample.read_bytes())["messages"]
    tokens = [m["tokens"] for m in said if m["type"] == "gemini"]
    wanted = [
        (len(tokens), sum(t["input"] - t["cached"] for t in tokens),
         sum(t["output"] for t in tokens), sum(t["cached"] for t in tokens))
    ]  # fmt: skip
    assert (summary["failed"], summary["quarantined"]) == (0, 0)
    for table in ("usage_messages", "document_usage_messages"):
        assert (
            asked(
                db,
                "SELECT count(DISTINCT message_id), sum(input_tokens), sum(output_tokens), "
                f"sum(cache_read_tokens) FROM {table}",
            )
            == wanted
        )
    ids = f"SELECT count(*), count(DISTINCT message_id) FROM ({SOURCES['all_messages']})"
    assert asked(db, ids) == [(2 * len(tokens), len(tokens))]
    prompts = sum(m["type"] == "user" for m in said)
    for table in ("usage_prompts", "document_usage_prompts"):
        assert asked(db, f"SELECT count(*) FROM {table}") == [(prompts,)]
