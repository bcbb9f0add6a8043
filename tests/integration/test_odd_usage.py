"""Usage that no agent should write: totals stay right, and what is wrong is listed."""

import json
from typing import Any

import duckdb
import pytest

from core.lines import Fault
from state.usage.explain import explain
from state.usage.reports import REPORTS
from tests.tools.usage_tables import add, create, items, reported

OPUS, HAIKU = "claude-opus-4-6", "claude-haiku-4-5-20251001"


@pytest.fixture
def db():
    with duckdb.connect() as connection:
        create(connection)
        yield connection


def line(
    usage: dict[str, Any], name: str = "m1", model: str = OPUS, at: str | None = None
) -> bytes:
    message = {"id": name, "model": model, "role": "assistant", "content": [], "usage": usage}
    record = {
        "type": "assistant", "isSidechain": False, "uuid": f"u-{name}-{at}", "sessionId": "s",
        "requestId": f"r-{name}", "timestamp": at or "2026-05-01T10:00:00.000Z",
        "message": message | {"stop_reason": "end_turn"},
    }  # fmt: skip
    return json.dumps(record).encode() + b"\n"


GOOD = line({"input_tokens": 100, "output_tokens": 50}, "good")


@pytest.mark.parametrize(
    ("count", "counted"),
    [
        (7, 7),
        ("7", 7),
        (7.0, 7),
        (-7, 0),
        (7.5, 0),
        ("many", 0),
        (None, 0),
        (10**30, 0),
        ("9" * 30, 0),
        (True, 0),
        ([7], 0),
    ],
)
def test_a_count_that_is_none_counts_nothing_and_costs_no_neighbour(db, count, counted):
    odd = line({"input_tokens": count, "output_tokens": 1})
    add(db, "ada/p/s.jsonl", GOOD + odd + GOOD.replace(b"good", b"more"))

    totals = reported(db, "daily")["totals"]
    assert (totals["inputTokens"], totals["outputTokens"]) == (200 + counted, 101)
    assert totals["messages"] == 3
    assert totals["totalCost"] == pytest.approx(2 * 0.00175 + counted * 5e-6 + 25e-6)


@pytest.mark.parametrize("count", [-7, 10**30, True, [7]])
def test_a_count_that_cannot_be_one_is_listed_with_its_place(count):
    faults = [
        item
        for item in items(GOOD + line({"input_tokens": count, "output_tokens": 1}))
        if isinstance(item, Fault)
    ]

    assert [(fault.offset, fault.kept) for fault in faults] == [(len(GOOD), True)]


def test_counts_that_no_sum_can_hold_stop_nobody_from_counting(db):
    most = 2**63 - 1
    tiers = {"ephemeral_5m_input_tokens": most, "ephemeral_1h_input_tokens": most}
    every = dict.fromkeys(("input_tokens", "output_tokens", "cache_read_input_tokens"), most)
    every |= {"cache_creation_input_tokens": most, "cache_creation": tiers}
    add(db, "bob/p/s.jsonl", b"".join(line(every, f"odd-{n}") for n in range(20)))
    add(db, "ada/p/s.jsonl", GOOD)

    for name in REPORTS:
        reported(db, name)
    users = reported(db, "user")["users"]
    assert [(row["user"], row["totalTokens"]) for row in users] == [
        ("ada", 150),
        ("bob", 20 * 4 * 10**18),
    ]


def test_lines_without_a_version_are_not_held_against_the_newest_one(db):
    for number in range(30):
        old = line({"input_tokens": 1}, f"old-{number}")
        new = line({"input_tokens": 1}, f"new-{number}").replace(
            b'"type"', b'"version":"2.1.0","type"', 1
        )
        add(db, f"ada/p/s{number}.jsonl", old.replace(b'"end_turn"', b"null") + new)

    found = {row["version"]: row for row in reported(db, "version")["versions"]}
    assert (found["unknown"]["finalShare"], found["2.1.0"]["finalShare"]) == (0.0, 1.0)
    assert [row["change"] for row in found.values()] == ["", ""]


@pytest.mark.parametrize(
    "column",
    [
        "input_tokens", "output_tokens", "cache_write_tokens", "cache_read_tokens",
        "reasoning_tokens", "web_search_requests", "sidechain", "model", "origin", "speed",
    ],
)  # fmt: skip
def test_rows_from_before_a_column_was_there_stop_nobody_from_counting(db, column):
    add(db, "bob/p/s.jsonl", line({"input_tokens": 3, "output_tokens": 4}))
    db.execute(f"UPDATE usage_messages SET {column} = NULL")
    add(db, "ada/p/s.jsonl", GOOD)

    users = reported(db, "user")["users"]
    assert [row["messages"] for row in users] == [1, 1]
    assert (users[0]["totalTokens"], users[1]["totalTokens"] <= 7) == (150, True)


def test_clocks_of_1970_and_2099_have_days_of_their_own_and_a_price(db):
    usage = {"input_tokens": 1000, "output_tokens": 0}
    for name, at in (("old", "1970-01-01T00:00:00.000Z"), ("far", "2099-12-31T23:59:59.999Z")):
        add(db, f"ada/p/{name}.jsonl", line(usage, name, at=at))
    add(db, "ada/p/s.jsonl", GOOD)

    made = reported(db, "daily")
    assert [row["date"] for row in made["daily"]] == ["1970-01-01", "2026-05-01", "2099-12-31"]
    assert made["totals"]["totalCost"] == pytest.approx(2 * 0.005 + 0.00175)


def test_a_time_before_1970_is_in_its_own_day(db):
    add(db, "ada/p/s.jsonl", line({"input_tokens": 1}, at="1969-12-31T23:59:00.000Z"))

    assert [row["date"] for row in reported(db, "daily")["daily"]] == ["1969-12-31"]


def test_one_request_that_names_two_models_is_one_message_of_the_larger_copy(db):
    add(
        db,
        "ada/p/s.jsonl",
        line({"input_tokens": 100, "output_tokens": 1}, model=HAIKU)
        + line({"input_tokens": 100, "output_tokens": 50}, model=OPUS),
    )

    made = reported(db, "model")
    assert [(row["model"], row["outputTokens"]) for row in made["models"]] == [(OPUS, 50)]
    (one,) = explain(db, "model", OPUS)["messages"]
    assert [copy["why"] for copy in one["otherCopies"]] == ["fewer tokens"]


def test_an_unknown_model_is_unpriced_and_named_and_never_silently_free(db):
    add(db, "ada/p/s.jsonl", GOOD + line({"input_tokens": 5}, "m2", model="totally-unknown-9"))

    totals = reported(db, "daily")["totals"]
    assert totals["unpricedMessages"] == 1
    assert totals["unpricedModels"] == ["totally-unknown-9"]


def test_a_million_copies_of_one_message_are_one_message(db):
    add(db, "ada/p/s.jsonl", GOOD)
    db.execute(
        'INSERT INTO usage_messages SELECT m.* REPLACE (i * 1000 AS "offset") '
        "FROM usage_messages m, range(1, 1000000) r(i)"
    )

    totals = reported(db, "session")["totals"]
    assert (totals["messages"], totals["inputTokens"], totals["outputTokens"]) == (1, 100, 50)
    assert db.execute("SELECT copies FROM usage_counted").fetchall() == [(1_000_000,)]
