"""The pure parts of the model stack: hashes, payloads, replies, breaker, purse, settings."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
import pytest

from processors.llm import reply
from processors.llm.again import MAX_TOKENS_MAX, remedy
from processors.llm.breaker import Breaker, BreakerPatience, State
from processors.llm.endpoint import Endpoint, key_of
from processors.llm.payload import payload, tokens_max
from processors.llm.purse import NANO, Caps, MemoryPurse, Reservation, Spent, limit_hit, opens_in_s
from processors.llm.values import Answer, Outcome, Tokens, Turn
from service.modelling import ModelSettings, config_of
from service.rules import Rule
from tests.tools.anthropic_wire import check_schema, sample
from tests.tools.modelling import Output, request

OUTAGE = Answer(Outcome.OUTAGE, sent=True)
DONE = Answer(Outcome.DONE, sent=True)


# Requests.


def test_the_hash_of_a_request_is_the_same_in_every_process():
    """A change of it throws away every recorded answer: raise HASH_VERSION on purpose."""
    asked = request(model="claude-haiku-5-5")

    assert asked.hash == "b53a419faf5ef5c4b8cc6e8fda60faf9fca880e9ba372fce3208b0004e94860b"


@pytest.mark.parametrize(
    "change",
    [
        {"model": "claude-sonnet-5-5"},
        {"system": "Find."},
        {"messages": (Turn("user", "x"),)},
        {"output": msgspec.defstruct("Output", [("items", list[int])])},
        {"max_tokens": 4096},
        {"effort": "high"},
        {"thinking": True},
    ],
)
def test_whatever_changes_the_answer_changes_the_hash(change):
    assert replace(request(), **change).hash != request().hash


@pytest.mark.parametrize("change", [{"purpose": "judge"}, {"form": "tool"}])
def test_what_does_not_change_the_answer_does_not_change_the_hash(change):
    assert replace(request(), **change).hash == request().hash


class Evidence(msgspec.Struct):
    turn: int
    quote: Annotated[str, msgspec.Meta(max_length=200, description="word for word")]


class Finding(msgspec.Struct):
    kind: Literal["correction", "definition"] | None
    evidence: Annotated[list[Evidence], msgspec.Meta(max_length=3)]
    until: str | None = None


@pytest.mark.parametrize("form", ["schema", "tool"])
def test_any_output_becomes_a_schema_the_api_takes(form):
    from anthropic import transform_schema

    class Findings(msgspec.Struct):
        items: list[Finding]

    body = payload(request(output=Findings, form=form), transform_schema)

    if form == "schema":
        schema = body["output_config"]["format"]["schema"]
    else:
        schema = body["tools"][0]["input_schema"]
        assert schema["type"] == "object"
    check_schema(schema)
    assert msgspec.convert(sample(schema), Findings) == Findings([])
    assert schema["$defs"]["Finding"]["required"] == ["kind", "evidence", "until"]


def test_more_tokens_are_reserved_than_there_can_be():
    asked = request("slovo " * 1000 + "語" * 1000)

    assert tokens_max(asked) > len(asked.messages[0].text.encode())


# Replies.


def message(**changes):
    usage = {"input_tokens": 7, "output_tokens": 3}
    said = {"content": [{"type": "text", "text": '{"items": []}'}], "stop_reason": "end_turn"}
    return msgspec.json.encode({"usage": usage} | said | changes)


def test_text_is_read_wherever_it_stands():
    blocks = [
        {"type": "thinking", "thinking": "…"},
        {"type": "text", "text": '{"items":'},
        {"type": "unheard_of", "text": "not this"},
        {"type": "text", "text": " []}"},
    ]

    answer = reply.checked(reply.answer(message(content=blocks)), request())

    assert answer.value == Output([])


def test_what_was_billed_counts_whatever_else_is_wrong():
    answer = reply.answer(message(stop_reason="unheard_of"))

    assert (answer.outcome, answer.reason) == (Outcome.INVALID, "stop_reason")
    assert answer.tokens == Tokens(input=7, output=3)


def test_cache_writes_are_told_apart():
    usage = {"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 30,
             "cache_read_input_tokens": 4,
             "cache_creation": {"ephemeral_5m_input_tokens": 10,
                                "ephemeral_1h_input_tokens": 20}}  # fmt: skip

    assert reply.answer(message(usage=usage)).tokens == Tokens(1, 10, 20, 4, 2)


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"{}", b'{"usage": 1}', b"\xff"])
def test_what_is_no_message_is_an_outage_and_may_have_been_billed(body):
    answer = reply.answer(body)

    assert (answer.outcome, answer.tokens) == (Outcome.OUTAGE, None)


def test_the_room_of_an_answer_is_doubled_up_to_what_needs_no_stream():
    cut = Answer(Outcome.TRUNCATED, reason="max_tokens")

    assert remedy(request(max_tokens=15_000), cut).max_tokens == MAX_TOKENS_MAX
    assert remedy(request(max_tokens=MAX_TOKENS_MAX), cut) is None


# The breaker.


def ended(breaker, *answers, now_s=0.0):
    for answer in answers:
        breaker = breaker.begun(now_s).ended(answer, now_s)
    return breaker


def test_one_answer_forgets_all_failures():
    breaker = ended(Breaker(), *[OUTAGE] * 4, DONE, *[OUTAGE] * 4)

    assert breaker.state(0) is State.CLOSED
    assert ended(breaker, OUTAGE).state(0) is State.OPEN


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.REFUSED, Outcome.INVALID])
def test_a_side_that_says_no_is_there(outcome):
    breaker = ended(Breaker(), *[OUTAGE] * 4, Answer(outcome, sent=True))

    assert breaker == Breaker()


@pytest.mark.parametrize("outcome", [Outcome.BUDGET, Outcome.MISCONFIGURED, Outcome.OFFLINE])
def test_what_was_not_sent_says_nothing_of_the_other_side(outcome):
    breaker = ended(Breaker(), *[OUTAGE] * 4)

    assert ended(breaker, Answer(outcome)) == breaker


def test_half_open_lets_one_probe_through_and_a_lost_probe_is_no_lock():
    breaker = ended(Breaker(), *[OUTAGE] * 5)

    probing = breaker.begun(30)

    assert breaker.lets_through(30)
    assert not probing.lets_through(30)
    assert probing.ended(Answer(Outcome.BUDGET), 30).lets_through(30)


def test_waits_double_up_to_the_longest():
    breaker = ended(Breaker(BreakerPatience(failures=1, open_s=30, open_max_s=100)), OUTAGE)
    waits = []
    now_s = 0.0
    for _ in range(4):
        waits.append(breaker.until_s - now_s)
        now_s = breaker.until_s
        breaker = ended(breaker, OUTAGE, now_s=now_s)

    assert waits == [30, 60, 100, 100]


def test_late_failures_of_calls_that_were_under_way_change_little():
    breaker = Breaker(BreakerPatience(failures=1))
    under_way = breaker.begun(0).ended(OUTAGE, 0)

    late = under_way.ended(OUTAGE, 1)

    assert (late.open_s, late.until_s) == (30, 31)


# The purse.


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


@pytest.mark.parametrize(
    ("limit", "when", "seconds"),
    [
        ("day", "2026-11-24T23:59:00", 60),
        ("calls", "2026-11-24T00:00:00", 86_400),
        ("month", "2026-11-29T00:00:00", 2 * 86_400),
        ("month", "2026-12-31T23:59:59", 1),
        ("month", "2028-02-29T12:00:00", 43_200),
    ],
)
def test_a_limit_opens_with_the_next_day_or_month(limit, when, seconds):
    assert opens_in_s(limit, at(when)) == seconds


def test_the_longest_wait_is_named():
    caps = Caps(day_nano=10, month_nano=20, day_calls=3)

    assert limit_hit(caps, Spent(10, 20, 3), 1) == "month"
    assert limit_hit(caps, Spent(10, 10, 3), 1) == "day"
    assert limit_hit(caps, Spent(1, 1, 3), 1) == "calls"
    assert limit_hit(caps, Spent(9, 19, 2), 1) is None


def test_a_reservation_that_is_never_settled_stays_spent_on_its_day():
    purse, caps = MemoryPurse(), Caps(day_nano=10, month_nano=15)
    evening, morning = at("2026-11-24T23:59:59"), at("2026-11-25T00:00:01")

    assert purse.reserve(Reservation("killed", evening, 10), caps) is None
    assert purse.reserve(Reservation("more", evening, 1), caps) == "day"
    assert purse.reserve(Reservation("next", morning, 5), caps) is None
    assert purse.reserve(Reservation("month", morning, 1), caps) == "month"
    assert purse.spent(morning) == Spent(5, 15, 1)


def test_what_is_settled_after_midnight_belongs_to_the_day_it_was_reserved():
    purse, caps = MemoryPurse(), Caps()
    evening, morning = at("2026-11-24T23:59:59"), at("2026-11-25T00:00:01")
    purse.reserve(Reservation("late", evening, 10), caps)

    purse.settle("late", 4)

    assert (purse.spent(evening).day_nano, purse.spent(morning).day_nano) == (4, 0)


# Settings.


def rules():
    return {
        name: next(one for one in hint.__metadata__ if isinstance(one, Rule))
        for name, hint in ModelSettings.__annotations__.items()
    }


def test_every_setting_of_the_model_says_what_it_is_and_takes_its_default():
    for name, rule in rules().items():
        assert rule.about
        default = getattr(ModelSettings(), name)
        assert rule.read(str(default) if isinstance(default, Decimal) else default) == default


@pytest.mark.parametrize(
    "url", ["http://gateway:8080", "https://gate.example/anthropic", "http://[::1]:1/v1/claude"]
)
def test_a_gateway_may_be_asked_instead(url):
    assert rules()["base_url"].read(url) == url


@pytest.mark.parametrize("url", ["gateway", "https://x/v1", "https://x/", "ftp://x", "http://a b"])
def test_a_url_that_would_not_work_is_no_setting(url):
    with pytest.raises(ValueError):
        rules()["base_url"].read(url)


def test_settings_become_the_stack_they_say():
    config = config_of(ModelSettings(budget_usd_per_day=Decimal("0.25")), {"LLM_API_KEY": "k"})

    assert config.endpoint.key == "k"
    assert config.caps.day_nano == NANO // 4
    assert "k'" not in repr(config)


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({}, ""),
        ({"ANTHROPIC_API_KEY": " a\n", "LLM_API_KEY": "b"}, "a"),
        ({"ANTHROPIC_API_KEY": "  ", "LLM_API_KEY": "b"}, "b"),
    ],
)
def test_the_first_key_that_is_set_counts(environ, key):
    assert key_of(environ) == key


def test_a_key_is_not_shown():
    assert "sk-secret" not in repr(Endpoint("sk-secret"))
