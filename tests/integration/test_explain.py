"""From a number of a report to the bytes it was read from."""

import json

import duckdb
import pytest

from core.errors import ConfigurationError
from state.usage.explain import TOTAL, explain
from state.usage.options import ReportOptions
from state.usage.reports import report
from tests.tools.usage_tables import FIXTURES, add, create, ingest, reported

KEYS = {
    "daily": "date", "weekly": "week", "monthly": "month", "session": "sessionId", "user": "user",
    "agent": "agent", "project": "project", "model": "model", "skill": "skill",
    "plugin": "plugin", "subagent": "subagent", "mcp": "mcp", "pr": "pr",
}  # fmt: skip
SUMS = ("messages", "inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens",
        "totalTokens", "totalCost")  # fmt: skip


@pytest.fixture(scope="module")
def fixtures():
    with duckdb.connect() as db:
        create(db)
        for path in sorted(FIXTURES.rglob("*.jsonl")):
            ingest(db, FIXTURES, path)
        reported(db, "daily")
        yield db


@pytest.fixture
def db():
    with duckdb.connect() as connection:
        create(connection)
        yield connection


def line(output: int, request_id: str = "r1", *, sidechain: bool = False) -> bytes:
    usage = {"input_tokens": 100, "output_tokens": output}
    message = {"id": "m1", "model": "claude-sonnet-4-6", "role": "assistant", "usage": usage}
    record = {
        "type": "assistant", "isSidechain": sidechain, "timestamp": "2026-05-01T10:00:00Z",
        "requestId": request_id, "sessionId": "s", "message": message,
    }  # fmt: skip
    return json.dumps(record).encode() + b"\n"


@pytest.mark.parametrize("name", KEYS)
def test_the_parts_of_every_row_add_up_to_it(fixtures, name):
    made = report(fixtures, name)
    rows = made[next(iter(made))]
    assert any(row["messages"] for row in rows)

    for row in rows:
        if not row["messages"]:
            continue
        found = explain(fixtures, name, row[KEYS[name]])
        if name != "session":  # Two projects may have a session of one name.
            assert {key: found["totals"][key] for key in SUMS} == {key: row[key] for key in SUMS}
        assert len(found["messages"]) == found["totals"]["messages"]
        assert (
            sum(one["inputTokens"] for one in found["messages"]) == found["totals"]["inputTokens"]
        )


def test_the_total_is_all_messages(fixtures):
    found = explain(fixtures, "model", TOTAL)

    totals = report(fixtures, "model")["totals"]
    assert {key: found["totals"][key] for key in SUMS} == {key: totals[key] for key in SUMS}


def test_a_message_names_the_byte_it_is_read_from_and_why_its_other_copies_do_not_count(db):
    first, counted = line(1), line(50)
    add(db, "ada/p/s.jsonl", first + counted)
    add(db, "ada/p/s/subagents/agent-1.jsonl", line(90, sidechain=True))
    add(db, "bob/p/s.jsonl", counted)
    reported(db, "daily")

    (one,) = explain(db, "daily", "2026-05-01")["messages"]

    assert one["counted"] == {"source": "drop", "path": "ada/p/s.jsonl", "offset": len(first)}
    assert one["first"] == {"source": "drop", "path": "ada/p/s.jsonl", "offset": 0}
    assert {(copy["path"], copy["why"]) for copy in one["otherCopies"]} == {
        ("ada/p/s.jsonl", "fewer tokens"),
        ("ada/p/s/subagents/agent-1.jsonl", "the conversation itself has it"),
        ("bob/p/s.jsonl", "later, or behind it by source and path"),
    }


def test_a_message_says_what_its_tokens_cost(db):
    add(db, "ada/p/s.jsonl", line(50))
    reported(db, "daily")

    (one,) = explain(db, "model", "claude-sonnet-4-6")["messages"]

    assert (one["cost"], one["costOrigin"]) == (0.00105, "price")
    assert (one["price"]["input"], one["price"]["output"]) == (3.0, 15.0)
    assert one["price"]["origin"].startswith("genai-prices ")


def test_what_is_explained_can_be_narrowed_as_the_report_can(fixtures):
    found = explain(fixtures, "model", TOTAL, ReportOptions(user="streamed"))

    assert {one["user"] for one in found["messages"]} == {"streamed"}


@pytest.mark.parametrize(
    ("name", "key", "hint"),
    [("tool", "Bash", "daily"), ("daily", "1999-01-01", "usage daily"), ("wages", "x", "daily")],
)
def test_what_cannot_be_explained_is_refused_with_a_hint(fixtures, name, key, hint):
    with pytest.raises(ConfigurationError) as refused:
        explain(fixtures, name, key)

    assert hint in refused.value.hint
