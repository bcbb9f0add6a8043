"""What waits for a processor: files compared with the ledger, and since when."""

from dataclasses import replace

import pytest

from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from service.unread import Unread
from state.ledger import LedgerMirror

KEY = SessionKey("team", "amara/s.jsonl")
SECOND_US = 10**6


def stat(size_bytes=100, changed_s=10.0, inode=1):
    at_ns = int(changed_s * 1e9)
    return FileStat(1, inode, size_bytes, at_ns, at_ns)


def entry(at=None, **changes):
    plain = LedgerEntry(
        "usage", KEY, generation=1, committed_bytes=100, processor_version=2,
        stat=at or stat(), settled=True,
    )  # fmt: skip
    return replace(plain, **changes)


@pytest.fixture
def ledger():
    return LedgerMirror()


@pytest.fixture
def unread(ledger):
    return Unread("usage", 2, ledger)


def swept(unread, at_s, *found, source="team"):
    unread.swept(source, dict(found), int(at_s * SECOND_US))


FAILED = {"tried_version": 2, "attempts": 1}


@pytest.mark.parametrize(
    ("known", "seen", "waits"),
    [
        (None, stat(), True),
        (entry(), stat(), False),
        (entry(settled=False), stat(), False),
        (entry(), stat(200, 11.0), True),
        (entry(), stat(50, 11.0), True),
        (entry(), stat(inode=2, changed_s=11.0), True),
        (entry(stat(200, 11.0)), stat(100, 10.0), False),
        (entry(processor_version=1), stat(), True),
        (entry(source_gone=True), stat(), True),
        (entry(status="parked", **FAILED), stat(), False),
        (entry(status="parked", **FAILED), stat(200, 11.0), True),
        (entry(status="retrying", **FAILED), stat(200, 11.0), False),
        (entry(status="parked", tried_version=1, attempts=1, processor_version=1), stat(), True),
    ],
)
def test_a_file_waits_if_the_ledger_says_less_than_the_disk(ledger, unread, known, seen, waits):
    if known:
        ledger.put(known)
    swept(unread, 20, (KEY, seen))

    assert (unread.behind().files == 1) == waits


def test_a_file_that_was_read_once_and_has_changed_since_waits(ledger, unread):
    ledger.put(entry())
    swept(unread, 20)
    swept(unread, 50, (KEY, stat(250, 40.0)))

    behind = unread.behind()

    assert (behind.files, behind.size_bytes, behind.oldest) == (1, 150, KEY)
    assert behind.waiting_s(100 * SECOND_US) == 60.0
    assert behind.lag_s(100 * SECOND_US) == 60.0


def test_what_was_there_before_the_start_waits_since_the_first_sweep(unread):
    swept(unread, 1000, (KEY, stat(changed_s=10.0)))

    assert unread.behind().waiting_s(1005 * SECOND_US) == 5.0
    assert unread.behind().lag_s(1005 * SECOND_US) == 995.0


def test_a_file_waits_on_from_when_it_began_to(unread):
    for at_s in (20, 50, 80):
        swept(unread, at_s, (KEY, stat(changed_s=15.0)))

    assert unread.behind().since_us == 20 * SECOND_US


def test_growing_while_it_waits_makes_it_no_younger(unread):
    swept(unread, 20, (KEY, stat()))
    swept(unread, 50, (KEY, stat(200, 45.0)))

    assert unread.behind().since_us == 20 * SECOND_US


def test_a_file_that_was_read_between_two_sweeps_begins_anew(ledger, unread):
    swept(unread, 20, (KEY, stat()))
    ledger.put(entry())
    assert unread.behind().files == 0
    swept(unread, 50, (KEY, stat(200, 45.0)))

    assert unread.behind().since_us == 45 * SECOND_US


def test_a_rescan_of_an_old_file_waits_since_the_last_sweep_at_most(ledger, unread):
    ledger.put(entry())
    swept(unread, 1000)
    ledger.put(entry(processor_version=0))
    swept(unread, 1030, (KEY, stat()))

    assert unread.behind().since_us == 1000 * SECOND_US
    assert unread.behind().size_bytes == 100, "all of it is read again"


def test_a_clock_of_the_file_system_that_runs_ahead_does_no_harm(ledger, unread):
    swept(unread, 20)
    swept(unread, 50, (KEY, stat(changed_s=9999.0)))

    assert unread.behind().waiting_s(60 * SECOND_US) == 10.0
    assert unread.behind().lag_s(60 * SECOND_US) == 0.0


def test_the_file_that_waits_longest_is_named(unread):
    other = SessionKey("home", "noor/s.jsonl")
    swept(unread, 20, (KEY, stat()))
    swept(unread, 30, (other, stat()), source="home")

    assert unread.behind().oldest == KEY
    assert unread.behind().files == 2
    assert unread.sources == {"team", "home"}


def test_of_a_compressed_file_all_bytes_count(ledger, unread):
    key = SessionKey("team", "amara/s.jsonl.gz")
    ledger.put(replace(entry(), key=key))
    swept(unread, 50, (key, stat(250, 40.0)))

    assert unread.behind().size_bytes == 250
