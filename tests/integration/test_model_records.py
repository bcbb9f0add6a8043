"""The tables of what was asked, on a real database."""

import pytest

from core.errors import ConfigurationError
from core.identity import Identity, digest_of
from state.operations.book import Book
from state.operations.model import Asker, ModelRecords, RecordedAnswer, RecordedCall
from state.store import Store

DAY_US = 86_400_000_000
ANN = Asker("s", "ann/a.jsonl", "ann")
BEN = Asker("s", "ben/b.jsonl", "ben")
ANSWER = RecordedAnswer(1, "m", "done", "", '{"items":[]}', {"input": 3}, 7)


class Clock:
    now_us = 10 * DAY_US


@pytest.fixture
def store():
    made = Store.open(":memory:", [])
    yield made
    made.close()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def identity():
    return Identity()


@pytest.fixture
def records(store, clock, identity):
    return ModelRecords(Book(store.cursor), identity, lambda: clock.now_us, payload_days=2)


def count(store, table):
    return store.cursor().execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]


def test_an_answer_is_found_by_the_hash_of_its_request(records):
    records.put_recording("h", ANSWER, ANN)

    assert records.recording("h") == ANSWER
    assert records.recording("other") is None


def test_nothing_is_kept_for_nobody(store, records):
    assert not records.keep_payload("h", "{}")
    records.put_recording("h", ANSWER)

    assert count(store, "model_payloads") == count(store, "model_recordings") == 0


def test_nothing_is_kept_for_who_was_erased(store, records, identity):
    """Also not an answer to what was on its way when they were."""
    assert records.keep_payload("h", "{}", ANN)
    identity.know([], [digest_of("ann")])
    records.forget("ann")

    records.put_recording("h", ANSWER, ANN)
    assert not records.keep_payload("h", "{}", ANN)

    for table in ("model_askers", "model_payloads", "model_recordings"):
        assert count(store, table) == 0


def test_what_stood_in_the_sessions_of_two_goes_with_either(store, records):
    for asker in (ANN, BEN):
        records.keep_payload("both", "{}", asker)
    records.keep_payload("bens", "{}", BEN)

    records.forget("ann")

    assert count(store, "model_payloads") == 1
    assert records.sent("bens")["sessions"] == ["s:ben/b.jsonl"]
    with pytest.raises(ConfigurationError, match="no requests"):
        records.sent("both")


def test_bodies_are_kept_for_as_many_days_as_the_settings_say(store, records, clock):
    records.keep_payload("old", "{}", ANN)
    clock.now_us += DAY_US
    records.keep_payload("young", "{}", ANN)
    clock.now_us += DAY_US + 1
    records.keep_payload("new", "{}", ANN)

    kept = store.cursor().execute("SELECT request_hash FROM model_payloads ORDER BY 1").fetchall()
    assert kept == [("new",), ("young",)]


def test_a_call_that_is_written_down_twice_is_one_call(records):
    call = RecordedCall("c", 5, "h", "m", "p", "done", "", None, 9, 1, "r", False)
    records.record_call(call)
    records.record_call(call._replace(cost_nano=4, tokens={"input": 1}))

    page = records.calls_page()
    assert [(one["cost_nano"], one["tokens"]) for one in page["calls"]] == [(4, {"input": 1})]


def test_calls_come_page_by_page_newest_first(records):
    for number in range(7):
        records.record_call(
            RecordedCall(
                f"c{number}", number // 2, "h", "m", "p", "done", "", None, 9, 1, "", False
            )
        )

    seen, after = [], ""
    while after is not None:
        page = records.calls_page(3, after)
        seen += [one["call_id"] for one in page["calls"]]
        after = page["next"]

    assert seen == ["c6", "c5", "c4", "c3", "c2", "c1", "c0"]
