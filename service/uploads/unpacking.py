"""Unpacks a body as it comes, in bounded steps.

The rule: whatever a body claims, a step gives at most some MiB, so a bomb is refused at the cap in
constant memory. What ends in the middle, or goes on behind its end, is not what was sent.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import zstandard

from core.errors import ConfigurationError, TransientError
from core.uploads import Encoding

STEP_BYTES = 1 << 18
ZSTD_INPUT_BYTES = 256
"""A block of four bytes may stand for 128 KiB, so this much stands for at most 8 MiB."""
ZSTD_WINDOW_BYTES = 8 << 20
"""What RFC 9659 allows over HTTP."""
_GZIP = 16 + zlib.MAX_WBITS


def within(chunks: Iterable[bytes], bytes_max: int) -> Iterator[bytes]:
    """The same, as far as they are not too many. Raises `ConfigurationError` (`too_large`)."""
    left = bytes_max
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise ConfigurationError(
                f"more than {bytes_max} bytes", reason="too_large",
                hint="[uploads] file_max_bytes is the bound",
            )  # fmt: skip
        yield chunk


def in_time(
    chunks: Iterable[bytes], until_s: float, monotonic_s: Callable[[], float]
) -> Iterator[bytes]:
    """The same, as long as it is not too late. Raises `TransientError` (`too_slow`)."""
    for chunk in chunks:
        if monotonic_s() > until_s:
            raise TransientError(
                "the body did not come in time", reason="too_slow", hint="send less at a time"
            )
        yield chunk


def unpacked(chunks: Iterable[bytes], encoding: Encoding) -> Iterator[bytes]:
    """What was packed. Raises `ConfigurationError` (`invalid_gzip`, `invalid_zstd`)."""
    if encoding == "gzip":
        return _gunzipped(chunks)
    if encoding == "zstd":
        return _unzstd(chunks)
    return iter(chunks)


def _gunzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Any number of members, and zeros as padding behind each, as gzip itself has it."""
    member: zlib._Decompress | None = None
    count = 0
    for chunk in chunks:
        rest = chunk
        while rest:
            if member is None and count and not (rest := rest.lstrip(b"\0")):
                break
            if member is None:
                member, count = zlib.decompressobj(_GZIP), count + 1
            data = _stepped(partial(member.decompress, max_length=STEP_BYTES), rest, "gzip")
            rest = member.unconsumed_tail
            if data:
                yield data
            # What did not fit into a step may be held back without any input left.
            while not rest and not member.eof and (data := member.decompress(b"", STEP_BYTES)):
                yield data
            if member.eof:
                rest, member = member.unused_data, None
    if member is not None or not count:
        raise _invalid("gzip")


def _unzstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Any number of frames."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
    frame, count = None, 0
    for chunk in chunks:
        for start in range(0, len(chunk), ZSTD_INPUT_BYTES):
            rest = chunk[start : start + ZSTD_INPUT_BYTES]
            while rest:
                if frame is None:
                    frame, count = unpacker.decompressobj(), count + 1
                yield _stepped(frame.decompress, rest, "zstd")
                rest, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None or not count:
        raise _invalid("zstd")


def _stepped(step: Callable[[bytes], bytes], data: bytes, encoding: str) -> bytes:
    try:
        return step(data)
    except (zlib.error, zstandard.ZstdError) as error:
        raise _invalid(encoding) from error


def _invalid(encoding: str) -> ConfigurationError:
    return ConfigurationError(
        f"the body is no whole {encoding}", reason=f"invalid_{encoding}",
        hint="send it again; zstd windows may have 8 MiB",
    )  # fmt: skip
