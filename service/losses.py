"""What one processor knows of bytes that wait to be read, so that none of them vanishes in silence.

The rule: a loss is computed from the entry that its commit starts from (the fence), so it is
written once, whatever is tried again; and it is called one only after nothing was found under
another name. What a sweep saw is kept in memory, and only as long as the file waits for its turn.
"""

import threading
from typing import NamedTuple

from core import loss
from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from core.loss import Loss
from core.seams import Clock, Files

COMPRESSED = (".gz", ".zst")
WALK_SHARE = 10
"""Walks that look for renamed files take at most a tenth of a core."""

Identity = tuple[int, int]


class Names:
    """Under which names files are now, by identity. Shared by all processors."""

    def __init__(self, files: Files, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._lock = threading.Lock()
        self._found: dict[str, dict[Identity, list[tuple[SessionKey, int]]]] = {}
        self._until_s: dict[str, float] = {}

    def lives_on(self, key: SessionKey, identities: set[Identity], size_bytes: int) -> bool:
        """Is the file still there under another name, as large as it was? Also true if that cannot
        be told. The size tells a renamed file from a new one that was given its inode."""
        with self._lock:
            try:
                found = self._look(key.source)
            except OSError:
                return True
        places = [place for identity in identities for place in found.get(identity, ())]
        return any(other != key and size >= size_bytes for other, size in places)

    def forget(self) -> None:
        """Free the memory of the last look."""
        with self._lock:
            self._found.clear()
            self._until_s.clear()

    def _look(self, source: str) -> dict[Identity, list[tuple[SessionKey, int]]]:
        started_s = self._clock.monotonic_s()
        if source not in self._found or started_s >= self._until_s[source]:
            found: dict[Identity, list[tuple[SessionKey, int]]] = {}
            for key, stat in self._files.walk(source):
                found.setdefault(stat.identity, []).append((key, stat.size_bytes))
            ended_s = self._clock.monotonic_s()
            self._found[source] = found
            self._until_s[source] = ended_s + WALK_SHARE * (ended_s - started_s)
        return self._found[source]


class _Seen(NamedTuple):
    stat: FileStat
    size_bytes: int
    """The largest of all sweeps since the file waits."""


class Losses:
    """One processor's. `expect` is for sweeps; a worker begins a run with `begin`."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._waiting: dict[SessionKey, _Seen] = {}
        self._in_hand: dict[SessionKey, _Seen] = {}

    def expect(self, key: SessionKey, stat: FileStat) -> bool:
        """A sweep found this file due. False if it waits already, and has not changed since."""
        before = self._waiting.get(key)
        if before and before.stat == stat:
            return False
        known_bytes = before.size_bytes if before else 0
        self._waiting[key] = _Seen(stat, max(known_bytes, stat.size_bytes))
        return True

    def begin(self, key: SessionKey) -> None:
        """A worker takes the file in hand: whatever a sweep sees from now on is news."""
        self._in_hand.pop(key, None)
        seen = self._waiting.pop(key, None)
        if seen:
            self._in_hand[key] = seen

    def end(self, key: SessionKey) -> None:
        """The run has ended."""
        self._in_hand.pop(key, None)

    def unread_bytes(self, key: SessionKey, entry: LedgerEntry | None) -> int:
        """What was seen of the file and is not committed."""
        seen = self._in_hand.get(key)
        compressed = key.path.endswith(COMPRESSED)
        return loss.unread_bytes(entry, seen.size_bytes if seen else 0, compressed=compressed)

    def by_change(
        self, key: SessionKey, entry: LedgerEntry | None, stat: FileStat, *, stands: bool
    ) -> Loss | None:
        """What a file lost that is there."""
        found = loss.by_change(entry, stat, self.unread_bytes(key, entry), stands=stands)
        if found and found.how == "replaced" and self._lives_on(key, entry):
            return None
        return found

    def by_vanishing(self, key: SessionKey, entry: LedgerEntry | None) -> Loss | None:
        """What went with a file that is gone."""
        found = loss.by_vanishing(self.unread_bytes(key, entry))
        return None if found and self._lives_on(key, entry) else found

    def _lives_on(self, key: SessionKey, entry: LedgerEntry | None) -> bool:
        seen = self._in_hand.get(key)
        stats = [stat for stat in (entry and entry.stat, seen and seen.stat) if stat]
        size_bytes = max((stat.size_bytes for stat in stats), default=0)
        return self._names.lives_on(key, {stat.identity for stat in stats}, size_bytes)
