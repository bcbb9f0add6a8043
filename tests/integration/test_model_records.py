"""The tables of what was asked, on a real database."""

import pytest

from core.errors import ConfigurationError
from core.identity import Identity, digest_of
from state.operations.batches import BatchItem, BatchRecord, BatchRecords
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


@pytest.fixture
def batches(store, clock):
    return BatchRecords(Book(store.cursor), lambda: clock.now_us)


def batch(key, *hashes, planned=False, batch_id=""):
    items = tuple(BatchItem(one, "m", "p", f"r-{one}", 5, 7) for one in hashes)
    return BatchRecord(key, 5, batch_id, planned, items)


def test_a_batch_is_kept_as_it_was_said_last(batches):
    batches.put(batch("b", "h1", "h2", planned=True))
    batches.put(batch("b", "h2", batch_id="msgbatch_1"))
    batches.put(batch("c", "h3"))

    assert list(batches.open()) == [batch("b", "h2", batch_id="msgbatch_1"), batch("c", "h3")]


def test_an_ended_batch_is_known_by_its_id_and_one_that_never_went_out_is_not(batches):
    batches.put(batch("b", "h1", batch_id="msgbatch_1"))
    batches.close("b")
    batches.put(batch("c", "h2", planned=True))
    batches.drop("c")

    assert list(batches.open()) == []
    assert [batches.knows(one) for one in ("msgbatch_1", "", "msgbatch_2")] == [True, False, False]


def test_what_nobody_looks_up_any_more_of_batches_is_taken(store, batches, records, clock):
    for hash_ in ("h1", "h2", "h3"):
        records.claim(hash_, ANN)
    batches.put(batch("b", "h1", batch_id="msgbatch_1"))
    batches.close("b")
    clock.now_us += DAY_US + 1
    batches.put(batch("c", "h2"))
    batches.close("c")
    counts = count(store, "model_batches"), count(store, "model_batch_items")
    clock.now_us += 41 * DAY_US
    batches.put(batch("d", "h3"))
    batches.close("d")

    assert counts == (2, 1)
    assert (count(store, "model_batches"), count(store, "model_batch_items")) == (1, 1)


def test_who_is_erased_leaves_nothing_in_batches_once_they_ended(store, batches, records):
    records.claim("h1", ANN)
    records.claim("h2", BEN)
    batches.put(batch("b", "h1", "h2"))

    first = records.forget("ann")["model_batch_items"]
    still = count(store, "model_batch_items")
    batches.close("b")
    then = count(store, "model_batch_items")

    assert (first, still, then) == (0, 2, 1)
    assert records.forget("ben")["model_batch_items"] == 1


def test_nothing_waits_for_who_was_erased(records, identity):
    identity.know([], [digest_of("ann")])

    assert not records.claim("h", ANN)
    assert records.claim("h", BEN)


def test_what_a_batch_said_is_what_its_last_item_said(records):
    def call(number, outcome, *, batch):
        one = RecordedCall(f"c{number}", number, "h", "m", "p", outcome, "", None, 9, 1, "", batch)
        records.record_call(one)

    call(1, "outage", batch=True)
    call(2, "invalid", batch=False)
    assert records.said_in_batch("h", but=["outage"]) is None
    call(3, "truncated", batch=True)
    call(4, "done", batch=True)

    assert records.said_in_batch("h", but=["outage"]) == ("done", "")
