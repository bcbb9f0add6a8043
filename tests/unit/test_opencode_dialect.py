import json
from pathlib import Path

import pytest

from core.lines import INTEGER_MAX
from core.record import Event, Record
from processors.documents import document_records
from tests.tools.usage_tables import FIXTURES

STORAGE = FIXTURES.parent / "opencode" / "atlas" / "storage"
MESSAGE = {"id": "msg_1", "sessionID": "ses_1", "role": "assistant", "time": {"created": 1000}}
PART = {"id": "prt_1", "sessionID": "ses_1", "messageID": "msg_1", "type": "tool", "tool": "bash"}
SECOND_0 = 1_777_629_600


def fixture(name: str) -> Path:
    return next(STORAGE.rglob(f"{name}.json"))


def one(path: Path) -> Record:
    (record,) = document_records(path.read_bytes())
    return record


def read(document: object) -> list[Record]:
    return document_records(json.dumps(document).encode())


def usage(tokens: object, **changes: object):
    (record,) = read({**MESSAGE, "modelID": "m", "tokens": tokens, **changes})
    (found,) = record.usages
    return found


def test_a_message_is_the_usage_of_all_its_steps():
    record = one(fixture("msg_aa02"))
    (found,) = record.usages

    assert (record.type, record.session_id, record.cwd) == ("assistant", "ses_aa01", "/src/atlas")
    assert record.at_us == (SECOND_0 + 2) * 1_000_000
    assert (found.message_id, found.model) == ("msg_aa02", "gpt-5.1-codex")
    assert (found.input_tokens, found.cache_read_tokens, found.output_tokens) == (500, 4096, 200)
    assert (found.reasoning_tokens, found.cost_nano) == (128, 12_500_000)
    assert found.stop_reason == "stop"
    assert one(fixture("prt_aa07")).usages == (), "a step is in its message already"


@pytest.mark.parametrize(
    ("tokens", "provider", "output"),
    [
        # Older messages have no total: OpenAI's output holds the reasoning, Google's does not.
        ({"output": 200, "reasoning": 128}, "openai", 200),
        ({"output": 200, "reasoning": 128}, "google", 328),
        ({"output": 200, "reasoning": 128}, "google-vertex", 328),
        ({"output": 100, "reasoning": 128}, "openai", 228),
        ({"output": 200, "reasoning": 128}, None, 200),
        # Newer ones say by their total whether it was taken out.
        ({"output": 72, "reasoning": 128, "total": 210, "input": 10}, "openai", 200),
        ({"output": 200, "reasoning": 128, "total": 210, "input": 10}, "openai", 200),
        ({"output": 123, "reasoning": 69, "total": 66423, "input": 375,
          "cache": {"read": 65856, "write": 0}}, "x", 192),
        ({"output": 200, "reasoning": 128, "total": 7}, "openai", 200),
        ({"output": INTEGER_MAX, "reasoning": INTEGER_MAX}, "google", INTEGER_MAX),
    ],
)  # fmt: skip
def test_reasoning_is_output_once(tokens, provider, output):
    found = usage(tokens, providerID=provider)

    assert (found.output_tokens, found.reasoning_tokens) == (output, tokens["reasoning"])


@pytest.mark.parametrize(
    "tokens",
    [
        {"input": "12", "output": -1, "cache": {"read": 1e300, "write": [1]}},
        {"input": 12.0, "reasoning": {}, "cache": 7},
        {"input": 12, "total": "x", "cache": None},
    ],
)
def test_odd_tokens_cost_no_message(tokens):
    found = usage(tokens)

    assert (found.input_tokens, found.output_tokens) == (12, 0)
    assert (found.cache_read_tokens, found.cache_write_tokens) == (0, 0)


@pytest.mark.parametrize("cost", [0, -1, "1", None, [], 10**30, 1e300])
def test_a_cost_that_is_none_leaves_the_message_to_the_price_book(cost):
    assert usage({"input": 1}, cost=cost).cost_nano is None


def test_a_message_that_failed_or_has_not_ended_used_nothing():
    record = one(fixture("msg_aa03"))

    assert record.usages == ()
    assert record.events == (Event(kind="api_error", name="APIError", detail="final", value=429),)
    (broken_off,) = read({**MESSAGE, "error": {"name": "MessageAbortedError", "data": {}}})
    assert broken_off.events == (Event(kind="interrupt", name="response"),)


def test_the_message_of_a_person_is_a_prompt_of_unknown_length():
    (prompt,) = one(fixture("msg_aa01")).prompts

    assert (prompt.text, prompt.origin) == ("", "typed")
    assert one(fixture("prt_aa01")).prompts == (), "a text does not say whose it is"


def test_an_exported_message_has_its_parts_with_it():
    info = {**MESSAGE, "role": "user"}
    parts = [
        {**PART, "type": "text", "text": "Sort", "tool": None},
        {**PART, "id": "prt_2", "type": "text", "text": "reminder", "synthetic": True},
        {**PART, "id": "prt_3", "state": {"status": "completed", "output": "ok"}},
    ]
    found = read({"info": info, "parts": parts})

    assert [r.type for r in found] == ["user", "part", "part", "part"]
    assert [p.text for p in found[0].prompts] == ["Sort"]
    assert [c.tool_use_id for r in found for c in r.tool_calls] == ["prt_3"]


@pytest.mark.parametrize(
    ("name", "tool", "kind", "ended"),
    [
        ("prt_aa03", "bash", "builtin", (True, "", 12)),
        ("prt_aa04", "task", "subagent", (False, "", 5)),
        ("prt_aa05", "edit", "builtin", (True, "user", 60)),
        ("prt_aa06", "skill", "skill", None),
    ],
)
def test_a_tool_part_is_a_call_and_its_result(name, tool, kind, ended):
    """A command that failed is completed: its exit code says so."""
    record = one(fixture(name))
    (call,) = record.tool_calls

    assert (call.name, call.kind, call.tool_use_id) == (tool, kind, name)
    assert (call.message_id, record.session_id) == ("msg_aa02", "ses_aa01")
    results = [(r.is_error, r.denial, r.size_chars) for r in record.tool_results]
    assert results == ([] if ended is None else [ended])
    assert [r.tool_use_id for r in record.tool_results] == [name] * len(results)


def test_tools_name_their_subagent_and_skill_and_take_time():
    task, skill = one(fixture("prt_aa04")), one(fixture("prt_aa06"))

    assert task.tool_calls[0].subagent_type == "explore"
    assert task.tool_results[0].subagent_id == "ses_aa02"
    assert task.tool_results[0].at_us - task.tool_calls[0].at_us == 1_000_000
    assert skill.tool_calls[0].skill == "sorting"
    (denied,) = one(fixture("prt_aa05")).events
    assert (denied.kind, denied.name, denied.detail) == ("denial", "user", "prt_aa05")


def test_compactions_and_retries_are_events():
    retry = one(fixture("prt_aa09"))

    assert one(fixture("prt_aa08")).events == (Event(kind="compaction", name="auto"),)
    assert retry.events == (Event(kind="api_error", name="APIError", detail="retry", value=1),)
    assert retry.at_us == (SECOND_0 + 7) * 1_000_000


def test_a_session_with_a_parent_is_a_subagents():
    main, child = one(fixture("ses_aa02").with_name("ses_aa01.json")), one(fixture("ses_aa02"))

    assert (main.type, main.cwd, main.agent_version) == ("session", "/src/atlas", "1.1.20")
    assert (main.sidechain, main.agent_id) == (False, None)
    assert (child.sidechain, child.agent_id, child.parent_uuid) == (True, "ses_aa02", "ses_aa01")


@pytest.mark.parametrize(
    "document",
    [
        [],
        [{"file": "words.txt", "additions": 2}],
        {},
        {"id": "msg_1"},
        {"id": "msg_1", "sessionID": "ses_1", "role": "tool"},
        {"id": 7, "sessionID": "ses_1", "role": "user"},
        {"id": "ses_1", "secret": "s", "url": "u"},
        {"id": "x", "version": "1.0.0", "name": "a-package"},
        {"info": 7, "parts": [1]},
        {"name": "package", "version": "1.0.0", "time": 5},
    ],
)
def test_other_documents_have_no_records(document):
    assert read(document) == []


@pytest.mark.parametrize("field", ["time", "tokens", "path", "error", "state", "parts", "cost"])
@pytest.mark.parametrize("value", [None, True, 7, -1.5, "x", [], [1], {}, {"a": {}}])
def test_no_field_of_a_wrong_type_costs_a_message_or_a_part(field, value):
    assert next(r.uuid for r in read({**MESSAGE, field: value})) == "msg_1"
    assert [r.uuid for r in read({**PART, field: value})] == ["prt_1"]
