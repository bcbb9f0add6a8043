"""What the ledger looks like from outside: sums and states, by processor."""

import json
from dataclasses import replace
from typing import Any

from core.keys import SessionKey
from core.ledger import LedgerEntry
from processors.registry import Registry, Unavailable
from service import overview
from state.ledger import LedgerMirror
from tests.tools.processors import Notes, SeenLines

REGISTRY = Registry((Notes(), SeenLines()), (Unavailable("mood", "ImportError: no mood"),))
EMPTY = {"files": 0, "bytes": 0, "ok": 0, "waiting": 0, "retrying": 0, "parked": 0, "gone": 0}


def entry(processor: str, path: str, **changes: Any) -> LedgerEntry:
    plain = LedgerEntry(
        processor, SessionKey("s", path), generation=1, committed_bytes=100, processor_version=1
    )
    return replace(plain, **changes)


def ledger(*entries: LedgerEntry) -> LedgerMirror:
    mirror = LedgerMirror()
    for one in entries:
        mirror.put(one)
    return mirror


def test_an_empty_ledger_has_every_state_at_zero() -> None:
    found = overview.status(ledger(), REGISTRY)

    assert found == {
        "files": 0,
        "processors": {"notes": EMPTY, "seen": EMPTY},
        "unavailable": {"mood": "ImportError: no mood"},
    }


def test_a_file_counts_once_however_many_processors_read_it() -> None:
    found = overview.status(
        ledger(entry("seen", "a"), entry("notes", "a"), entry("seen", "b")), REGISTRY
    )

    assert found["files"] == 2
    assert found["processors"]["seen"] == EMPTY | {"files": 2, "bytes": 200, "ok": 2}
    assert found["processors"]["notes"] == EMPTY | {"files": 1, "bytes": 100, "ok": 1}


def test_every_file_is_in_one_state() -> None:
    found = overview.status(
        ledger(
            entry("seen", "a"),
            entry("seen", "b", status="retrying"),
            entry("seen", "f", status="waiting"),
            entry("seen", "c", status="parked"),
            entry("seen", "d", source_gone=True),
            entry("seen", "e", source_gone=True, status="parked"),
        ),
        REGISTRY,
    )["processors"]["seen"]

    assert found == {
        "files": 6, "bytes": 600, "ok": 1, "waiting": 1, "retrying": 1, "parked": 1, "gone": 2
    }  # fmt: skip


def test_entries_of_a_processor_that_is_no_longer_there_are_left_out() -> None:
    assert overview.status(ledger(entry("retired", "a")), REGISTRY)["files"] == 0


def test_a_processor_is_listed_with_its_contract_and_its_state() -> None:
    mirror = ledger(entry("seen", "a"), entry("seen", "b", processor_version=0))

    assert overview.processor_list(mirror, REGISTRY)[1] == {
        "name": "seen",
        "version": 1,
        "kind": "line",
        "tables": ["seen"],
        "match": ["*.jsonl", "*.jsonl.gz", "*.jsonl.zst"],
        "available": True,
        "outdated": 1,
        **EMPTY,
        "files": 2,
        "bytes": 200,
        "ok": 2,
    }


def test_one_that_did_not_load_is_listed_with_the_reason() -> None:
    listed = overview.processor_list(ledger(), REGISTRY)

    assert [one["name"] for one in listed] == ["notes", "seen", "mood"]
    assert listed[-1] == {"name": "mood", "available": False, "reason": "ImportError: no mood"}


def test_everything_is_plain_json() -> None:
    mirror = ledger(entry("seen", "a"))

    assert json.dumps(overview.status(mirror, REGISTRY))
    assert json.dumps(overview.processor_list(mirror, REGISTRY))
