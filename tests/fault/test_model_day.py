"""A bad day of the language model's provider, against a real service that is killed as well.

The rule: whatever happens, every window ends read or visibly waits, nothing is spent beyond the
cap, and nothing is found twice.
"""

from contextlib import contextmanager

import pytest

from processors.llm.values import Tokens
from service.model_books import BookPrice
from state.usage.call_prices import CallPrices
from tests.tools.anthropic_script import Script
from tests.tools.anthropic_stub import Stub, served
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


def price(tokens: Tokens) -> int:
    cost = BookPrice(CallPrices())("claude-haiku-5-5", tokens, at_us=0, batch=False)
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
    states = service.sql("SELECT path, state FROM verification_windows")
    assert sorted(states) == sorted([path, state] for path, state in wanted.items())

    items = service.sql("SELECT path, turn, quote, extractor FROM verification_items")
    by_model = [path for path, *_, extractor in items if extractor == "model"]
    assert sorted(by_model) == sorted(path for path, state in wanted.items() if state == "done")
    assert len(items) == len({(path, turn, quote) for path, turn, quote, _ in items})

    # An answer that was on its way to a killed process is paid for again, and no other.
    good = [text for text in bill.answered if not any(word in text for word in FATES.values())]
    assert len(good) - len(set(good)) <= WORKERS * 4

    spent = standing(service)["budget"]["day_spent_nano"]
    assert sum(map(price, bill.charged)) <= spent <= DAY_CAP_NANO

    # Read anew, all of it comes from what is recorded.
    asked, read = len(stub.messages), service.sql("SELECT * FROM verification_items ORDER BY ALL")
    service.client.post("/api/v1/rescan", {"processor": "verification"})
    done = "SELECT count(*) FROM ledger WHERE processor = 'verification' AND processor_version = 0"
    service.wait_until(lambda: service.sql(done) == [[0]])
    assert service.sql("SELECT * FROM verification_items ORDER BY ALL") == read
    assert len(stub.messages) == asked


def test_a_bad_day_of_the_provider_loses_nothing_and_pays_nothing_twice(
    tmp_path, stub, monkeypatch
):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key")
    a_bad_day(tmp_path, stub, 60)


@pytest.mark.fault
def test_a_bad_day_with_two_hundred_sessions(tmp_path, stub, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key")
    a_bad_day(tmp_path, stub, 200)
