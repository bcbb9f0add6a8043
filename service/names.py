"""Under which names files are now: asked before bytes of a file are called lost.

The rule: in doubt a file lives on, because a loss that was none teaches people to ignore losses.
"""

import threading

from core.keys import SessionKey
from core.seams import Clock, Files

WALK_SHARE = 10
"""Walks take at most a tenth of a core; between two of them the last one answers."""

Identity = tuple[int, int]
_Places = dict[Identity, list[tuple[SessionKey, int]]]


class Names:
    """Shared by all processors, safe from any thread."""

    def __init__(self, files: Files, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._lock = threading.Lock()
        self._places: dict[str, _Places] = {}
        self._until_s: dict[str, float] = {}

    def lives_on(self, key: SessionKey, identities: set[Identity], size_bytes: int) -> bool:
        """Is a file that had this key still there under another one, as large as it was?

        The size tells it from a new file that was given its inode.
        """
        with self._lock:
            try:
                places = self._look(key.source)
            except OSError:
                return True
        found = [place for identity in identities for place in places.get(identity, ())]
        return any(other != key and size >= size_bytes for other, size in found)

    def forget(self) -> None:
        """Free the memory of the last walks."""
        with self._lock:
            self._places.clear()

    def _look(self, source: str) -> _Places:
        started_s = self._clock.monotonic_s()
        if source not in self._places or started_s >= self._until_s[source]:
            places: _Places = {}
            for key, stat in self._files.walk(source):
                places.setdefault(stat.identity, []).append((key, stat.size_bytes))
            ended_s = self._clock.monotonic_s()
            self._places[source] = places
            self._until_s[source] = ended_s + WALK_SHARE * (ended_s - started_s)
        return self._places[source]
