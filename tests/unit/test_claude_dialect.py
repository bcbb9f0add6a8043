import json
import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

from core.lines import Fault, Line, read_lines
from core.record import Event, Record, cost_nano, time_us
from processors.dialects import DIALECTS, HEAD_BYTES, by_name, claude_fields, detect
from processors.dialects.claude import DIALECT
from processors.dialects.claude_raw import RawLine
from tests.tools.usage_tables import FIXTURES, fixture, items, records

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SESSION = {"sessionId": "5e551000-0000-4000-8000-000000000001"}
CLAUDE_LINES = [
    {"type": "summary", "summary": "A title", "leafUuid": "1ea f"},
    {"type": "file-history-snapshot", "messageId": "m", "snapshot": {}},
    {"type": "queue-operation", "operation": "enqueue", **SESSION},
    {"type": "ai-title", "aiTitle": "A title", **SESSION},
    {"type": "custom-title", "customTitle": "A title", **SESSION},
    {"type": "last-prompt", "lastPrompt": "hi", **SESSION},
    {"type": "mode", "mode": "plan", **SESSION},
    {"type": "permission-mode", "permissionMode": "default", **SESSION},
    {"type": "agent-name", "agentName": "bob", **SESSION},
    {"type": "pr-link", "prNumber": 1, **SESSION},
    {"type": "launched"},
    {"type": "started", "key": "v2:1", "agentId": "a1"},
    {"type": "result", "key": "v2:1", "agentId": "a1", "result": "text"},
    {"type": "attachment", "isSidechain": False, "attachment": {"type": "date_change"}, **SESSION},
    {"type": "progress", "isSidechain": False, "data": {"type": "hook_progress"}, **SESSION},
    {"type": "assistant", "message": {"role": "assistant", "content": []}},
    {"timestamp": "2026-01-01T00:00:00Z", "message": {"usage": {"input_tokens": 1}}},
]
OTHER_LINES = {
    "codex": {"timestamp": "2026-06-17T10:07:16.815Z", "type": "session_meta", "payload": {}},
    "codex-event": {"timestamp": "t", "type": "event_msg", "payload": {"type": "user_message"}},
    "copilot": {"type": "assistant.message", "data": {}, "id": "1", "parentId": None},
    "copilot-start": {"type": "session.start", "data": {"sessionId": "s"}, "id": "1"},
    "pi": {"type": "session", "id": "d7", "timestamp": "t", "cwd": "/w", "provider": "anthropic"},
    "pi-message": {
        "type": "message",
        "timestamp": "2025-11-20T23:33:01.550Z",
        "message": {"role": "assistant", "content": [], "usage": {"input": 1, "output": 2}},
    },
    "omp": {"type": "title", "v": 1, "title": "A title"},
    "gemini": {"sessionId": "s", "projectHash": "h", "messages": [{"type": "user"}]},
    "qwen": {
        "type": "user",
        "uuid": "u",
        "parentUuid": None,
        "sessionId": "s",
        "message": {"role": "user", "parts": [{"text": "hi"}]},
    },
    "launch-of-a-program": {"type": "launched", "pid": 7},
    "result-of-a-program": {"type": "result", "agentId": "a1"},
    "nothing": {},
}


def one(line: dict | str) -> Record:
    data = line if isinstance(line, str) else json.dumps(line)
    (item,) = read_lines(data.encode(), 0, DIALECT)
    assert isinstance(item, Line)
    return item.record


def user(content, **more) -> Record:
    return one({"type": "user", "message": {"role": "user", "content": content}, **more})


def prompts(quirk: str) -> list[tuple[str, str]]:
    return [(p.origin, p.text) for r in records(fixture(quirk)) for p in r.prompts]


def events(quirk: str) -> list[tuple]:
    return [(e.kind, e.name, e.detail, e.value) for r in records(fixture(quirk)) for e in r.events]


def usage_by_id(quirk: str) -> dict:
    return {u.message_id: u for r in records(fixture(quirk)) for u in r.usages}


# Recognition


@pytest.mark.parametrize("path", sorted(FIXTURES.rglob("*.jsonl")), ids=lambda path: path.stem[:12])
def test_every_fixture_is_recognised_by_its_content(path):
    assert detect(path.read_bytes()) == "claude"


@pytest.mark.parametrize("line", CLAUDE_LINES, ids=lambda line: line.get("type", "usage"))
def test_a_line_of_claude_code_decides(line):
    assert detect(json.dumps(line).encode() + b"\n") == "claude"


@pytest.mark.parametrize("name", OTHER_LINES)
def test_a_line_of_another_agent_does_not_decide_for_claude(name):
    assert not DIALECT.recognises(OTHER_LINES[name])


def test_a_dialect_is_a_module_with_a_DIALECT_and_nothing_else():
    assert {"claude", "unknown"} <= set(DIALECTS)
    assert all(DIALECTS[name].name == name for name in DIALECTS)


def test_an_unknown_or_retired_name_reads_as_the_unknown_dialect():
    assert by_name("") is by_name("no such agent") is DIALECTS["unknown"]


def test_nothing_is_decided_before_a_line_is_complete():
    whole = json.dumps(CLAUDE_LINES[0]).encode() + b"\n"

    assert {detect(whole[:end]) for end in range(len(whole))} == {""}
    assert detect(whole) == "claude"


def test_junk_before_the_first_record_does_not_decide():
    junk = b'\xef\xbb\xbf[1]\n"text"\nnot json\n\xff\xfe\n{"type":"strange"}\n'

    assert detect(junk + json.dumps(CLAUDE_LINES[10]).encode() + b"\n") == "claude"


def test_a_head_full_of_strange_lines_is_unknown_for_good():
    strange = b'{"type":"strange"}\n' * (HEAD_BYTES // 19 + 1)

    assert detect(strange[:HEAD_BYTES]) == ""
    assert detect(strange) == "unknown"
    assert detect(strange + json.dumps(CLAUDE_LINES[0]).encode() + b"\n") == "unknown"


def test_a_first_line_longer_than_the_head_decides_once_it_is_complete():
    long = json.dumps({**CLAUDE_LINES[0], "summary": "x" * 2 * HEAD_BYTES}).encode() + b"\n"

    assert detect(long[:HEAD_BYTES]) == ""
    assert detect(long) == "claude"


@given(
    st.lists(st.sampled_from([*CLAUDE_LINES, *OTHER_LINES.values()]), max_size=6),
    st.integers(0, 3000),
)
def test_a_longer_head_never_changes_the_answer(lines, cut):
    whole = b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    assert detect(whole[:cut]) in ("", detect(whole))


# Times and costs


@given(
    st.integers(-719_161 * 86_400 * 10**6, 2_932_895 * 86_400 * 10**6),
    st.integers(-14 * 60, 14 * 60),
)
def test_times_are_exact_to_the_microsecond_in_every_zone(at_us, offset_min):
    zone = timezone(timedelta(minutes=offset_min))
    moment = (EPOCH + timedelta(microseconds=at_us)).astimezone(zone)

    assert time_us(moment.isoformat()) == at_us


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T00:00:00.000001999Z", 1),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00", 0),
        ("2026-02-30T00:00:00Z", None),
        ("2026-02-28", None),
        ("yesterday, at about noon", None),
        ("", None),
        (None, None),
    ],
)
def test_a_time_is_what_the_line_says_or_nothing(text, expected):
    assert time_us(text) == expected


@pytest.mark.parametrize(
    ("dollars", "nano"),
    [
        ("0.0123456", 12_345_600),
        ("0.1", 100_000_000),
        ("9.99", 9_990_000_000),
        ("0", 0),
        ("0.0000000005", 0),
        ("0.0000000015", 2),
        ("-1", None),
        ("1e300000", None),
        ("NaN", None),
    ],
)
def test_costs_are_exact_nano_dollars(dollars, nano):
    assert cost_nano(Decimal(dollars)) == nano


def test_a_cost_is_read_from_its_digits_and_never_through_a_float():
    record = one('{"type":"assistant","costUSD":0.1,"message":{"usage":{"input_tokens":1}}}')

    assert record.usages[0].cost_nano == 100_000_000


# Usage


def test_every_token_class_and_attribution_of_a_new_version_is_read():
    usage = usage_by_id("attachments-2.1.128")["msg_att_1"]

    assert (usage.request_id, usage.model, usage.stop_reason) == (
        "req_att_1",
        "claude-opus-5",
        "tool_use",
    )
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (2, 410, 31000)
    assert (usage.cache_write_tokens, usage.cache_write_5m_tokens, usage.cache_write_1h_tokens) == (
        700,
        0,
        700,
    )
    assert (usage.web_search_requests, usage.web_fetch_requests) == (2, 1)
    assert (usage.service_tier, usage.speed, usage.geo, usage.effort) == (
        "standard",
        "fast",
        "us",
        "high",
    )
    assert (usage.attributed_skill, usage.attributed_plugin, usage.attributed_agent) == (
        "orbits",
        "astro",
        "general-purpose",
    )
    assert (usage.attributed_mcp_server, usage.attributed_mcp_tool) == ("pencil", "batch_get")


def test_old_versions_have_a_cost_and_no_tiers():
    usage = usage_by_id("cost-1.0")["msg_cost_1"]

    assert usage.cost_nano == 12_345_600
    assert usage.cache_write_5m_tokens is usage.cache_write_1h_tokens is None


def test_progress_lines_carry_their_subagents_usage_and_tools():
    inside = [r for r in records(fixture("progress-2.1")) if r.subtype == "agent_progress"]

    assert [(u.origin, u.message_id, u.request_id) for r in inside for u in r.usages] == [
        ("progress", "msg_prog_a1", "req_prog_a1"),
        ("progress", "msg_prog_a2", "req_prog_a2"),
    ]
    assert inside[1].usages[0].at_us == time_us("2026-02-03T14:00:12.500Z")
    assert [c.name for r in inside for c in r.tool_calls] == ["Edit"]
    assert [t.tool_use_id for r in inside for t in r.tool_results] == ["toolu_prog_a1"]
    assert {r.agent_id for r in inside} == {"a7f00d1"}


def test_gateways_may_write_numbers_as_text_or_fractions():
    usages = [u for r in records(fixture("gateway")) for u in r.usages]

    assert (usages[0].input_tokens, usages[0].output_tokens) == (12, 7)
    assert (usages[0].cache_read_tokens, usages[0].cache_write_tokens) == (3, 0)
    assert (usages[-1].input_tokens, usages[-1].output_tokens) == (0, 0)
    assert usages[1].message_id is usages[1].request_id is None


def test_integers_no_column_holds_are_left_out_and_listed():
    found = list(items(fixture("out-of-range").read_bytes()))

    faults = [(f.reason, f.detail, f.kept) for f in found if isinstance(f, Fault)]
    assert faults == [
        ("integer_out_of_range", "", True),
        ("unexpected_type", "message.usage.input_tokens", True),
        ("unexpected_type", "version", True),
    ]
    usages = [u for f in found if isinstance(f, Line) for u in f.record.usages]
    assert [(u.input_tokens, u.output_tokens, u.cache_read_tokens) for u in usages] == [
        (0, 5, 0),
        (0, 5, 0),
        (1, 5, 2**53),
    ]


def test_the_usage_inside_a_tools_result_is_not_a_message():
    assert sum(len(r.usages) for r in records(fixture("flat-agents-2.0"))) == 2


# Tools


def test_a_tool_call_says_what_kind_of_tool_it_is():
    calls = [c for r in records(fixture("tools")) for c in r.tool_calls]

    kinds = [(c.kind, c.plugin, c.mcp_server, c.mcp_tool, c.skill, c.subagent_type) for c in calls]
    assert kinds == [
        ("skill", None, None, None, "pdf:extract", None),
        ("skill", None, None, None, "old-skill", None),
        ("skill", None, None, None, "review", None),
        ("mcp", None, "playwright", "browser_click", None, None),
        ("mcp", "context7", "docs_server", "query__all", None, None),
        ("subagent", None, None, None, None, "Explore"),
        ("subagent", None, None, None, None, None),
        ("builtin", None, None, None, None, None),
        ("builtin", None, None, None, None, None),
        ("builtin", None, None, None, None, None),
        ("builtin", None, None, None, None, None),
    ]
    assert {(c.message_id, c.model) for c in calls} == {("msg_tools_1", "claude-sonnet-5")}


def test_a_result_is_an_error_or_a_denial_or_neither():
    results = [t for r in records(fixture("tools")) for t in r.tool_results]

    assert {t.tool_use_id: (t.is_error, t.denial) for t in results} == {
        "toolu_t1": (False, ""),
        "toolu_t4": (False, ""),
        "toolu_t5": (True, ""),
        "toolu_t8": (True, ""),
        "toolu_t9": (True, "user-rejected"),
        "toolu_t10": (True, "permission"),
        "toolu_t11": (True, ""),
    }


def test_the_size_of_a_result_is_that_of_its_text():
    sizes = {t.tool_use_id: t.size_chars for r in records(fixture("tools")) for t in r.tool_results}

    assert sizes["toolu_t4"] == len("clicked")  # and an image
    assert sizes["toolu_t8"] == len("Exit code 2\nmake: *** no rule")


def test_the_words_given_with_a_denial_are_kept_for_who_learns_from_them():
    words = [t.feedback for r in records(fixture("tools")) for t in r.tool_results if t.feedback]

    assert words == ["never write outside the repository"]


def test_a_subagents_result_names_the_transcript_it_has():
    (result,) = [t for r in records(fixture("flat-agents-2.0")) for t in r.tool_results]

    assert (result.subagent_id, result.size_chars) == ("5c3e1f70", len("Three files.Done."))


# Prompts and events


@pytest.mark.parametrize(
    ("quirk", "expected"),
    [
        ("cost-1.0", [("typed", "How many planets are in data/planets.csv?")]),
        ("progress-2.1", [("plan", "Implement the following plan:\n\n# Rename the module")]),
        (
            "attachments-2.1.128",
            [
                ("typed", "Make the orbit elliptic."),
                ("queued", "and keep the period"),
                ("queued", "see this"),
                ("queued", "What does this plot show?"),
            ],
        ),
        ("subagents-folder", [("sdk", "Map the whole repository.")]),
        (
            "commands",
            [
                ("command", "write the glossary"),
                ("memory", "Always run the tests with -x"),
                ("typed", "<html> tags in my page are broken, why?"),
                ("typed", "please re-read it"),
            ],
        ),
        ("tools", [("typed", "Try every tool.")]),
        ("errors", [("typed", "Go on.")]),
    ],
)
def test_only_a_persons_words_are_prompts(quirk, expected):
    assert prompts(quirk) == expected


def test_a_subagents_transcript_has_no_prompts():
    flat = FIXTURES / "flat-agents-2.0" / "atlas" / "agent-5c3e1f70.jsonl"

    assert [r.prompts for r in records(flat) if r.prompts] == []


@pytest.mark.parametrize(
    "mark",
    [
        {"isMeta": True},
        {"isSidechain": True},
        {"isCompactSummary": True},
        {"isVisibleInTranscriptOnly": True},
        {"sourceToolUseID": "toolu_1"},
        {"promptSource": "system"},
        {"origin": {"kind": "coordinator"}},
    ],
    ids=lambda mark: next(iter(mark)),
)
def test_a_mark_that_says_otherwise_makes_it_no_prompt(mark):
    assert user("words").prompts[0].text == "words"
    assert user("words", **mark).prompts == ()


def test_an_image_alone_is_a_prompt_without_text():
    (prompt,) = user([{"type": "image", "source": {}}, {"type": "image"}]).prompts

    assert (prompt.text, prompt.image_count) == ("", 2)


def test_text_beside_a_tool_result_is_not_a_prompt():
    content = [{"type": "tool_result", "tool_use_id": "t"}, {"type": "text", "text": "note"}]

    assert user(content).prompts == ()


@pytest.mark.parametrize(
    ("quirk", "expected"),
    [
        (
            "flat-agents-2.0",
            [("subagent", "", "completed", 15321)],
        ),
        (
            "attachments-2.1.128",
            [
                ("permission_mode", "acceptEdits", "", None),
                ("mode", "normal", "", None),
                ("hook", "PreToolUse:Edit", "non_blocking_error", 127),
                ("hook", "Stop", "cancelled", None),
                ("task_notification", "completed", "", None),
                ("pr_link", "ada/atlas", "https://git.example/ada/atlas/pull/42", 42),
            ],
        ),
        (
            "subagents-folder",
            [
                ("subagent", "", "async_launched", None),
                ("task_notification", "completed", "", 7311),
            ],
        ),
        (
            "commands",
            [
                ("slash_command", "/clear", "", None),
                ("slash_command", "/gsd:quick", "", None),
                ("bash_mode", "", "", None),
                ("memory_input", "", "", None),
                ("slash_command", "/model", "", None),
            ],
        ),
        (
            "tools",
            [
                ("denial", "user-rejected", "toolu_t9", None),
                ("denial", "permission", "toolu_t10", None),
                ("interrupt", "tool_use", "", None),
            ],
        ),
        (
            "errors",
            [
                ("api_error", "overloaded_error", "retry", 1),
                ("api_error", "unknown", "retry", 2),
                ("api_error", "http_502", "retry", 3),
                ("api_error", "server_error", "final", 529),
                ("api_error", "rate_limit", "final", None),
                ("usage_limit", "reset", "", 1_780_354_800_000_000),
                ("interrupt", "response", "", None),
                ("compaction", "auto", "", 155_000),
                ("microcompaction", "auto", "", 40_000),
                ("turn", "", "", 91_437),
                ("hook", "Stop", "prevented_continuation", None),
                ("hook", "Stop", "error", 1),
                ("model_fallback", "claude-fable-5", "claude-opus-4-8", None),
            ],
        ),
        (
            "progress-2.1",
            [
                ("subagent", "", "completed", 9000),
                ("queue", "enqueue", "", None),
                ("queue", "dequeue", "", None),
            ],
        ),
    ],
)
def test_what_happened_is_an_event(quirk, expected):
    assert events(quirk) == expected


def test_a_workflows_journal_names_its_agents():
    (journal,) = FIXTURES.rglob("journal.jsonl")

    found = [(r.type, r.agent_id, e) for r in records(journal) for e in r.events]
    assert found == [
        ("started", "c0ffee01", Event(kind="workflow_agent", name="c0ffee01", detail="started")),
        ("result", "c0ffee01", Event(kind="workflow_agent", name="c0ffee01", detail="result")),
    ]


def test_types_nobody_knows_keep_their_name():
    types = [(r.type, r.subtype) for r in records(fixture("attachments-2.1.128"))]

    assert ("something-new", "") in types
    assert ("attachment", "skill_listing") in types
    assert one({"type": "x" * 1000}).type == "x" * 64


# Tolerance

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "text",
                    "content",
                    "message",
                    "usage",
                    "id",
                    "name",
                    "input",
                    "kind",
                    "error",
                    "input_tokens",
                    "cache_creation",
                    "tool_use_id",
                    "is_error",
                    "agentId",
                    "prompt",
                    "ephemeral_1h_input_tokens",
                    "trigger",
                    "timestamp",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
WORDS = st.sampled_from(
    [
        "user",
        "assistant",
        "system",
        "progress",
        "attachment",
        "api_error",
        "tool_result",
        "text",
        "tool_use",
        "mcp__a__b",
        "queued_command",
        "stop_hook_summary",
        "<command-name>/x</command",
        "<task-notification>",
        "[Request interrupted by user",
        "hook_cancelled",
        "started",
    ]
)
LINES = st.dictionaries(
    st.sampled_from([field.name for field in fields(RawLine)]),
    JSON | WORDS,
    max_size=8,
)


@given(LINES)
def test_any_object_is_read_or_listed_and_never_raises(line):
    found = list(read_lines(json.dumps(line).encode(), 0, DIALECT))

    assert sum(isinstance(item, Line) or not item.kept for item in found) == 1


@given(LINES)
def test_the_unknown_dialect_reads_every_object(line):
    (item,) = read_lines(json.dumps(line).encode(), 0, DIALECTS["unknown"])

    assert isinstance(item, Line)


@pytest.mark.parametrize("tag", ["<system-reminder>", "<command-args>", "<status>", "<ide_"])
def test_a_hostile_text_costs_no_more_than_its_length(tag):
    text = "<command-name>x</command-name></system-reminder>" + tag * 100_000

    started = time.process_time()
    user(text)

    assert time.process_time() - started < 2.0


def fitting(record: dict) -> bytes:
    """The line with blanks in it, so that its length is one at which fields are looked at."""
    line = json.dumps(record).encode()
    return line[:-1] + b" " * (-len(line) % claude_fields.EVERY) + b"}"


def test_fields_that_nobody_knows_are_counted_with_their_names_alone():
    line = fitting({"type": "user", "isSidechain": False, "novelty": "secret", "uuid": "u"})

    (read,) = read_lines(line, 0, DIALECT)
    assert [e for e in read.record.events if e.kind == "unknown"] == [
        Event(kind="unknown", name="field", detail="novelty")
    ]


def test_only_some_lines_are_looked_at_for_fields_and_always_the_same():
    line = fitting({"type": "user", "isSidechain": False, "novelty": 1})

    shorter = line.replace(b" ", b"", 1)
    assert [read.record.events for read in read_lines(shorter, 0, DIALECT)] == [()]


def test_no_agent_can_write_what_is_noted_of_a_line():
    line = fitting({"type": "user", "isSidechain": False, "sessionwatch:strange": ["x"]})

    for text in (line, line.replace(b" ", b"", 1)):
        assert [read.record.events for read in read_lines(text, 0, DIALECT)] == [()]
