"""Real transcripts, decoded, flattened and counted, against what ccusage 20.0.24 counts in them."""

import json
import random
import re

import duckdb
import pytest

from core.lines import Fault, Line
from processors.dialects import HEAD_BYTES, detect
from state.usage.reports import REPORTS
from tests.tools.corpus import corpus
from tests.tools.usage_tables import add, create, ingest, items, placed_rows
from tests.tools.usage_tables import reported as report

pytestmark = [pytest.mark.corpus, pytest.mark.timeout(300)]

TOKENS = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")
# `ccusage claude daily --json --offline -z UTC`, over the corpus' sessions/.
CCUSAGE_DAILY = (157_376, 832_422, 20_097_913, 580_384_629)
# What it misses: 45 lines with blanks after colons or microseconds in their time (421,428 tokens).
CCUSAGE_BLIND = (1_437, 3_423, 183_608, 232_960)
# A line with one of these nulls anywhere in it is dropped by ccusage.
NULLS = re.compile(
    rb'"(?:id|cwd|model|speed|costUSD|version|sessionId|requestId|isApiErrorMessage|'
    rb'cache_read_input_tokens|cache_creation_input_tokens)":null'
)
ISO_CHARS = (20, 24, 25, 29)


@pytest.fixture(scope="module")
def sessions():
    return corpus() / "sessions"


@pytest.fixture(scope="module")
def files(sessions):
    return sorted(sessions.rglob("*.jsonl"))


@pytest.fixture(scope="module")
def db(sessions, files):
    with duckdb.connect() as connection:
        create(connection)
        for path in files:
            ingest(connection, sessions, path)
        yield connection


def tokens(row) -> tuple[int, ...]:
    return tuple(row[name] for name in TOKENS)


def seen_by_ccusage(line: bytes) -> bool:
    """The byte and time tests ccusage 20 puts before its JSON parser."""
    if b'"usage":{' not in line or NULLS.search(line):
        return False
    record = json.loads(line)
    return record["type"] == "progress" or len(record["timestamp"]) in ISO_CHARS


def test_every_file_is_recognised_as_claude_code(files):
    assert len(files) == 271
    assert {detect(path.read_bytes()) for path in files} == {"claude"}


def test_no_file_of_another_agent_is_claimed(sessions):
    others = sorted((sessions.parent / "other").rglob("*.jsonl"))

    assert others
    assert [path for path in others if detect(path.read_bytes()) == "claude"] == []


def test_the_first_64_kib_decide_unless_one_line_is_longer(files):
    heads = {path.name: detect(path.read_bytes()[:HEAD_BYTES]) for path in files}

    assert {name for name, dialect in heads.items() if dialect != "claude"} == {
        "debug_image_message.jsonl"
    }


def test_every_line_becomes_a_record_but_the_three_that_are_no_objects(files):
    faults = [
        (path.name, item)
        for path in files
        for item in items(path.read_bytes())
        if isinstance(item, Fault)
    ]

    assert [(name, f.reason, f.kept) for name, f in faults] == [
        ("edge_cases.jsonl", "not_an_object", False)
    ] * 3


def test_every_line_is_counted_by_its_type(files, db):
    line_count = sum(isinstance(item, Line) for path in files for item in items(path.read_bytes()))

    counted = db.execute("SELECT count(*), count(DISTINCT type) FROM usage_records").fetchall()
    assert counted == [(line_count, 12)]


def test_a_growing_file_gives_the_rows_of_its_last_state(sessions):
    for series in sorted((sessions.parent / "growth").iterdir()):
        snapshots = [path.read_bytes() for path in sorted(series.glob("*.jsonl"))]
        assert len(snapshots) > 1

        steps, done = [], 0
        for data in snapshots:
            ready = data.rfind(b"\n") + 1
            steps += placed_rows(data[done:ready], done, "claude")
            done = ready
        assert steps == placed_rows(snapshots[-1][:done])


def test_cutting_a_real_file_anywhere_changes_no_row(files):
    draw = random.Random(4)
    for path in draw.sample(files, 20):
        data = path.read_bytes()
        data = data[: data.rfind(b"\n") + 1]

        steps, done = [], 0
        for cut in sorted(draw.randint(0, len(data)) for _ in range(4)):
            ready = data.rfind(b"\n", done, cut) + 1 or done
            steps += placed_rows(data[done:ready], done, "claude")
            done = ready
        steps += placed_rows(data[done:], done, "claude")

        assert steps == placed_rows(data)


def test_totals_are_ccusages_and_what_it_cannot_see(db):
    ours = tokens(report(db, "session")["totals"])

    assert tuple(a - b for a, b in zip(ours, CCUSAGE_DAILY, strict=True)) == CCUSAGE_BLIND


def test_over_the_lines_ccusage_sees_totals_agree_to_the_token(sessions, files):
    with duckdb.connect() as db:
        create(db)
        for path in files:
            lines = path.read_bytes().splitlines(keepends=True)
            seen = b"".join(line for line in lines if seen_by_ccusage(line))
            add(db, path.relative_to(sessions).as_posix(), seen)

        for name in ("daily", "weekly", "monthly", "model", "session", "user", "project", "skill"):
            assert tokens(report(db, name)["totals"]) == CCUSAGE_DAILY


def test_two_databases_of_the_same_files_print_the_same_bytes(sessions, files, db):
    with duckdb.connect() as other:
        create(other)
        for path in reversed(files):
            ingest(other, sessions, path)

        for name in REPORTS:
            assert json.dumps(report(other, name)) == json.dumps(report(db, name))


def test_traps_count_what_was_used(sessions):
    root = sessions.parent / "traps"
    with duckdb.connect() as db:
        create(db)
        for path in sorted(root.rglob("*.jsonl")):
            ingest(db, root, path)
        users = {row["user"]: tokens(row) for row in report(db, "user")["users"]}

    once, twice = (100, 50, 0, 0), (200, 100, 0, 0)
    assert users.pop("c05-no-msgid-dup") == users.pop("c08-subagent") == twice
    assert users.pop("c13-cc-mismatch") == (0, 0, 1000, 0)
    assert users.pop("c25-200k-cacheread") == (1000, 0, 0, 250_000)
    assert users.pop("c30-no-output") == (100, 0, 0, 0)
    assert len(users) == 23
    assert set(users.values()) == {once}
