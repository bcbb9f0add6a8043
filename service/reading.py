"""Turns an open file into steps: bounded pieces of rows with the digests of the bytes behind them.

The rule: a step ends at a record's end and carries everything its commit needs, so a crash
between two steps costs nothing, and reading in steps gives the rows of reading the whole.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from core.blocks import BLOCK_BYTES, BlockDigester, block_span, digest, digest_at
from core.errors import ChangedError, PermanentError
from core.keys import SessionKey
from core.ledger import LedgerEntry
from core.lines import Fault, complete_length, whole_records
from core.plan import Proof, blocks_to_prove
from core.rows import QUARANTINE, RowSets
from core.seams import OpenFile
from processors import dialects
from processors.base import (
    Document,
    DocumentProcessor,
    Later,
    LineProcessor,
    Session,
    SessionProcessor,
    Tools,
)
from service.decoding import Decode, decode
from service.limits import Limits
from service.mapping import group_rows, line_rows

SPAN_LINES_MAX = 1 << 15
"""A chunk of very short lines is taken in parts, because each line costs memory of its own: four
MiB of two bytes a line were 1.1 GB of rows and faults."""


class Step(msgspec.Struct, frozen=True):
    """Rows of the bytes up to `committed_bytes`, ready to be committed."""

    committed_bytes: int
    size_bytes: int
    """How many of them are this step's."""
    blocks: bytes
    dialect: str
    rows: RowSets
    line_count: int
    faults: tuple[str, ...]
    """The reason of each fault."""


class _Span(NamedTuple):
    offset: int
    data: bytes
    oversize_bytes: int = 0


def prove(file: OpenFile, entry: LedgerEntry, proof: Proof) -> BlockDigester | None:
    """Compare committed blocks with the file; a digester that can go on from there, or None.

    Reads the blocks that `core.plan.blocks_to_prove` names, in ascending order.
    """
    partial = b""
    for index in blocks_to_prove(entry, file.stat, proof):
        start, end = block_span(index, entry.committed_bytes)
        block = file.read(start, end - start)
        if digest(block) != digest_at(entry.blocks, index):
            return None
        partial = block if len(block) < BLOCK_BYTES else b""
    return BlockDigester(entry.blocks, partial)


class LineReading:
    """Iterates the steps of a session file from an offset; afterwards `tail_bytes` is known."""

    def __init__(
        self,
        file: OpenFile,
        processor: LineProcessor,
        limits: Limits,
        *,
        offset: int = 0,
        digester: BlockDigester | None = None,
        dialect: str = "",
        decode: Decode = decode,
    ) -> None:
        self._file = file
        self._processor = processor
        self._limits = limits
        self._offset = offset
        self._decode = decode
        self._digester = digester or BlockDigester()
        self.dialect = dialect
        self.tail_bytes = 0
        self.later: Later | None = None

    def __iter__(self) -> Iterator[Step]:
        for span in self._spans():
            self.dialect = self.dialect or self._detected(span)
            if span.oversize_bytes:
                yield self._oversize_step(span)
            else:
                yield self._step(span)

    def _step(self, span: _Span) -> Step:
        self._digester.extend(span.data)
        self._offset = span.offset + len(span.data)
        lines, faults = self._decode(span.data, span.offset, self.dialect)
        rows, failed = line_rows(self._processor, lines)
        return self._made(span, rows, len(lines), [*faults, *failed])

    def _oversize_step(self, span: _Span) -> Step:
        """A line too long to hold: digested piece by piece, then listed."""
        end = span.offset + span.oversize_bytes
        for at in range(span.offset, end, self._limits.chunk_bytes):
            piece = self._file.read(at, min(self._limits.chunk_bytes, end - at))
            # The digest must not vouch for lines that have taken its place since it was measured.
            if 0 <= piece.find(b"\n") != end - at - 1:
                raise ChangedError("the file was rewritten while it was read", reason="replaced")
            self._digester.extend(piece)
        self._offset = end
        detail = f"over line_max_bytes ({self._limits.line_max_bytes})"
        fault = Fault(span.offset, span.oversize_bytes - 1, "line_too_long", detail, kept=False)
        return self._made(span, {}, 0, [fault])

    def _made(
        self, span: _Span, rows: dict[str, list[Any]], line_count: int, faults: list[Fault]
    ) -> Step:
        if faults:
            rows[QUARANTINE] = [(fault.offset, 0, *fault[1:]) for fault in faults]
        reasons = tuple(fault.reason for fault in faults)
        size, blocks = self._offset - span.offset, self._digester.blocks
        return Step(self._offset, size, blocks, self.dialect, rows, line_count, reasons)

    def _spans(self) -> Iterator[_Span]:
        """Complete lines, at most `chunk_bytes` at a time; longer only for a single long line."""
        offset, limits = self._offset, self._limits
        want_bytes = limits.chunk_bytes
        while True:
            data = self._file.read(offset, want_bytes)
            size = _span_length(data, limits.chunk_bytes)
            if size:
                yield _Span(offset, data[:size])
                offset += size
            if data.find(b"\n", size) >= 0:  # The rest is read again, as the beginning of a chunk.
                want_bytes = limits.chunk_bytes
                continue
            if len(data) < want_bytes:
                yield from self._tail(offset, data[size:])
                return
            if not size and want_bytes < limits.line_max_bytes:
                want_bytes = min(want_bytes * 4, limits.line_max_bytes)
                continue
            if not size:
                length = self._line_length(offset + want_bytes, offset)
                if not length:
                    self.tail_bytes = want_bytes
                    return
                yield _Span(offset, b"", length)
                offset += length
            want_bytes = limits.chunk_bytes

    def _tail(self, offset: int, data: bytes) -> Iterator[_Span]:
        """The bytes after the last newline: taken if they are a record and have gone quiet."""
        taken = _countable_length(data, self._file, self._limits)
        self.tail_bytes = len(data[taken:].strip())
        if taken:
            yield _Span(offset, data[:taken])

    def _detected(self, span: _Span) -> str:
        """What the head of the file says, wherever the first span may have cut it short.

        A line over `line_max_bytes` that begins in the head is as undecided as 64 KiB of others.
        """
        found = "" if span.offset else _dialect(span.data)
        want_bytes = dialects.HEAD_BYTES
        while not found:
            head = self._file.read(0, want_bytes)
            if len(head) < want_bytes or b"\n" in head[dialects.HEAD_BYTES - 1 :]:
                return _dialect(head[: _countable_length(head, self._file, self._limits)])
            too_long = want_bytes >= dialects.HEAD_BYTES + self._limits.line_max_bytes
            found, want_bytes = dialects.UNKNOWN if too_long else "", 4 * want_bytes
        return found

    def _line_length(self, at: int, start: int) -> int:
        """Length of an over-long line including its newline, 0 if it has not ended yet."""
        while data := self._file.read(at, self._limits.chunk_bytes):
            found = data.find(b"\n")
            if found >= 0:
                return at + found + 1 - start
            at += len(data)
        return 0


class WholeReading:
    """The single step of a document or session: one pure call over everything the file says.

    After it `later` says whether the rows lack what the world did not give yet.
    """

    def __init__(
        self,
        file: OpenFile,
        processor: DocumentProcessor | SessionProcessor,
        limits: Limits,
        *,
        key: SessionKey,
        tools: Tools,
        dialect: str = "",
    ) -> None:
        self._file = file
        self._processor = processor
        self._limits = limits
        self._key = key
        self._tools = tools
        self.dialect = dialect
        self.tail_bytes = 0
        self.later: Later | None = None

    def __iter__(self) -> Iterator[Step]:
        data = self._content()
        digester = BlockDigester()
        digester.extend(data)
        rows, line_count, faults = self._rows(data)
        grouped = group_rows(self._processor.tables, ((0, row) for row in rows))
        if faults:
            grouped[QUARANTINE] = [(fault.offset, 0, *fault[1:]) for fault in faults]
        reasons = tuple(fault.reason for fault in faults)
        size, blocks = len(data), digester.blocks
        yield Step(size, size, blocks, self.dialect, grouped, line_count, reasons)

    def _content(self) -> bytes:
        """All bytes of a document; the complete lines of a session, and its tail if it is due."""
        document = self._processor.kind == "document"
        limit = self._limits.document_max_bytes if document else self._limits.session_max_bytes
        data = self._file.read(0, limit + 1)
        if len(data) > limit:
            raise PermanentError(
                f"larger than {limit} bytes", reason="file_too_large",
                hint=f"raise {'document' if document else 'session'}_max_bytes",
            )  # fmt: skip
        if document:
            return data
        size = _countable_length(data, self._file, self._limits)
        self.tail_bytes = len(data[size:].strip())
        return data[:size]

    def _rows(self, data: bytes) -> tuple[list[Any], int, list[Fault]]:
        processor: Any = self._processor
        if processor.kind == "document":
            return list(processor.rows(Document(self._key, data))), 1, []
        self.dialect = self.dialect or _dialect(data)
        lines, faults = decode(data, 0, self.dialect)
        rows = list(processor.rows(Session(self._key, lines), self._tools))
        wishes = [row for row in rows if isinstance(row, Later)]
        self.later = wishes[-1] if wishes else None
        return [row for row in rows if not isinstance(row, Later)], len(lines), faults


def has_unread(file: OpenFile, entry: LedgerEntry, kind: str, limits: Limits) -> bool:
    """Is there anything behind the committed bytes that a clean read would take?"""
    rest = file.read(entry.committed_bytes, limits.chunk_bytes)
    if kind == "document" or len(rest) == limits.chunk_bytes:
        return bool(rest)
    return bool(rest[: _countable_length(rest, file, limits)].strip())


def _countable_length(data: bytes, file: OpenFile, limits: Limits) -> int:
    """How much of a file's last bytes is taken: complete lines and, once quiet, whole records."""
    size = complete_length(data)
    quiet = file.age_ns >= limits.tail_quiet_s * 1e9
    return size + (whole_records(data[size:]) if quiet else 0)


def _span_length(data: bytes, chunk_bytes: int) -> int:
    """How much of it to take at once: whole lines, not more than `chunk_bytes`, not too many."""
    size = data.rfind(b"\n", 0, chunk_bytes) + 1
    while data.count(b"\n", 0, size) > SPAN_LINES_MAX:
        size = data.rfind(b"\n", 0, size // 2) + 1
    return size or data.find(b"\n") + 1


def _dialect(data: bytes) -> str:
    """The dialect of a file that starts with these records; its last one may lack the newline."""
    return dialects.detect(data if data.endswith(b"\n") else data + b"\n")
