import json

import pytest

from core.lines import INTEGER_MAX, Line, read_lines
from core.record import Event, Record, time_us
from processors.dialects import by_name, detect
from processors.dialects.gemini import DIALECT
from processors.documents import document_records
from tests.tools.usage_tables import FIXTURES, records

CHATS = FIXTURES.parent / "gemini" / "atlas" / "chats"
LINES = CHATS / "session-2026-05-01T10-00-5f0c1e2a.jsonl"
DOCUMENT = CHATS / "session-2026-05-01T09-00-6a0c1e2a.json"
SUBAGENT = CHATS / "session-2026-05-01T10-01-codebase.json"
HEADER = {"sessionId": "s1", "projectHash": "h", "startTime": "2026-05-01T10:00:00Z"}
UUID = "0d5c8f3e-7777-4777-8777-777777777777"


def read(line: dict) -> Record:
    (item,) = read_lines(json.dumps(line).encode() + b"\n", 0, DIALECT)
    assert isinstance(item, Line)
    return item.record


def document(*messages: dict, **changes: object) -> list[Record]:
    return document_records(json.dumps({**HEADER, "messages": messages, **changes}).encode())


def usage(tokens: object, **changes: object):
    message = {"id": "m", "type": "gemini", "model": "gemini-2.5-pro", "tokens": tokens, **changes}
    (found,) = read(message).usages
    return found


@pytest.mark.parametrize(
    "line",
    [HEADER, {"$set": {"summary": "x"}}, {"$rewindTo": "m"}, {"type": "gemini", "id": "m"}],
)
def test_a_session_is_recognised_by_any_line_of_its_own(line):
    assert detect(json.dumps(line).encode() + b"\n") == "gemini"


@pytest.mark.parametrize(
    "line",
    [
        {"sessionId": "s", "type": "user", "isSidechain": False},
        {"id": "m", "type": "user", "content": "hi"},
        {"type": "gemini"},
        {"$set": 1},
        {"$rewindTo": {}},
        {"sessionId": "s", "projectHash": 7},
    ],
)
def test_lines_of_others_are_not_claimed(line):
    assert detect(json.dumps(line).encode() + b"\n") != "gemini"


def test_token_classes_do_not_overlap():
    """1200 tokens of prompt, of which 1000 came from the cache; thoughts are output."""
    found = usage({"input": 1200, "output": 30, "cached": 1000, "thoughts": 50, "tool": 7})

    assert (found.input_tokens, found.cache_read_tokens) == (200 + 7, 1000)
    assert (found.output_tokens, found.reasoning_tokens) == (30 + 50, 50)
    assert (found.model, found.message_id) == ("gemini-2.5-pro", "m")


@pytest.mark.parametrize(
    ("tokens", "classes"),
    [
        ({"input": "12", "output": 3.0}, (12, 3, 0)),
        ({"input": -5, "output": 1, "cached": -7}, (0, 1, 0)),
        ({"input": 5, "cached": 9}, (0, 0, 9)),
        ({"input": [1], "output": {"a": 1}, "cached": 2}, (0, 0, 2)),
        ({"input": INTEGER_MAX, "tool": INTEGER_MAX, "output": 1}, (INTEGER_MAX, 1, 0)),
        ({"output": INTEGER_MAX, "thoughts": INTEGER_MAX}, (0, INTEGER_MAX, 0)),
        ({"input": 10**30, "output": 2}, (0, 2, 0)),
    ],
)
def test_odd_tokens_cost_no_message(tokens, classes):
    found = usage(tokens)

    assert (found.input_tokens, found.output_tokens, found.cache_read_tokens) == classes


@pytest.mark.parametrize("tokens", [None, {}, [], "many", 7, {"total": 5}, {"input": 0}])
def test_a_message_whose_tokens_are_not_known_has_no_usage(tokens):
    assert read({"id": "m", "type": "gemini", "tokens": tokens}).usages == ()


def test_a_message_that_is_written_again_keeps_its_id():
    found = [u for record in records(LINES) for u in record.usages]

    assert [u.message_id for u in found[:3]] == [found[0].message_id] * 3
    assert len({u.message_id for u in found}) == 2
    assert [sum(getattr(u, n) for n in ("input_tokens", "output_tokens")) for u in found] == [
        *[200 + 80] * 3,
        1407 + 12,
    ]


def test_what_an_update_repeats_is_not_counted_again():
    """`$set.messages` is the history once more; what was rewound has been used all the same."""
    update, rewound = records(LINES)[-2:]

    assert (update.type, update.usages, update.prompts) == ("$set", (), ())
    assert (rewound.type, rewound.events) == ("$rewindTo", (Event(kind="rewind"),))


def test_tools_say_what_they_are():
    (record,) = [r for r in records(LINES) if len(r.tool_calls) == 7]
    calls = {call.name: call for call in record.tool_calls}

    issue = calls["mcp_github_create_issue"]
    assert (issue.kind, issue.mcp_server, issue.mcp_tool) == ("mcp", "github", "create_issue")
    assert calls["read_file"].kind == "builtin"
    assert (calls["activate_skill"].kind, calls["activate_skill"].skill) == ("skill", "sorting")
    agent = calls["invoke_agent"]
    assert (agent.kind, agent.subagent_type) == ("subagent", "codebase_investigator")
    assert {call.at_us for call in record.tool_calls} == {record.at_us}
    assert {call.message_id for call in record.tool_calls} == {record.uuid}


def test_results_say_how_a_call_ended_and_who_refused_it():
    (record,) = [r for r in records(LINES) if len(r.tool_calls) == 7]
    ended = {
        r.tool_use_id.partition("-")[0]: (r.is_error, r.denial, r.size_chars)
        for r in record.tool_results
        if r.tool_use_id
    }

    assert ended == {
        "read_file": (False, "", 3),
        "mcp_github_create_issue": (False, "", 2),
        "run_shell_command": (True, "user", 58),
        "invoke_agent": (False, "", 9),
        "activate_skill": (False, "", 2),
        "replace": (True, "permission", 32),
    }
    (agent,) = [r for r in record.tool_results if r.subagent_id]
    assert agent.subagent_id == "codebase_investigator-12ab"
    assert agent.at_us == time_us("2026-05-01T10:00:05.000Z")
    assert [e.name for e in record.events] == ["user", "permission"]


@pytest.mark.parametrize(
    ("name", "display", "server"),
    [
        ("search", "search (docs MCP Server)", "docs"),
        ("docs__search", "search (docs MCP Server)", "docs"),
        ("mcp_my_server_search", "search (my_server MCP Server)", "my_server"),
        ("mcp_docs_search", None, "docs"),
        ("search", "Search", None),
        ("mcp", 7, None),
    ],
)
def test_the_display_name_says_where_the_name_of_an_mcp_server_ends(name, display, server):
    call = {"name": name, "displayName": display}
    (found,) = read({"id": "m", "type": "gemini", "toolCalls": [call]}).tool_calls

    assert found.mcp_server == server
    assert found.kind == ("mcp" if server else "builtin")
    assert found.mcp_tool == ("search" if server else None)


@pytest.mark.parametrize(
    ("line", "text", "images"),
    [
        ({"content": "Sort"}, "Sort", 0),
        ({"content": [{"text": "So"}, {"text": "rt"}, "ed"]}, "Sorted", 0),
        ({"content": {"text": "Sort"}}, "Sort", 0),
        ({"content": "@x\n--- Content ---", "displayContent": "@x"}, "@x", 0),
        ({"content": [{"inlineData": {"mimeType": "image/png"}}]}, "", 1),
    ],
)
def test_a_prompt_is_what_a_person_typed(line, text, images):
    (prompt,) = read({"id": "m", "type": "user", **line}).prompts

    assert (prompt.text, prompt.image_count) == (text, images)


@pytest.mark.parametrize(
    "line",
    [
        {"type": "user", "content": ""},
        {"type": "user", "content": [{"functionResponse": {}}, {"text": "x"}]},
        {"type": "user", "content": "<session_context> today is"},
        {"type": "info", "content": "x"},
        {"type": "gemini", "content": "x"},
    ],
)
def test_other_texts_are_no_prompts(line):
    assert read({"id": "m", **line}).prompts == ()


def test_errors_of_the_api_and_interrupts_are_events():
    kinds = [(e.kind, e.name) for r in records(LINES) for e in r.events if r.type != "gemini"]

    assert kinds == [("api_error", "unknown"), ("interrupt", "response"), ("rewind", "")]
    assert read({"id": "m", "type": "error", "content": "No such file"}).events == ()


def test_a_document_is_a_session_and_its_messages():
    found = document_records(DOCUMENT.read_bytes())

    assert [r.type for r in found] == ["session", "user", "gemini", "gemini"]
    assert {r.session_id for r in found} == {"6a0c1e2a-3333-4333-8333-333333333333"}
    assert [sum(u.input_tokens for u in r.usages) for r in found] == [0, 0, 200, 1407]
    assert [len(r.prompts) for r in found] == [0, 1, 0, 0]
    assert [len(r.tool_calls) for r in found] == [0, 0, 7, 0]
    assert all(r.at_us for r in found)


def test_a_message_of_a_document_says_what_its_line_says():
    """Gemini CLI copies the messages of a JSON session to JSONL when it resumes one."""
    messages = json.loads(DOCUMENT.read_bytes())["messages"]
    alone = [read(message) for message in messages]
    together = document_records(DOCUMENT.read_bytes())[1:]

    for line, record in zip(alone, together, strict=True):
        assert line.usages == record.usages
        assert line.uuid == record.uuid
        assert line.tool_results == record.tool_results


def test_an_id_that_is_no_uuid_is_known_together_with_its_session():
    short, long = {"id": "m1", "type": "gemini"}, {"id": UUID, "type": "gemini"}
    tokens = {"tokens": {"input": 1}}
    _, one, two = document(short | tokens, long | tokens)

    assert one.usages[0].message_id == one.uuid == "s1:m1"
    assert two.usages[0].message_id == two.uuid == UUID


def test_a_subagent_is_a_sidechain_and_asks_nothing_of_a_person():
    found = document_records(SUBAGENT.read_bytes())

    assert {(r.sidechain, r.agent_id) for r in found} == {(True, "codebase_investigator-12ab")}
    assert [r.prompts for r in found] == [(), (), ()]


def test_a_session_on_a_single_line_is_one_record_of_everything():
    data = DOCUMENT.read_bytes().replace(b"\n", b"")
    (line,) = read_lines(data, 0, by_name(detect(data + b"\n")))
    assert isinstance(line, Line)
    together = document_records(data)

    assert line.record.usages == tuple(u for r in together for u in r.usages)
    assert line.record.tool_calls == tuple(c for r in together for c in r.tool_calls)
    assert line.record.prompts == tuple(p for r in together for p in r.prompts)
    assert line.record.uuid is None


@pytest.mark.parametrize("messages", [[], [1, "x", None, [2]], [{}]])
def test_odd_messages_cost_no_session(messages):
    assert document(*messages)[0].session_id == "s1"


@pytest.mark.parametrize(
    "changes", [{"sessionId": 7}, {"projectHash": None}, {"messages": "x"}, {"messages": {}}]
)
def test_what_is_no_session_has_no_records(changes):
    assert document(**changes) == []
