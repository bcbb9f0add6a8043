"""Which files one processor has not read yet, by the last sweep and the ledger of now.

The rule: what waits is found by comparing what lies on disk with what is committed, never by when
something was last processed: a single file that was skipped, and one that was read once and has
changed since, wait like a new one. What failed is parked or retrying and does not count here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from core.seams import Ledger
from service.losses import COMPRESSED


class Waiting(NamedTuple):
    """A file as a sweep saw it, and since when it is known to wait (microseconds)."""

    stat: FileStat
    since_us: int


@dataclass(frozen=True, slots=True)
class Behind:
    """All that waits, in sum: `oldest` has waited longest, `changed_us` is its last change."""

    files: int = 0
    size_bytes: int = 0
    oldest: SessionKey | None = None
    since_us: int = 0
    changed_us: int = 0

    def waiting_s(self, now_us: int) -> float:
        """How long the oldest has been known to wait."""
        return max(0.0, (now_us - self.since_us) / 1e6) if self.files else 0.0

    def lag_s(self, now_us: int) -> float:
        """How long ago the first change was that is not committed."""
        return max(0.0, (now_us - self.changed_us) / 1e6) if self.files else 0.0


class Unread:
    """`swept` is for sweeps, one at a time; everything else may be asked from any thread."""

    def __init__(self, processor: str, version: int, ledger: Ledger) -> None:
        self._processor = processor
        self._version = version
        self._ledger = ledger
        self._by_source: dict[str, dict[SessionKey, Waiting]] = {}
        self._swept_us: dict[str, int] = {}

    def swept(self, source: str, seen: Mapping[SessionKey, FileStat], began_us: int) -> None:
        """A sweep that began then saw these files of a source differ from the ledger."""
        before = self._by_source.get(source, {})
        found = {
            key: Waiting(stat, self._since_us(source, key, stat, before.get(key), began_us))
            for key, stat in seen.items()
            if self._waits(key, stat)
        }
        self._by_source[source] = found
        self._swept_us[source] = began_us

    @property
    def sources(self) -> frozenset[str]:
        """Those that were swept."""
        return frozenset(self._swept_us)

    def now(self) -> Iterator[tuple[SessionKey, Waiting]]:
        """What still waits of what the last sweeps saw."""
        for found in list(self._by_source.values()):
            yield from ((key, one) for key, one in found.items() if self._waits(key, one.stat))

    def behind(self) -> Behind:
        """In sum."""
        files = list(self.now())
        if not files:
            return Behind()
        key, oldest = min(files, key=lambda one: (one[1].since_us, one[0]))
        size_bytes = sum(self._unread_bytes(key, one.stat) for key, one in files)
        changed_us = min(one.stat.changed_ns for _, one in files) // 1000
        return Behind(len(files), size_bytes, key, oldest.since_us, changed_us)

    def _since_us(
        self, source: str, key: SessionKey, stat: FileStat, before: Waiting | None, began_us: int
    ) -> int:
        """It began to wait with its change, but after the sweep that did not find it waiting."""
        if before and self._waits(key, before.stat):
            return before.since_us
        last_us = self._swept_us.get(source, began_us)
        return min(began_us, max(last_us, stat.changed_ns // 1000))

    def _waits(self, key: SessionKey, stat: FileStat) -> bool:
        entry = self._ledger.get(self._processor, key)
        if entry is None or entry.source_gone:
            return True
        if entry.status != "ok" and entry.tried_version == self._version:
            return entry.status == "parked" and not _covers(entry, stat)
        return entry.processor_version != self._version or not _covers(entry, stat)

    def _unread_bytes(self, key: SessionKey, stat: FileStat) -> int:
        entry = self._ledger.get(self._processor, key)
        same = entry is not None and entry.stat is not None and (
            entry.stat.identity == stat.identity and entry.processor_version == self._version
            and not entry.source_gone
        )  # fmt: skip
        if not same or entry is None or key.path.endswith(COMPRESSED):
            return stat.size_bytes
        return max(0, stat.size_bytes - entry.committed_bytes)


def _covers(entry: LedgerEntry, stat: FileStat) -> bool:
    """Has what a sweep saw been looked at, or something later of the same file?"""
    have = entry.stat
    return have is not None and (have == stat or have.changed_ns > stat.changed_ns)
