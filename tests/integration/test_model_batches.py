"""Batches with the real SDK over HTTP: sent, waited for, taken, and found again after a kill."""

from dataclasses import replace

import pytest

from core.errors import TransientError
from processors.llm.purse import Caps
from processors.llm.tray import Tray
from processors.llm.values import AGAIN, Outcome
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
    # What nothing was said about is sent with the next batch, and nothing else.
    made.clock.seconds += 900.0
    again = made.batches.submit(asked).batch
    sent_again = [item.request_hash for item in again.items] if again else []
    assert sent_again == ([asked[1].hash] if outcome in AGAIN else [])


@pytest.mark.parametrize("fault", ["truncated", "400", "grammar", "invalid_json", "off_schema"])
def test_what_a_batch_gives_no_good_answer_to_is_asked_once_more_alone(stub, fault):
    """There another question may get a better answer; in a batch it would be the same one."""
    made = bench(stub.url, batches=True)
    stub.script.then(f"ok {fault}")
    asked = requests(made, 2)

    first = [made.stack.ask(one).outcome for one in asked]
    collected(made, made.batches.submit(made.stack.tray.take()).batch)
    then = [made.stack.ask(one) for one in asked]

    assert first == [Outcome.BATCHED] * 2
    assert [(one.outcome, one.recorded) for one in then] == [
        (Outcome.DONE, True),
        (Outcome.DONE, False),
    ]
    assert (len(posts(stub)), len(stub.messages), len(made.stack.tray)) == (1, 1, 0)
    made.stack.close()


def test_what_is_under_way_is_waited_for_also_where_batches_are_not_wanted_any_more(stub):
    made = bench(stub.url, batches=True)
    (asked,) = requests(made, 1)
    made.stack.ask(asked)
    sent = made.batches.submit(made.stack.tray.take()).batch
    unwanting = replace(made, config=replace(made.config, batches=False))

    assert unwanting.stack.ask(asked).outcome is Outcome.BATCHED
    collected(unwanting, sent)
    assert unwanting.stack.ask(asked).recorded
    assert stub.messages == []
    for one in (made, unwanting):
        one.stack.close()


def test_without_a_key_nothing_waits_for_a_batch(stub):
    made = bench(stub.url, key="", batches=True)

    assert made.stack.ask(request()).outcome is Outcome.OFFLINE
    assert len(made.stack.tray) == 0


def test_a_full_tray_says_so_and_turns_the_rest_away():
    tray, calls = Tray(2), []
    tray.full = lambda: calls.append(len(tray))

    for number in (0, 0, 1, 1, 2):
        tray.put(request(f"window {number}", model="m"))

    assert (len(tray.take()), len(tray), tray.turned_away) == (2, 0, True)
    assert calls == [2, 2, 2]


def test_a_kill_before_anything_went_out_gives_the_money_back(stub, made):
    def killed(request_hash, body):
        raise KeyboardInterrupt

    keep, made.kept.keep = made.kept.keep, killed
    with pytest.raises(KeyboardInterrupt):
        made.batches.submit(requests(made))
    made.kept.keep = keep
    assert made.purse.spent(made.clock.now_us()).day_nano > 0

    restarted = made.again()
    (batch,) = restarted.shelf.open()
    assert restarted.batches.collect(batch).ended

    assert made.purse.spent(made.clock.now_us()).day_nano == 0
    assert len(restarted.batches.submit(requests(made)).batch.items) == 3
    restarted.stack.close()


def test_who_was_erased_meanwhile_is_left_out_and_costs_nothing(stub, made):
    asked = requests(made)

    def keep(request_hash, body):
        if request_hash == asked[1].hash:
            raise TransientError("nobody", reason="erased")

    made.kept.keep = keep
    sent = made.batches.submit(asked).batch

    reserved = sum(item.reservation.amount_nano for item in sent.items)
    assert {item.request_hash for item in sent.items} == {asked[0].hash, asked[2].hash}
    assert made.purse.spent(made.clock.now_us()).day_nano == reserved
    (post,) = posts(stub)
    assert len(post.body["requests"]) == 2


def test_while_nobody_answers_no_batch_is_tried(stub, made):
    stub.batch_script.then("spend_limit")
    first = made.batches.submit(requests(made))

    second = made.batches.submit(requests(made))

    assert first.stopped.outcome is Outcome.SPEND_LIMIT
    assert (second.batch, second.stopped.outcome) == (None, Outcome.BREAKER_OPEN)
    assert len(posts(stub)) == 1


def test_a_batch_whose_money_is_gone_opens_the_breaker(stub, made):
    stub.script.then("402 402 402")

    collected(made, made.batches.submit(requests(made)).batch)

    assert made.batches.submit(requests(made)).stopped.reason == Outcome.SPEND_LIMIT
    assert len(posts(stub)) == 1


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

    for _ in range(2):
        stub.batches.all()  # Time goes by, and they end.
    answers = collected(restarted, batch)

    assert {answer.outcome for answer in answers.values()} == {Outcome.DONE}
    assert len(posts(stub)) == 2
    for one in (other, restarted):
        one.stack.close()


def test_an_ended_batch_of_ours_is_not_taken_for_one_that_was_perhaps_sent(stub, made):
    """Its items ran out of time, so they were sent again, and then came the kill."""
    stub.script.then("expired expired expired")
    asked = requests(made)
    collected(made, made.batches.submit(asked).batch)
    stub.batch_script.then("reset")
    made.batches.submit(asked)
    (batch,) = made.shelf.open()

    assert batch.id == ""
    assert not made.batches.collect(batch).ended


def test_a_batch_that_is_not_listed_after_an_hour_never_arrived(stub, made):
    stub.batch_script.then("reset")
    made.batches.submit(requests(made))
    (batch,) = made.shelf.open()

    early = made.batches.collect(batch)
    made.clock.seconds += 3601.0
    late = made.batches.collect(batch)

    assert (early.ended, late.ended) == (False, True)
    assert len(made.batches.submit(requests(made)).batch.items) == 3


def test_a_batch_nobody_can_read_any_more_is_given_up(stub, made):
    sent = made.batches.submit(requests(made)).batch
    stub.batches.get(sent.id, stub.url)
    stub.batches.get(sent.id, stub.url)
    stub.batch_script.then("html")
    made.clock.seconds += 31 * 86_400.0

    assert made.batches.collect(sent).ended
    assert made.shelf.open() == ()


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
    one = made.stack.till.planned(requests(made)[0], batch=True).amount_nano
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
