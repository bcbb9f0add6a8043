"""Decodes lines once for all line processors: the last few chunks, by what they hold.

The rule: a chunk is known by the digest of its bytes, its offset and the dialect, and decoding is
pure, so what is found here is what decoding again would give, whoever asks. Lanes stay apart: they
share no queue and no wait, only this work.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

import xxhash

from core.lines import Fault, Line, read_lines
from core.record import Record
from processors import dialects

Decoded = tuple[list[Line[Record]], list[Fault]]
Decode = Callable[[bytes, int, str], Decoded]
"""(data, offset, dialect) to records and faults."""

CHUNKS_MAX = 8
SHARED_BYTES_MAX = 1 << 20
"""Larger chunks are not kept: appends are what several lanes read at the same time."""


def decode(data: bytes, offset: int, dialect: str) -> Decoded:
    """Records on one side, faults on the other."""
    lines: list[Line[Record]] = []
    faults: list[Fault] = []
    for item in read_lines(data, offset, dialects.by_name(dialect)):
        if isinstance(item, Fault):
            faults.append(item)
        else:
            lines.append(item)
    return lines, faults


class SharedDecoding:
    """`decode` with a memory of `CHUNKS_MAX` chunks. What it gives must not be changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chunks: OrderedDict[tuple[bytes, int, str], Decoded] = OrderedDict()
        self.shared_count = 0

    def __call__(self, data: bytes, offset: int, dialect: str) -> Decoded:
        if len(data) > SHARED_BYTES_MAX:
            return decode(data, offset, dialect)
        place = (xxhash.xxh3_128_digest(data), offset, dialect)
        with self._lock:
            found = self._chunks.get(place)
            self.shared_count += found is not None
        if found is None:
            found = decode(data, offset, dialect)
            self._keep(place, found)
        return found

    def _keep(self, place: tuple[bytes, int, str], found: Decoded) -> None:
        with self._lock:
            self._chunks[place] = found
            while len(self._chunks) > CHUNKS_MAX:
                self._chunks.popitem(last=False)
