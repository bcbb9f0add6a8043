"""Real sessions of GitHub Copilot CLI and pi, counted here and by hand from their JSON."""

import json
import random
from collections import Counter
from decimal import Decimal

import duckdb
import pytest

from core.lines import Fault, Line
from processors.dialects import HEAD_BYTES, detect
from state.sql import load
from tests.tools.corpus import corpus
from tests.tools.usage_tables import create, ingest, items, placed_rows

pytestmark = [pytest.mark.corpus, pytest.mark.timeout(300)]

COPIES = load("usage/copilot.sql")["copilot_copies"]


@pytest.fixture(scope="module")
def other():
    return corpus() / "other"


@pytest.fixture(scope="module")
def copilot(other):
    return sorted((other / "copilot").rglob("*.jsonl"))


@pytest.fixture(scope="module")
def pi(other):
    family = (other / "codex-forks").rglob("PiFamily/*/*/*.jsonl")
    return [*sorted((other / "pi").rglob("*.jsonl")), *sorted(family)]


@pytest.fixture(scope="module")
def db(other, copilot, pi):
    with duckdb.connect() as connection:
        create(connection)
        for path in [*copilot, *pi]:
            ingest(connection, other, path)
        yield connection


def lines(paths):
    return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]


def test_every_file_is_recognised_also_by_its_head(copilot, pi):
    assert (len(copilot), len(pi)) == (12, 5)
    for size in (HEAD_BYTES, None):
        assert {detect(path.read_bytes()[:size]) for path in copilot} <= {"copilot", ""}
        assert {detect(path.read_bytes()[:size]) for path in pi} == {"pi"}
    assert {detect(path.read_bytes()) for path in copilot} == {"copilot"}


def test_no_file_of_another_agent_is_claimed(other, copilot, pi):
    sessions = (other.parent / "sessions").rglob("*.jsonl")
    rest = {*sessions, *other.rglob("*.jsonl")} - {*copilot, *pi}

    assert len(rest) > 271
    assert [path for path in rest if detect(path.read_bytes()) in ("copilot", "pi")] == []


def test_every_line_is_a_record_without_a_fault(copilot, pi, db):
    found = [item for path in [*copilot, *pi] for item in items(path.read_bytes())]

    assert [item for item in found if isinstance(item, Fault)] == []
    assert db.execute("SELECT count(*) FROM usage_records").fetchone() == (len(found),)
    assert all(isinstance(item, Line) for item in found)


def test_a_copilot_session_is_its_totals_or_else_its_messages(copilot, db):
    """Ten of twelve sessions ended; the other two have 19254 and 41776 tokens put out."""
    counted = db.execute(f"""
        SELECT origin, count(*), sum(input_tokens), sum(cache_read_tokens), sum(output_tokens)
        FROM ({COPIES}) GROUP BY origin ORDER BY origin
    """).fetchall()
    events = lines(copilot)
    ends = [e["data"] for e in events if e["type"] == "session.shutdown"]
    usages = [m["usage"] for end in ends for m in end["modelMetrics"].values()]
    totals = {name: sum(usage[name] for usage in usages) for name in usages[0]}
    said = [e["data"]["outputTokens"] for e in events if e["type"] == "assistant.message"]

    assert counted == [("assistant", 110, 0, 0, 61_030), ("total", 10, 85_792, 14_848, 1_113)]
    assert totals["inputTokens"] == 85_792 + 14_848
    assert sum(said) == 61_030 + 1_113


def test_where_a_copilot_session_ended_its_messages_say_the_same(copilot):
    for path in copilot:
        events = lines([path])
        ends = [e["data"]["modelMetrics"] for e in events if e["type"] == "session.shutdown"]
        said = Counter()
        for event in events:
            if event["type"] == "assistant.message":
                said[event["data"]["model"]] += event["data"]["outputTokens"]
        for end in ends:
            assert {model: m["usage"]["outputTokens"] for model, m in end.items()} == said


def test_every_copilot_call_has_its_result(db):
    calls = db.execute("""
        SELECT count(*), count(DISTINCT tool_use_id) FROM usage_tool_calls WHERE agent = 'copilot'
    """).fetchone()
    results = db.execute("""
        SELECT count(*), count(*) FILTER (is_error), count(*) FILTER (denied)
        FROM usage_tool_results SEMI JOIN usage_tool_calls USING (tool_use_id)
        WHERE starts_with(path, 'copilot/')
    """).fetchone()

    assert calls == (258, 129)
    assert results == (129, 2, 0)


def test_pi_messages_cost_what_pi_says(pi, db):
    messages = [line["message"] for line in lines(pi) if line["type"] == "message"]
    usages = [m["usage"] for m in messages if m["role"] == "assistant" and "usage" in m]
    cost = sum(round(Decimal(str(u["cost"]["total"])) * 10**9) for u in usages)
    ours = db.execute("""
        SELECT count(*), count(DISTINCT message_id), sum(input_tokens), sum(output_tokens),
            sum(cache_read_tokens), sum(cache_write_tokens), sum(cost_nano)
        FROM usage_messages WHERE agent = 'pi'
    """).fetchone()

    assert ours == (937, 937, 4_738, 271_051, 97_923_144, 5_981_552, 72_926_105_200)
    assert cost == ours[-1]
    names = ("input", "output", "cacheRead", "cacheWrite")
    assert tuple(sum(u[name] for u in usages) for name in names) == ours[2:6]


def test_pi_calls_results_and_prompts_are_all_there(db):
    def count(table: str) -> int:
        (found,) = db.execute(
            f"SELECT count(*) FROM {table} WHERE NOT starts_with(path, 'copilot/')"
        ).fetchone()
        return found

    tables = ("usage_tool_calls", "usage_tool_results", "usage_prompts")
    assert [count(table) for table in tables] == [845, 821, 143]


def test_events_of_real_sessions_are_told(db):
    found = dict(
        db.execute("SELECT agent || ' ' || kind, count(*) FROM usage_events GROUP BY 1").fetchall()
    )

    assert (found["copilot session_end"], found["copilot interrupt"]) == (10, 1)
    assert (found["pi interrupt"], found["pi api_error"], found["pi compaction"]) == (39, 2, 2)
    assert (found["pi bash_mode"], found["pi effort"]) == (3, 110)


def test_cutting_a_real_file_anywhere_changes_no_row(copilot, pi):
    draw = random.Random(7)
    for path in [*draw.sample(copilot, 6), *pi]:
        data, dialect = path.read_bytes(), detect(path.read_bytes())

        cut = data.rfind(b"\n", 0, draw.randint(0, len(data))) + 1
        parts = [*placed_rows(data[:cut], 0, dialect), *placed_rows(data[cut:], cut, dialect)]
        assert parts == placed_rows(data)
