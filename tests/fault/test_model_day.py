"""A bad day of the language model's provider, against a real service that is killed as well: once
asked call by call, and once in batches.

The rule: whatever happens, every window ends read or visibly waits, nothing is spent beyond the
cap, and nothing is found twice.
"""

import json
import threading
from contextlib import contextmanager

import pytest

from processors.llm.values import Tokens
from service.model_books import BookPrice
from state.usage.call_prices import CallPrices
from tests.tools.anthropic_script import Script
from tests.tools.anthropic_stub import Stub, served
from tests.tools.anthropic_wire import ApiError
from tests.tools.service import ServiceProcess
from tests.tools.teaching import FATES, Billing, taught, write_sessions

BAD = "429=15% 529=15%"
WORKERS = 3
DAY_CAP_NANO = 400_000_000


@pytest.fixture
def stub():
    with served(Stub(answer=taught)) as running:
        yield running


@contextmanager
def serving(tmp_path, stub, script, **settings):
    """The service against a side that behaves so; killed without a word at the end."""
    stub.script = Script(script, seed=len(stub.requests))
    service = ServiceProcess(
        tmp_path / "t.duckdb", tmp_path / "sessions", model_base_url=stub.url, model_attempts=1,
        quiet_max_s=0, sweep_s=1, retry_first_s=0.2, retry_max_s=2,
        **{"model_budget_usd_per_day": DAY_CAP_NANO / 1e9, **settings},
    )  # fmt: skip
    try:
        service.start()
        yield service
        service.kill()
    finally:
        service.close()


def standing(service):
    return service.client.get("/api/v1/model")


def windows(service):
    return standing(service)["windows"]


def price(tokens: Tokens, *, batch: bool = False) -> int:
    cost = BookPrice(CallPrices())("claude-haiku-5-5", tokens, at_us=0, batch=batch)
    assert cost is not None
    return cost


def a_bad_day(tmp_path, stub, count):
    bill = Billing(stub)
    wanted = write_sessions(tmp_path / "sessions", count, odd_every=10)

    # The budget of a first day is small: what does not fit waits, and nothing goes out.
    with serving(tmp_path, stub, BAD, model_budget_usd_per_day=0.008) as service:
        service.wait_until(lambda: sum(windows(service).values()) == count)
        service.wait_until(lambda: windows(service).get("queued"))
        budget = standing(service)["budget"]
        assert budget["day_spent_nano"] <= budget["day_nano"] == 8_000_000

    # Nobody answers: the breaker opens, and every window that is left waits.
    with serving(tmp_path, stub, "reset=100%") as service:
        service.wait_until(lambda: standing(service)["state"] == "not_asking")
        service.wait_until(lambda: sum(windows(service).values()) == count)
        assert windows(service)["queued"] > 0
        status = service.client.get("/api/v1/status")["processors"]["verification"]
        assert status["parked"] == status["retrying"] == 0

    # Killed in the middle of asking.
    before = len(bill.answered)
    with serving(tmp_path, stub, BAD) as service:
        service.wait_until(lambda: len(bill.answered) >= before + count // 4)

    with serving(tmp_path, stub, "spend_limit=100%") as service:
        service.wait_until(lambda: standing(service)["outcome"] == "spend_limit")
        service.wait_until(lambda: sum(windows(service).values()) == count)
        assert windows(service)["queued"] > 0

    # And in the end it works, most of the time.
    with serving(tmp_path, stub, "529=5%") as service:
        service.wait_until(lambda: not unread(service, count), 150.0)
        judged(service, stub, bill, wanted)


def unread(service, count):
    found = windows(service)
    return found.get("queued", 0) + found.get("offline", 0) + count - sum(found.values())


def judged(service, stub, bill, wanted):
    judged_rows(service, wanted)

    # An answer that was on its way to a killed process is paid for again, and no other.
    assert paid_again(bill) <= WORKERS * 4

    spent = standing(service)["budget"]["month_spent_nano"]  # Past midnight, too.
    assert sum(map(price, bill.charged)) <= spent <= DAY_CAP_NANO

    judged_anew(service, stub)


def judged_rows(service, wanted):
    states = service.sql("SELECT path, state FROM verification_windows")
    assert sorted(states) == sorted([path, state] for path, state in wanted.items())

    items = service.sql("SELECT path, turn, quote, extractor FROM verification_items")
    by_model = [path for path, *_, extractor in items if extractor == "model"]
    assert sorted(by_model) == sorted(path for path, state in wanted.items() if state == "done")
    assert len(items) == len({(path, turn, quote) for path, turn, quote, _ in items})


def paid_again(bill):
    good = [text for text in bill.answered if not any(word in text for word in FATES.values())]
    return len(good) - len(set(good))


def judged_anew(service, stub):
    """Read anew, all of it comes from what is recorded."""
    read = service.sql("SELECT * FROM verification_items ORDER BY ALL")
    asked = posts(stub)
    service.client.post("/api/v1/rescan", {"processor": "verification"})
    done = "SELECT count(*) FROM ledger WHERE processor = 'verification' AND processor_version = 0"
    service.wait_until(lambda: service.sql(done) == [[0]])
    assert service.sql("SELECT * FROM verification_items ORDER BY ALL") == read
    assert posts(stub) == asked


def posts(stub):
    """Single calls and batches that came."""
    return sum(one.method == "POST" for one in stub.requests)


def test_a_bad_day_of_the_provider_loses_nothing_and_pays_nothing_twice(
    tmp_path, stub, monkeypatch
):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key")
    a_bad_day(tmp_path, stub, 40)


@pytest.mark.fault
def test_a_bad_day_with_two_hundred_sessions(tmp_path, stub, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key")
    a_bad_day(tmp_path, stub, 200)


@contextmanager
def held(stub, step):
    """What the stub does in this step of a batch is done and not answered: nobody knows of it."""
    inner, arrived, go_on = getattr(stub.batches, step), threading.Event(), threading.Event()

    def holding(*given):
        made = inner(*given)
        arrived.set()
        go_on.wait(60.0)
        return made

    setattr(stub.batches, step, holding)
    try:
        yield arrived
    finally:
        go_on.set()
        setattr(stub.batches, step, inner)


@contextmanager
def refusing(stub, error):
    """Every request of any kind meets this."""

    def admit(headers):
        raise error

    inner, stub.admit = stub.admit, admit
    try:
        yield
    finally:
        stub.admit = inner


BAD_ITEMS = "429=10% 529=10% 500=5% expired=3% canceled=2%"
OUTAGE = ApiError(503, "api_error", "Service unavailable")
SPENT = ApiError(429, "rate_limit_error", "No more money.", code="enforced_spend_limit_reached")


def a_bad_day_of_batches(tmp_path, stub, count):
    """As the other one; killed where most is at stake, with requests sent and no word of it, and
    with answers read and none of them kept."""
    bill = Billing(stub)
    wanted = write_sessions(tmp_path / "sessions", count, odd_every=10)
    batched = {"model_batches": "true", "model_batch_every_s": 0.3}

    # A small budget: a part of it is under way and stays so, the rest waits.
    stub.batches.polls = 1_000_000
    with serving(tmp_path, stub, BAD_ITEMS, model_budget_usd_per_day=0.02, **batched) as service:
        service.wait_until(lambda: windows(service) == {"queued": count})
        service.wait_until(lambda: standing(service)["batches"]["waiting"] == 0)
        told = standing(service)
        assert 0 < told["batches"]["requests"] < count
        assert told["budget"]["day_spent_nano"] <= told["budget"]["day_nano"] == 20_000_000
    under_way = told["batches"]["requests"]

    # Killed with a batch that arrived and that it does not know of.
    stub.batches.polls = 2
    with held(stub, "create") as arrived, serving(tmp_path, stub, BAD_ITEMS, **batched):
        assert arrived.wait(60.0)

    # Nobody answers: the breaker opens, and every window waits.
    with refusing(stub, OUTAGE), serving(tmp_path, stub, BAD_ITEMS, **batched) as service:
        service.wait_until(lambda: standing(service)["state"] == "not_asking")
        service.wait_until(lambda: sum(windows(service).values()) == count)
        assert standing(service)["batches"]["requests"] > under_way
        status = service.client.get("/api/v1/status")["processors"]["verification"]
        assert status["parked"] == status["retrying"] == 0

    # Killed with answers that were read and not kept, then a second outage.
    with held(stub, "results") as arrived, serving(tmp_path, stub, BAD_ITEMS, **batched):
        stub.batches.finish()
        assert arrived.wait(60.0)
    with refusing(stub, SPENT), serving(tmp_path, stub, BAD_ITEMS, **batched) as service:
        service.wait_until(lambda: standing(service)["outcome"] == "spend_limit")
        service.wait_until(lambda: sum(windows(service).values()) == count)
        assert windows(service)["queued"] > 0
    with refusing(stub, OUTAGE), serving(tmp_path, stub, BAD_ITEMS, **batched) as service:
        service.wait_until(lambda: standing(service)["state"] == "not_asking")

    # And in the end it works, most of the time.
    with serving(tmp_path, stub, BAD_ITEMS, **batched) as service:
        service.wait_until(lambda: not unread(service, count), 150.0)
        judged_rows(service, wanted)
        assert paid_again(bill) == 0
        spent = standing(service)["budget"]["month_spent_nano"]  # Past midnight, too.
        half = sum(price(tokens, batch=True) for tokens in bill.charged)
        assert half <= spent <= DAY_CAP_NANO
        judged_prices(service)
        judged_anew(service, stub)


def judged_prices(service):
    """Every answer of a batch costs half, and each good one came from a batch."""
    calls = service.sql("SELECT tokens, cost_nano, batch FROM model_calls WHERE outcome = 'done'")
    assert {batch for *_, batch in calls} == {True}
    for tokens, cost_nano, _ in calls:
        assert cost_nano == price(Tokens(**json.loads(tokens)), batch=True)


def test_a_bad_day_of_batches_loses_nothing_and_asks_nothing_twice(tmp_path, stub, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key")
    a_bad_day_of_batches(tmp_path, stub, 40)


@pytest.mark.fault
def test_a_bad_day_of_batches_with_two_hundred_sessions(tmp_path, stub, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key")
    a_bad_day_of_batches(tmp_path, stub, 200)
