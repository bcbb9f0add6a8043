"""GitHub Copilot CLI lines, one shape at a time, and a whole made-up session."""

import json
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lines import INTEGER_MAX, Fault, Line, read_lines
from core.record import Event, Record
from processors.dialects import DIALECTS, detect
from processors.dialects.copilot import DIALECT
from tests.tools.usage_tables import FIXTURES, items, records

SESSION = next((FIXTURES.parent / "copilot").rglob("events.jsonl"))
EVENT_ID = "e0000000-0000-4000-8000-000000000001"
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def event(kind: str, data: Any = None, **more: Any) -> dict[str, Any]:
    envelope = {"id": EVENT_ID, "timestamp": "2026-07-01T09:00:00.000Z", "parentId": None}
    return {"type": kind, "data": {} if data is None else data, **envelope, **more}


def one(kind: str, data: Any = None, **more: Any) -> Record:
    (item,) = read_lines(json.dumps(event(kind, data, **more)).encode(), 0, DIALECT)
    assert isinstance(item, Line)
    return item.record


def told(kind: str, **data: Any) -> list[tuple[str, str, str, int | None]]:
    return [(e.kind, e.name, e.detail, e.value) for e in one(kind, data).events]


def totals(**usage: Any) -> Record:
    return one("session.shutdown", {"modelMetrics": {"gpt-5": {"usage": usage}}})


# Recognition


def test_the_fixture_is_recognised_by_its_first_line():
    first = SESSION.read_bytes().splitlines(keepends=True)[0]

    assert detect(first) == "copilot"


@pytest.mark.parametrize("kind", ["session.resume", "user.message", "hook.start", "abort"])
def test_a_file_that_lost_its_beginning_is_recognised_too(kind):
    assert detect(json.dumps(event(kind)).encode() + b"\n") == "copilot"


@pytest.mark.parametrize(
    "line",
    [
        event("session"),
        event("sessions.start"),
        event("custom", {"state": 1}),
        event("session.start", []),
        event("session.start", id=7),
        {"type": "session.start", "data": {}, "id": "1"},
        {"type": "session.created", "properties": {"info": {}}},
        {"type": ["session.start"], "data": {}, "id": "1", "parentId": None},
    ],
)
def test_a_line_that_only_looks_like_it_does_not_decide(line):
    assert not DIALECT.recognises(line)


def test_nobody_else_takes_its_lines():
    for line in SESSION.read_bytes().splitlines():
        assert [d.name for d in DIALECTS.values() if d.recognises(json.loads(line))] == ["copilot"]


# The envelope


def test_only_the_start_says_whose_session_it_is_and_where():
    start, *rest = records(SESSION)

    assert (start.agent, start.type, start.entrypoint) == (
        "copilot",
        "session.start",
        "copilot-agent",
    )
    assert start.session_id == SESSION.parent.name
    assert (start.cwd, start.git_branch, start.agent_version) == ("/src/atlas", "main", "1.0.68")
    assert {(r.session_id, r.agent_version) for r in rest} == {(None, None)}


def test_every_line_is_a_record_with_its_place_in_the_chain():
    found = records(SESSION)

    assert len(found) == len(SESSION.read_bytes().splitlines())
    assert [r.parent_uuid for r in found] == [None, *[r.uuid for r in found[:-1]]]
    assert all(r.at_us for r in found)


def test_a_changed_folder_is_told_without_a_context():
    record = one("session.context_changed", {"cwd": "/src/b", "branch": "fix"})

    assert (record.cwd, record.git_branch) == ("/src/b", "fix")


@pytest.mark.parametrize(
    ("kind", "data", "subtype"),
    [
        ("hook.start", {"hookType": "preToolUse"}, "preToolUse"),
        ("tool.execution_start", {"toolName": "bash"}, "bash"),
        ("session.info", {"infoType": "folder_trust"}, "folder_trust"),
        ("session.warning", {"warningType": "policy"}, "policy"),
        ("subagent.started", {"agentName": "explore"}, "explore"),
        ("assistant.turn_start", {"turnId": "0"}, ""),
    ],
)
def test_events_of_one_type_are_told_apart_by_their_own_word(kind, data, subtype):
    assert one(kind, data).subtype == subtype


@pytest.mark.parametrize("where", [{"agentId": "sub-1"}, {}])
def test_what_a_subagent_says_is_aside(where):
    data = {} if where else {"parentToolCallId": "sub-1"}

    record = one("assistant.message", {"outputTokens": 5, **data}, **where)

    assert (record.sidechain, record.agent_id) == (True, "sub-1")
    assert one("user.message", {"content": "Look", **data}, **where).prompts == ()


# Tokens


def test_a_message_tells_its_output_alone():
    (usage,) = one(
        "assistant.message",
        {"messageId": "m1", "requestId": "r", "model": "gpt-5", "outputTokens": 45},
    ).usages

    assert (usage.origin, usage.message_id, usage.request_id, usage.model) == (
        "assistant", "m1", "r", "gpt-5",
    )  # fmt: skip
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (0, 45, 0)


def test_a_message_without_a_count_is_no_usage():
    assert one("assistant.message", {"messageId": "m1"}).usages == ()


def test_a_message_without_an_id_is_known_by_its_event():
    assert one("assistant.message", {"outputTokens": 1}).usages[0].message_id == EVENT_ID


def test_a_shutdown_tells_the_totals_of_each_model():
    shutdown = next(r for r in records(SESSION) if r.type == "session.shutdown")

    assert [
        (u.origin, u.model, u.input_tokens, u.output_tokens, u.cache_read_tokens,
         u.cache_write_tokens, u.reasoning_tokens)
        for u in shutdown.usages
    ] == [
        ("total", "gpt-5.4-mini", 686, 120, 14848, 0, 90),
        ("total", "claude-haiku-4.5", 300, 30, 500, 100, 0),
    ]  # fmt: skip
    assert [u.message_id for u in shutdown.usages] == [
        f"{shutdown.uuid}:gpt-5.4-mini", f"{shutdown.uuid}:claude-haiku-4.5",
    ]  # fmt: skip


def test_equal_totals_of_two_shutdowns_have_two_ids():
    data = {"modelMetrics": {"gpt-5": {"usage": {"inputTokens": 1}}}}

    first, again = (one("session.shutdown", data, id=name).usages[0] for name in ("a", "b"))

    assert (first.message_id, again.message_id) == ("a:gpt-5", "b:gpt-5")


def test_input_that_is_less_than_the_cache_cannot_contain_it():
    (usage,) = totals(inputTokens=10, cacheReadTokens=100, cacheWriteTokens=5).usages

    assert (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens) == (10, 100, 5)


@pytest.mark.parametrize(
    ("count", "is_read_as"),
    [
        (-1, 0), (INTEGER_MAX + 1, 0), (10**30, 0), (12.0, 12), ("12", 12), ("x", 0), (None, 0),
        ([], 0), ({}, 0), (1e300, 0), (INTEGER_MAX, INTEGER_MAX),
    ],
)  # fmt: skip
def test_a_strange_count_costs_the_others_nothing(count, is_read_as):
    (usage,) = totals(inputTokens=count, outputTokens=7).usages

    assert (usage.input_tokens, usage.output_tokens) == (is_read_as, 7)


@pytest.mark.parametrize("metrics", [None, [], "x", {"gpt-5": None}, {"gpt-5": {"usage": []}}])
def test_a_shutdown_without_figures_has_no_totals(metrics):
    assert one("session.shutdown", {"modelMetrics": metrics}).usages == ()


# Tools


def test_a_call_is_told_twice_with_one_id():
    calls = [c for r in records(SESSION) for c in r.tool_calls]

    assert sorted(c.tool_use_id or "" for c in calls) == [
        "call_1", "call_1", "call_2", "call_2", "call_3", "call_3",
    ]  # fmt: skip
    asked, begun = calls[:3], calls[3:]
    assert [(c.name, c.kind, c.model) for c in asked] == [(c.name, c.kind, c.model) for c in begun]
    assert {c.message_id for c in begun} == {None}
    assert {c.message_id for c in asked} == {"a0000000-0000-4000-8000-000000000001"}


def test_mcp_tools_subagents_and_skills_are_known():
    mcp = one(
        "tool.execution_start",
        {"toolName": "github-search_code", "mcpServerName": "github", "mcpToolName": "search_code"},
    ).tool_calls[0]
    bare = one("tool.execution_start", {"toolName": "gh-x", "mcpServerName": "gh"}).tool_calls[0]
    task = one(
        "tool.execution_start", {"toolName": "task", "arguments": {"agent_type": "explore"}}
    ).tool_calls[0]
    skill = one("tool.execution_start", {"toolName": "skill", "arguments": {"skill": "pdf"}})

    assert (mcp.kind, mcp.mcp_server, mcp.mcp_tool) == ("mcp", "github", "search_code")
    assert (bare.mcp_server, bare.mcp_tool) == ("gh", "x")
    assert (task.kind, task.subagent_type) == ("subagent", "explore")
    assert (skill.tool_calls[0].kind, skill.tool_calls[0].skill) == ("skill", "pdf")


@pytest.mark.parametrize(
    ("data", "is_error", "denial", "size_chars"),
    [
        (
            {"success": True, "result": {"content": "abc", "detailedContent": "abcdef"}},
            False,
            "",
            3,
        ),
        ({"success": True, "result": "abcd"}, False, "", 4),
        ({"success": False, "error": {"code": "failure", "message": "no"}}, True, "", 2),
        ({"success": False, "error": {"code": "rejected", "message": "no"}}, True, "user", 2),
        ({"success": False, "error": {"code": "denied", "message": "no"}}, True, "permission", 2),
        ({"success": False, "error": "no"}, True, "", 0),
        ({}, False, "", 0),
    ],
)
def test_a_result_says_how_the_call_ended(data, is_error, denial, size_chars):
    (result,) = one("tool.execution_complete", {"toolCallId": "c", **data}).tool_results

    assert (result.tool_use_id, result.is_error, result.denial, result.size_chars) == (
        "c", is_error, denial, size_chars,
    )  # fmt: skip


# Prompts


def test_what_a_person_wrote_is_a_prompt():
    assert [
        (p.text, p.origin, p.image_count) for r in records(SESSION) for p in r.prompts
    ] == [("Find the slow query", "typed", 1), ("and now?", "queued", 0)]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        {"source": "skill-pdf"},
        {"isAutopilotContinuation": True},
        {"inputOrigin": "authenticated-cross-session"},
        {"content": "  "},
        {"content": None},
    ],
)
def test_what_nobody_wrote_is_no_prompt(data):
    assert one("user.message", {"content": "Go on", **data}).prompts == ()


def test_a_prompt_said_to_be_the_users_is_one():
    assert len(one("user.message", {"content": "Go on", "source": "user"}).prompts) == 1


# Events


def test_the_fixture_tells_these_events():
    found = [(e.kind, e.name, e.detail, e.value) for r in records(SESSION) for e in r.events]

    assert found == [
        ("model", "gpt-5.4-mini", "", None),
        ("model", "gpt-5.4-mini", "high", None),
        ("effort", "high", "", None),
        ("hook", "userPromptSubmitted", "error", None),
        ("denial", "user", "call_2", None),
        ("subagent", "explore", "completed", 2100),
        ("skill", "sql-review", "dba", None),
        ("task_notification", "shell_completed", "", 1),
        ("compaction", "threshold", "", 91000),
        ("interrupt", "user_initiated", "", None),
        ("api_error", "rate_limit", "final", 429),
        ("permission_mode", "allow-all", "", None),
        ("session_end", "routine", "", 1602),
        ("premium_requests", "", "thousandths", 1330),
        ("credits", "", "billionths", 7000),
        ("requests", "gpt-5.4-mini", "", 1),
        ("premium_requests", "gpt-5.4-mini", "thousandths", 1000),
        ("credits", "gpt-5.4-mini", "billionths", 5000),
        ("requests", "claude-haiku-4.5", "", 1),
        ("premium_requests", "claude-haiku-4.5", "thousandths", 330),
        ("credits", "claude-haiku-4.5", "billionths", 2000),
        ("model", "gpt-5.4-mini", "", None),
        ("session_end", "routine", "", 300),
        ("premium_requests", "", "thousandths", 1000),
        ("requests", "gpt-5.4-mini", "", 1),
        ("premium_requests", "gpt-5.4-mini", "thousandths", 1000),
    ]


@pytest.mark.parametrize(
    ("kind", "data", "events"),
    [
        ("session.mode_changed", {"newMode": "plan"}, [("mode", "plan", "", None)]),
        ("session.model_change", {"newModel": "m"}, [("model", "m", "", None)]),
        ("session.truncation", {"tokensRemovedDuringTruncation": 9}, [("truncation", "", "", 9)]),
        ("session.usage_checkpoint", {"totalNanoAiu": 5}, [("credits", "", "billionths", 5)]),
        ("session.compaction_complete", {"success": False}, [("compaction", "", "failed", None)]),
        ("subagent.failed", {"agentName": "a"}, [("subagent", "a", "failed", None)]),
        ("subagent.selected", {"agentName": "a"}, [("agent", "a", "selected", None)]),
        ("tool.user_requested", {"toolName": "bash"}, [("bash_mode", "bash", "", None)]),
        ("permission.completed", {"result": {"kind": "denied-by-rules"}},
         [("denial", "permission", "", None)]),
        ("permission.completed", {"result": {"kind": "approved-for-session"}}, []),
        ("permission.completed", {"result": {"kind": "cancelled"}}, []),
        ("hook.end", {"success": True, "hookType": "preToolUse"}, []),
        ("session.permissions_changed", {}, []),
        ("made.up", {"success": False}, []),
    ],
)  # fmt: skip
def test_an_event_is_told_in_the_words_of_all_agents(kind, data, events):
    assert told(kind, **data) == events


def test_no_event_holds_what_was_said():
    texts = ("Find the slow query", "Too many requests", "exit 1", "…", "rejected this")
    words = chain.from_iterable(
        (e.name, e.detail) for r in records(SESSION) for e in r.events if isinstance(e, Event)
    )

    assert [word for word in words if any(text in word for text in texts)] == []


# Anything


@given(
    st.sampled_from([json.loads(line)["type"] for line in SESSION.read_bytes().splitlines()]),
    st.dictionaries(
        st.sampled_from(["modelMetrics", "toolRequests", "result", "error", "content", "model",
                         "kind", "attachments", "arguments", "outputTokens", "hookType"]),
        ANYTHING,
    ),
)  # fmt: skip
def test_no_value_of_any_field_loses_the_line(kind, data):
    found = list(read_lines(json.dumps(event(kind, data)).encode(), 0, DIALECT))

    assert sum(isinstance(item, Line) for item in found) == 1
    assert all(item.kept for item in found if isinstance(item, Fault))


def test_data_that_is_no_object_is_still_a_record():
    assert [one("abort", data).type for data in ([], "x", 7, None)] == ["abort"] * 4


def test_the_fixture_has_no_faults():
    assert [item for item in items(SESSION.read_bytes()) if isinstance(item, Fault)] == []
