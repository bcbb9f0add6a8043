"""Bytes of a session file → records and faults, each with the byte offset it starts at.

The rules, which together make growing a file in steps equal reading it once:
- only bytes up to the last newline count (a last line without one is the reader's decision);
- a record's offset is that of its `{`, whatever blanks, BOM or NULs stand before it;
- of that last line only whole records can be taken early, and what follows them later is cut as
  if it had been there from the start;
- two records glued on one line are two records, and what cannot be one is a fault at its own
  offset, so that a tail taken early and then glued to leaves the same traces as a clean read;
- a fault never costs its neighbours, and no input raises.

The fast path decodes a whole line with msgspec. Only what it refuses takes the slow path, which
splits at byte level (every structural byte of JSON is ASCII) and decodes tolerantly.
"""

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

INTEGER_MAX = 2**63 - 1
REPAIRS_MAX = 16
REPAIR_BYTES_MAX = 8 << 20
"""A longer record that is not clean is listed, not repaired: decoding tolerantly takes up to twenty
times its length (60 MiB with one lone surrogate were 1.2 GB)."""
_DETAIL_MAX = 200
_PIECE_BYTES = 1 << 20
_BLANK = re.compile(rb"(?:[ \t\r\n]|\xef\xbb\xbf)*")  # Byte order marks included, anywhere.
_NULS = re.compile(rb"\x00[\x00 \t\r\n]*")
_BAD_TEXT = re.compile("[\ud800-\udfff\x00]")
_FIELD_PATH = re.compile(r" - at `\$([^`]*)`$")
# Only boundaries matter here: numbers are not converted, so no length of digits is too long.
_SCAN = json.JSONDecoder(strict=False, parse_int=len, parse_float=len)
_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)


class Line(NamedTuple, Generic[R]):
    """One record and the byte offset of its first brace."""

    offset: int
    record: R


class Fault(NamedTuple):
    """Bytes that are not a clean record: what the quarantine lists.

    `kept` faults were repaired (the record is in the tables); the others are not in any table.
    `detail` never holds session content.
    """

    offset: int
    length_bytes: int
    reason: str
    detail: str
    kept: bool


class Shape(Protocol[R_co]):
    """How one dialect turns a JSON object into a record."""

    raw: Any
    """The msgspec type of a raw line; every field optional, unknown fields skipped."""

    def decode(self, line: bytes, /) -> Any:
        """A raw line, strictly typed; raises msgspec errors."""

    def record(self, raw: Any, /) -> R_co:
        """The normalised record of a decoded line. Never raises."""


def complete_length(data: bytes) -> int:
    """How many of the bytes are complete lines: the agent may be in the middle of the last one."""
    return data.rfind(b"\n") + 1


def read_lines(data: bytes, offset: int, shape: Shape[R]) -> Iterator[Line[R] | Fault]:
    """Every record and fault of `data`, which starts at `offset` and is taken as complete.

    UTF-8 is checked here, because msgspec does not look inside the fields it skips. Most lines
    are ASCII, which shows at memory speed and without a copy.
    """
    decode, record = shape.decode, shape.record
    start, size = 0, len(data)
    while start < size:
        end = data.find(b"\n", start)
        end = size if end < 0 else end
        line = data[start:end]
        if line[:1] == b"{" and (line.isascii() or _is_utf8(line)):
            try:
                yield Line(offset + start, record(decode(line)))
            except _REFUSED:
                yield from _read_pieces(line, offset + start, shape)
        elif line:
            yield from _read_pieces(line, offset + start, shape)
        start = end + 1


def read_document(data: bytes, shape: Shape[R]) -> Iterator[Line[R] | Fault]:
    """The same of a file that is one object over any number of lines: one record if it is whole.

    What is half written, or more than one object, shows as a fault or as a second record.
    """
    try:
        if data.isascii() or _is_utf8(data):
            yield Line(0, shape.record(shape.decode(data)))
            return
    except _REFUSED:
        pass
    yield from _read_pieces(data, 0, shape)


def whole_records(data: bytes) -> int:
    """Length of the whole records that a last line without newline begins with. Strict: no repairs.

    An object that is complete can never be continued, only followed, so these may be taken early.
    """
    end, text = 0, data.decode("latin-1")
    while (at := _blank_end(data, end)) < len(data) and text[at] == "{":
        stop, reason = _scan(text, at)
        if reason or not _is_strict(data[at:stop]):
            break
        end = stop
    return end


def _read_pieces(line: bytes, offset: int, shape: Shape[R]) -> Iterator[Line[R] | Fault]:
    before = 0
    for start, end, reason in _pieces(line):
        if reason:
            yield Fault(offset + start, end - start, reason, "", kept=False)
        else:
            marked = codecs.BOM_UTF8 in line[before:start]
            yield from _read_object(line[start:end], offset + start, shape, marked=marked)
        before = end


def _pieces(line: bytes) -> Iterator[tuple[int, int, str]]:
    """Cut a line into (start, end, reason): objects have no reason, all else is a fault.

    Latin-1 gives one character per byte, so the positions of the JSON scanner are byte offsets.
    """
    at, text = 0, line.decode("latin-1")
    while (at := _blank_end(line, at)) < len(line):
        if nuls := _NULS.match(line, at):
            yield at, nuls.end(), "nul_bytes"
            at = nuls.end()
            continue
        end, reason = _scan(text, at)
        yield at, end, reason
        at = end


def _scan(text: str, at: int) -> tuple[int, str]:
    """Where the JSON value at `at` ends; a fault reaches to the end of the line."""
    if text[at] != "{":
        return len(text), "not_an_object" if _is_json(text[at:]) else "invalid_json"
    try:
        return _SCAN.raw_decode(text, at)[1], ""
    except RecursionError:
        return len(text), "too_deep"
    except ValueError:
        return len(text), "invalid_json"


def _read_object(
    piece: bytes, offset: int, shape: Shape[R], *, marked: bool
) -> Iterator[Line[R] | Fault]:
    """One object of the slow path: as it is if possible, else repaired and listed.

    `marked`: behind a byte order mark, which many programs cannot read. What a shape's own
    `decode` concludes from bytes does not hold there, so the plain type decodes it.
    """
    found: list[str] = [] if _is_utf8(piece) else ["invalid_utf8"]
    try:
        if not found:
            strict = msgspec.json.decode(piece, type=shape.raw) if marked else shape.decode(piece)
            yield Line(offset, shape.record(strict))
            return
    except _REFUSED:
        pass
    if len(piece) > REPAIR_BYTES_MAX:
        yield Fault(offset, len(piece), "too_long_to_repair", "", kept=False)
        return
    try:
        text = piece.decode("utf-8", "replace")
        value = json.loads(text, strict=False, parse_int=_bounded(found))
        raw, dropped = _convert(_clean(value, found), shape.raw)
    except _REFUSED as error:
        reason = "too_deep" if isinstance(error, RecursionError) else "unexpected_shape"
        yield Fault(offset, len(piece), reason, "", kept=False)
        return
    reason = found[0] if found else "unexpected_type" if dropped else "control_characters"
    yield Fault(offset, len(piece), reason, " ".join(dropped)[:_DETAIL_MAX], kept=True)
    yield Line(offset, shape.record(raw))


def _convert(value: Any, raw_type: Any) -> tuple[Any, list[str]]:
    """The typed form of a JSON object, without the fields whose values have the wrong type."""
    dropped: list[str] = []
    for _ in range(REPAIRS_MAX):
        try:
            return msgspec.convert(value, raw_type), dropped
        except msgspec.ValidationError as error:
            dropped.append(_drop(value, str(error)))
    raise ValueError("more than REPAIRS_MAX fields of the wrong type")


def _drop(value: Any, message: str) -> str:
    """Remove the field that a msgspec message names; lists are removed whole."""
    found = _FIELD_PATH.search(message)
    if not found:
        raise ValueError("the whole record has the wrong type")
    names = found[1].partition("[")[0].lstrip(".").split(".")
    for name in names[:-1]:
        value = value[name]
    value.pop(names[-1], None)
    return ".".join(names)


def _bounded(found: list[str]) -> Callable[[str], int | None]:
    def parse(digits: str) -> int | None:
        # Nineteen digits may still be too many, twenty always are; int() of millions is slow.
        if len(digits) <= 20 and -INTEGER_MAX <= int(digits) <= INTEGER_MAX:
            return int(digits)
        found.append("integer_out_of_range")
        return None

    return parse


def _clean(value: Any, found: list[str]) -> Any:
    """The same JSON value without what a database refuses: lone surrogates and NULs."""
    if isinstance(value, str):
        if not _BAD_TEXT.search(value):
            return value
        plain = value.isprintable() or "\x00" not in value
        found.append("lone_surrogate" if plain else "nul_bytes")
        return _BAD_TEXT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_clean(k, found): _clean(v, found) for k, v in value.items()}
    if isinstance(value, list):
        return [_clean(v, found) for v in value]
    return value


def _is_utf8(data: bytes) -> bool:
    try:
        if len(data) <= _PIECE_BYTES:
            data.decode()
        else:  # In pieces: as one string it may take four times its length.
            pieces = (data[at : at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES))
            for _ in codecs.iterdecode(pieces, "utf-8"):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _blank_end(line: bytes, at: int) -> int:
    found = _BLANK.match(line, at)
    return found.end() if found else at


def _is_strict(piece: bytes) -> bool:
    """Is this object UTF-8 without anything that would have to be repaired?"""
    try:
        json.loads(piece)
    except _REFUSED:
        return False
    return True


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except _REFUSED:
        return False
    return True
