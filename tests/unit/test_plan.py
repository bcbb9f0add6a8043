"""The plan, row by row: what a file needs follows from the ledger, its stat and the time alone."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import outcome
from core.blocks import BLOCK_BYTES
from core.errors import ConfigurationError, PermanentError, TransientError
from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from core.plan import (
    ATTEMPTS_MAX,
    Load,
    Look,
    Plan,
    Skip,
    Wait,
    after_failure,
    backoff_s,
    blocks_to_prove,
    decide,
    unproved_since,
)

NOW_US = 1_800_000_000_000_000
PROOF_MAX_US = 600_000_000
LONG_AGO_US = NOW_US - PROOF_MAX_US
SOON_US = NOW_US + 1
KEY = SessionKey("s", "ann/a.jsonl")

STAT = FileStat(1, 2, size_bytes=300, mtime_ns=10, ctime_ns=10)
GROWN = STAT._replace(size_bytes=400, mtime_ns=20, ctime_ns=20)
SHRUNK = STAT._replace(size_bytes=100, mtime_ns=20, ctime_ns=20)
TOUCHED = STAT._replace(mtime_ns=20, ctime_ns=20)
RESTORED = STAT._replace(ctime_ns=20)  # rsync and editors give back the old mtime, never ctime.
REPLACED = GROWN._replace(inode=9)
REMOUNTED = STAT._replace(device=9)

SETTLED = LedgerEntry(
    "p", KEY, generation=7, committed_bytes=300, blocks=b"x" * 16, processor_version=3,
    dialect="claude", stat=STAT, settled=True,
)  # fmt: skip
YOUNG = replace(SETTLED, settled=False)
OPEN_TAIL = replace(YOUNG, committed_bytes=250)
UNPROVED = replace(SETTLED, unproved_since_us=LONG_AGO_US)
UNPROVED_SHORTLY = replace(SETTLED, unproved_since_us=LONG_AGO_US + 1)
GONE = replace(SETTLED, settled=False, source_gone=True)
RETRYING = replace(
    YOUNG, status="retrying", attempts=1, tried_version=3, try_again_at_us=SOON_US, reason="r"
)
DUE = replace(RETRYING, try_again_at_us=NOW_US)
WAITING = replace(RETRYING, status="waiting")
OLD_WAITING = replace(WAITING, tried_version=2, processor_version=2)
PARKED = replace(RETRYING, status="parked", try_again_at_us=None)
NEVER_LOADED: dict[str, Any] = {
    "generation": 0,
    "committed_bytes": 0,
    "blocks": b"",
    "processor_version": 0,
}

DECISIONS: list[tuple[str, LedgerEntry | None, FileStat, Plan]] = [
    ("a file nobody read", None, STAT, Load("new")),
    ("a settled file", SETTLED, STAT, Skip("unchanged")),
    ("a file read too soon after its change", YOUNG, STAT, Look("ends")),
    ("a file with an open tail", OPEN_TAIL, STAT, Look("ends")),
    ("a grown file", SETTLED, GROWN, Look("ends")),
    ("a file that was truncated", SETTLED, SHRUNK, Load("truncated")),
    ("a tail that was cut off", OPEN_TAIL, SHRUNK._replace(size_bytes=250), Look("all")),
    ("a file cut into the committed bytes", OPEN_TAIL, SHRUNK._replace(size_bytes=249),
     Load("truncated")),
    ("a file that changed without growing", SETTLED, TOUCHED, Look("all")),
    ("a file whose mtime was restored", SETTLED, RESTORED, Look("all")),
    ("another file in its place", SETTLED, REPLACED, Load("replaced")),
    ("the same file on another device", SETTLED, REMOUNTED, Load("replaced")),
    ("a shorter file in its place", SETTLED, REPLACED._replace(size_bytes=1), Load("truncated")),
    ("a proof that is due", UNPROVED, STAT, Look("all")),
    ("a proof that is due, and growth", UNPROVED, GROWN, Look("all")),
    ("a proof that is not due yet", UNPROVED_SHORTLY, STAT, Skip("unchanged")),
    ("a proof that is not due yet, and growth", UNPROVED_SHORTLY, GROWN, Look("ends")),
    ("a file that came back as it was", GONE, STAT, Look("ends")),
    ("a file that came back changed", GONE, TOUCHED, Look("all")),
    ("another file that came back", GONE, REPLACED, Load("replaced")),
    ("rows of an older version", replace(SETTLED, processor_version=2), STAT, Load("outdated")),
    ("rows of a newer version", replace(SETTLED, processor_version=4), STAT, Load("outdated")),
    ("rows that an operator outdated", SETTLED.outdated(), STAT, Load("outdated")),
    ("a failed file before its time", RETRYING, STAT, Wait(SOON_US)),
    ("a failed file that changed before its time", RETRYING, GROWN, Wait(SOON_US)),
    ("a failed file at its time", DUE, STAT, Look("all")),
    ("a failed file that grew, at its time", DUE, GROWN, Look("all")),
    ("a failed file with another in its place", DUE, REPLACED, Load("replaced")),
    ("a failed file of an older version", replace(RETRYING, tried_version=2), STAT, Look("all")),
    ("a file that failed before its first load", replace(DUE, **NEVER_LOADED), STAT, Load("new")),
    ("the same before its time", replace(RETRYING, **NEVER_LOADED), STAT, Wait(SOON_US)),
    ("a file that waits, before its time", WAITING, STAT, Wait(SOON_US)),
    ("a file that waits and changed", WAITING, TOUCHED, Load("changed")),
    ("a file that waits and grew", WAITING, GROWN, Load("changed")),
    ("a file that waited, at its time", replace(WAITING, try_again_at_us=NOW_US), STAT,
     Load("waiting")),
    ("a file that waits, of an older version", OLD_WAITING, STAT, Load("outdated")),
    ("a file that waits and that an operator outdated", WAITING.outdated(), STAT, Load("outdated")),
    ("a parked file", PARKED, STAT, Skip("parked")),
    ("a parked file that changed", PARKED, TOUCHED, Look("all")),
    ("a parked file that grew", PARKED, GROWN, Look("all")),
    ("a parked file with another in its place", PARKED, REPLACED, Load("replaced")),
    ("a parked file that came back", replace(PARKED, source_gone=True), STAT, Look("all")),
    ("a parked file nothing was loaded of", replace(PARKED, **NEVER_LOADED), STAT, Skip("parked")),
    ("the same once it changed", replace(PARKED, **NEVER_LOADED), GROWN, Load("new")),
    ("a file parked by an older version", replace(PARKED, tried_version=2, processor_version=2),
     STAT, Load("outdated")),
    ("the same if nothing was loaded of it", replace(PARKED, **NEVER_LOADED, tried_version=2),
     STAT, Load("new")),
    ("a parked file that an operator outdated", PARKED.outdated(), STAT, Load("outdated")),
    ("a file of which no stat was ever taken", replace(YOUNG, stat=None), STAT, Look("all")),
]  # fmt: skip


def decided(
    entry: LedgerEntry | None, stat: FileStat, *, compressed: bool = False, now_us: int = NOW_US
) -> Plan:
    return decide(
        entry, stat, processor_version=3, now_us=now_us, proof_max_us=PROOF_MAX_US,
        compressed=compressed,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "stat", "plan"), [row[1:] for row in DECISIONS], ids=[row[0] for row in DECISIONS]
)
def test_a_file_gets_what_it_needs(entry: LedgerEntry | None, stat: FileStat, plan: Plan) -> None:
    assert decided(entry, stat) == plan


@pytest.mark.parametrize("stat", [GROWN, SHRUNK, TOUCHED, REPLACED])
def test_of_a_compressed_file_only_the_content_decides(stat: FileStat) -> None:
    assert decided(SETTLED, stat, compressed=True) == Look("all")


def test_a_compressed_file_that_did_not_change_is_left_alone() -> None:
    assert decided(SETTLED, STAT, compressed=True) == Skip("unchanged")


# Which blocks an append is proved by.


@pytest.mark.parametrize(
    ("committed_bytes", "size_bytes", "blocks"),
    [
        (0, 10, []),
        (1, 10, [0]),
        (BLOCK_BYTES, 2 * BLOCK_BYTES, [0]),
        (BLOCK_BYTES + 1, 2 * BLOCK_BYTES, [0, 1]),
        (3 * BLOCK_BYTES, 4 * BLOCK_BYTES, [0, 1, 2]),
        (3 * BLOCK_BYTES + 1, 10_000_000, [0, 1, 3]),
        (3 * BLOCK_BYTES + 1, 10_000_001, [0, 2, 3]),
        (9 * BLOCK_BYTES, 70_000_000, [0, 1, 8]),
        (9 * BLOCK_BYTES, 70_000_006, [0, 7, 8]),
    ],
)
def test_an_append_is_proved_by_its_ends_and_one_block_between(
    committed_bytes: int, size_bytes: int, blocks: list[int]
) -> None:
    entry = replace(SETTLED, committed_bytes=committed_bytes)

    assert blocks_to_prove(entry, STAT._replace(size_bytes=size_bytes), "ends") == blocks


def test_the_whole_proof_compares_every_block() -> None:
    entry = replace(SETTLED, committed_bytes=5 * BLOCK_BYTES + 1)

    assert blocks_to_prove(entry, STAT, "all") == [0, 1, 2, 3, 4, 5]


@given(st.integers(1, 50 * BLOCK_BYTES), st.integers(0, 1 << 40))
def test_the_blocks_ascend_and_end_with_the_one_that_an_append_goes_on_from(
    committed_bytes: int, size_bytes: int
) -> None:
    entry = replace(SETTLED, committed_bytes=committed_bytes)

    blocks = blocks_to_prove(entry, STAT._replace(size_bytes=size_bytes), "ends")

    assert blocks == sorted(set(blocks))
    assert (blocks[0], blocks[-1]) == (0, (committed_bytes - 1) // BLOCK_BYTES)


def test_every_block_has_its_turn_as_a_file_grows() -> None:
    entry = replace(SETTLED, committed_bytes=9 * BLOCK_BYTES)

    turns = [blocks_to_prove(entry, STAT._replace(size_bytes=n), "ends") for n in range(100, 107)]

    assert {block for turn in turns for block in turn} == set(range(9))


# What was taken on the proof of its ends.

BIG = replace(SETTLED, committed_bytes=3 * BLOCK_BYTES + 1)
SINCE = replace(BIG, unproved_since_us=5)


@pytest.mark.parametrize(
    ("entry", "grown_bytes", "proof", "since_us"),
    [
        pytest.param(BIG, 1, "ends", NOW_US, id="the first append since the whole proof"),
        pytest.param(SINCE, 1, "ends", 5, id="a further append"),
        pytest.param(SINCE, 0, "ends", 5, id="a look that found nothing new"),
        pytest.param(BIG, 0, "ends", None, id="nothing was taken on its ends"),
        pytest.param(SINCE, 1, "all", None, id="the whole proof, and an append"),
        pytest.param(SINCE, 0, "all", None, id="the whole proof"),
        pytest.param(replace(SINCE, committed_bytes=3 * BLOCK_BYTES), 1, "ends", None,
                     id="three blocks are always proved whole"),
    ],
)  # fmt: skip
def test_the_oldest_unproved_byte_is_remembered(
    entry: LedgerEntry, grown_bytes: int, proof: Any, since_us: int | None
) -> None:
    committed_bytes = entry.committed_bytes + grown_bytes

    assert unproved_since(entry, committed_bytes, proof, NOW_US) == since_us


def test_a_proof_falls_due_once_its_time_is_over() -> None:
    entry = replace(SETTLED, unproved_since_us=NOW_US)

    assert decided(entry, STAT, now_us=NOW_US + PROOF_MAX_US - 1) == Skip("unchanged")
    assert decided(entry, STAT, now_us=NOW_US + PROOF_MAX_US) == Look("all")


# Failures.


def failed(entry: LedgerEntry, error: Exception, stat: FileStat | None = STAT) -> LedgerEntry:
    return after_failure(
        entry, error, stat, processor_version=3, now_us=NOW_US, jitter=0.0, attempts_max=4
    )


def test_a_failure_is_noted_beside_the_last_good_version() -> None:
    noted = failed(SETTLED, TransientError("disk busy", reason="unreadable"), GROWN)

    assert noted == replace(
        SETTLED, stat=GROWN, settled=False, status="retrying", attempts=1, tried_version=3,
        try_again_at_us=NOW_US + 2_500_000, reason="unreadable", error="disk busy",
    )  # fmt: skip


def test_a_rebuild_for_a_new_version_that_failed_is_still_due() -> None:
    noted = failed(replace(SETTLED, processor_version=2), TransientError("x"))

    assert (noted.processor_version, noted.tried_version) == (2, 3)
    assert noted.try_again_at_us
    assert decided(noted, STAT, now_us=noted.try_again_at_us) == Load("outdated")


def test_a_failure_without_a_stat_keeps_the_last_one() -> None:
    assert failed(SETTLED, TransientError("x"), None).stat == STAT


@pytest.mark.parametrize("error", [PermanentError("x"), ConfigurationError("x")])
def test_what_cannot_succeed_is_parked_at_once(error: Exception) -> None:
    noted = failed(SETTLED, error)

    assert (noted.status, noted.attempts, noted.try_again_at_us) == ("parked", 1, None)


def test_after_the_last_try_it_is_parked() -> None:
    entry, states = SETTLED, []
    for _ in range(4):
        entry = failed(entry, TransientError("x"))
        states.append((entry.attempts, entry.status))

    assert states == [(1, "retrying"), (2, "retrying"), (3, "retrying"), (4, "parked")]


def test_tries_are_counted_anew_for_another_version() -> None:
    noted = failed(replace(RETRYING, attempts=3, tried_version=2), TransientError("x"))

    assert (noted.attempts, noted.tried_version, noted.status) == (1, 3, "retrying")


def test_a_foreign_error_is_counted_by_its_class_and_cut_to_length() -> None:
    noted = failed(SETTLED, ValueError("y" * 1000))

    assert (noted.reason, noted.error) == ("ValueError", "y" * 500)


@pytest.mark.parametrize(
    ("attempts", "shortest_s"),
    [(1, 2.5), (2, 5), (3, 10), (8, 320), (10, 1280), (11, 1800), (12, 1800), (5000, 1800)],
)
def test_waits_double_up_to_an_hour(attempts: int, shortest_s: float) -> None:
    assert backoff_s(attempts, jitter=0.0) == shortest_s
    assert backoff_s(attempts, jitter=0.5) == shortest_s * 1.5
    assert backoff_s(attempts, jitter=0.999) < shortest_s * 2


def test_a_success_leaves_nothing_of_a_failure() -> None:
    cleaned = outcome.cleaned(replace(PARKED, error="e", source_gone=True), GROWN, 3)

    assert cleaned == replace(YOUNG, stat=GROWN, tried_version=3)


def test_every_try_before_the_last_comes_back_by_itself() -> None:
    """Whatever is noted, the plan at its time is to try; parked, it is not."""
    entry = SETTLED
    for _ in range(ATTEMPTS_MAX):
        entry = after_failure(
            entry, OSError(5, "EIO"), STAT, processor_version=3, now_us=NOW_US, jitter=0.3
        )
        if entry.try_again_at_us is not None:
            assert decided(entry, STAT) == Wait(entry.try_again_at_us)
            assert decided(entry, STAT, now_us=entry.try_again_at_us) == Look("all")

    assert decided(entry, STAT) == Skip("parked")


def waited(before: LedgerEntry | None, after_s: float | None = None) -> LedgerEntry:
    return outcome.waiting(
        SETTLED, before, reason="model_outage", text="nobody answers", after_s=after_s,
        now_us=NOW_US, jitter=0.999_999,
    )  # fmt: skip


def wait_s(entry: LedgerEntry) -> float:
    assert entry.try_again_at_us is not None
    return round((entry.try_again_at_us - NOW_US) / 1e6, 1)


def test_a_file_that_waits_is_looked_at_less_and_less_often_and_never_parked() -> None:
    entry, waits = waited(None), []
    for _ in range(100):
        waits.append(wait_s(entry))
        assert entry.status == "waiting"
        entry = waited(entry)

    assert waits[:4] == [5.0, 10.0, 20.0, 40.0]
    assert waits[-1] == 3600.0


def test_nobody_waits_shorter_than_told_and_nobody_longer_than_a_day() -> None:
    assert wait_s(waited(None, after_s=600.0)) == 600.0
    assert wait_s(waited(None, after_s=1.0)) == 5.0
    assert wait_s(waited(None, after_s=30 * 86_400.0)) == 86_400.0


def test_having_waited_counts_as_no_failed_try() -> None:
    long = replace(waited(None), attempts=100)

    noted = after_failure(
        long, TransientError("x"), STAT, processor_version=3, now_us=NOW_US, jitter=0.0
    )

    assert (noted.status, noted.attempts) == ("retrying", 1)


def test_what_came_after_all_leaves_a_clean_entry() -> None:
    cleaned = outcome.cleaned(waited(waited(None)), STAT, 3)

    assert (cleaned.status, cleaned.attempts, cleaned.try_again_at_us) == ("ok", 0, None)
