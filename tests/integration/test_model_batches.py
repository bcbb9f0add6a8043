"""Batches with the real SDK over HTTP: sent, waited for, taken, and found again after a kill."""

import pytest

from processors.llm.purse import Caps
from processors.llm.values import Outcome
from tests.tools.anthropic_stub import Stub, served
from tests.tools.modelling import bench, request


@pytest.fixture
def stub():
    with served(Stub()) as stub:
        yield stub


@pytest.fixture
def made(stub):
    bench_ = bench(stub.url)
    yield bench_
    bench_.stack.close()


def requests(made, number=3):
    return [made.stack.named(request(f"window {at}")) for at in range(number)]


def collected(made, batch):
    """Looks until it has ended."""
    for _ in range(10):
        if (found := made.batches.collect(batch)).ended:
            return found.answers
    raise AssertionError("it never ended")


def posts(stub):
    return [one for one in stub.requests if (one.method, one.path) == ("POST", BATCHES)]


BATCHES = "/v1/messages/batches"


def test_a_batch_fills_the_recordings(stub, made):
    asked = requests(made)

    sent = made.batches.submit(asked)
    first_look = made.batches.collect(sent.batch)
    answers = collected(made, sent.batch)
    later = [made.stack.ask(one) for one in asked]

    assert not first_look.ended
    assert {answer.outcome for answer in answers.values()} == {Outcome.DONE}
    assert [(one.outcome, one.recorded, one.cost_nano) for one in later] == [
        (Outcome.DONE, True, 0)
    ] * 3
    assert stub.messages == []
    assert made.shelf.open() == ()


def test_a_batch_costs_half_and_every_item_is_a_call(stub, made):
    alone = made.stack.ask(request("window x"))

    collected(made, made.batches.submit(requests(made)).batch)

    in_batch = [call for call in made.kept.calls.values() if call.batch]
    assert [call.cost_nano for call in in_batch] == [alone.cost_nano // 2] * 3
    assert made.purse.spent(made.clock.now_us()).day_nano == alone.cost_nano + sum(
        call.cost_nano for call in in_batch
    )


def test_what_is_answered_or_under_way_is_not_sent_again(stub, made):
    asked = requests(made)
    made.stack.ask(asked[0])

    first = made.batches.submit([*asked, *asked])
    second = made.batches.submit(asked)

    assert len(first.batch.items) == 2
    assert second == (None, None)
    assert len(posts(stub)) == 1


ITEMS = [
    ("ok", Outcome.DONE, ""),
    ("refusal:bio", Outcome.REFUSED, "bio"),
    ("truncated", Outcome.TRUNCATED, "max_tokens"),
    ("400", Outcome.REJECTED, "invalid_request_error"),
    ("credit", Outcome.SPEND_LIMIT, "credit_balance"),
    ("401", Outcome.MISCONFIGURED, "authentication_error"),
    ("402", Outcome.SPEND_LIMIT, "billing_error"),
    ("429", Outcome.RATE_LIMITED, "rate_limit_error"),
    ("500", Outcome.OUTAGE, "api_error"),
    ("529", Outcome.OVERLOADED, "overloaded_error"),
    ("expired", Outcome.OUTAGE, "expired"),
    ("canceled", Outcome.OUTAGE, "canceled"),
]


@pytest.mark.parametrize(("fault", "outcome", "reason"), ITEMS)
def test_what_a_fault_of_an_item_comes_to(stub, made, fault, outcome, reason):
    stub.script.then(f"ok {fault} ok")
    asked = requests(made)

    answers = collected(made, made.batches.submit(asked).batch)

    found = [answers[one.hash] for one in asked]
    assert [one.outcome for one in found] == [Outcome.DONE, outcome, Outcome.DONE]
    assert found[1].reason == reason
    assert (asked[1].hash in made.kept.recordings) is (outcome in (Outcome.DONE, Outcome.REFUSED))
    # What was not answered is sent with the next batch, and nothing else.
    again = made.batches.submit(asked).batch
    answered = outcome in (Outcome.DONE, Outcome.REFUSED)
    sent_again = [item.request_hash for item in again.items] if again else []
    assert sent_again == ([] if answered else [asked[1].hash])


def test_after_a_kill_the_batch_is_found_by_its_id(stub, made):
    made.batches.submit(requests(made))
    restarted = made.again()

    (batch,) = restarted.shelf.open()
    answers = collected(restarted, batch)

    assert {answer.outcome for answer in answers.values()} == {Outcome.DONE}
    assert len(posts(stub)) == 1
    restarted.stack.close()


def test_a_kill_between_sending_and_noting_loses_no_batch(stub, made):
    other = bench(stub.url)
    other.batches.submit([other.stack.named(request("of somebody else"))])
    put = made.shelf.put

    def killed(batch):
        if batch.id:
            raise KeyboardInterrupt
        put(batch)

    made.shelf.put = killed
    with pytest.raises(KeyboardInterrupt):
        made.batches.submit(requests(made))
    made.shelf.put = put
    restarted = made.again()
    (batch,) = restarted.shelf.open()
    assert batch.id == ""

    for one in stub.batches.all()["data"] * 2:
        stub.batches.get(one["id"], stub.url)  # Time goes by, and they end.
    answers = collected(restarted, batch)

    assert {answer.outcome for answer in answers.values()} == {Outcome.DONE}
    assert len(posts(stub)) == 2
    for one in (other, restarted):
        one.stack.close()


def test_a_batch_that_never_arrived_is_given_up_and_stays_paid(stub, made):
    at_us = made.clock.now_us()
    asked = requests(made)
    stub.batch_script.then("reset")
    sent = made.batches.submit(asked)
    reserved = made.purse.spent(at_us).day_nano
    (batch,) = made.shelf.open()

    assert sent.stopped.outcome is Outcome.OUTAGE
    assert not made.batches.collect(batch).ended
    made.clock.seconds += 27 * 3600
    assert made.batches.collect(batch).ended
    assert made.shelf.open() == ()
    assert made.purse.spent(at_us).day_nano == reserved > 0


def test_taken_twice_after_a_kill_is_paid_once(stub, made):
    sent = made.batches.submit(requests(made))
    collected(made, sent.batch)
    spent = made.purse.spent(made.clock.now_us())
    calls = dict(made.kept.calls)

    made.shelf.put(sent.batch)
    restarted = made.again()
    collected(restarted, sent.batch)
    restarted.stack.close()

    assert made.purse.spent(made.clock.now_us()) == spent
    assert made.kept.calls == calls


@pytest.mark.parametrize("fault", ["cut", "reset", "html"])
def test_results_that_break_off_are_read_again(stub, made, fault):
    stub.batch_script.then(f"ok {fault} ok")
    sent = made.batches.submit(requests(made))

    looks = [made.batches.collect(sent.batch) for _ in range(3)]

    assert [look.ended for look in looks] == [False, False, True]
    assert looks[1].failure.outcome is Outcome.OUTAGE
    assert {answer.outcome for answer in looks[2].answers.values()} == {Outcome.DONE}
    assert len(made.kept.calls) == 3


def test_a_batch_the_api_forgot_is_asked_for_again(stub, made):
    sent = made.batches.submit(requests(made))
    stub.batches.get(sent.batch.id, stub.url)
    stub.batches.get(sent.batch.id, stub.url)
    stub.batches.delete(sent.batch.id)

    answers = collected(made, sent.batch)

    assert {(one.outcome, one.reason) for one in answers.values()} == {(Outcome.OUTAGE, "gone")}
    assert len(made.batches.submit(requests(made)).batch.items) == 3


def test_a_batch_goes_as_far_as_the_budget(stub):
    made = bench(stub.url)
    one = made.stack.till.reserve(requests(made)[0], batch=True).amount_nano
    made = bench(stub.url, caps=Caps(day_nano=2 * one + one // 2))

    sent = made.batches.submit(requests(made))

    assert len(sent.batch.items) == 2
    assert sent.stopped.outcome is Outcome.BUDGET
    made.stack.close()


def test_a_batch_that_is_refused_costs_nothing(stub, made):
    stub.batch_script.then("403")

    sent = made.batches.submit(requests(made))

    assert (sent.batch, sent.stopped.outcome) == (None, Outcome.MISCONFIGURED)
    assert made.purse.spent(made.clock.now_us()).day_nano == 0
    assert made.shelf.open() == ()


def test_without_a_key_no_batch_is_sent(stub):
    sent = bench(stub.url, key="").batches.submit([request(model="claude-haiku-5-5")])

    assert (sent.batch, sent.stopped.outcome) == (None, Outcome.OFFLINE)
