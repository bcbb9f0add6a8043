"""ccusage's countings of made-up lines; every figure here was printed by ccusage 20.0.24."""

import itertools
import json
from datetime import UTC, datetime

import duckdb
import pytest

from core.errors import ConfigurationError
from state.usage.ccusage import (
    COUNTINGS,
    DAILY,
    REPORTS,
    SESSION,
    Options,
    options_of,
    report,
    require_counting,
)
from state.usage.ccusage_difference import difference, recognised
from tests.tools.usage_tables import FIXTURES, add, create, ingest

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TOKENS = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")


@pytest.fixture
def db():
    with duckdb.connect() as connection:
        create(connection)
        yield connection


def message(message_id="m1", request_id="r1", out=5, at="2026-05-01T10:00:00.000Z", **more):
    """A line; a request of None is left out. `usage` and `model` are the message's."""
    usage = {"input_tokens": 100, "output_tokens": out} | more.pop("usage", {})
    inner = {"model": more.pop("model", "claude-sonnet-4-6"), "usage": usage}
    line = {
        "type": "assistant", "isSidechain": False, "sessionId": "s", "timestamp": at,
        "message": inner | ({"id": message_id} if message_id else {}),
    }  # fmt: skip
    return line | ({"requestId": request_id} if request_id else {}) | more


def progress(**more):
    return {
        "type": "progress",
        "isSidechain": False,
        "sessionId": "s",
        "timestamp": "2026-05-01T10:00:00.000Z",
        "data": {"type": "agent_progress", "message": message(**more)},
    }


def put(db, path, *lines):
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    add(db, path, text.encode())


def ask(db, name="daily", counting=DAILY, **options):
    return report(db, counting, name, Options(**options), NOW)


def total(db, counting=DAILY):
    """(input, output, cache write, cache read) of everything."""
    return tuple(ask(db, "daily", counting)["totals"][name] for name in TOKENS)


def both(db):
    """What goes into either counting, which must be the same here."""
    daily, session = total(db), total(db, SESSION)
    assert daily == session
    return daily


# Which copies are one message.


def test_the_largest_copy_of_a_message_counts(db):
    put(db, "u/a.jsonl", message(out=1), message(out=50), message(out=20))

    assert both(db) == (100, 50, 0, 0)


def test_a_message_in_two_files_counts_once_whatever_session_it_names(db):
    put(db, "u/a.jsonl", message(sessionId="s"))
    put(db, "u/b.jsonl", message(sessionId="t", out=7))

    assert both(db) == (100, 7, 0, 0)


def test_without_a_request_only_its_session_has_copies_of_a_message(db):
    put(db, "u/a.jsonl", message(request_id=None))
    put(db, "u/b.jsonl", message(request_id=None, out=7, sessionId="t"))
    put(db, "u/c.jsonl", message(request_id=None, out=9))

    assert both(db) == (200, 16, 0, 0)


def test_a_line_that_names_no_session_belongs_to_that_of_its_path(db):
    line = {k: v for k, v in message(request_id=None).items() if k != "sessionId"}
    put(db, "u/a.jsonl", line)
    put(db, "u/b.jsonl", line)
    put(db, "u/a/subagents/agent-1.jsonl", line)

    assert both(db) == (200, 10, 0, 0)


def test_without_a_request_the_daily_report_takes_another_time_for_another_message(db):
    later = message(request_id=None, out=7, at="2026-05-01T10:00:01.000Z")
    put(db, "u/a.jsonl", message(request_id=None), later)

    assert total(db) == (200, 12, 0, 0)
    assert total(db, SESSION) == (100, 7, 0, 0)


def test_without_an_id_nothing_is_a_copy(db):
    put(db, "u/a.jsonl", message(None), message(None))

    assert both(db) == (200, 10, 0, 0)


def test_two_requests_are_two_messages_unless_one_is_a_sidechains_replay(db):
    put(db, "u/a.jsonl", message(), message(request_id="r2", out=7))
    assert both(db) == (200, 12, 0, 0)

    put(db, "u/b.jsonl", message("m2"), message("m2", "r2", 7, isSidechain=True))
    assert both(db) == (300, 17, 0, 0)


def test_a_replay_at_another_time_is_one_only_for_the_daily_report(db):
    replay = message(request_id="r2", out=7, at="2026-05-01T10:00:01.000Z", isSidechain=True)
    put(db, "u/a.jsonl", message(), replay)

    assert total(db) == (100, 5, 0, 0)
    assert total(db, SESSION) == (200, 12, 0, 0)


def test_on_a_tie_only_the_daily_report_prefers_the_dearer_copy(db):
    put(db, "u/a.jsonl", message(costUSD=1), message(costUSD=2))

    assert ask(db)["totals"]["totalCost"] == 2.0
    assert ask(db, counting=SESSION)["totals"]["totalCost"] == 1.0


def test_the_winner_brings_its_day_project_and_session(db):
    put(db, "a/one.jsonl", message(out=1))
    put(db, "b/two.jsonl", message(out=2, at="2026-05-02T10:00:00.000Z"))

    assert [row["date"] for row in ask(db)["daily"]] == ["2026-05-02"]
    assert list(ask(db, instances=True)["projects"]) == ["b"]
    assert [row["sessionId"] for row in ask(db, "session", SESSION)["sessions"]] == ["two"]


def test_on_a_tie_the_first_by_path_has_the_message(db):
    put(db, "b/one.jsonl", message())
    put(db, "a/two.jsonl", message())

    assert list(ask(db, instances=True)["projects"]) == ["a"]


def test_what_a_caller_logged_counts_in_the_daily_counting_alone(db):
    put(db, "u/a.jsonl", message(), progress(message_id="m2", out=7))

    assert total(db) == (200, 12, 0, 0)
    assert total(db, SESSION) == (100, 5, 0, 0)


def test_it_is_a_sidechains_copy_of_what_the_subagent_wrote_itself(db):
    put(db, "u/a.jsonl", progress(out=7, request_id="r2", isSidechain=True), message())

    assert both(db) == (100, 5, 0, 0)


def test_what_ccusage_cannot_read_or_find_does_not_count(db):
    put(db, "u/a.jsonl", message(), message("m2", version="dev"), message("m3", cwd=None))
    line = json.dumps(message("m4"), separators=(",", ":")).encode() + b"\n"
    add(db, "u/b.jsonl.gz", line)
    add(db, "u/c.jsonl", json.dumps(message("m5")).encode() + b"\n")
    add(db, "u/gone.jsonl", line)
    db.execute("UPDATE usage_messages SET source_gone = true WHERE path = 'u/gone.jsonl'")

    assert both(db) == (100, 5, 0, 0)


# What a message contributes.


def test_tiers_of_the_cache_replace_the_sum_that_was_reported(db):
    usage = {"cache_creation_input_tokens": 1000}
    put(db, "u/a.jsonl", message(usage=usage))
    put(db, "u/b.jsonl", message("m2", usage=usage | {"cache_creation": {
        "ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}}))  # fmt: skip
    put(db, "u/c.jsonl", message("m3", usage=usage | {"cache_creation": {
        "ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}}))  # fmt: skip

    assert [row["cacheCreationTokens"] for row in ask(db, "session")["sessions"]] == [1000, 300, 0]


@pytest.mark.parametrize(
    ("model", "usage", "cost"),
    [
        ("claude-sonnet-4-6", {}, 0.000375),
        ("claude-opus-4-8", {"speed": "fast"}, 0.00125),
        ("claude-opus-4-6", {"speed": "fast"}, 0.00375),
        # An hour in the cache costs twice the input.
        ("claude-sonnet-4-6", {"cache_creation": {"ephemeral_5m_input_tokens": 100,
                                                  "ephemeral_1h_input_tokens": 200}}, 0.00195),
        # Above 200,000 tokens each class is dearer on its own.
        ("claude-sonnet-4-5-20250929", {"input_tokens": 250_000}, 0.900075),
        ("claude-sonnet-4-5-20250929", {"cache_read_input_tokens": 250_000}, 0.090375),
        # With a threshold, all of the request is.
        ("gpt-5.5", {"cache_read_input_tokens": 300_000}, 0.301225),
        ("totally-unknown-9", {}, 0.0),
    ],
)  # fmt: skip
def test_a_cost_is_ccusages(db, model, usage, cost):
    put(db, "u/a.jsonl", message(model=model, usage=usage))

    assert ask(db)["totals"]["totalCost"] == pytest.approx(cost, abs=1e-12)


def test_the_agents_own_cost_counts_even_if_it_is_nothing(db):
    put(db, "u/a.jsonl", message(costUSD=9.99), message("m2", costUSD=0))

    assert ask(db)["totals"]["totalCost"] == 9.99


def test_what_has_no_price_is_named(db):
    put(db, "u/a.jsonl", message(model="nope-2"), message("m2", model="nope-1"), message("m3"))

    found = ask(db)
    assert found["totals"]["unpricedModels"] == ["nope-1", "nope-2"]
    breakdowns = found["daily"][0]["modelBreakdowns"]
    assert [one.get("missingPricing") for one in breakdowns] == [None, True, True]


def test_synthetic_messages_have_tokens_but_no_model(db):
    put(db, "u/a.jsonl", message(model="<synthetic>"))

    assert both(db) == (100, 5, 0, 0)
    assert ask(db)["daily"][0]["modelsUsed"] == []


def test_counts_of_any_size_are_added(db):
    huge = 2**63 - 1
    put(db, "u/a.jsonl", *(message(f"m{i}", out=huge, usage={"cache_read_input_tokens": huge})
                           for i in range(3)))  # fmt: skip

    assert both(db) == (300, 3 * huge, 0, 3 * huge)


# Rows.


def test_days_are_those_of_the_zone(db):
    put(db, "u/a.jsonl", message(at="2026-05-01T23:30:00.000Z"))

    assert [ask(db, timezone=zone)["daily"][0]["date"] for zone in ("UTC", "Asia/Tokyo")] == [
        "2026-05-01",
        "2026-05-02",
    ]


def test_a_week_begins_on_sunday_and_a_month_is_its_first_seven_letters(db):
    for i, day in enumerate(("2026-05-02", "2026-05-03", "2026-05-09")):
        put(db, f"u/{i}.jsonl", message(f"m{i}", at=f"{day}T10:00:00.000Z"))

    weeks = [(row["week"], row["inputTokens"]) for row in ask(db, "weekly", SESSION)["weekly"]]
    assert weeks == [("2026-04-26", 100), ("2026-05-03", 200)]
    months = [(row["month"], row["inputTokens"]) for row in ask(db, "monthly", SESSION)["monthly"]]
    assert months == [("2026-05", 300)]


@pytest.mark.parametrize(
    ("path", "session", "project"),
    [
        ("p/s.jsonl", "s", "p"),
        ("p/s/x.jsonl", "s", "p"),
        ("p/s/subagents/agent-1.jsonl", "s", "p"),
        ("p/q/s/subagents/agent-1.jsonl", "s", "p/q"),
        ("p/s/subagents/workflows/wf_1/x.jsonl", "wf_1", "p/s/subagents/workflows"),
        ("s.jsonl", "s.jsonl", "Unknown Project"),
    ],
)
def test_a_session_and_its_project_follow_from_the_path(db, path, session, project):
    put(db, path, message())

    row = ask(db, "session", SESSION)["sessions"][0]
    assert (row["sessionId"], row["projectPath"]) == (session, project)


def test_sessions_are_listed_by_cost_with_the_time_they_were_used(db):
    put(db, "u/a.jsonl", message(), message("m2", at="2026-05-01T10:00:01.500Z"))
    put(db, "u/b.jsonl", message("m3", model="claude-opus-4-8", out=500))
    put(db, "u/c.jsonl", message("m4", out=0, usage={"input_tokens": 0}))

    rows = ask(db, "session", SESSION)["sessions"]
    assert [row["sessionId"] for row in rows] == ["b", "a"]
    assert (rows[1]["firstActivity"], rows[1]["lastActivity"]) == (
        "2026-05-01T10:00:00.000Z",
        "2026-05-01T10:00:01.500Z",
    )


def test_the_days_asked_for_are_included_and_only_their_messages_count(db):
    for day in (1, 2, 3):
        put(db, f"u/{day}.jsonl", message(f"m{day}", at=f"2026-05-0{day}T10:00:00.000Z"))
    put(db, "u/4.jsonl", message("m4"), message("m5", at="2026-05-02T10:00:00.000Z"))

    names = ("daily", "weekly", "monthly", "session", "model", "user")
    for since, until in (("2026-05-02", "20260502"), ("20260502", "2026-05-02")):
        found = [ask(db, name, SESSION, since=since, until=until) for name in names]
        assert {one["totals"]["inputTokens"] for one in found} == {200}


def test_one_user_is_one_project(db):
    put(db, "a/s.jsonl", message())
    put(db, "b/s.jsonl", message(out=50))

    assert ask(db, user="a")["totals"]["outputTokens"] == 5
    assert [row["user"] for row in ask(db, "user")["users"]] == ["b"]


def test_models_are_listed_by_cost(db):
    put(db, "u/a.jsonl", message(), message("m2", model="claude-opus-4-8", usage={"speed": "fast"}))

    assert [row["model"] for row in ask(db, "model")["models"]] == [
        "claude-opus-4-8-fast",
        "claude-sonnet-4-6",
    ]


def test_nothing_is_a_report_too(db):
    empty = {"cacheCreationTokens": 0, "cacheReadTokens": 0, "inputTokens": 0, "outputTokens": 0,
             "totalCost": 0.0, "totalTokens": 0}  # fmt: skip

    assert ask(db, instances=True) == {"daily": [], "totals": empty}
    assert ask(db, "session") == {"sessions": [], "totals": empty}
    assert ask(db, "blocks") == {"blocks": []}


# Blocks.


def test_a_block_lasts_five_hours_from_the_full_hour_and_pauses_are_gaps(db):
    times = ("10:59", "15:59", "16:01", "22:00")
    put(db, "u/a.jsonl", *(message(f"m{i}", at=f"2026-05-01T{time}:00.000Z")
                           for i, time in enumerate(times)))  # fmt: skip

    found = ask(db, "blocks", SESSION)["blocks"]
    assert [(one["id"][-24:], one["endTime"], one["entries"], one["isGap"]) for one in found] == [
        ("2026-05-01T10:00:00.000Z", "2026-05-01T15:00:00.000Z", 1, False),
        ("2026-05-01T15:00:00.000Z", "2026-05-01T20:00:00.000Z", 2, False),
        ("2026-05-01T21:01:00.000Z", "2026-05-01T22:00:00.000Z", 0, True),
        ("2026-05-01T22:00:00.000Z", "2026-05-02T03:00:00.000Z", 1, False),
    ]


def test_the_clock_decides_which_block_is_active_and_where_it_will_end(db):
    put(db, "u/a.jsonl", message(out=50, at="2026-11-24T17:16:05.000Z"),
        message("m2", out=70, at="2026-11-24T17:18:05.000Z"))  # fmt: skip
    now = datetime(2026, 11, 24, 17, 19, 5, tzinfo=UTC)

    block = report(db, SESSION, "blocks", Options(), now)["blocks"][0]
    assert block["isActive"]
    assert block["burnRate"] == pytest.approx(
        {"costPerHour": 0.072, "tokensPerMinute": 160, "tokensPerMinuteForIndicator": 160}
    )
    assert block["projection"] == {"remainingMinutes": 281, "totalCost": 0.34, "totalTokens": 45280}
    later = report(db, SESSION, "blocks", Options(), NOW.replace(year=2027))["blocks"][0]
    assert (later["isActive"], later["burnRate"], later["projection"]) == (False, None, None)


# The whole.


def test_the_order_in_which_files_came_changes_nothing():
    files = {
        "a/s.jsonl": [message(out=1), message("m2", "r2", 7, isSidechain=True)],
        "a-b/s.jsonl": [message(out=1, costUSD=0.1), message("m2")],
        "b/s.jsonl": [message(request_id="r2", isSidechain=True), progress(message_id="m3")],
    }
    printed = set()
    for order in itertools.permutations(files):
        with duckdb.connect() as db:
            create(db)
            for path in order:
                put(db, path, *files[path])
            printed.add(json.dumps([ask(db, name, one) for name in REPORTS for one in COUNTINGS]))

    assert len(printed) == 1


def test_two_sources_are_read_one_after_the_other(db):
    line = json.dumps(message(), separators=(",", ":")).encode() + b"\n"
    add(db, "u/a.jsonl", line, "second")
    add(db, "t/z.jsonl", line, "first")

    assert list(ask(db, instances=True)["projects"]) == ["t"]


@pytest.mark.parametrize("counting", COUNTINGS)
def test_every_report_of_the_fixtures_adds_up_to_the_same(counting):
    with duckdb.connect() as db:
        create(db)
        for path in sorted(FIXTURES.rglob("*.jsonl")):
            ingest(db, FIXTURES, path)
        totals = [ask(db, name, counting)["totals"] for name in REPORTS if name != "blocks"]
        blocks = ask(db, "blocks", counting)["blocks"]

    assert {tuple(one[name] for name in TOKENS) for one in totals} != {(0, 0, 0, 0)}
    assert len({tuple(one[name] for name in TOKENS) for one in totals}) == 1
    assert [one["totalCost"] for one in totals] == pytest.approx([totals[0]["totalCost"]] * 6)
    assert sum(one["totalTokens"] for one in blocks) == totals[0]["totalTokens"]


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ({"counting": "ccusage"}, "unknown_counting"),
        ({"name": "tool"}, "unknown_report"),
        ({"name": "weekly", "instances": True}, "bad_parameter"),
        ({"timezone": "Mars"}, "unknown_timezone"),
        ({"since": "soon"}, "bad_date"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_hint(db, question, reason):
    with pytest.raises(ConfigurationError) as refused:
        ask(db, **question)

    assert refused.value.reason == reason
    assert refused.value.hint


def test_options_are_read_from_texts():
    assert options_of({"since": "", "instances": "true"}) == Options(instances=True)
    with pytest.raises(ConfigurationError):
        options_of({"instances": "maybe"})
    with pytest.raises(ConfigurationError):
        require_counting({"instances": "true"})


# Held against what was printed.


def test_a_report_does_not_differ_from_itself(db):
    put(db, "u/a.jsonl", message(), message("m2", model="claude-opus-4-8"))

    for name, counting, instances in (("daily", DAILY, False), ("daily", DAILY, True),
                                      ("weekly", SESSION, False), ("monthly", SESSION, False),
                                      ("session", SESSION, False),
                                      ("blocks", SESSION, False)):  # fmt: skip
        found = ask(db, name, counting, instances=instances)
        kind = recognised(found)
        assert (kind.name, kind.counting, kind.instances) == (name, counting, instances)
        assert difference(found, found) == []


def test_every_figure_that_differs_is_named(db):
    put(db, "u/a.jsonl", message())
    theirs = json.loads(json.dumps(ask(db)))
    put(db, "u/b.jsonl", message("m2", at="2026-05-02T10:00:00.000Z"))
    theirs["daily"][0]["outputTokens"] = 3
    theirs["daily"][0]["modelBreakdowns"][0]["cost"] += 0.01

    found = difference(theirs, ask(db))
    assert [(one["key"], one["field"], one["difference"]) for one in found][:3] == [
        ("2026-05-01", "claude-sonnet-4-6 cost", pytest.approx(-0.01)),
        ("2026-05-01", "outputTokens", 2),
        ("totals", "inputTokens", 100),
    ]
    assert ("2026-05-02", "row", "missing", "there") in [
        (one["key"], one["field"], one["ccusage"], one["ours"]) for one in found
    ]


def test_what_the_clock_decides_and_the_last_digits_of_a_cost_are_not_compared(db):
    put(db, "u/a.jsonl", message())
    theirs = ask(db, "blocks", SESSION)
    theirs["blocks"][0] |= {"isActive": True, "costUSD": theirs["blocks"][0]["costUSD"] + 1e-9}

    assert difference(theirs, ask(db, "blocks", SESSION)) == []


@pytest.mark.parametrize(
    "other",
    [
        [],
        {},
        {"daily": 3},
        {"daily": [3]},
        {"daily": [{"date": "2026-05-01", "models": {}, "costUSD": 1}]},
        {"nonsense": []},
    ],
)
def test_what_is_no_report_of_ccusage_is_refused(other):
    with pytest.raises(ConfigurationError) as refused:
        recognised(other)

    assert refused.value.reason == "not_a_report"
