"""Session files as agents write them, and as nobody should: hypothesis strategies over real lines.

The rule: start from a line that some agent could have written and break it in one or two places,
because noise alone never gets past the first brace.
"""

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
_EDITS_MAX = 3
_MARK = "\ue000{}\ue000"  # Stands for a raw value while the line is a Python object.

RAW_VALUES = (
    *("null", "true", "false", "0", "-0", "-1", "1.5", "12.0", "1e3", "1e400", "-1e400"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "9" * 25, "9" * 5000),
    *("1e-400", "1e99999999999999999999", "1e-99999999999999999999", "NaN", "-Infinity"),
    *('""', '"12"', '" 12 "', '"x"', '"é😀"', '"\\ud83d\\ude00"', '"' + "y" * 3000 + '"'),
    *('"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"a\\udc00b"', '"\ud800"', '"\x00"', '"\x1f"'),
    *("[]", "{}", "[[]]", "[null]", '["x"]', '[{"type":"text"}]', '{"":null}', '{"a":{"b":[1]}}'),
    *("[" * 300 + "]" * 300, "[" * 3000 + "]" * 3000, '{"a":' * 600 + "1" + "}" * 600),
    *('{"a":1,"a":"b"}', "[1,", "01", "{'a':1}", "/", '"\\x"', '"'),
    *('"text"', '"tool_use"', '"tool_result"', '"image"', '"assistant"', '"user"', '"system"'),
    *('"gemini"', '"error"', '"cancelled"', '"tool"', '"completed"', '"retry"', '"ses_1"'),
    *('[{"functionResponse":{"response":{"output":"x"}}}]', '{"text":"x"}', '[{"inlineData":1}]'),
    *('"progress"', '"attachment"', '"queued_command"', '"api_error"', '"agent_progress"'),
    *('"mcp__"', '"mcp__plugin_a_b__c"', '"Skill"', '"Task"', '{"skill":" /x y"}'),
    *('"<command-name>/x</command-name>"', '"<task-notification><status>ok</status>"'),
    *('"[Request interrupted by user"', '"limit reached|99999999999"', '"<system-reminder>"'),
    *('"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59.999999-14:00"', '"2026-13-45T00:00"'),
    *('"2026-05-01"', '"2026-05-01T10:00:00.123456789Z"', '"2026-W01-1T00:00:00"'),
)
NOISE = (
    b"",
    b" ",
    b"\t\r",
    b"\x00\x00",
    b"\xef\xbb\xbf",
    b"not json",
    b"[1]",
    b"12",
    b"null",
    b"}",
)
UNDECIDED = (b"{}", b'{"type":"hello"}', b'{"type":"user","timestamp":"2026-05-01T10:00:00Z"}')
"""Objects that no dialect recognises: what comes first may say nothing about the agent."""
JOINTS = (b"\n",) * 6 + (b"\r\n", b"\n\n", b"", b" ", b"\x00")


@functools.cache
def real_lines() -> tuple[bytes, ...]:
    """Every different line of the fixtures and the demo, in a fixed order."""
    folders = (ROOT / "tests" / "fixtures", ROOT / "demo" / "sessions")
    files = sorted(path for folder in folders for path in folder.rglob("*.jsonl"))
    return tuple(dict.fromkeys(line for path in files for line in path.read_bytes().splitlines()))


@functools.cache
def real_documents() -> tuple[bytes, ...]:
    """Every fixture that its agent rewrites as a whole."""
    files = sorted((ROOT / "tests" / "fixtures").rglob("*.json"))
    return tuple(path.read_bytes() for path in files)


@functools.cache
def field_names() -> tuple[str, ...]:
    """Every name of a field anywhere in the real lines and documents."""
    found: dict[str, None] = {}
    for line in (*real_lines(), *real_documents()):
        found |= {name: None for _, name in _places(_parsed(line)) if isinstance(name, str)}
    return tuple(found)


@st.composite
def broken(draw: Callable[..., Any], real: Sequence[bytes]) -> bytes:
    """A real line or document with a few values deleted, replaced, moved or inserted."""
    value = _parsed(draw(st.sampled_from(real)))
    raw: list[str] = []
    for _ in range(draw(st.integers(1, _EDITS_MAX))):
        places = list(_places(value))
        if places:
            holder, key = draw(st.sampled_from(places))
            _edit(draw, holder, key, raw)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    for number, given in enumerate(raw):
        text = text.replace(json.dumps(_MARK.format(number)), given)
        text = text.replace(f'"{_MARK.format(number)}"', given)
    return text.encode("utf-8", "surrogatepass").replace(b"\n", b"")


def lines() -> st.SearchStrategy[bytes]:
    """Real lines, broken ones and noise, none with a newline in it."""
    noise = st.sampled_from(NOISE) | st.binary(max_size=20).map(lambda b: b.replace(b"\n", b""))
    plain = st.sampled_from(UNDECIDED)
    return st.sampled_from(real_lines()) | broken(real_lines()) | plain | noise


def documents() -> st.SearchStrategy[bytes]:
    """Real documents, broken ones and the beginnings of those that are being written."""
    whole = st.sampled_from(real_documents()) | broken(real_documents())
    return whole | st.tuples(whole, st.floats(0, 1)).map(lambda d: d[0][: int(len(d[0]) * d[1])])


@st.composite
def files(draw: Callable[..., Any], lines_max: int = 10) -> bytes:
    """A session file, mostly of lines; perhaps its last line is open and bytes are flipped.

    One in four is a document.
    """
    if draw(st.sampled_from([False, False, False, True])):
        data: bytes = draw(documents())
    else:
        parts = draw(st.lists(st.tuples(lines(), st.sampled_from(JOINTS)), max_size=lines_max))
        data = b"".join(line + joint for line, joint in parts)
    return draw(flipped(data)) if data and draw(st.booleans()) else data


def flipped(data: bytes) -> st.SearchStrategy[bytes]:
    """The same bytes with up to four of them changed."""
    flips = st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=4)
    return flips.map(lambda changes: _changed(data, changes))


def _changed(data: bytes, changes: list[tuple[int, int]]) -> bytes:
    out = bytearray(data)
    for at, byte in changes:
        out[at] = byte
    return bytes(out)


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return {"type": "user", "text": line.decode("latin-1")}


def _places(value: Any) -> Iterator[tuple[Any, str | int]]:
    """Every container of a JSON value with each of its keys or indexes."""
    keys = (
        list(value)
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _edit(draw: Callable[..., Any], holder: Any, key: Any, raw: list[str]) -> None:
    """One change at one place. Raw values are noted, since JSON could not hold most of them."""
    act = draw(st.sampled_from(["delete", "replace", "replace", "replace", "insert", "copy"]))
    if act == "delete":
        del holder[key]
        return
    if act == "insert":
        key = draw(st.sampled_from(field_names()) | st.text(max_size=5))
        if isinstance(holder, list):
            key = len(holder)
            holder.append(None)
    if act == "copy":
        holder[key] = json.loads(json.dumps(holder))
        return
    value = draw(
        st.sampled_from(RAW_VALUES) | st.integers().map(str) | st.text(max_size=8).map(json.dumps)
    )
    raw.append(value)
    holder[key] = _MARK.format(len(raw) - 1)
