"""What counts as lost, as a table of entries and stats."""

from dataclasses import replace

import pytest

from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from core.loss import Known, Loss, by_change, by_vanishing, known_of, unread_bytes

STAT = FileStat(1, 7, 100, 0, 0)
OTHER = FileStat(1, 8, 100, 0, 0)
READ = LedgerEntry("seen", SessionKey("s", "a"), generation=3, committed_bytes=100, stat=STAT)
TAIL = replace(READ, committed_bytes=90)
FAILED = replace(READ, generation=0, committed_bytes=0, status="parked")
GONE = replace(TAIL, source_gone=True)


def sized(size_bytes: int, stat: FileStat = STAT) -> FileStat:
    return stat._replace(size_bytes=size_bytes)


@pytest.mark.parametrize(
    ("known", "unread"),
    [
        (Known(None), 0),  # nobody ever took a stat
        (Known(None, sized(70)), 70),
        (Known(READ), 0),
        (Known(READ, sized(80)), 0),
        (Known(READ, sized(130)), 30),
        (Known(READ, sized(70, OTHER)), 70),  # another file, of which nothing was read
        (Known(TAIL), 10),
        (Known(TAIL, sized(130)), 40),
        (Known(TAIL, sized(50)), 10),
        (Known(TAIL, sized(50, OTHER)), 60),
        (Known(replace(TAIL, stat=None)), 0),
        (Known(GONE), 0),  # lost when it vanished, not once more
        (Known(GONE, sized(30)), 30),  # it had come back
        (Known(FAILED), 100),
    ],
)
def test_what_is_lost_with_a_file_that_vanishes(known, unread):
    assert unread_bytes(known) == unread
    assert by_vanishing(known, now_us=1) == (Loss(unread, "vanished", 1) if unread else None)


def test_what_a_slow_sweep_saw_before_the_entry_was_written_is_no_news():
    entry = replace(READ, stat=STAT._replace(mtime_ns=70, ctime_ns=70))
    before, after = sized(900)._replace(ctime_ns=70), sized(900)._replace(ctime_ns=71)

    assert known_of(entry, before).seen is None
    assert known_of(entry, after).seen == after
    assert known_of(None, before).seen == before


def test_of_a_compressed_file_only_nothing_at_all_can_be_told():
    assert unread_bytes(Known(None, sized(70), compressed=True)) == 70
    assert unread_bytes(Known(FAILED, compressed=True)) == 100
    assert unread_bytes(Known(replace(READ, committed_bytes=10), sized(130), compressed=True)) == 0


@pytest.mark.parametrize(
    ("stat", "stands", "lost"),
    [
        (sized(100), True, None),
        (sized(150), True, None),  # the tail is still there, and more
        (sized(95), True, Loss(5, "truncated", 1)),
        (sized(90), True, Loss(10, "truncated", 1)),
        (sized(40), False, Loss(10, "truncated", 1)),
        (sized(0), False, Loss(10, "truncated", 1)),
        (sized(100), False, Loss(10, "rewritten", 1)),
        (sized(150), False, Loss(10, "rewritten", 1)),
        (sized(100, OTHER), True, None),  # another file may carry on
        (sized(92, OTHER), True, Loss(8, "replaced", 1)),
        (sized(100, OTHER), False, Loss(10, "replaced", 1)),
    ],
)
def test_what_a_changed_file_lost(stat, stands, lost):
    assert by_change(Known(TAIL), stat, stands=stands, now_us=1) == lost
    assert by_change(Known(READ), stat, stands=stands, now_us=1) is None


@pytest.mark.parametrize(
    ("known", "stat", "stands", "lost"),
    [
        (Known(TAIL, sized(130)), sized(130), True, None),
        (Known(TAIL, sized(130)), sized(95), True, Loss(35, "truncated", 1)),
        # The sweep may have seen the new content, so only the old tail is surely lost …
        (Known(TAIL, sized(130)), sized(130), False, Loss(10, "rewritten", 1)),
        # … and here no more than the old content can have had.
        (Known(TAIL, sized(130)), sized(20), False, Loss(40, "truncated", 1)),
        (Known(TAIL, sized(130, OTHER)), sized(130, OTHER), False, Loss(10, "replaced", 1)),
        (Known(TAIL, sized(130, OTHER)), sized(20, OTHER), False, Loss(120, "replaced", 1)),
        (Known(TAIL, sized(130)), sized(20, OTHER), False, Loss(40, "replaced", 1)),
        (Known(GONE, sized(130)), sized(130), False, None),
        (Known(GONE, sized(130, OTHER)), sized(30, OTHER), False, Loss(100, "truncated", 1)),
        (Known(None, sized(130)), sized(100), True, Loss(30, "truncated", 1)),
        (Known(None, sized(100)), sized(100), True, None),
        (Known(None, sized(130)), sized(150, OTHER), True, None),
    ],
)
def test_what_sweeps_saw_counts_as_far_as_it_is_certain(known, stat, stands, lost):
    assert by_change(known, stat, stands=stands, now_us=1) == lost
