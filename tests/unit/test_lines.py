"""The reader's rules: offsets, faults, glue, and growing in steps equals reading once."""

import json
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lines import INTEGER_MAX, Fault, Line, complete_length, read_lines, whole_records

Int64 = Annotated[int, msgspec.Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]


class Raw(msgspec.Struct):
    n: Int64 | None = None
    text: str | None = None
    inner: dict[str, int] | None = None


class Plain:
    """A shape with three fields; everything else in a line is skipped."""

    raw = Raw
    _decoder = msgspec.json.Decoder(Raw)

    def decode(self, line: bytes) -> Raw:
        return self._decoder.decode(line)

    def record(self, raw: Any) -> Raw:
        return raw


def read(data: bytes, offset: int = 0) -> list[Line[Raw] | Fault]:
    return list(read_lines(data, offset, Plain()))


def faults(data: bytes) -> list[tuple[int, str, bool]]:
    return [(f.offset, f.reason, f.kept) for f in read(data) if isinstance(f, Fault)]


def numbers(data: bytes) -> list[tuple[int, int | None]]:
    return [(x.offset, x.record.n) for x in read(data) if isinstance(x, Line)]


def test_offsets_are_those_of_the_opening_brace() -> None:
    assert numbers(b'{"n":1}\n\n  {"n":2}\n') == [(0, 1), (11, 2)]


def test_crlf_and_blank_lines_are_not_faults() -> None:
    data = b'{"n":1}\r\n\r\n{"n":2}\r\n'

    assert numbers(data) == [(0, 1), (11, 2)]
    assert faults(data) == []


def test_a_byte_order_mark_is_skipped() -> None:
    assert numbers(b'\xef\xbb\xbf{"n":1}\n') == [(3, 1)]


def test_two_records_glued_on_one_line_are_two_records() -> None:
    assert numbers(b'{"n":1}{"n":2} {"n":3}\n') == [(0, 1), (7, 2), (15, 3)]


def test_garbage_behind_a_record_is_a_fault_at_its_own_offset() -> None:
    data = b'{"n":1} oops\n{"n":2}\n'

    assert numbers(data) == [(0, 1), (13, 2)]
    assert faults(data) == [(8, "invalid_json", False)]


def test_invalid_utf8_is_repaired_and_listed() -> None:
    data = b'{"n":1,"text":"a\xffb"}\n{"n":2}\n'

    assert faults(data) == [(0, "invalid_utf8", True)]
    assert [x.record.text for x in read(data) if isinstance(x, Line)] == ["a\ufffdb", None]


def test_invalid_utf8_in_a_skipped_field_is_listed_too() -> None:
    assert faults(b'{"n":1,"other":"\xff"}\n') == [(0, "invalid_utf8", True)]


def test_a_lone_surrogate_is_replaced_and_listed() -> None:
    data = b'{"n":1,"text":"\\ud800x"}\n'

    assert faults(data) == [(0, "lone_surrogate", True)]
    assert read(data)[-1].record.text == "\ufffdx"  # type: ignore[union-attr]


def test_a_hundred_thousand_levels_of_nesting_cost_only_their_own_line() -> None:
    deep = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    data = b'{"n":1}\n' + deep + b'\n{"n":2}\n'

    assert [n for _, n in numbers(data)] == [1, 2]
    assert faults(data) == [(8, "too_deep", False)]


@pytest.mark.parametrize("digits", [20, 5000, 1_000_000])
def test_an_integer_of_any_length_does_no_harm(digits: int) -> None:
    data = b'{"n":' + b"9" * digits + b',"text":"kept"}\n'

    found = read(data)
    assert [f.reason for f in found if isinstance(f, Fault)] == ["integer_out_of_range"]


def test_nul_bytes_are_listed_and_the_record_behind_them_is_read() -> None:
    data = b"\x00" * 40 + b'{"n":1}\n'

    assert numbers(data) == [(40, 1)]
    assert faults(data) == [(0, "nul_bytes", False)]


@pytest.mark.parametrize("line", [b"[1,2]", b"12", b'"text"', b"null"])
def test_json_that_is_not_an_object_is_a_fault(line: bytes) -> None:
    assert faults(line + b"\n") == [(0, "not_an_object", False)]


def test_a_field_of_the_wrong_type_is_dropped_and_named() -> None:
    found = read(b'{"n":"many","text":"t"}\n')

    assert found[0] == Fault(0, 23, "unexpected_type", "n", kept=True)
    assert found[1].record == Raw(None, "t")  # type: ignore[union-attr]


def test_details_never_hold_content() -> None:
    secret = b"hunter2hunter2"
    data = b'{"n":"' + secret + b'","inner":{"' + secret + b'":"x"}}\n' + secret + b"\n"

    assert all("hunter2" not in f.detail for f in read(data) if isinstance(f, Fault))


def test_only_complete_lines_count() -> None:
    assert complete_length(b'{"n":1}\n{"n":') == 8
    assert complete_length(b'{"n":') == 0


@pytest.mark.parametrize(
    ("tail", "length"),
    [
        (b'{"n":1}', 7),
        (b'{"n":1} {"n":2}{"n"', 15),
        (b'{"n":1} oops', 7),
        (b'{"n":1', 0),
        (b"1", 0),
        (b"", 0),
        (b'{"n":"\xff"}', 0),
    ],
)
def test_of_a_tail_only_the_whole_records_it_begins_with_count(tail: bytes, length: int) -> None:
    assert whole_records(tail) == length


pieces = st.one_of(
    st.binary(max_size=12),
    st.builds(lambda n: json.dumps({"n": n}).encode(), st.integers(-5, 5)),
    st.sampled_from([b"\n", b"\r\n", b" ", b"\x00", b"\xef\xbb\xbf", b"{", b"}", b'"', b"\xff"]),
)


@given(st.lists(pieces, max_size=20).map(b"".join))
def test_no_bytes_raise_and_every_byte_is_accounted_for(data: bytes) -> None:
    spans = [(x.offset, x) for x in read(data)]

    assert spans == sorted(spans, key=lambda pair: pair[0])
    assert all(0 <= at < max(1, len(data)) for at, _ in spans)


@given(st.lists(pieces, max_size=20).map(b"".join), st.data())
def test_reading_in_steps_equals_reading_once(data: bytes, draw: st.DataObject) -> None:
    """Cut at newlines, and after any tail that is a record by itself."""
    cuts = [i + 1 for i, byte in enumerate(data) if byte == 10]
    for start in [0, *cuts]:
        end = draw.draw(st.integers(start, len(data)))
        if b"\n" not in data[start:end]:
            cuts.append(start + whole_records(data[start:end]))
    chosen = sorted(set(draw.draw(st.lists(st.sampled_from(cuts), max_size=5)) if cuts else []))

    stepped = []
    for start, end in zip([0, *chosen], [*chosen, len(data)], strict=True):
        stepped += read(data[start:end], start)
    assert stepped == read(data)
