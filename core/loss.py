"""How many bytes a file lost: seen by a stat, gone before anybody read them. Pure.

What can be known are sizes: every look, failed try and sweep takes a stat, and what it showed
behind the committed bytes was there and unread. Those bytes are lost when the file shrinks, when
other content stands where they would follow, or when the file vanishes and lives on under no other
name. A half line at the end is among them only then: as long as it may still be read, it is not
lost.

What cannot be known, and is not counted: bytes that came and went between two stats; and, if a
file was rewritten behind the bytes that are committed of it, whether what follows now is what
followed then. In doubt nothing is called lost: unread bytes are taken for carried over as far as a
file reaches that still begins with the committed ones. Of a compressed file only the case that
nothing of it was ever read can be told, in compressed bytes. A document replaces itself by nature,
so it loses only what vanishes.
"""

from typing import Literal, NamedTuple

from core.ledger import FileStat, LedgerEntry

How = Literal["truncated", "rewritten", "replaced", "vanished"]


class Loss(NamedTuple):
    """Bytes that existed and will never be read by one processor, and how they went."""

    size_bytes: int
    how: How
    found_at_us: int


def unread_bytes(entry: LedgerEntry | None, seen_bytes: int, *, compressed: bool) -> int:
    """What stats have shown behind the committed bytes; `seen_bytes` is the largest size seen
    since the entry was written.

    A file that was gone has lost already what its entry's stat speaks of.
    """
    if entry is None:
        return seen_bytes
    known = 0 if entry.stat is None or entry.source_gone else entry.stat.size_bytes
    known = max(known, seen_bytes)
    if compressed:
        return 0 if entry.generation else known
    return max(0, known - entry.committed_bytes)


def by_change(
    entry: LedgerEntry | None, stat: FileStat, unread: int, *, stands: bool, now_us: int
) -> Loss | None:
    """Of a file that is there as `stat` says. `stands`: does it begin with what is committed?"""
    committed_bytes = entry.committed_bytes if entry else 0
    lost = max(0, committed_bytes + unread - stat.size_bytes) if stands else unread
    if not (unread and lost):
        return None
    if entry and entry.stat and entry.stat.identity != stat.identity:
        return Loss(lost, "replaced", now_us)
    shrunk = stat.size_bytes < committed_bytes + unread
    return Loss(lost, "truncated" if shrunk else "rewritten", now_us)


def by_vanishing(unread: int, *, now_us: int) -> Loss | None:
    """Of a file that is gone."""
    return Loss(unread, "vanished", now_us) if unread else None
