import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lines import INTEGER_MAX, Fault, Line, read_lines
from core.record import Event, Prompt, Quota, Record, Usage
from processors.dialects import detect
from processors.dialects.codex import DIALECT, time_us
from tests.tools.codex import count, event, item, line, meta, turn
from tests.tools.usage_tables import items, placed_rows, records

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "codex"
PARENT, CHILD = sorted(FIXTURES.glob("rollout-*.jsonl"))
EXEC = FIXTURES / "exec.jsonl"
AT = "2026-07-01T09:00:00.250Z"
AT_US = 1_782_896_400_250_000


def one(value: dict | str) -> Record:
    data = value if isinstance(value, str) else json.dumps({"timestamp": AT} | value)
    (found,) = read_lines(data.encode(), 0, DIALECT)
    assert isinstance(found, Line)
    return found.record


def output(text: object, **more: object):
    kind = "function_call_output"
    (result,) = one(item(kind, call_id="c", output=text, **more)).tool_results
    return result


def events(value: dict) -> list[tuple]:
    return [(e.kind, e.name, e.detail, e.value) for e in one(value).events]


def limits(**more: object) -> dict:
    return event("token_count", info=None, rate_limits=more)


# Recognition


@pytest.mark.parametrize("path", sorted(FIXTURES.iterdir()), ids=lambda path: path.stem[-12:])
def test_a_file_is_recognised_by_its_content_and_every_line_is_clean(path):
    assert detect(path.read_bytes()) == "codex"
    assert [found for found in items(path.read_bytes()) if isinstance(found, Fault)] == []


@pytest.mark.parametrize(
    "value",
    [
        meta("t"),
        turn("gpt-5.5"),
        count((1, 0, 1, 0)),
        item("message"),
        line("compacted"),
        {"type": "thread.started", "thread_id": "t"},
        {"type": "turn.completed", "usage": {"input_tokens": 1}},
        {"type": "item.completed", "item": {"id": "item_0", "type": "error"}},
    ],
    ids=lambda value: value["type"],
)
def test_a_line_of_codex_decides(value):
    assert detect(json.dumps({"timestamp": AT} | value).encode() + b"\n") == "codex"


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"type": "session_meta", "payload": {}},
        {"type": "event_msg", "timestamp": AT, "payload": "text"},
        {"type": "session.start", "data": {"sessionId": "s"}, "id": "1", "timestamp": AT},
        {"type": "turn.completed", "usage": {"input": 1}},
        {"type": "item.completed", "item": "x"},
        {"type": "thread.started"},
        {"type": "user", "isSidechain": False, "timestamp": AT},
        {"type": ["session_meta"], "timestamp": AT, "payload": {}},
    ],
    ids=str,
)
def test_a_line_of_something_else_does_not(value):
    assert not DIALECT.recognises(value)


# The envelope


def test_a_line_says_its_type_the_type_of_its_payload_and_its_time():
    record = one(event("agent_message", message="hi"))

    assert (record.agent, record.type, record.subtype) == ("codex", "event_msg", "agent_message")
    assert record.at_us == AT_US
    assert one('{"type":"world_state","payload":{"full":true}}').type == "world_state"


@pytest.mark.parametrize(
    ("stamp", "found"),
    [
        (AT, AT_US),
        (AT_US // 1_000_000, AT_US // 1_000_000 * 1_000_000),
        (AT_US // 1_000, AT_US),
        (AT_US / 1_000_000, AT_US),
        (None, None),
        (-1, None),
        (1e300, None),
        (float("nan"), None),
    ],
)
def test_a_time_is_text_seconds_or_milliseconds(stamp, found):
    assert time_us(stamp) == found


def test_a_session_says_where_and_what_it_is():
    record = records(PARENT)[0]

    assert (record.session_id, record.cwd) == (PARENT.stem[-36:], "/home/ada/orbit")
    assert (record.git_branch, record.agent_version) == ("main", "0.142.4")
    assert record.entrypoint == "codex-tui"


# Sessions, turns and other events


def test_a_session_names_the_thread_it_was_forked_from_and_the_one_that_spawned_it():
    assert events(meta("t")) == [("session", "t", "", None)]
    assert events(meta("t", fork="p")) == [("session", "t", "p", None)]
    assert events(meta("t", fork="p", spawn="s")) == [
        ("session", "t", "p", None),
        ("spawn", "t", "s", None),
    ]
    assert events(meta("t", parent_thread_id="s"))[1:] == [("spawn", "t", "s", None)]
    assert events(meta("t", session_id="s"))[1:] == [("spawn", "t", "s", None)]
    assert events(meta("t", session_id="t")) == [("session", "t", "", None)]
    assert events(line("session_meta", session_id="t")) == [("session", "t", "", None)]


def test_a_session_of_a_subagent_without_a_parent_is_plain():
    found = line("session_meta", id="t", source={"subagent": "review"})

    assert events(found) == [("session", "t", "", None)]


def test_a_turn_names_its_model_and_effort():
    assert events(turn("gpt-5.5", "high")) == [("model", "gpt-5.5", "high", None)]
    assert events(turn("gpt-5.5")) == [("model", "gpt-5.5", "", None)]
    assert events(line("turn_context", cwd="/w")) == []


LOST = {"http_connection_failed": {"http_status_code": 502}}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (event("task_complete", duration_ms=5), ("turn", "", "", 5)),
        (
            event("turn_aborted", reason="interrupted", duration_ms=5.5),
            ("interrupt", "interrupted", "", 5),
        ),
        (event("thread_rolled_back", num_turns=2), ("rollback", "", "", 2)),
        (line("compacted", message="words"), ("compaction", "", "", None)),
        (event("error", message="words"), ("api_error", "unknown", "final", None)),
        (event("error", codex_error_info="limit"), ("api_error", "limit", "final", None)),
        (
            event("stream_error", codex_error_info=LOST),
            ("api_error", "http_connection_failed", "retry", 502),
        ),
        ({"type": "turn.failed", "error": {}}, ("api_error", "unknown", "final", None)),
    ],
    ids=str,
)
def test_an_event_is_counted_by_kind(value, found):
    assert events(value) == [found]


def test_a_compaction_is_one_event_although_two_lines_tell_of_it():
    told = [r.subtype or r.type for r in records(PARENT) if "compacted" in (r.subtype or r.type)]

    assert told == ["compacted", "context_compacted"]
    assert [e for r in records(PARENT) for e in r.events if e.kind == "compaction"] == [
        Event(kind="compaction")
    ]


def test_events_that_happen_once_a_turn_carry_its_id_so_that_copies_count_once():
    assert one(event("task_complete", turn_id="u", duration_ms=5)).uuid == "u"
    assert one(event("turn_aborted", turn_id="u", reason="replaced")).uuid == "u"
    assert one(event("error", turn_id="u")).uuid is None


# Prompts


def test_a_prompt_is_what_a_person_typed_and_how_many_pictures_came_with_it():
    found = event("user_message", message="Plot it", images=["data:"], local_images=["a", "b"])

    assert one(found).prompts == (Prompt(text="Plot it", image_count=3),)
    assert one(event("user_message", message="", images=["data:"])).prompts[0].image_count == 1


@pytest.mark.parametrize(
    "payload",
    [
        {"message": ""},
        {"message": 5},
        {"message": "x", "kind": "environment_context"},
        {"message": "<environment_context>x"},
        {"message": "<user_instructions>x"},
    ],
    ids=str,
)
def test_what_the_agent_put_in_a_persons_mouth_is_no_prompt(payload):
    assert one(event("user_message", **payload)).prompts == ()


def test_messages_of_the_conversation_are_no_prompts():
    text = {"type": "input_text", "text": "Plot it"}
    assert one(item("message", role="user", content=[text])).prompts == ()


# Tools


def test_calls_and_results_join_by_id():
    read = records(PARENT)
    names = {call.tool_use_id: call.name for record in read for call in record.tool_calls}

    assert [(names[r.tool_use_id], r.is_error) for record in read for r in record.tool_results] == [
        ("exec_command", False),
        ("exec_command", True),
        ("apply_patch", True),
        ("mcp__deepwiki__ask_question", True),
        ("mcp__deepwiki__ask_question", False),
        ("web_search", False),
        ("tool_search", False),
        ("local_shell", True),
        ("spawn_agent", False),
        ("view_image", False),
        ("exec_command", True),
        ("apply_patch", True),
    ]


@pytest.mark.parametrize(
    ("payload", "name", "server", "tool"),
    [
        ({"name": "ask", "namespace": "mcp__wiki"}, "mcp__wiki__ask", "wiki", "ask"),
        ({"name": "ask", "namespace": "mcp__wiki__"}, "mcp__wiki__ask", "wiki", "ask"),
        (
            {"name": "_fetch", "namespace": "mcp__apps__github"},
            "mcp__apps__github__fetch",
            "apps",
            "github__fetch",
        ),
        ({"name": "mcp__wiki__ask"}, "mcp__wiki__ask", "wiki", "ask"),
    ],
)
def test_tools_of_a_server_are_told_by_their_name_or_namespace(payload, name, server, tool):
    (call,) = one(item("function_call", call_id="c", **payload)).tool_calls

    assert (call.name, call.kind, call.mcp_server, call.mcp_tool) == (name, "mcp", server, tool)


@pytest.mark.parametrize("arguments", ["{", "5", '{"agent_type":5}', "[" * 5000, {"a": 1}, None])
def test_a_subagent_is_a_subagent_even_if_its_arguments_cannot_be_read(arguments):
    (call,) = one(item("function_call", name="spawn_agent", arguments=arguments)).tool_calls

    assert (call.kind, call.subagent_type) == ("subagent", None)


def test_a_subagent_has_a_type_and_a_thread():
    given = '{"agent_type":"explorer"}'
    (call,) = one(item("function_call", name="spawn_agent", arguments=given)).tool_calls

    assert call.subagent_type == "explorer"
    assert output('{"agent_id":"t2"}').subagent_id == "t2"
    assert output('{"agent_id":').subagent_id is None


def test_a_call_nobody_knows_yet_is_named_by_its_type():
    (call,) = one(item("image_generation_call", id="ig_1", result="iVBOR")).tool_calls

    assert (call.name, call.kind, call.tool_use_id) == ("image_generation", "builtin", "ig_1")


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("Exit code: 0\nWall time: 0 seconds\nOutput:\nExit code: 1", False),
        ("Exit code: 2\nWall time: 0 seconds\nOutput:\n", True),
        ("Chunk ID: a\nWall time: 1 seconds\nProcess exited with code -1\nOutput:\nx", True),
        ("Chunk ID: a\nWall time: 1 seconds\nProcess running with session ID 5\nOutput:\nx", False),
        ('{"output":"Exit code: 1","metadata":{"exit_code":0,"duration_seconds":0.1}}', False),
        ('{"output":"x","metadata":{"exit_code":127,"duration_seconds":0.1}}', True),
        ('{"output":"x"}', False),
        ("apply_patch verification failed: no such line", True),
        ("write_stdin failed: Unknown process id 5", True),
        ("aborted by user after 29.7s", True),
        ("Plan updated", False),
        ("the tests failed", False),
        ("", False),
        (None, False),
        (5, False),
    ],
)
def test_a_call_failed_if_its_exit_code_or_the_agent_says_so(text, failed):
    assert output(text).is_error is failed


def test_older_outputs_are_objects_with_a_flag():
    assert output({"content": "text", "success": False}).is_error
    assert not output({"content": "text", "success": True}).is_error
    assert output({"content": "text", "success": True}).size_chars == 4
    assert output({"content": [1]}).size_chars == 0


def test_the_size_of_a_result_is_all_of_its_text():
    parts = [{"type": "input_text", "text": "ab"}, {"type": "input_image"}, "cde"]

    assert output(parts).size_chars == 5
    assert output("é😀").size_chars == 2


@pytest.mark.parametrize(
    ("text", "denial"),
    [
        ("exec command rejected by user", "user"),
        ("user rejected MCP tool call", "user"),
        ("approval policy is Never; reject command", "permission"),
        ("Exit code: 1\nWall time: 0 seconds\nOutput:\nrejected by user", ""),
        ("aborted by user after 3s", ""),
    ],
)
def test_a_denied_call_says_who_refused_it(text, denial):
    result = output(text)

    assert (result.denial, result.is_error) == (denial, True)


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "mcp_tool_call_end", "result": {"Err": "no such tool"}},
        {"type": "mcp_tool_call_end", "result": {"Ok": {"isError": True}}},
        {"type": "patch_apply_end", "success": False},
        {"type": "exec_command_end", "exit_code": 1},
    ],
    ids=str,
)
def test_an_event_that_tells_of_a_failure_marks_the_call(payload):
    (result,) = one(line("event_msg", call_id="c", **payload)).tool_results

    assert (result.tool_use_id, result.is_error, result.denial) == ("c", True, "")


def test_an_event_of_a_call_that_went_well_or_was_refused_says_no_more_than_its_output():
    fine = [
        event("mcp_tool_call_end", call_id="c", result={"Ok": {"isError": False}}),
        event("patch_apply_end", call_id="c", success=True),
        event("exec_command_end", call_id="c", exit_code=0),
    ]
    assert [one(value).tool_results for value in fine] == [(), (), ()]

    refused = event("mcp_tool_call_end", result={"Err": "user rejected MCP tool call"})
    assert one(refused).tool_results[0].denial == "user"


# Usage


def test_tokens_are_those_of_the_last_message_and_the_snapshot_is_of_all():
    (usage,) = one(count((100, 40, 10, 4), (300, 90, 20, 5))).usages

    assert usage == Usage(
        input_tokens=60,
        cache_read_tokens=40,
        output_tokens=10,
        reasoning_tokens=4,
        snapshot="300,90,0,20,5,320",
    )


def test_what_cannot_be_contained_in_the_input_is_cut():
    last = {"input_tokens": 10, "cached_input_tokens": 7, "cache_write_input_tokens": 9}
    (usage,) = one(event("token_count", info={"last_token_usage": last})).usages

    assert (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens) == (0, 7, 3)


def test_a_line_with_only_totals_says_so_and_its_tokens_are_for_sql_to_find():
    (usage,) = one(count(None, (300, 90, 20, 5))).usages

    assert usage == Usage(snapshot="300,90,0,20,5,320", snapshot_only=True)


def test_a_line_without_tokens_has_no_usage():
    assert one(event("token_count", info=None)).usages == ()
    assert one(event("token_count", info={"model_context_window": 5})).usages == ()


def test_a_count_may_name_its_model():
    assert one(count((1, 0, 1, 0), model="gpt-5.2")).usages[0].model == "gpt-5.2"


numbers = st.one_of(
    st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=5), st.none(), st.booleans()
)


@given(
    last=st.lists(numbers, min_size=6, max_size=6), total=st.lists(numbers, min_size=6, max_size=6)
)
def test_no_number_loses_a_count(last, total):
    names = ("input_tokens", "cached_input_tokens", "cache_write_input_tokens", "output_tokens",
             "reasoning_output_tokens", "total_tokens")  # fmt: skip
    info = {
        "last_token_usage": dict(zip(names, last, strict=True)),
        "total_token_usage": dict(zip(names, total, strict=True)),
    }
    data = json.dumps({"timestamp": AT} | event("token_count", info=info)).encode() + b"\n"

    lines = [found for found in read_lines(data, 0, DIALECT) if isinstance(found, Line)]
    (usage,) = lines[0].record.usages
    parts = (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
    assert all(0 <= part <= INTEGER_MAX for part in parts)
    assert sum(parts) <= INTEGER_MAX
    assert [int(part) >= 0 for part in (usage.snapshot or "").split(",")] == [True] * 6


# Quotas


def test_a_quota_has_a_share_a_window_and_an_end():
    window = {"used_percent": 12.5, "window_minutes": 300, "resets_at": 1_782_918_000}
    record = one(limits(limit_id="codex", plan_type="pro", primary=window, secondary=None))

    assert record.quotas == (
        Quota(
            name="codex",
            slot="primary",
            used_bp=1250,
            window_minutes=300,
            resets_us=1_782_918_000_000_000,
            plan="pro",
        ),
    )


def test_older_quotas_end_so_many_seconds_behind_their_line():
    (quota,) = one(limits(secondary={"resets_in_seconds": 60})).quotas

    assert (quota.name, quota.slot, quota.used_bp) == ("", "secondary", None)
    assert quota.resets_us == (AT_US // 1_000_000 + 60) * 1_000_000


@pytest.mark.parametrize("value", [-1, 1e300, "x", None, [], INTEGER_MAX])
def test_a_quota_that_cannot_be_read_is_still_a_quota(value):
    window = {"used_percent": value, "window_minutes": 5, "resets_at": value}
    (quota,) = one(limits(primary=window)).quotas

    assert (quota.used_bp, quota.resets_us, quota.window_minutes) == (None, None, 5)


def test_a_limit_that_was_reached_is_an_event():
    assert events(limits(rate_limit_reached_type="weekly")) == [("usage_limit", "weekly", "", None)]


def test_a_quota_is_a_row_at_the_time_of_its_line():
    data = json.dumps({"timestamp": AT} | limits(limit_id="x", primary={"used_percent": 5}))
    rows = placed_rows(data.encode() + b"\n")

    assert rows[1:] == [
        ("usage_quotas", 0, 1, "codex", "x", "primary", 500, None, None, None, AT_US)
    ]


# codex exec --json


def test_a_run_of_exec_has_a_thread_tools_and_usage():
    read = records(EXEC)

    assert [(e.kind, e.name[-4:]) for r in read for e in r.events] == [
        ("session", "000e"),
        ("api_error", "unknown"[-4:]),
    ]
    assert [(c.name, c.tool_use_id) for r in read for c in r.tool_calls] == [
        ("shell", None),
        ("shell", None),
        ("mcp__deepwiki__ask", None),
        ("apply_patch", None),
    ]
    assert [(t.is_error, t.denial) for r in read for t in r.tool_results] == [
        (False, ""),
        (True, ""),
        (False, ""),
        (True, "user"),
    ]
    assert [u for r in read for u in r.usages] == [
        Usage(input_tokens=100, cache_read_tokens=20, output_tokens=30)
    ]


# Content


@pytest.mark.parametrize("path", [PARENT, CHILD, EXEC], ids=lambda path: path.stem[-12:])
def test_no_words_of_a_conversation_reach_a_row(path):
    words = ("Plot the orbit", "orbit.py", "Done.", "Look around", "Be brief", "Begin Patch")

    texts = [v for row in placed_rows(path.read_bytes()) for v in row if isinstance(v, str)]
    assert [text for text in texts for word in words if word in text] == []
