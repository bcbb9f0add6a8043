"""How many bytes a file lost: seen by a stat, gone before anybody read them. Pure.

What can be known are sizes: every look, failed try and sweep takes a stat, and what it showed
behind the committed bytes was there and unread. Those bytes are lost when the file shrinks, when
other content stands where they would follow, or when the file vanishes and lives on under no other
name. A half line at the end is among them only then: as long as it may still be read, it is not
lost.

What cannot be known, and is not counted: bytes that came and went between two stats; and, if a
file was rewritten, whether what is there now is what was there then. In doubt nothing is called
lost: unread bytes are taken for carried over as far as a file reaches that still begins with the
committed ones, and what a sweep saw may already have been the new content. Of a compressed file
only the case that nothing of it was ever read can be told, in compressed bytes. A document replaces
itself by nature, so it loses only what vanishes.
"""

from typing import Literal, NamedTuple

from core.ledger import FileStat, LedgerEntry

How = Literal["truncated", "rewritten", "replaced", "vanished"]


class Loss(NamedTuple):
    """Bytes that existed and will never be read by one processor, and how they went."""

    size_bytes: int
    how: How
    found_at_us: int


class Known(NamedTuple):
    """What was known of a file before a look: its entry, and the stat that a sweep took since.
    An entry whose file was gone speaks of nothing that is there."""

    entry: LedgerEntry | None
    seen: FileStat | None = None
    compressed: bool = False

    @property
    def committed_bytes(self) -> int:
        return self.entry.committed_bytes if self.entry else 0

    @property
    def noted(self) -> FileStat | None:
        """The stat of the entry, of a file that was there."""
        return None if self.entry is None or self.entry.source_gone else self.entry.stat

    @property
    def stats(self) -> list[FileStat]:
        return [stat for stat in (self.noted, self.seen) if stat]

    @property
    def same_file(self) -> bool:
        """Did the sweeps see the file that the entry speaks of?"""
        return bool(self.noted and self.seen and self.noted.identity == self.seen.identity)


def known_of(
    entry: LedgerEntry | None, seen: FileStat | None, *, compressed: bool = False
) -> Known:
    """A sweep takes its time: what it saw before the entry was written is no news."""
    stale = entry and entry.stat and seen and seen.changed_ns <= entry.stat.changed_ns
    return Known(entry, None if stale else seen, compressed)


def unread_bytes(known: Known) -> int:
    """What is lost if nothing of it comes back; 0: there is nothing to lose."""
    if known.compressed and known.entry and known.entry.generation:
        return 0
    noted = _noted_bytes(known)
    if known.seen is None:
        return noted
    if known.same_file:
        return max(noted, known.seen.size_bytes - known.committed_bytes)
    return noted + known.seen.size_bytes  # Another file, of which nothing was read.


def by_vanishing(known: Known, *, now_us: int) -> Loss | None:
    """Of a file that is gone."""
    lost = unread_bytes(known)
    return Loss(lost, "vanished", now_us) if lost else None


def by_change(known: Known, stat: FileStat, *, stands: bool, now_us: int) -> Loss | None:
    """Of a file that is there as `stat` says. `stands`: does it begin with what is committed?"""
    if not unread_bytes(known):
        return None
    lost = _shrunk_by(known.stats, stat) if stands else _lost_by_rewriting(known, stat)
    return Loss(lost, _how(known, stat), now_us) if lost else None


def _noted_bytes(known: Known) -> int:
    """Unread bytes that the entry's own stat speaks of."""
    noted = known.noted
    return max(0, noted.size_bytes - known.committed_bytes) if noted else 0


def _shrunk_by(stats: list[FileStat], stat: FileStat) -> int:
    return max(0, max(before.size_bytes for before in stats) - stat.size_bytes)


def _lost_by_rewriting(known: Known, stat: FileStat) -> int:
    seen = known.seen
    if seen is None or seen.identity != stat.identity:
        return unread_bytes(known)
    # The sweep saw this file, but before or after it was rewritten?
    after = _noted_bytes(known) + _shrunk_by([seen], stat)
    return min(unread_bytes(known), after) if known.same_file else after


def _how(known: Known, stat: FileStat) -> How:
    before = known.stats[0]
    if before.identity != stat.identity:
        return "replaced"
    return "truncated" if _shrunk_by(known.stats, stat) else "rewritten"
