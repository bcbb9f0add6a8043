"""Which lines ccusage 20.0.24 would count: each case was tried on its binary."""

import json

import pytest

from core.lines import Line, read_lines
from processors.dialects.claude import DIALECT
from processors.usage import Usage

MODEL = "claude-sonnet-4-6"


def message(usage=None, **more):
    """A line of the conversation; what is None is left out, `"null"` becomes null."""
    inner = {"id": "msg_1", "model": MODEL, "content": []} | more.pop("message", {})
    line = {
        "type": "assistant",
        "isSidechain": False,
        "timestamp": "2026-05-01T10:00:00.000Z",
        "version": "2.1.100",
        "sessionId": "s1",
        "requestId": "req_1",
        "message": inner | {"usage": {"input_tokens": 1, "output_tokens": 2} | (usage or {})},
    }
    return line | more


def progress(**more):
    inner = message() | more
    return {
        "type": "progress",
        "isSidechain": False,
        "timestamp": "2026-05-01T10:00:00.000Z",
        "sessionId": "s1",
        "data": {"type": "agent_progress", "message": inner},
    }


def compact(line):
    return json.dumps(line, separators=(",", ":")).encode()


def noted(data: bytes) -> list[str]:
    """What the rows of these lines say."""
    return [
        row.ccusage
        for item in read_lines(data, 0, DIALECT)
        if isinstance(item, Line)
        for row in Usage().rows(item)
        if hasattr(row, "ccusage")
    ]


COUNTED = {
    "a plain line": message(),
    "no version": {k: v for k, v in message().items() if k != "version"},
    "no session": {k: v for k, v in message().items() if k != "sessionId"},
    "a time without milliseconds": message(timestamp="2026-05-01T10:00:00Z"),
    "a time with an offset": message(timestamp="2026-05-01T10:00:00+02:00"),
    "and milliseconds": message(timestamp="2026-05-01T10:00:00.000-02:00"),
    "a known speed": message({"speed": "fast"}),
    "a harmless null": message(uuid=None, message={"stop_reason": None, "stop_sequence": None}),
    "null inside a text": message(message={"content": [{"type": "text", "text": '{"id":null}'}]}),
    "tiers": message({"cache_creation": {"ephemeral_5m_input_tokens": 1}}),
    "no tiers": message({"cache_creation": None}),
    "the model of an iteration": message({"iterations": [{"type": "message", "model": None}]}),
    "a cost": message(costUSD=0.25),
    "any type": message(type="user"),
}
DROPPED = {
    "a null id": message(message={"id": None}),
    "a null version": message(version=None),
    "a null in the input of a tool": message(
        message={"content": [{"type": "tool_use", "id": "t", "name": "x", "input": {"cwd": None}}]}
    ),
    "a null speed": message({"speed": None}),
    "a null model beside iterations": message({"iterations": []}, message={"model": None}),
    "a null id of an iteration": message({"iterations": [{"id": None}]}),
    "a model of something else": message(iterations=[{"model": None}]),
    "a model deeper in the usage": message({"x": {"iterations": [{"model": None}]}}),
    "a null tier": message({"cache_creation": {"ephemeral_5m_input_tokens": None}}),
    "microseconds": message(timestamp="2026-05-01T10:00:00.000000Z"),
    "a time without a zone": message(timestamp="2026-05-01T10:00:00"),
    "a time with a blank": message(timestamp="2026-05-01 10:00:00Z"),
    "no time": message(timestamp=None),
    "no version to speak of": message(version="dev"),
    "half a version": message(version="2.1"),
    "an empty session": message(sessionId=""),
    "an empty request": message(requestId=""),
    "an empty id": message(message={"id": ""}),
    "an empty model": message(message={"model": ""}),
    "floats": message({"output_tokens": 2.0}),
    "texts": message({"output_tokens": "2"}),
    "a float of the cache": message({"cache_read_input_tokens": 1.0}),
    "no output": message({"output_tokens": None}),
    "an unknown speed": message({"speed": "turbo"}),
    "a cost as text": message(costUSD="0.25"),
}


@pytest.mark.parametrize("case", COUNTED)
def test_ccusage_counts(case):
    assert noted(compact(COUNTED[case]) + b"\n") == ["all"]


@pytest.mark.parametrize("case", DROPPED)
def test_ccusage_drops(case):
    assert noted(compact(DROPPED[case]) + b"\n") == [""]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (progress(), "daily"),
        (progress(isSidechain=None), "daily"),
        (progress(isSidechain=True), "daily_sidechain"),
        (progress(isSidechain="yes"), ""),
        (progress(version="dev"), "daily"),
        (progress(timestamp="2026-05-01T10:00:00.000000Z"), ""),
        (progress(requestId=""), ""),
        (progress() | {"sessionId": ""}, ""),
        (progress(costUSD="1"), ""),
    ],
)
def test_what_a_caller_logged_belongs_to_the_daily_report(line, word):
    assert noted(compact(line) + b"\n") == [word]


def test_the_usage_object_must_be_compact():
    assert noted(json.dumps(message()).encode() + b"\n") == [""]
    assert noted(compact(message()).replace(b'"usage":{', b'"usage": {') + b"\n") == [""]


@pytest.mark.parametrize("colon", [b":", b": ", b" :"])
def test_a_null_counts_however_it_is_spaced(colon):
    line = compact(message(x={"id": 0})).replace(b'"id":0', b'"id"' + colon + b"null")

    assert noted(line + b"\n") == [""]


def test_line_ends_do_not_matter_but_a_byte_order_mark_does():
    line = compact(message())

    assert noted(line + b"\r\n" + line + b"  \n" + line) == ["all"] * 3
    assert noted(b"\xef\xbb\xbf" + line + b"\n" + line + b"\n") == ["", "all"]


def test_a_line_that_had_to_be_repaired_is_not_counted():
    line = compact(message()).replace(b'"content":[]', b'"content":"\\ud800"')

    assert noted(line + b"\n") == [""]


def test_a_truncated_line_is_lost_and_costs_its_neighbours_nothing():
    line = compact(message())

    assert noted(line[:-9] + b"\n" + line + b"\n") == ["all"]
