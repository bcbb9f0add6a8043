"""Lines of pi and OMP, one shape at a time, and made-up sessions that repeat each other."""

import json
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lines import INTEGER_MAX, Fault, Line, read_lines
from core.record import Record, Usage
from processors.dialects import DIALECTS, detect
from processors.dialects.pi import DIALECT
from tests.tools.usage_tables import FIXTURES, items, records

PI = FIXTURES.parent / "pi"
FILES = sorted(PI.glob("*.jsonl"))
TREE = PI / "tree.jsonl"
TIME = "2026-07-01T09:00:00.000Z"
BEGAN_MS = 1_782_896_400_000
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def one(line: dict[str, Any]) -> Record:
    (item,) = [i for i in read_lines(json.dumps(line).encode(), 0, DIALECT) if isinstance(i, Line)]
    return item.record


def entry(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "id": "0a1b2c3d", "parentId": None, "timestamp": TIME, **more}


def answer(usage: Any = None, **more: Any) -> dict[str, Any]:
    used = {"input": 5, "output": 7, "cacheRead": 11, "cacheWrite": 13} if usage is None else usage
    message = {"role": "assistant", "content": [], "model": "m", "timestamp": BEGAN_MS}
    return entry("message", message={**message, "usage": used, **more})


def used(line: dict[str, Any]) -> Usage:
    (usage,) = one(line).usages
    return usage


def told(line: dict[str, Any]) -> list[tuple[str, str, str, int | None]]:
    return [(e.kind, e.name, e.detail, e.value) for e in one(line).events]


def ids(name: str) -> list[str | None]:
    return [u.message_id for r in records(PI / f"{name}.jsonl") for u in r.usages]


# Recognition


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_session_is_recognised_by_its_first_line(path):
    assert detect(path.read_bytes().splitlines(keepends=True)[0]) == "pi"


@pytest.mark.parametrize(
    "line",
    [
        {"type": "session", "id": "s", "timestamp": TIME},
        {"type": "session", "id": 7, "timestamp": TIME, "cwd": "/w"},
        {"type": "title", "title": "A title"},
        {"type": "message", "role": "user", "content": []},
        {"type": "message", "message": "hello"},
        {"type": "message", "message": {"role": ["user"]}},
        {"type": "custom", "id": "1", "parentId": None, "data": {}},
        {"recordType": "message"},
        {"type": "user", "message": {"role": "user", "content": "hi"}},
    ],
)
def test_a_line_that_only_looks_like_it_does_not_decide(line):
    assert not DIALECT.recognises(line)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nobody_else_takes_its_lines(path):
    for line in path.read_bytes().splitlines():
        takers = [d.name for d in DIALECTS.values() if d.recognises(json.loads(line))]
        assert takers in ([], ["pi"])


# The envelope


def test_only_the_header_says_whose_session_it_is_and_where():
    header, *rest = records(TREE)

    assert (header.agent, header.type, header.cwd) == ("pi", "session", "/src/atlas")
    assert (header.session_id, header.uuid) == ("5e551000-0000-4000-8000-0000000000d1", None)
    assert {(r.session_id, r.cwd) for r in rest} == {(None, None)}


def test_messages_are_told_apart_by_role_and_custom_entries_by_their_type():
    kinds = {(r.type, r.subtype) for r in records(TREE)}

    assert {("message", "user"), ("message", "bashExecution"), ("custom", "session_exit")} <= kinds


def test_copies_of_an_entry_have_one_uuid_and_short_ids_that_meet_have_two():
    tree, fork = ([r.uuid for r in records(PI / f"{n}.jsonl")][1:] for n in ("tree", "fork"))

    assert fork == tree[: len(fork)]
    assert one(entry("label")).uuid != one(entry("label", timestamp="2026-07-02T09:00:00Z")).uuid
    assert one(entry("label", id=None)).uuid is None


def test_a_subagents_transcript_is_aside_and_its_prompt_nobodys():
    spoken, begun = records(PI / "transcript.jsonl")
    prompt = {"recordType": "message", "runId": "r", "message": {"role": "user", "content": "Go"}}

    assert (spoken.sidechain, spoken.agent_id, spoken.type) == (True, "5678efab", "message")
    assert (begun.type, begun.usages) == ("tool_start", ())
    assert one(prompt).prompts == ()


# Tokens


def test_tokens_and_cost_are_taken_as_they_are():
    first = next(u for r in records(TREE) for u in r.usages)

    assert (first.model, first.input_tokens, first.output_tokens) == ("claude-sonnet-4-5", 3, 191)
    assert (first.cache_read_tokens, first.cache_write_tokens) == (0, 1684)
    assert (first.cost_nano, first.stop_reason) == (9_189_000, "toolUse")


def test_reasoning_is_told_apart_where_it_is_known():
    assert [u.reasoning_tokens for r in records(TREE) for u in r.usages] == [0, 0, 0, 12]


@pytest.mark.parametrize(
    ("cost", "nano"),
    [
        ({"total": 0}, 0), ({"total": 2.1000000000000002e-05}, 21_000), ({"total": -1}, None),
        ({"total": "0.5"}, 500_000_000), ({}, None), (None, None), (0.5, None), ([], None),
    ],
)  # fmt: skip
def test_only_a_cost_is_one(cost, nano):
    assert used(answer({"input": 1, "cost": cost})).cost_nano == nano


@pytest.mark.parametrize(
    ("count", "is_read_as"),
    [(-1, 0), (INTEGER_MAX + 1, 0), (12.0, 12), ("12", 12), ("x", 0), (None, 0), ([], 0)],
)
def test_a_strange_count_costs_the_others_nothing(count, is_read_as):
    usage = used(answer({"input": count, "output": 7}))

    assert (usage.input_tokens, usage.output_tokens) == (is_read_as, 7)


def test_a_message_without_usage_has_none():
    assert one(entry("message", message={"role": "assistant", "content": []})).usages == ()
    assert one(answer(usage=[])).usages == ()
    assert one(answer(role="user")).usages == ()


# What is one message


def test_copies_in_forks_and_transcripts_have_the_id_of_the_message():
    tree = ids("tree")

    assert ids("fork") == tree[:1]
    assert ids("transcript") == tree[-1:]
    assert len(set(tree)) == len(tree)


def test_a_message_keeps_its_id_when_its_session_is_migrated():
    old = answer()
    del old["id"], old["parentId"]

    assert used(old).message_id == used(answer()).message_id


@pytest.mark.parametrize("more", [{}, {"responseId": "msg_1"}])
def test_another_time_is_another_message(more):
    assert (
        used(answer(**more)).message_id != used(answer(**more, timestamp=BEGAN_MS + 1)).message_id
    )


def test_messages_of_one_millisecond_are_told_apart_by_what_they_used():
    usage = {"input": 5, "output": 7, "cacheRead": 11, "cacheWrite": 13}
    lines = [answer(), answer(model="n"), answer(responseId="a"), answer(responseId="b")]
    lines += [answer({**usage, name: 99}) for name in usage]

    found = [used(line).message_id for line in lines]
    assert all(one != other for one, other in combinations(found, 2))


def test_without_a_time_of_its_own_the_entry_stands_for_the_message():
    assert used(answer(timestamp=None)).message_id == f"0a1b2c3d:{TIME}"
    assert used({**answer(timestamp=None), "id": None}).message_id is None


# Tools and prompts


def test_calls_and_their_results_share_an_id():
    found = records(TREE)
    calls = [c for r in found for c in r.tool_calls]

    assert [(c.name, c.kind, c.mcp_server, c.mcp_tool, c.subagent_type) for c in calls] == [
        ("read", "builtin", None, None, None),
        ("mcp__github_search", "mcp", "github", "search", None),
        ("subagent", "subagent", None, None, "worker"),
    ]
    assert {c.message_id for c in calls} == set(ids("tree")[:1])
    assert [
        (r.tool_use_id, r.is_error, r.size_chars) for x in found for r in x.tool_results
    ] == [("toolu_1", False, 18), ("toolu_2", True, 14), ("toolu_3", False, 4)]  # fmt: skip


def test_a_server_with_an_underscore_is_told_by_two_of_them():
    block = {"type": "toolCall", "id": "t", "name": "mcp__my_server__find"}

    (call,) = one(answer(content=[block])).tool_calls
    assert (call.mcp_server, call.mcp_tool) == ("my_server", "find")


def test_what_a_person_wrote_is_a_prompt():
    assert [(p.text, p.image_count) for r in records(TREE) for p in r.prompts] == [
        ("Port the theme", 1),
        ("thanks", 0),
    ]


@pytest.mark.parametrize(
    "more", [{"attribution": "agent"}, {"synthetic": True}, {"role": "custom"}, {"content": " "}]
)
def test_what_nobody_wrote_is_no_prompt(more):
    message = {"role": "user", "content": "Go on", **more}

    assert one(entry("message", message=message)).prompts == ()


# Events


def test_the_fixture_tells_these_events():
    found = [(e.kind, e.name, e.detail, e.value) for r in records(TREE) for e in r.events]

    assert found == [
        ("model", "claude-sonnet-4-5", "", None),
        ("provider", "anthropic", "", None),
        ("effort", "high", "", None),
        ("bash_mode", "bash", "", 0),
        ("interrupt", "response", "", None),
        ("api_error", "http_529", "final", 529),
        ("compaction", "extension", "", 175_004),
        ("branch_summary", "", "", None),
    ]


@pytest.mark.parametrize(
    ("line", "events"),
    [
        (entry("model_change", model="openai/gpt-5.4"),
         [("model", "gpt-5.4", "", None), ("provider", "openai", "", None)]),
        (entry("model_change", model="gpt-5.4"), [("model", "gpt-5.4", "", None)]),
        (entry("mode_change", mode="plan"), [("mode", "plan", "", None)]),
        (entry("reset_boundary"), [("slash_command", "/clear", "", None)]),
        (entry("compaction", tokensBefore=9), [("compaction", "", "", 9)]),
        (entry("thinking_level_change"), []),
        (entry("session", cwd="/w", provider="p", modelId="m", thinkingLevel="off"),
         [("model", "m", "", None), ("provider", "p", "", None), ("effort", "off", "", None)]),
        (answer(stopReason="error", errorMessage="terminated"),
         [("api_error", "unknown", "final", None)]),
        (answer(stopReason="error"), [("api_error", "unknown", "final", None)]),
        (entry("message", message={"role": "pythonExecution", "exitCode": 1}),
         [("bash_mode", "python", "", 1)]),
        (entry("label"), []),
    ],
)  # fmt: skip
def test_an_event_is_told_in_the_words_of_all_agents(line, events):
    assert told(line) == events


# Anything


@given(
    st.sampled_from([json.loads(x) for path in FILES for x in path.read_bytes().splitlines()]),
    st.dictionaries(
        st.sampled_from(["role", "content", "usage", "timestamp", "model", "responseId",
                         "stopReason", "errorMessage", "isError", "exitCode"]),
        ANYTHING,
    ),
    st.dictionaries(
        st.sampled_from(["message", "model", "mode", "cwd", "runId", "recordType", "customType"]),
        ANYTHING,
    ),
)  # fmt: skip
def test_no_value_of_any_field_loses_the_line(line, inner, outer):
    broken = {**line, **({"message": {**line["message"], **inner}} if "message" in line else {})}

    found = list(read_lines(json.dumps({**broken, **outer}).encode(), 0, DIALECT))
    assert sum(isinstance(item, Line) for item in found) == 1
    assert all(item.kept for item in found if isinstance(item, Fault))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_fixture_has_no_faults(path):
    assert [item for item in items(path.read_bytes()) if isinstance(item, Fault)] == []
