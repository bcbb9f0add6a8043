import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lines import INTEGER_MAX, Line, complete_length
from core.tables import columns
from processors.dialects import by_name
from processors.usage import Usage
from processors.usage_rows import (
    EventRow,
    MessageRow,
    PromptRow,
    RecordRow,
    ToolCallRow,
    ToolResultRow,
)
from tests.tools.usage_tables import FIXTURES, USAGE, fixture, items, placed_rows, records

FILES = sorted(FIXTURES.rglob("*.jsonl"))


def rows(quirk: str, row_type: type) -> list:
    lines = [item for item in items(fixture(quirk).read_bytes()) if isinstance(item, Line)]
    return [row for line in lines for row in USAGE.rows(line) if type(row) is row_type]


def test_the_processor_says_what_it_is():
    assert (Usage.name, Usage.version, Usage.kind, Usage.pace_s) == ("usage", 2, "line", 0.1)
    assert "*.jsonl" in Usage.match


def test_every_row_type_is_a_table():
    sizes = {table: len(columns(row_type)) for table, row_type in USAGE.tables.items()}

    assert sizes == {
        "usage_records": 13,
        "usage_messages": 38,
        "usage_tool_calls": 15,
        "usage_tool_results": 6,
        "usage_events": 7,
        "usage_prompts": 6,
        "usage_quotas": 8,
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem[:12])
def test_every_line_is_one_record_row_whatever_else_it_is(path):
    read = records(path)

    kept = [row for row in placed_rows(path.read_bytes()) if row[0] == "usage_records"]
    assert [row[3:6] for row in kept] == [("claude", r.type, r.subtype) for r in read]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem[:12])
def test_every_value_fits_its_column(path):
    for table, _, _, *values in placed_rows(path.read_bytes()):
        for column, value in zip(columns(USAGE.tables[table]), values, strict=True):
            assert value is None or type(value) is column.python_type
            assert not isinstance(value, int) or abs(value) <= INTEGER_MAX


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem[:12])
def test_no_words_of_a_person_reach_a_row(path):
    read = records(path)
    words = {prompt.text for record in read for prompt in record.prompts}
    words |= {result.feedback for record in read for result in record.tool_results}

    texts = [v for row in placed_rows(path.read_bytes()) for v in row[1:] if isinstance(v, str)]
    assert [text for text in texts for word in words if word and word in text] == []


@given(st.data())
def test_reading_a_file_in_steps_gives_the_rows_of_reading_it_whole(data):
    whole = data.draw(st.sampled_from(FILES), label="file").read_bytes()
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=5), label="cuts")

    steps, done = [], 0
    for seen in sorted([*cuts, len(whole)]):
        ready = complete_length(whole[done:seen])
        steps += placed_rows(whole[done : done + ready], done, "claude")
        done += ready

    assert steps == placed_rows(whole)


def test_messages_are_flattened_copy_by_copy():
    found = rows("streamed", MessageRow)

    assert [(m.message_id, m.request_id, m.output_tokens, m.stop_reason) for m in found] == [
        ("msg_str_1", "req_str_1", 1, None),
        ("msg_str_1", "req_str_1", 20, None),
        ("msg_str_1", "req_str_1", 50, "end_turn"),
        ("msg_str_2", "req_str_2", 1, "end_turn"),
    ]
    assert {(m.agent, m.origin, m.agent_version) for m in found} == {
        ("claude", "assistant", "2.1.170")
    }


def test_a_message_row_says_where_the_agent_was():
    (message,) = rows("attachments-2.1.128", MessageRow)

    assert (message.cwd, message.git_branch, message.entrypoint) == (
        "/home/ada/atlas",
        "main",
        "cli",
    )


def test_a_subagents_message_in_a_progress_line_has_its_own_time():
    first = next(m for m in rows("progress-2.1", MessageRow) if m.origin == "progress")

    assert (first.agent_id, first.at_us) == ("a7f00d1", 1_770_127_212_500_000)


def test_tool_calls_and_results_join_by_id():
    calls, results = rows("tools", ToolCallRow), rows("tools", ToolResultRow)

    named = {call.tool_use_id: call for call in calls}
    assert [(named[r.tool_use_id].name, r.is_error, r.denied) for r in results] == [
        ("Skill", False, False),
        ("mcp__playwright__browser_click", False, False),
        ("mcp__plugin_context7_docs_server__query__all", True, False),
        ("Bash", True, False),
        ("Write", True, True),
        ("WebFetch", True, True),
        ("Bash", True, False),
    ]


def test_a_prompt_row_has_a_length_and_an_origin():
    found = rows("attachments-2.1.128", PromptRow)

    assert [(p.origin, p.size_chars, p.image_count) for p in found] == [
        ("typed", len("Make the orbit elliptic."), 0),
        ("queued", len("and keep the period"), 0),
        ("queued", len("see this"), 0),
        ("queued", len("What does this plot show?"), 1),
    ]
    assert all(p.uuid and p.at_us for p in found)


def test_an_event_row_carries_the_id_of_its_line_so_that_copies_count_once():
    (compaction,) = [e for e in rows("errors", EventRow) if e.kind == "compaction"]

    assert (compaction.name, compaction.value) == ("auto", 155_000)
    assert compaction.uuid == "88888888-0000-4000-8000-000000000008"


def test_lines_of_an_unknown_agent_are_counted_by_type():
    data = b'{"type":"turn","timestamp":"2026-01-01T00:00:00Z"}\n{"type":5}\n{"kind":"x"}\n'

    found = placed_rows(data, dialect="unknown")

    assert [row[3:7] for row in found] == [
        ("unknown", "turn", "", 1_767_225_600_000_000),
        ("unknown", "", "", None),
        ("unknown", "", "", None),
    ]
    assert by_name("unknown").name == "unknown"


def test_a_record_row_tells_the_time_the_version_and_the_place():
    first = rows("flat-agents-2.0", RecordRow)[1]

    assert (first.type, first.agent_version, first.cwd, first.git_branch) == (
        "user",
        "2.0.37",
        "/home/ada/atlas",
        "main",
    )
    assert (first.sidechain, first.meta) == (False, False)
