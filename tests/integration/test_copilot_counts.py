"""GitHub Copilot CLI token counts: which totals and messages count, and how much of them."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lines import INTEGER_MAX
from state.sql import load
from tests.tools.usage_tables import FIXTURES, add, create

COPIES = load("usage/copilot.sql")["copilot_copies"]
BEGIN = datetime(2026, 7, 1, 9, tzinfo=UTC)
CLASSES = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "reasoningTokens")
COLUMNS = "input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens"
FIXTURE = next((FIXTURES.parent / "copilot").rglob("events.jsonl"))

START, RESUME = ("session.start", {}), ("session.resume", {})
Event = tuple[str, dict[str, Any]]


def said(output: int, name: str, model: str = "gpt-5") -> Event:
    return "assistant.message", {"messageId": name, "model": model, "outputTokens": output}


def total(*tokens: int, model: str = "gpt-5") -> Event:
    """A shutdown: input (with all of the cache), output, read, written, reasoning."""
    usage = dict(zip(CLASSES, tokens, strict=False))
    return "session.shutdown", {"modelMetrics": {model: {"usage": usage}}}


def session(*events: Event, name: str = "s") -> bytes:
    """The lines of one session, its events named after their place in it."""
    lines = [
        {
            "type": kind,
            "data": data,
            "id": f"{name}-{n}",
            "timestamp": (BEGIN + timedelta(seconds=n)).isoformat(),
            "parentId": f"{name}-{n - 1}" if n else None,
        }
        for n, (kind, data) in enumerate(events)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.fixture
def db():
    with duckdb.connect() as connection:
        create(connection)
        yield connection


def put(db, **files: bytes) -> None:
    for name, data in files.items():
        add(db, f"ada/{name}/events.jsonl", data)


def copies(db, wanted: str) -> list[tuple]:
    query = f'SELECT {wanted} FROM ({COPIES}) ORDER BY source, path, "offset", seq'
    return db.execute(query).fetchall()


def outputs(db) -> list[tuple]:
    return copies(db, "origin, output_tokens")


def test_a_copy_has_the_columns_of_a_message(db):
    put(db, a=session(START, total(10, 5)))

    messages = db.execute("SELECT * FROM usage_messages").description
    ours = db.execute(COPIES).description
    assert [(column[0], column[1]) for column in ours] == [(c[0], c[1]) for c in messages]


def test_a_total_counts_instead_of_the_messages_before_it(db):
    put(db, a=session(START, said(5, "m1"), said(7, "m2"), total(100, 12, 60, 20, 3)))

    assert copies(db, f"origin, {COLUMNS}") == [("total", 20, 12, 60, 20, 3)]


def test_a_session_that_never_ended_is_its_messages(db):
    put(db, a=session(START, said(5, "m1"), said(7, "m2")))

    assert outputs(db) == [("assistant", 5), ("assistant", 7)]


def test_a_shutdown_without_figures_covers_nothing(db):
    end = ("session.shutdown", {"modelMetrics": {}})
    put(db, a=session(START, said(5, "m1"), end))

    assert outputs(db) == [("assistant", 5)]


def test_every_model_has_a_total_and_all_messages_are_covered(db):
    metrics = {m: {"usage": {"outputTokens": n}} for m, n in (("gpt-5", 5), ("haiku", 9))}
    end = ("session.shutdown", {"modelMetrics": metrics})
    put(db, a=session(START, said(5, "m1"), said(9, "m2", "haiku"), said(1, "m3", "auto"), end))

    assert copies(db, "model, output_tokens") == [("gpt-5", 5), ("haiku", 9)]


def test_totals_that_begin_again_when_resumed_are_added_up(db):
    put(
        db,
        a=session(
            START, said(50, "m1"), total(100, 50), RESUME, said(70, "m2"), total(300, 70),
            RESUME, said(10, "m3"), total(40, 10),
        ),
    )  # fmt: skip

    assert copies(db, "input_tokens, output_tokens") == [(100, 50), (300, 70), (40, 10)]


def test_totals_that_go_on_when_resumed_count_their_increase(db):
    put(
        db,
        a=session(
            START, said(50, "m1"), total(100, 50), RESUME, said(70, "m2"), total(400, 120),
            RESUME, total(400, 120), RESUME, said(3, "m3"), total(405, 123),
        ),
    )  # fmt: skip

    assert copies(db, "input_tokens, output_tokens") == [(100, 50), (300, 70), (0, 0), (5, 3)]


def test_totals_of_one_run_go_on(db):
    put(db, a=session(START, said(50, "m1"), total(100, 50), said(2, "m2"), total(120, 52)))

    assert outputs(db) == [("total", 50), ("total", 2)]


def test_without_messages_totals_that_grow_go_on_and_others_begin_again(db):
    put(db, a=session(START, total(100, 50), RESUME, total(150, 70), RESUME, total(90, 20)))

    assert copies(db, "input_tokens, output_tokens") == [(100, 50), (50, 20), (90, 20)]


def test_one_figure_that_fell_is_a_new_beginning(db):
    first, second = total(100, 50, 80, 0, 9), total(200, 100, 10, 0, 9)
    put(db, a=session(START, said(50, "m1"), first, RESUME, said(50, "m2"), second))

    assert copies(db, COLUMNS) == [(20, 50, 80, 0, 9), (190, 100, 10, 0, 9)]


def test_a_crash_between_two_ends_leaves_its_messages(db):
    put(
        db,
        a=session(
            START, said(50, "m1"), total(100, 50), RESUME, said(8, "m2"),
            RESUME, said(70, "m3"), total(300, 70),
        ),
    )  # fmt: skip

    assert outputs(db) == [("total", 50), ("assistant", 8), ("total", 70)]


def test_messages_after_the_last_total_count(db):
    put(db, a=session(START, said(50, "m1"), total(100, 50), RESUME, said(8, "m2")))

    assert outputs(db) == [("total", 50), ("assistant", 8)]


def test_an_older_copy_of_the_file_changes_nothing(db):
    whole = session(START, said(50, "m1"), total(100, 50), RESUME, said(70, "m2"), total(400, 120))
    lines = whole.splitlines(keepends=True)
    for length in range(len(lines)):
        put(db, **{f"backup{length}": b"".join(lines[:length])})
    put(db, a=whole, z=whole)

    assert outputs(db) == [("total", 50), ("total", 70)]


def test_lines_written_twice_count_once(db):
    whole = session(START, said(50, "m1"), total(100, 50), RESUME, said(70, "m2"), total(300, 70))
    put(db, a=whole + whole)

    assert outputs(db) == [("total", 50), ("total", 70)]


def test_equal_sessions_of_two_people_are_two(db):
    add(db, "ada/s/events.jsonl", session(START, total(100, 50), name="s"))
    add(db, "bob/t/events.jsonl", session(START, total(100, 50), name="t"))

    assert outputs(db) == [("total", 50), ("total", 50)]


def test_other_agents_are_left_out(db):
    for path in FIXTURES.rglob("*.jsonl"):
        add(db, f"ada/{path.stem}.jsonl", path.read_bytes())

    assert outputs(db) == []


def test_the_fixture_counts_what_its_session_used(db):
    put(db, a=FIXTURE.read_bytes())

    assert copies(db, "model, input_tokens, output_tokens, cache_read_tokens") == [
        ("gpt-5.4-mini", 686, 120, 14848),
        ("claude-haiku-4.5", 300, 30, 500),
        ("gpt-5.4-mini", 1000, 7, 15000),
    ]


def test_the_largest_counts_fit(db):
    most = [INTEGER_MAX] * 5
    put(db, a=session(START, said(INTEGER_MAX, "m1"), said(INTEGER_MAX, "m2"), total(*most)))
    put(db, b=session(START, total(*most), total(*most), name="b"))

    assert outputs(db) == [("total", INTEGER_MAX), ("total", INTEGER_MAX), ("total", 0)]


tokens = st.integers(0, 1000)
runs = st.lists(st.lists(st.tuples(tokens, tokens), max_size=3), min_size=1, max_size=4)


@given(runs=runs, goes_on=st.booleans(), seed=st.integers(0, 99))
def test_a_session_is_worth_what_its_messages_used(runs, goes_on, seed):
    """Whichever way its totals count, and in whatever order its rows are stored."""
    events, before = [], (0, 0)
    for n, run in enumerate(runs):
        events.append(RESUME if n else START)
        events += [said(output, f"m{n}.{k}") for k, (_, output) in enumerate(run)]
        used = (sum(i for i, _ in run), sum(o for _, o in run))
        now = (used[0] + before[0], used[1] + before[1]) if goes_on else used
        events.append(total(*now))
        before = now
    with duckdb.connect() as db:
        create(db)
        put(db, a=session(*events))
        rows = db.execute("SELECT * FROM usage_messages").fetchall()
        random.Random(seed).shuffle(rows)
        db.execute("DELETE FROM usage_messages")
        marks = ", ".join("?" * len(rows[0]))
        db.executemany(f"INSERT INTO usage_messages VALUES ({marks})", rows)
        ((output,),) = db.execute(f"SELECT sum(output_tokens) FROM ({COPIES})").fetchall()

    assert output == sum(output for run in runs for _, output in run)
