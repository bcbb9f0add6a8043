"""What counts as lost, as a table of entries and stats."""

from dataclasses import replace

import pytest

from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from core.loss import Loss, by_change, by_vanishing, unread_bytes

STAT = FileStat(1, 7, 100, 0, 0)
READ = LedgerEntry("seen", SessionKey("s", "a"), generation=3, committed_bytes=100, stat=STAT)
TAIL = replace(READ, committed_bytes=90)


@pytest.mark.parametrize(
    ("entry", "seen_bytes", "unread"),
    [
        (None, 0, 0),  # nobody ever took a stat
        (None, 70, 70),
        (READ, 0, 0),
        (READ, 80, 0),
        (READ, 130, 30),
        (TAIL, 0, 10),
        (TAIL, 130, 40),
        (replace(TAIL, stat=None), 0, 0),
        (replace(TAIL, source_gone=True), 0, 0),  # lost when it vanished, not once more
        (replace(TAIL, source_gone=True), 130, 40),  # it had come back
        (replace(READ, generation=0, committed_bytes=0, status="parked"), 0, 100),
    ],
)
def test_what_was_seen_behind_the_committed_bytes(entry, seen_bytes, unread):
    assert unread_bytes(entry, seen_bytes, compressed=False) == unread


def test_of_a_compressed_file_only_nothing_at_all_can_be_told():
    assert unread_bytes(None, 70, compressed=True) == 70
    assert unread_bytes(replace(READ, generation=0), 0, compressed=True) == 100
    assert unread_bytes(replace(READ, committed_bytes=10), 130, compressed=True) == 0


@pytest.mark.parametrize(
    ("size_bytes", "stands", "lost"),
    [
        (100, True, None),
        (150, True, None),  # the tail is still there, and more
        (95, True, Loss(5, "truncated", 1)),
        (90, True, Loss(10, "truncated", 1)),
        (40, False, Loss(10, "truncated", 1)),
        (0, False, Loss(10, "truncated", 1)),
        (100, False, Loss(10, "rewritten", 1)),
        (150, False, Loss(10, "rewritten", 1)),
    ],
)
def test_what_a_changed_file_lost(size_bytes, stands, lost):
    stat = STAT._replace(size_bytes=size_bytes)

    assert by_change(TAIL, stat, 10, stands=stands, now_us=1) == lost
    assert by_change(TAIL, stat, 0, stands=stands, now_us=1) is None


def test_another_file_in_its_place_may_carry_on():
    other = FileStat(1, 8, 100, 0, 0)

    assert by_change(TAIL, other, 10, stands=True, now_us=1) is None
    assert by_change(TAIL, other, 10, stands=False, now_us=1) == Loss(10, "replaced", 1)
    shorter = other._replace(size_bytes=92)
    assert by_change(TAIL, shorter, 10, stands=True, now_us=1) == Loss(8, "replaced", 1)


def test_a_file_that_was_only_seen_loses_what_it_shrank_by():
    assert by_change(None, STAT, 130, stands=True, now_us=1) == Loss(30, "truncated", 1)
    assert by_change(None, STAT, 100, stands=True, now_us=1) is None


def test_with_a_file_vanishes_all_that_was_unread():
    assert by_vanishing(10, now_us=1) == Loss(10, "vanished", 1)
    assert by_vanishing(0, now_us=1) is None
