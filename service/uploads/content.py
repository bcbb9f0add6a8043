"""What files of the drop folder say: their digests, and how far two are alike.

The rule: a digest is only remembered together with the stat it was taken under, so adding to a
large file costs what is added, and a file that something else changed is read again.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from typing import Any

from core.keys import SessionKey
from service.uploads.drop import pieces

KNOWN_MAX = 4096
TAIL_BYTES = 1 << 16
Hash = Any
"""What `hashlib.sha256()` gives."""


class Digests:
    """Of files by their keys. Any thread may ask."""

    def __init__(self) -> None:
        self._known: OrderedDict[SessionKey, tuple[tuple[int, ...], Hash]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: SessionKey, fd: int, size_bytes: int) -> Hash:
        """Of the first bytes of an open file."""
        stat = _stat(fd)
        is_whole = size_bytes == stat[2]
        with self._lock:
            known = self._known.get(key)
        if known and is_whole and known[0] == stat:
            return known[1].copy()
        digest = hashlib.sha256()
        for piece in pieces(fd, 0, size_bytes):
            digest.update(piece)
        if is_whole and _stat(fd) == stat:
            self.know(key, fd, digest)
        return digest

    def know(self, key: SessionKey, fd: int, digest: Hash) -> None:
        """This is the digest of the whole file as it is now."""
        with self._lock:
            self._known[key] = _stat(fd), digest.copy()
            self._known.move_to_end(key)
            while len(self._known) > KNOWN_MAX:
                self._known.popitem(last=False)


def alike(one: int, start: int, other: int, size_bytes: int) -> bool:
    """Are so many bytes of one file, from an offset on, those that the other begins with?"""
    theirs = pieces(other, 0, size_bytes)
    return all(ours == next(theirs, b"") for ours in pieces(one, start, start + size_bytes))


def complete_bytes(fd: int, size_bytes: int) -> int:
    """How much of a file are complete lines."""
    end = size_bytes
    while end > 0:
        start = max(0, end - TAIL_BYTES)
        found = os.pread(fd, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _stat(fd: int) -> tuple[int, ...]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
