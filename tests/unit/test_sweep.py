from dataclasses import replace

import pytest

from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from watcher.sweep import due, unread

NOW_US = 1_000_000_000
KEY = SessionKey("s", "ann/a.jsonl")
STAT = FileStat(1, 2, 300, 10, 10)
SETTLED = LedgerEntry(
    "usage", KEY, generation=1, committed_bytes=300, processor_version=3, stat=STAT, settled=True
)
FAILED = replace(
    SETTLED, settled=False, status="retrying", attempts=1, tried_version=3, try_again_at_us=NOW_US
)


def swept(entry=None, stat=STAT, *, unlisted=False, proof_max_us=None):
    return due(
        {KEY: stat} if stat else {},
        [entry] if entry else [],
        processor_version=3,
        now_us=NOW_US,
        unlisted=lambda key: unlisted,
        proof_max_us=proof_max_us,
    )


def test_a_file_nobody_read_is_due():
    assert swept().touch == [KEY]


def test_a_settled_file_is_not_due():
    assert swept(SETTLED).touch == []
    assert swept(SETTLED).gone == []


@pytest.mark.parametrize("field", FileStat._fields)
def test_a_file_whose_stat_differs_in_anything_is_due(field):
    assert swept(SETTLED, STAT._replace(**{field: 999})).touch == [KEY]


def test_a_file_read_too_soon_after_its_change_is_due():
    assert swept(replace(SETTLED, settled=False)).touch == [KEY]


def test_a_file_read_by_another_version_is_due():
    assert swept(replace(SETTLED, processor_version=2)).touch == [KEY]


def test_a_vanished_file_read_by_another_version_is_not_due():
    entry = replace(SETTLED, processor_version=2, source_gone=True)

    assert swept(entry, None).touch == []


def test_a_failed_file_is_due_when_its_time_has_come():
    assert swept(FAILED).touch == [KEY]
    assert swept(replace(FAILED, try_again_at_us=NOW_US + 1)).touch == []


def test_a_failed_file_that_changed_is_due_before_its_time():
    entry = replace(FAILED, try_again_at_us=NOW_US + 1)

    assert swept(entry, STAT._replace(size_bytes=301)).touch == [KEY]


def test_a_file_that_another_version_failed_on_is_due():
    assert swept(replace(FAILED, tried_version=2, try_again_at_us=NOW_US + 1)).touch == [KEY]
    assert swept(replace(FAILED, tried_version=2, status="parked")).touch == [KEY]


def test_a_parked_file_is_due_only_when_it_changed():
    parked = replace(FAILED, status="parked", try_again_at_us=None)

    assert swept(parked).touch == []
    assert swept(parked, STAT._replace(ctime_ns=11)).touch == [KEY]


def test_a_file_parked_on_a_new_version_keeps_its_peace():
    parked = replace(FAILED, status="parked", try_again_at_us=None, processor_version=2)

    assert swept(parked).touch == []


def test_a_file_that_came_back_is_due():
    assert swept(replace(SETTLED, source_gone=True)).touch == [KEY]


def test_a_file_not_found_is_gone_once():
    assert swept(SETTLED, None).gone == [KEY]
    assert swept(replace(SETTLED, source_gone=True), None).gone == []


def test_a_file_in_a_folder_nobody_could_list_is_not_gone():
    found = swept(SETTLED, None, unlisted=True)

    assert (found.touch, found.gone, found.unlisted_count) == ([], [], 1)


def test_an_append_taken_on_trust_is_due_for_its_proof():
    entry = replace(SETTLED, unproved_since_us=NOW_US - 600)

    assert swept(entry, proof_max_us=600).touch == [KEY]
    assert swept(entry, proof_max_us=601).touch == []
    assert swept(entry).touch == []


def test_changed_files_come_before_new_ones_and_young_before_old():
    new = [SessionKey("s", f"{n}.jsonl") for n in range(4)]
    on_disk = {
        key: STAT._replace(mtime_ns=at) for key, at in zip(new, (20, 40, 10, 30), strict=True)
    }
    on_disk[KEY] = STAT

    found = due(
        on_disk,
        [replace(SETTLED, settled=False)],
        processor_version=3,
        now_us=NOW_US,
        unlisted=lambda key: False,
    )

    assert found.touch == [KEY, new[1], new[3], new[0], new[2]]


def forced(entry=None, stat=STAT):
    return unread({KEY: stat} if stat else {}, [entry] if entry else [], processor_version=3)


PARKED = replace(FAILED, status="parked", try_again_at_us=None)
GROWN = STAT._replace(size_bytes=400)


@pytest.mark.parametrize(
    ("entry", "stat", "wanted"),
    [
        (None, STAT, True),
        (SETTLED, STAT, False),
        (SETTLED, GROWN, True),
        (SETTLED, None, False),
        (replace(SETTLED, settled=False), STAT, False),
        (replace(SETTLED, unproved_since_us=1), STAT, False),
        (replace(SETTLED, processor_version=2), STAT, True),
        (replace(SETTLED, source_gone=True), STAT, True),
        (replace(FAILED, try_again_at_us=NOW_US * 2), STAT, True),
        (PARKED, STAT, False),
        (PARKED, GROWN, True),
        (replace(PARKED, tried_version=2), STAT, True),
    ],
)
def test_a_forced_run_takes_what_is_not_read_whatever_its_waits_but_not_what_is_parked(
    entry, stat, wanted
):
    assert forced(entry, stat) == ([KEY] if wanted else [])
