"""The model stack with the real SDK over HTTP: what each thing that goes wrong comes to."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from processors.llm.breaker import BreakerPatience, State
from processors.llm.purse import Caps
from processors.llm.retry import Patience
from processors.llm.values import AGAIN, FINAL, Outcome
from tests.tools.anthropic_script import Script
from tests.tools.anthropic_stub import Reply, Stub, served
from tests.tools.anthropic_wire import invalid
from tests.tools.modelling import KEY, Item, Output, bench, request

ROOT = Path(__file__).resolve().parents[2]
SECRET = "the launch code is swordfish-1234567890"
CORRECTION = {"items": [{"kind": "correction", "title": "monthly"}]}
NEVER = Patience(attempts=1)


@pytest.fixture
def stub():
    with served(Stub(answer=lambda _: CORRECTION, key=KEY)) as stub:
        yield stub


@pytest.fixture
def made():
    """Makes benches and closes their connections."""
    benches = []

    def make(stub, **config):
        benches.append(bench(stub if isinstance(stub, str) else stub.url, **config))
        return benches[-1]

    yield make
    for one in benches:
        one.stack.close()


# Every row of the table in docs/knowledge.md: fault, outcome, calls that go out, what is retried.
TABLE = [
    ("ok", Outcome.DONE, "", 1),
    ("529 529 529 529", Outcome.OVERLOADED, "overloaded_error", 4),
    ("529 ok", Outcome.DONE, "", 2),
    ("500 503 500 500", Outcome.OUTAGE, "500", 4),
    ("504 504 504 504", Outcome.OUTAGE, "504", 4),
    ("429 429:3 429 429", Outcome.RATE_LIMITED, "rate_limit_error", 4),
    ("429:7200", Outcome.RATE_LIMITED, "rate_limit_error", 1),
    ("reset reset reset reset", Outcome.OUTAGE, "connection", 4),
    ("cut cut cut cut", Outcome.OUTAGE, "connection", 4),
    ("html html html html", Outcome.OUTAGE, "not_a_message", 4),
    ("spend_limit", Outcome.SPEND_LIMIT, "enforced_spend_limit_reached", 1),
    ("spend_limit:contract_spend_limit_reached", Outcome.SPEND_LIMIT,
     "contract_spend_limit_reached", 1),
    ("402", Outcome.SPEND_LIMIT, "billing_error", 1),
    ("credit", Outcome.SPEND_LIMIT, "credit_balance", 1),
    ("401", Outcome.MISCONFIGURED, "authentication_error", 1),
    ("403", Outcome.MISCONFIGURED, "permission_error", 1),
    ("400", Outcome.REJECTED, "invalid_request_error", 1),
    ("413", Outcome.REJECTED, "too_large", 1),
    ("refusal:cyber", Outcome.REFUSED, "cyber", 1),
    ("truncated truncated", Outcome.TRUNCATED, "max_tokens", 2),
    ("truncated ok", Outcome.DONE, "", 2),
    ("invalid_json invalid_json", Outcome.INVALID, "json", 2),
    ("off_schema off_schema", Outcome.INVALID, "schema", 2),
    ("empty empty", Outcome.INVALID, "json", 2),
    ("invalid_json ok", Outcome.DONE, "", 2),
    ("grammar grammar", Outcome.DONE, "", 2),
]  # fmt: skip


@pytest.mark.parametrize(("script", "outcome", "reason", "calls"), TABLE)
def test_what_a_fault_comes_to(stub, made, script, outcome, reason, calls):
    bench = made(stub)
    stub.script.then(script)

    answer = bench.stack.ask(request())

    assert (answer.outcome, answer.reason) == (outcome, reason)
    assert len(stub.requests) == len(bench.kept.payloads) == len(bench.kept.calls) == calls
    assert [call.outcome for call in bench.kept.calls.values()][-1] is outcome
    assert bench.sample("calls_total", purpose="extract", outcome=outcome) >= 1
    assert (answer.value is not None) is (outcome is Outcome.DONE)


@pytest.mark.parametrize("outcome", Outcome)
def test_what_was_not_answered_is_never_done(outcome):
    """Each outcome asks for one treatment, and no other word is left."""
    assert [outcome is Outcome.DONE, outcome in AGAIN, outcome in FINAL].count(True) == 1


def test_an_answer_is_a_value_of_the_output(stub, made):
    answer = made(stub).stack.ask(request())

    assert answer.value == Output([Item("correction", "monthly")])


def test_a_thought_before_the_answer_is_passed_over(stub, made):
    bench = made(stub)

    answer = bench.stack.ask(request(thinking=True))

    assert "thinking" not in stub.messages[0]
    assert answer.value.items[0].title == "monthly"


def test_the_request_is_what_the_api_wants(stub, made):
    made(stub).stack.ask(request(SECRET))

    (body,) = stub.messages
    assert body["output_config"]["format"]["type"] == "json_schema"
    assert body["thinking"] == {"type": "disabled"}
    assert body["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert stub.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_what_is_sent_is_kept_before_it_is_sent(stub, made):
    bench = made(stub)
    sent_before = []
    keep = bench.kept.keep
    bench.kept.keep = lambda *given: (sent_before.append(len(stub.requests)), keep(*given))

    asked = bench.stack.named(request(SECRET))
    bench.stack.ask(asked)

    assert sent_before == [0]
    assert bench.kept.payloads == [(asked.hash, stub.messages[0])]


def test_what_cannot_be_kept_is_not_sent(stub, made):
    bench = made(stub)

    def full(*_):
        raise OSError("no space left")

    bench.kept.keep = full

    with pytest.raises(OSError, match="no space"):
        bench.stack.ask(request())
    assert stub.requests == []


# Waiting.


def test_the_server_says_how_long_to_wait(stub, made):
    bench = made(stub)
    stub.script.then("429:12 429:40 ok")

    assert bench.stack.ask(request()).outcome is Outcome.DONE

    first, second = bench.stopping.waits
    assert 12 <= first < 13
    assert 40 <= second < 41
    assert bench.sample("retries_total") == 2


def test_a_wait_that_is_too_long_is_handed_on(stub, made):
    bench = made(stub)
    stub.script.then("429:7200")

    answer = bench.stack.ask(request())

    assert answer.retry_after_s == 7200
    assert bench.stopping.waits == []
    # Nobody else asks before that either.
    assert bench.stack.ask(request("another")).outcome is Outcome.BREAKER_OPEN
    bench.clock.seconds += 7201
    assert bench.stack.ask(request("another")).outcome is Outcome.DONE


def test_all_tries_together_have_an_end(stub, made):
    bench = made(stub, patience=Patience(attempts=10, total_s=30))
    stub.script.then("429:20 429:20 429:20")

    assert bench.stack.ask(request()).outcome is Outcome.RATE_LIMITED

    assert len(stub.requests) == 2


def test_nothing_more_is_asked_once_the_service_stops(stub, made):
    bench = made(stub)
    stub.script.then("529 ok")
    wait = bench.stopping.wait

    def stopped_meanwhile(timeout=None):
        bench.stopping.set()
        return wait(timeout)

    bench.stopping.wait = stopped_meanwhile

    assert bench.stack.ask(request()).outcome is Outcome.OVERLOADED
    assert len(stub.requests) == 1


def test_who_is_silent_is_not_waited_for_and_may_have_charged(made):
    with served(Stub("slow")) as stub:
        bench = made(stub, patience=NEVER)
        bench.stack.connection.endpoint = type(bench.config.endpoint)(KEY, stub.url, 0.2)

        answer = bench.stack.ask(request())

    assert (answer.outcome, answer.reason) == (Outcome.OUTAGE, "timeout")
    assert answer.tokens is None
    assert bench.purse.spent(bench.clock.now_us()).day_nano == answer.cost_nano > 0


def test_what_never_connected_costs_nothing(made):
    bench = made("http://127.0.0.1:1", patience=NEVER)

    answer = bench.stack.ask(request())

    assert (answer.outcome, answer.reason) == (Outcome.OUTAGE, "connection")
    assert bench.purse.spent(bench.clock.now_us()).day_nano == 0


# Asking once more.


def test_what_was_cut_off_gets_twice_the_room_once(stub, made):
    stub.script.then("truncated truncated")
    bench = made(stub)

    answer = bench.stack.ask(request(max_tokens=500))

    assert [body["max_tokens"] for body in stub.messages] == [500, 1000]
    assert answer.outcome is Outcome.TRUNCATED
    assert bench.sample("tokens_total", kind="output") == 1500


def test_a_window_that_is_too_small_is_not_asked_again(stub, made):
    stub.answer = lambda _: Reply("", "model_context_window_exceeded")

    answer = made(stub).stack.ask(request())

    assert (answer.outcome, answer.reason) == (Outcome.TRUNCATED, "context_window")
    assert len(stub.requests) == 1


def test_a_schema_that_is_too_large_goes_as_a_tool_from_then_on(stub, made):
    stub.script.then("grammar grammar ok")
    bench = made(stub)

    first = bench.stack.ask(request())
    second = bench.stack.ask(request("another"))

    assert first.value == second.value == Output([Item("correction", "monthly")])
    assert ["tools" in body for body in stub.messages] == [False, True, True]
    assert "output_config" not in stub.messages[1]


def test_a_model_that_always_thinks_is_let_think_from_then_on(stub, made):
    bench = made(stub, model="claude-opus-5-5")

    outcomes = [bench.stack.ask(request(text)).outcome for text in ("one", "two")]

    assert outcomes == [Outcome.DONE, Outcome.DONE]
    assert ["thinking" in body for body in stub.messages] == [True, False, False]


def test_invalid_answers_of_different_kinds_are_asked_again_once(stub, made):
    stub.script.then("invalid_json off_schema ok")

    assert made(stub).stack.ask(request()).outcome is Outcome.INVALID
    assert len(stub.requests) == 2


# Recorded.


def test_asked_again_an_answer_costs_nothing(stub, made):
    bench = made(stub)
    first = bench.stack.ask(request())
    restarted = bench.again()

    again = restarted.stack.ask(request(purpose="another purpose"))

    assert again.value == first.value
    assert (again.recorded, again.cost_nano, again.sent) == (True, 0, False)
    assert len(stub.requests) == 1
    assert restarted.sample("recorded_total", purpose="another purpose") == 1
    restarted.stack.close()


@pytest.mark.parametrize("script", ["refusal", "truncated truncated", "invalid_json off_schema"])
def test_a_no_is_recorded_as_well(stub, made, script):
    bench = made(stub)
    stub.script.then(script)
    first = bench.stack.ask(request())
    sent = len(stub.requests)

    again = bench.stack.ask(request())

    assert (again.outcome, again.reason) == (first.outcome, first.reason)
    assert len(stub.requests) == sent


@pytest.mark.parametrize("script", ["400", "401", "spend_limit"])
def test_what_says_nothing_of_the_input_is_not_recorded(stub, made, script):
    bench = made(stub)
    stub.script.then(script)

    bench.stack.ask(request())

    assert bench.kept.recordings == {}


def test_a_recording_that_fits_no_more_is_asked_for_again(stub, made):
    bench = made(stub)
    asked = bench.stack.named(request())
    bench.stack.ask(asked)
    kept = bench.kept.recordings[asked.hash]
    bench.kept.recordings[asked.hash] = type(kept)(
        0, kept.model, kept.outcome, "", '{"items": 1}', kept.tokens, 0
    )

    assert bench.stack.ask(asked).outcome is Outcome.DONE
    assert len(stub.requests) == 2


# Budget, breaker, key.


def test_over_budget_nothing_is_sent_until_the_next_day(stub, made):
    bench = made(stub, caps=Caps(day_nano=0))

    answer = bench.stack.ask(request())

    assert (answer.outcome, answer.reason) == (Outcome.BUDGET, "day")
    assert 0 < answer.retry_after_s <= 86_400
    assert stub.requests == []
    assert bench.kept.calls == {}


def test_the_budget_that_is_left_is_shown(stub, made):
    bench = made(stub)

    answer = bench.stack.ask(request())

    assert bench.sample("budget_left_dollars") == pytest.approx(1 - answer.cost_nano / 1e9)
    assert bench.sample("cost_dollars_total", purpose="extract") * 1e9 == answer.cost_nano


def test_a_cached_prompt_is_paid_as_what_it_is(stub, made):
    bench = made(stub)
    long = "Find corrections. " * 200

    bench.stack.ask(request("one", system=long))
    bench.stack.ask(request("two", system=long))

    written, read = (call.tokens for call in bench.kept.calls.values())
    assert written.cache_write_5m == read.cache_read > 512
    assert written.cache_read == read.cache_write_5m == 0


def test_a_model_without_a_price_is_not_asked(stub, made):
    answer = made(stub, model="gpt-unheard-of").stack.ask(request())

    assert (answer.outcome, answer.reason) == (Outcome.MISCONFIGURED, "unpriced")
    assert stub.requests == []


def test_a_model_the_server_does_not_know_is_a_fault_of_the_settings(stub, made):
    answer = made(stub, model="claude-unheard-of").stack.ask(request())

    assert answer.outcome is Outcome.MISCONFIGURED
    assert "[model] model" in answer.message


def test_an_outage_is_asked_about_less_and_less(stub, made):
    bench = made(
        stub, patience=NEVER, breaker=BreakerPatience(failures=2, open_s=30, open_max_s=100)
    )
    stub.script.then("500 500 500 ok")

    def ask():
        return bench.stack.ask(request()).outcome

    assert [ask(), ask(), ask()] == [Outcome.OUTAGE, Outcome.OUTAGE, Outcome.BREAKER_OPEN]
    assert bench.sample("breaker_state") == State.OPEN
    bench.clock.seconds += 31
    assert [ask(), ask()] == [Outcome.OUTAGE, Outcome.BREAKER_OPEN]
    bench.clock.seconds += 31
    assert ask() is Outcome.BREAKER_OPEN
    bench.clock.seconds += 30
    assert ask() is Outcome.DONE
    assert bench.sample("breaker_state") == State.CLOSED


@pytest.mark.parametrize("fault", ["401", "402", "403", "spend_limit", "credit"])
def test_what_a_person_must_mend_is_probed_every_quarter_of_an_hour(stub, made, fault):
    bench = made(stub)
    stub.script.then(f"{fault} {fault} ok")

    first, second = bench.stack.ask(request()), bench.stack.ask(request())
    bench.clock.seconds += 901
    third = bench.stack.ask(request())
    bench.clock.seconds += 901
    fourth = bench.stack.ask(request())

    assert second.outcome is Outcome.BREAKER_OPEN
    assert (second.reason, second.message) == (first.outcome, first.message)
    assert third.outcome is first.outcome
    assert fourth.outcome is Outcome.DONE
    assert len(stub.requests) == 3


def test_without_a_key_the_service_is_offline_and_what_is_recorded_still_answers(stub, made):
    online = made(stub)
    online.stack.ask(request("known"))
    offline = made(stub, key="")
    offline.kept.recordings |= online.kept.recordings

    answer = offline.stack.ask(request("unknown"))

    assert answer.outcome is Outcome.OFFLINE
    assert "ANTHROPIC_API_KEY" in answer.message
    assert offline.stack.offline() is not None
    assert offline.stack.ask(request("known")).outcome is Outcome.DONE
    assert offline.purse.spent(offline.clock.now_us()).day_calls == 0
    assert len(stub.requests) == 1


def test_a_key_that_is_none_is_not_sent(stub, made):
    answer = made(stub, key="кей").stack.ask(request())

    assert (answer.outcome, answer.reason) == (Outcome.MISCONFIGURED, "odd_key")
    assert stub.requests == []


def test_in_the_end_everything_is_answered_and_paid_once(stub, made):
    """Eight threads, every fault there is, and what was put off is asked again later."""
    stub.script = Script("429:2=9% 529=9% 500=9% reset=9% cut=4% truncated=9% invalid_json=9%")
    bench = made(stub)
    asked = [request(f"window {number}") for number in range(60)]

    def left():
        return [one for one in asked if bench.stack.named(one).hash not in bench.kept.recordings]

    with ThreadPoolExecutor(8) as pool:
        while windows := left():
            list(pool.map(bench.stack.ask, windows))
            bench.clock.seconds += 1000
        sent = len(stub.requests)
        answers = list(pool.map(bench.stack.ask, asked))

    assert {answer.outcome for answer in answers} <= {
        Outcome.DONE, Outcome.TRUNCATED, Outcome.INVALID
    }  # fmt: skip
    assert len(stub.requests) == sent == len(bench.kept.calls) == len(bench.kept.payloads)
    spent = bench.purse.spent(bench.clock.now_us()).month_nano
    assert spent == sum(call.cost_nano for call in bench.kept.calls.values())


# What must not be seen.


def test_a_redirect_is_not_followed(stub, made):
    with served(Stub()) as elsewhere:
        stub.script.then(f"redirect:{elsewhere.url}/v1/messages")

        answer = made(stub).stack.ask(request(SECRET))

    assert (answer.outcome, answer.reason) == (Outcome.MISCONFIGURED, "redirect")
    assert "base_url" in answer.message
    assert elsewhere.requests == []


def test_an_error_that_quotes_the_request_is_not_shown(made):
    with served(Stub()) as stub:
        stub.answer = quoting
        bench = made(stub)

        answer = bench.stack.ask(request(SECRET))

    assert answer.outcome is Outcome.REJECTED
    assert answer.message == "(withheld: it quotes the request)"


def quoting(body):
    raise invalid(f"messages.0.content: {body['messages'][0]['content']}")


def test_an_answer_that_does_not_fit_is_not_quoted(stub, made):
    stub.answer = lambda _: {"items": [{"kind": 7, "title": SECRET}]}

    answer = made(stub).stack.ask(request(SECRET))

    assert answer.message == "the model's answer does not fit the schema at `$.items[0].kind`"
    assert SECRET not in repr(answer)
    assert SECRET not in repr(request(SECRET))


def test_no_prompt_and_no_key_is_logged_whatever_the_level(tmp_path):
    """In a process of its own, with the SDK's own debug switch on and every logger at DEBUG."""
    program = f"""
import logging
logging.basicConfig(level=logging.DEBUG)
from tests.tools.anthropic_script import Script
from tests.tools.anthropic_stub import Stub, served
from tests.tools.anthropic_wire import invalid
from tests.tools.modelling import bench, request
with served(Stub("500 400")) as stub:
    made = bench(stub.url)
    made.stack.ask(request({SECRET!r}))
    made.stack.close()
logging.getLogger("own").debug("the log is on")
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"ANTHROPIC_LOG": "debug", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    said = ran.stdout + ran.stderr
    assert "the log is on" in said
    assert "swordfish" not in said
    assert KEY not in said


def test_the_sdk_is_not_imported_before_the_first_call():
    program = (
        "import sys, processors.llm.stack; from tests.tools.modelling import bench, request;"
        "made = bench(key=''); made.stack.ask(request()); assert 'anthropic' not in sys.modules"
    )

    subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=120,
        check=True,
    )
