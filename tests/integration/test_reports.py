import json
import random
from datetime import UTC, date, datetime

import duckdb
import pytest

from core.errors import ConfigurationError
from state.sql import split
from state.usage.options import ReportOptions
from state.usage.reports import REPORTS
from tests.tools.codex import event, meta, rollout
from tests.tools.usage_tables import FIXTURES, add, create, ingest
from tests.tools.usage_tables import reported as report

FILES = sorted(FIXTURES.rglob("*.jsonl"))
TOKENS = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")


@pytest.fixture
def db():
    with duckdb.connect() as connection:
        create(connection)
        yield connection


@pytest.fixture(scope="module")
def fixtures():
    with duckdb.connect() as connection:
        create(connection)
        for path in FILES:
            ingest(connection, FIXTURES, path)
        yield connection


def message(
    message_id="m1", request_id="r1", tokens=(1, 2, 0, 0), at="2026-05-01T10:00:00Z", **more
):
    usage = dict(
        zip(
            (
                "input_tokens",
                "output_tokens",
                "cache_creation_input_tokens",
                "cache_read_input_tokens",
            ),
            tokens,
            strict=True,
        )
    )
    inner = {"id": message_id, "model": "claude-x", "role": "assistant", "content": []}
    line = {
        "type": "assistant",
        "isSidechain": False,
        "timestamp": at,
        "requestId": request_id,
        "message": inner | {"usage": usage | more.pop("usage", {})} | more.pop("message", {}),
    }
    return json.dumps(line | more) + "\n"


def lines(*texts: str) -> bytes:
    return "".join(texts).encode()


def tokens(row) -> tuple[int, ...]:
    return tuple(row[name] for name in TOKENS)


def by(report_name: str, db, options=None) -> dict:
    made = report(db, report_name, options)
    (top,) = made.keys() - {"totals"}
    key = {"daily": "date", "models": "model", "sessions": "sessionId", "users": "user"}.get(
        top, "tool"
    )
    return {row[key]: row for row in made[top]}


# What counts


@pytest.mark.parametrize(
    ("quirk", "messages", "expected"),
    [
        ("cost-1.0", 2, (10, 72, 1200, 17200)),
        ("flat-agents-2.0", 4, (19, 168, 2450, 26300)),
        ("progress-2.1", 4, (10, 43, 1430, 41600)),
        ("attachments-2.1.128", 1, (2, 410, 700, 31000)),
        ("subagents-folder", 4, (16, 183, 1703, 11104)),
        ("tools", 1, (5, 300, 100, 400)),
        ("streamed", 2, (101, 51, 1, 1)),
        ("resumed", 3, (30, 41, 0, 0)),
        ("gateway", 6, (214, 110, 0, 3)),
        ("replayed", 1, (100, 50, 0, 0)),
        ("out-of-range", 3, (1, 15, 0, 2**53)),
    ],
)
def test_every_message_counts_once(fixtures, quirk, messages, expected):
    row = by("user", fixtures)[quirk]

    assert (row["messages"], tokens(row)) == (messages, expected)


def test_lines_in_place_of_an_answer_are_no_messages(fixtures):
    users = by("user", fixtures)

    assert "errors" not in users
    assert "<synthetic>" not in by("model", fixtures)


def test_every_report_has_the_same_totals(fixtures):
    totals = [report(fixtures, name)["totals"] for name in ("daily", "model", "session", "user")]

    assert all(total == totals[0] for total in totals)
    assert totals[0]["totalTokens"] == sum(tokens(totals[0]))


def test_a_sidechain_copy_never_beats_the_conversation_it_replays(db):
    add(db, "u/s.jsonl", lines(message(request_id="r1", tokens=(1, 2, 0, 0))))
    add(
        db,
        "u/s/subagents/agent-1.jsonl",
        lines(message(request_id="r2", tokens=(1, 2, 0, 900), isSidechain=True)),
    )

    assert tokens(report(db, "session")["totals"]) == (1, 2, 0, 0)


def test_sidechain_copies_of_one_message_are_one_whatever_their_requests(db):
    copies = [message(request_id=r, tokens=(1, t, 0, 0), isSidechain=True) for r, t in
              (("r1", 5), ("r2", 9), (None, 7))]  # fmt: skip
    add(db, "u/s/subagents/agent-1.jsonl", lines(*copies))

    totals = report(db, "session")["totals"]
    assert (totals["messages"], totals["outputTokens"]) == (1, 9)


def test_one_id_with_two_requests_is_two_messages(db):
    add(db, "u/s.jsonl", lines(message(request_id="r1"), message(request_id="r2")))

    assert report(db, "session")["totals"]["messages"] == 2


def test_messages_without_an_id_have_no_copies(db):
    add(db, "u/s.jsonl", lines(message(message_id=None), message(message_id=None)))

    assert report(db, "session")["totals"]["messages"] == 2


@pytest.mark.parametrize(
    ("reported", "tiers", "expected"),
    [(1000, (100, 200), 1000), (1000, (0, 0), 1000), (0, (100, 200), 300), (5, None, 5)],
)
def test_cache_writes_are_the_reported_total_or_the_sum_of_its_tiers(db, reported, tiers, expected):
    names = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    usage = {"cache_creation": dict(zip(names, tiers, strict=True))} if tiers else {}
    add(db, "u/s.jsonl", lines(message(tokens=(0, 0, reported, 0), usage=usage)))

    assert report(db, "daily")["totals"]["cacheCreationTokens"] == expected


def test_what_the_agent_itself_called_the_cost_is_summed_exactly(db):
    costs = [message(f"m{i}", costUSD=0.1) for i in range(10)]
    add(db, "u/s.jsonl", lines(*costs))

    assert report(db, "daily")["totals"]["totalCost"] == 1.0


# Whose it is


def test_copied_lines_belong_to_the_session_they_name(fixtures):
    sessions = by("session", fixtures)

    started = sessions["bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"]
    resumed = sessions["aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"]
    assert (started["messages"], resumed["messages"]) == (2, 1)


def test_a_byte_for_byte_copy_belongs_to_the_first_source_and_path(db):
    data = lines(message())
    for source, path in (("b", "u1/p/s1.jsonl"), ("a", "u2/p/s2.jsonl"), ("a", "u3/p/s3.jsonl")):
        add(db, path, data, source)

    (row,) = report(db, "session")["sessions"]
    assert (row["source"], row["user"], row["sessionId"]) == ("a", "u2", "s2")


def test_the_longest_copy_counts_but_the_earliest_says_when_and_whose(db):
    late = "2026-05-03T00:00:00Z"
    add(db, "ada/p/first.jsonl", lines(message(tokens=(1, 2, 0, 0))))
    add(db, "bob/p/again.jsonl", lines(message(tokens=(1, 50, 0, 0), at=late)))

    (row,) = report(db, "session")["sessions"]
    assert (row["user"], row["outputTokens"]) == ("ada", 50)
    assert row["lastActivity"] == "2026-05-01T10:00:00.000Z"


def test_a_message_without_a_time_comes_after_all_that_have_one(db):
    add(db, "ada/p/s.jsonl", lines(message(at=None)))
    add(db, "bob/p/s.jsonl", lines(message()))

    assert list(by("user", db)) == ["bob"]


def test_subagents_and_workflows_are_rolled_into_their_session(fixtures):
    row = by("session", fixtures)["55555555-5555-4555-8555-555555555555"]

    assert (row["projectPath"], row["user"]) == ("subagents-folder/atlas", "subagents-folder")
    assert row["messages"] == 4
    assert row["modelsUsed"] == ["claude-haiku-4-5-20251001", "claude-opus-4-7"]


def test_sessions_of_one_name_in_two_projects_are_two_sessions(db):
    add(db, "ada/p1/a.jsonl", lines(message("m1")))
    add(db, "ada/p2/a.jsonl", lines(message("m2")))
    add(db, "ada/p2/a/subagents/agent-1.jsonl", lines(message("m3")))

    rows = report(db, "session")["sessions"]
    assert [(r["projectPath"], r["sessionId"], r["messages"]) for r in rows] == [
        ("ada/p1", "a", 1),
        ("ada/p2", "a", 2),
    ]


def test_a_file_in_the_root_of_a_source_has_no_project_and_no_user(db):
    add(db, "a.jsonl", lines(message()))

    (row,) = report(db, "session")["sessions"]
    assert (row["projectPath"], row["user"], row["sessionId"]) == ("", "", "a")


def test_rows_of_vanished_files_still_count(db):
    add(db, "u/s.jsonl", lines(message()))
    db.execute("UPDATE usage_messages SET source_gone = true")

    assert report(db, "daily")["totals"]["messages"] == 1


# Shape


def test_a_row_has_the_names_ccusage_gives_it(fixtures):
    row = report(fixtures, "daily")["daily"][0]

    assert row == {
        "date": "2025-06-20",
        "inputTokens": 10,
        "outputTokens": 72,
        "cacheCreationTokens": 1200,
        "cacheReadTokens": 17200,
        "totalTokens": 18482,
        "totalCost": 0.022602,
        "messages": 2,
        "finalShare": 0.5,
        "unpricedMessages": 0,
        "modelsUsed": ["claude-opus-4-20250514", "claude-sonnet-4-20250514"],
        "modelBreakdowns": [
            {
                "modelName": "claude-sonnet-4-20250514",
                "inputTokens": 4,
                "outputTokens": 60,
                "cacheCreationTokens": 1200,
                "cacheReadTokens": 8000,
                "cost": 0.007812,
            },
            {
                "modelName": "claude-opus-4-20250514",
                "inputTokens": 6,
                "outputTokens": 12,
                "cacheCreationTokens": 0,
                "cacheReadTokens": 9200,
                "cost": 0.01479,
            },
        ],
    }


def test_a_session_row_says_when_it_was_active(fixtures):
    row = by("session", fixtures)["99999999-9999-4999-8999-999999999999"]

    assert (row["firstActivity"], row["lastActivity"]) == (
        "2026-03-31T23:59:05.001Z",
        "2026-04-01T00:00:05.013Z",
    )


def test_fast_mode_is_a_model_of_its_own(fixtures):
    assert by("model", fixtures)["claude-opus-5-fast"]["outputTokens"] == 410


def test_a_message_without_a_model_is_not_lost(db):
    add(db, "u/s.jsonl", lines(message(message={"model": None})))

    row = by("model", db)["unknown"]
    assert (row["messages"], row["modelsUsed"], row["modelBreakdowns"]) == (1, [], [])


@pytest.mark.parametrize("name", REPORTS)
def test_an_empty_database_has_empty_reports(db, name):
    made = report(db, name)

    assert not any(value for key, value in made.items() if key != "totals")
    assert not any(made["totals"].values())


@pytest.mark.parametrize("seed", range(3))
def test_the_bytes_of_a_report_do_not_depend_on_the_order_rows_came_in(fixtures, db, seed):
    for path in random.Random(seed).sample(FILES, len(FILES)):
        ingest(db, FIXTURES, path)

    expected = [json.dumps(report(fixtures, name)) for name in REPORTS]
    assert [json.dumps(report(db, name)) for name in REPORTS] == expected


# Tools


def test_tools_count_calls_errors_and_denials(fixtures):
    tools = by("tool", fixtures, ReportOptions(user="tools"))

    counted = {
        name: (row["kind"], row["calls"], row["errors"], row["denied"], row["unanswered"])
        for name, row in tools.items()
    }
    assert counted == {
        "Agent": ("subagent", 1, 0, 0, 1),
        "Bash": ("builtin", 2, 2, 0, 0),
        "Skill": ("skill", 2, 0, 0, 1),
        "SlashCommand": ("skill", 1, 0, 0, 1),
        "Task": ("subagent", 1, 0, 0, 1),
        "WebFetch": ("builtin", 1, 0, 1, 0),
        "Write": ("builtin", 1, 0, 1, 0),
        "mcp__playwright__browser_click": ("mcp", 1, 0, 0, 0),
        "mcp__plugin_context7_docs_server__query__all": ("mcp", 1, 1, 0, 0),
    }
    assert report(fixtures, "tool", ReportOptions(user="tools"))["totals"]["calls"] == 11


def test_a_copied_tool_call_counts_once_and_for_the_session_that_made_it(fixtures):
    (row,) = report(fixtures, "tool", ReportOptions(user="resumed"))["tools"]

    assert (row["tool"], row["calls"], row["sessions"], row["unanswered"]) == ("Read", 1, 1, 0)


def test_tools_a_subagent_used_are_found_where_only_its_caller_logged_them(fixtures):
    tools = by("tool", fixtures, ReportOptions(user="progress-2.1"))

    assert {name: row["calls"] for name, row in tools.items()} == {"Edit": 1, "Task": 1}


# Options


@pytest.mark.parametrize(
    ("timezone", "days"),
    [
        ("UTC", ["2026-03-31", "2026-04-01"]),
        ("America/New_York", ["2026-03-31"]),
        ("Asia/Kathmandu", ["2026-04-01"]),
    ],
)
def test_days_are_those_of_the_chosen_time_zone(fixtures, timezone, days):
    options = ReportOptions(timezone=timezone, user="streamed")

    assert list(by("daily", fixtures, options)) == days


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        ("2026-04-01", None, ["2026-04-01"]),
        (None, "20260331", ["2026-03-31"]),
        (date(2026, 3, 31), date(2026, 4, 1), ["2026-03-31", "2026-04-01"]),
        ("2026-04-02", "2026-05-01", []),
    ],
)
def test_both_ends_of_a_range_belong_to_it(fixtures, since, until, days):
    options = ReportOptions(since=since, until=until, user="streamed")

    assert list(by("daily", fixtures, options)) == days


def test_a_range_is_cut_at_midnight_of_the_time_zone(fixtures):
    options = ReportOptions(timezone="America/New_York", since="2026-04-01", user="streamed")

    assert report(fixtures, "daily", options)["daily"] == []


def test_daylight_saving_days_are_cut_where_the_clock_says(db):
    times = ("2026-03-29T00:59:59Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z")
    add(db, "u/s.jsonl", lines(*(message(f"m{i}", at=at) for i, at in enumerate(times))))

    days = by("daily", db, ReportOptions(timezone="Europe/Berlin"))
    assert {day: row["messages"] for day, row in days.items()} == {
        "2026-03-29": 2,
        "2026-03-30": 1,
    }


def test_messages_without_a_time_are_listed_apart(db):
    add(db, "u/s.jsonl", lines(message("m1", at=None), message("m2")))

    assert list(by("daily", db)) == ["2026-05-01", "undated"]
    assert list(by("daily", db, ReportOptions(since="2000-01-01"))) == ["2026-05-01"]


@pytest.mark.parametrize(
    ("name", "options", "hint"),
    [
        ("wages", ReportOptions(), "daily"),
        ("daily", ReportOptions(timezone="Europe/Atlantis"), "Europe/Berlin"),
        ("tool", ReportOptions(timezone="../etc/passwd"), "Europe/Berlin"),
        ("daily", ReportOptions(since="last week"), "YYYY-MM-DD"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_hint(db, name, options, hint):
    with pytest.raises(ConfigurationError) as refused:
        report(db, name, options)

    assert hint in refused.value.hint


# Loading SQL


def test_a_sql_file_is_queries_by_name():
    text = "-- for readers\n-- name: one\nSELECT 1\n\n-- name:  two\n-- why\nSELECT 2\n"

    assert split(text) == {"one": "SELECT 1", "two": "-- why\nSELECT 2"}
    assert split("") == {}


def test_a_query_name_stands_once():
    with pytest.raises(ValueError, match="one"):
        split("-- name: one\nSELECT 1\n-- name: one\nSELECT 2\n")


def test_a_quota_is_what_the_agent_last_said_of_it(db):
    def at(minute: int, used: float) -> bytes:
        limits = {"primary": {"used_percent": used, "window_minutes": 300, "resets_at": 1782896400}}
        count = event("token_count", info=None, rate_limits=limits)
        start = datetime(2026, 7, 1, 9, minute, tzinfo=UTC)
        return rollout([meta(f"t{minute}"), count], start=start)

    add(db, "ada/b.jsonl", at(30, 12.5))
    add(db, "ada/a.jsonl", at(10, 5.0))

    (row,) = report(db, "quota")["quotas"]
    assert (row["user"], row["slot"], row["usedPercent"]) == ("ada", "primary", 12.5)
    assert row["resetsAt"] == "2026-07-01T09:00:00.000Z"


def test_an_id_that_two_agents_use_is_two_messages(db):
    add(db, "ada/p/s.jsonl", lines(message("m1", request_id=None)))
    db.execute(
        "INSERT INTO usage_messages SELECT * REPLACE ('pi' AS agent, 'ada/p/pi.jsonl' AS path) "
        "FROM usage_messages"
    )
    db.execute("INSERT INTO files VALUES (99, 'drop', 'ada/p/pi.jsonl')")

    assert report(db, "agent")["totals"]["messages"] == 2
