"""The bytes of one open file, decompressed if its name says so. Offsets count those bytes.

The rules: memory stays bounded whatever the file claims, because compressed data is only ever
unpacked as far as asked for. A compressed file that ends in the middle simply ends there (it may
still be growing); what is corrupt is an error only to a read that needs what lies behind.
"""

import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Protocol, cast

import zstandard

from core.errors import PermanentError
from core.ledger import FileStat
from core.seams import OpenFile

INPUT_BYTES = 1 << 16
SKIP_BYTES = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS


class Stream(Protocol):
    """Unpacks from the front of the file."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size`; none only where the data ends."""


def content(name: str, fd: int, stat: FileStat, age_ns: int) -> OpenFile:
    """What `core.seams.Files.open` hands out for an open descriptor; the caller closes it."""
    if name.endswith(".gz"):
        return PackedFile(stat, age_ns, lambda: _Gzip(fd), "corrupt_gzip")
    if name.endswith(".zst"):
        return PackedFile(stat, age_ns, lambda: _zstd(fd), "corrupt_zstd")
    return PlainFile(stat, age_ns, fd)


@dataclass(slots=True)
class PlainFile:
    """A file that is read as it is."""

    stat: FileStat
    age_ns: int
    _fd: int

    def read(self, offset: int, size_bytes: int) -> bytes:
        """See `core.seams.OpenFile`."""
        parts: list[bytes] = []
        while size_bytes and (part := os.pread(self._fd, size_bytes, offset)):
            parts.append(part)
            offset += len(part)
            size_bytes -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class PackedFile:
    """A compressed file: reading on is cheap, and so is reading the end of the last read again.

    Reading further back starts again at the beginning of the file.
    """

    def __init__(
        self, stat: FileStat, age_ns: int, start: Callable[[], Stream], reason: str
    ) -> None:
        self.stat = stat
        self.age_ns = age_ns
        self._start = start
        self._reason = reason
        self._stream: Stream | None = None
        self._at = 0
        self._kept = b""
        """What was read last; it ends at `_at`."""

    def read(self, offset: int, size_bytes: int) -> bytes:
        """See `core.seams.OpenFile`. Raises `PermanentError` if it needs corrupt data."""
        if self._stream is None or offset < self._at - len(self._kept):
            self._stream, self._at, self._kept = self._start(), 0, b""
        while self._at < offset and self._next(min(SKIP_BYTES, offset - self._at)):
            self._kept = b""
        if self._at < offset:
            return b""
        # Readers take whole lines and come back for the beginning of the next one.
        back = self._at - offset
        parts = [self._kept[len(self._kept) - back :][:size_bytes]] if back else []
        if back >= size_bytes:
            return parts[0] if parts else b""
        size_bytes -= back
        while size_bytes and (part := self._next(size_bytes)):
            parts.append(part)
            size_bytes -= len(part)
        self._kept = parts[0] if len(parts) == 1 else b"".join(parts)
        return self._kept

    def _next(self, size: int) -> bytes:
        assert self._stream is not None
        try:
            data = self._stream.read(size)
        except (zlib.error, zstandard.ZstdError) as error:
            self._stream, self._kept = None, b""
            raise PermanentError(
                f"cannot unpack what follows byte {self._at}: {error}", reason=self._reason
            ) from error
        self._at += len(data)
        return data


class _Gzip:
    """Any number of gzip members one after the other, as `cat a.gz b.gz` makes them."""

    def __init__(self, fd: int) -> None:
        self._raw = _Raw(fd)
        self._input = b""
        self._member: zlib._Decompress | None = None

    def read(self, size: int, /) -> bytes:
        while True:
            self._input = self._input or self._raw.read()
            ended = not self._input
            if self._member is None:
                # Zeros around members are padding, as to gzip itself.
                self._input = self._input.lstrip(b"\0")
                self._member = zlib.decompressobj(_GZIP) if self._input else None
            # Called without input as well: a member may hold back what did not fit last time.
            data = self._unpack(size)
            if data or ended:
                return data

    def _unpack(self, size: int) -> bytes:
        if self._member is None:
            return b""
        data = self._member.decompress(self._input, size)
        self._input = self._member.unconsumed_tail
        if self._member.eof:
            self._input, self._member = self._member.unused_data, None
        return data


def _zstd(fd: int) -> Stream:
    """Any number of zstd frames one after the other; windows of up to 128 MiB."""
    raw = cast("IO[bytes]", _Raw(fd))
    return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True, closefd=False)


class _Raw:
    """The compressed bytes from the front, without moving the descriptor's own position."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._read_to = 0

    def read(self, size: int = INPUT_BYTES) -> bytes:
        data = os.pread(self._fd, size, self._read_to)
        self._read_to += len(data)
        return data
