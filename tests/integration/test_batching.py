"""Batches with everything around them: a real service or ingest, a real database, and an API that
is played by a server.

The rule: whatever happens, a window is asked about once, paid for at half the price, and ends read.
"""

from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from processors import registry
from processors.llm.batches import Batches
from processors.llm.values import Tokens
from service.client import Client
from service.ingest import ingest
from service.model_books import BookPrice
from service.modelling import ModelSettings
from state.usage.call_prices import CallPrices
from tests.tools.anthropic_script import Script
from tests.tools.anthropic_stub import Stub, served
from tests.tools.databases import opened
from tests.tools.service import in_process, quiet, sessionwatch, settings_for
from tests.tools.teaching import Billing, fact, session, taught, write_sessions
from tests.tools.waiting import wait_for

BATCHES = "/v1/messages/batches"
STATES = "SELECT path, state FROM verification_windows ORDER BY path"
CALLS = "SELECT outcome, batch, count(*) FROM model_calls GROUP BY ALL ORDER BY ALL"


@pytest.fixture
def stub():
    with served(Stub(answer=taught)) as running:
        yield running


@pytest.fixture(autouse=True)
def with_key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key-of-batches")


def settings(tmp_path, stub, **model):
    given = {"attempts": 1, "batches": True, "batch_every_s": 0.2, **model}
    limits = replace(
        settings_for(tmp_path / "t.duckdb").limits,
        quiet_max_s=0.0, retry_first_s=0.1, retry_max_s=0.5,
    )  # fmt: skip
    return settings_for(
        tmp_path / "t.duckdb", tmp_path / "sessions", limits=limits,
        model=ModelSettings(base_url=stub.url, **given),
    )  # fmt: skip


def read(tmp_path, stub, **model):
    """One `ingest --all`."""
    return ingest(settings(tmp_path, stub, **model), registry.load(), include_sessions=True)


@contextmanager
def running(tmp_path, stub, **model):
    with in_process(settings(tmp_path, stub, **model)) as service:
        yield service, Client(tmp_path / "t.duckdb")


def rows(tmp_path, query):
    with opened(tmp_path / "t.duckdb") as database:
        return database.execute(query).fetchall()


def sent(stub):
    """The hashes of all batches, batch by batch."""
    return [
        [item["custom_id"] for item in one.body["requests"]]
        for one in stub.requests
        if (one.method, one.path) == ("POST", BATCHES)
    ]


def windows(client):
    return client.get("/api/v1/model")["windows"]


def half_price(bill):
    book = BookPrice(CallPrices())

    def price(tokens: Tokens, batch: bool) -> int:
        return book("claude-haiku-5-5", tokens, at_us=0, batch=batch)

    whole = sum(price(tokens, False) for tokens in bill.charged)
    half = sum(price(tokens, True) for tokens in bill.charged)
    assert abs(2 * half - whole) <= len(bill.charged)
    return half


def test_a_backlog_is_read_in_batches_exactly_once_and_at_half_the_price(tmp_path, stub):
    wanted, bill = write_sessions(tmp_path / "sessions", 36), Billing(stub)

    with running(tmp_path, stub) as (service, client):
        wait_for(lambda: windows(client) == {"done": 36}, 90.0)
        quiet(service)
        standing = client.get("/api/v1/model")

    hashes = [one for batch in sent(stub) for one in batch]
    assert len(hashes) == len(set(hashes)) == len(bill.answered) == 36
    assert stub.messages == []
    assert dict(rows(tmp_path, STATES)) == wanted
    items = rows(tmp_path, "SELECT path, quote, extractor FROM verification_items")
    assert len(items) == len(set(items)) == 36
    assert {extractor for *_, extractor in items} == {"model"}
    assert rows(tmp_path, CALLS) == [("done", True, 36)]
    costs = rows(tmp_path, "SELECT sum(cost_nano)::BIGINT FROM model_calls")
    assert costs == [(half_price(bill),)]
    assert standing["budget"]["day_spent_nano"] == half_price(bill)
    assert standing["batches"] == {
        "enabled": True, "batches": 0, "requests": 0, "oldest_s": 0.0, "waiting": 0
    }  # fmt: skip
    # What we sent is what was kept.
    bodies = [
        item["params"]
        for one in stub.requests
        if (one.method, one.path) == ("POST", BATCHES)
        for item in one.body["requests"]
    ]
    told = sessionwatch("model", "sent", hashes[0], "--db", tmp_path / "t.duckdb").json
    assert told["sent"][0]["body"] in bodies


def test_ingest_sends_at_its_end_and_collects_at_its_beginning(tmp_path, stub):
    write_sessions(tmp_path / "sessions", 5)

    first = read(tmp_path, stub)
    waiting = dict(rows(tmp_path, STATES))
    standing = sessionwatch("model", "status", "--db", tmp_path / "t.duckdb").out
    read(tmp_path, stub)  # A look of the stub's: it has not ended.
    read(tmp_path, stub)

    assert first["failed"] == 0
    assert set(waiting.values()) == {"queued"}
    assert "batches: 1 with 5 requests under way, 0 requests wait for the next" in standing
    assert set(dict(rows(tmp_path, STATES)).values()) == {"done"}
    assert [len(batch) for batch in sent(stub)] == [5]


def test_what_waited_or_was_offline_before_goes_into_batches(tmp_path, stub, monkeypatch):
    write_sessions(tmp_path / "sessions", 3)
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    read(tmp_path, stub)
    assert set(dict(rows(tmp_path, STATES)).values()) == {"offline"}
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key-of-batches")

    with running(tmp_path, stub) as (_, client):
        wait_for(lambda: windows(client) == {"done": 3}, 60.0)

    assert (sum(map(len, sent(stub))), stub.messages) == (3, [])


@pytest.mark.parametrize("fault", ["expired", "canceled", "500", "529", "429"])
def test_what_a_batch_did_not_get_to_stays_queued_and_is_in_the_next_one(tmp_path, stub, fault):
    write_sessions(tmp_path / "sessions", 4)
    stub.script = Script(f"ok {fault} {fault} ok")
    bill = Billing(stub)
    for _ in range(3):
        read(tmp_path, stub)
    between = sorted(dict(rows(tmp_path, STATES)).values())
    for _ in range(2):
        read(tmp_path, stub)

    assert between == ["done", "done", "queued", "queued"]
    assert set(dict(rows(tmp_path, STATES)).values()) == {"done"}
    assert [len(batch) for batch in sent(stub)] == [4, 2]
    assert len(set(bill.answered)) == 4
    spent = rows(tmp_path, "SELECT sum(amount_nano)::BIGINT FROM model_spending")
    assert spent == [(half_price(bill),)], "what was not begun is not billed"


def test_what_gets_no_good_answer_ends_as_it_does_alone(tmp_path, stub):
    wanted = write_sessions(tmp_path / "sessions", 12, odd_every=2)

    with running(tmp_path, stub) as (service, client):
        wait_for(lambda: set(windows(client)) == {"done", "refused", "truncated", "invalid"}, 60.0)
        quiet(service)

    assert dict(rows(tmp_path, STATES)) == wanted
    assert len({one for batch in sent(stub) for one in batch}) == 12
    # A truncated one with more room, an invalid one once more; a refusal is a word that stands.
    assert sorted(body["max_tokens"] for body in stub.messages) == [2048, 2048, 4096, 4096]


class Killed(BaseException):
    """Like a kill, as far as what is kept goes: nothing catches it."""


def killed_at(tmp_path, stub, step, *, after=False, when=lambda *_: True):
    """An `ingest` that ends before this step of its batches, or right after it."""
    inner = getattr(Batches, step)

    def dying(self, *given):
        if not when(*given):
            return inner(self, *given)
        if after:
            inner(self, *given)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batches, step, dying)
        with pytest.raises(Killed):
            read(tmp_path, stub)


def time_goes_by(stub):
    """All batches end."""
    for _ in range(stub.batches.polls + 1):
        stub.batches.all()


def judged(tmp_path, stub, bill, count):
    """Everything is read; asked and paid for once, at half the price."""
    assert set(dict(rows(tmp_path, STATES)).values()) == {"done"}
    assert [len(batch) for batch in sent(stub)] == [count]
    assert rows(tmp_path, CALLS) == [("done", True, count)]
    spent = rows(tmp_path, "SELECT sum(amount_nano)::BIGINT FROM model_spending")
    assert spent == [(half_price(bill),)]
    assert stub.messages == []


def test_killed_before_anything_was_sent_it_is_sent_later_and_the_budget_is_whole(tmp_path, stub):
    write_sessions(tmp_path / "sessions", 4)
    bill = Billing(stub)

    killed_at(tmp_path, stub, "_kept")
    assert rows(tmp_path, "SELECT state FROM model_batches") == [("planned",)]
    assert rows(tmp_path, "SELECT sum(amount_nano) > 0 FROM model_spending") == [(True,)]
    for _ in range(3):
        read(tmp_path, stub)

    judged(tmp_path, stub, bill, 4)


def test_killed_between_sending_and_noting_it_is_found_and_not_sent_again(tmp_path, stub):
    write_sessions(tmp_path / "sessions", 4)
    bill = Billing(stub)

    killed_at(tmp_path, stub, "_create", after=True)
    assert rows(tmp_path, "SELECT state, batch_id FROM model_batches") == [("sent", "")]
    read(tmp_path, stub)
    assert set(dict(rows(tmp_path, STATES)).values()) == {"queued"}
    time_goes_by(stub)
    read(tmp_path, stub)

    judged(tmp_path, stub, bill, 4)


def test_killed_right_before_sending_it_is_sent_once_it_is_sure_that_it_was_not(
    tmp_path, stub, monkeypatch
):
    write_sessions(tmp_path / "sessions", 4)

    killed_at(tmp_path, stub, "_create")
    read(tmp_path, stub)
    assert sent(stub) == [], "it may have arrived, and be listed late"
    monkeypatch.setattr("processors.llm.batches._UNSEEN_AFTER_S", 0.0)
    for _ in range(3):
        read(tmp_path, stub)

    assert set(dict(rows(tmp_path, STATES)).values()) == {"done"}
    assert [len(batch) for batch in sent(stub)] == [4]


@pytest.mark.parametrize("step", ["_taken", "_closed"])
def test_killed_while_its_answers_are_taken_nothing_is_paid_or_found_twice(tmp_path, stub, step):
    write_sessions(tmp_path / "sessions", 4)
    bill, seen = Billing(stub), []
    read(tmp_path, stub)
    time_goes_by(stub)

    def third(*given):
        seen.append(given)
        return step == "_closed" or len(seen) == 3

    killed_at(tmp_path, stub, step, after=True, when=third)
    read(tmp_path, stub)

    judged(tmp_path, stub, bill, 4)
    items = rows(tmp_path, "SELECT path, quote FROM verification_items")
    assert len(items) == len(set(items)) == 4


def test_a_batch_takes_what_fits_into_the_budget_and_the_next_what_was_not_needed(tmp_path, stub):
    """What is reserved is several times what it costs; the rest is free when a batch has ended."""
    write_sessions(tmp_path / "sessions", 12)
    bill, cap = Billing(stub), Decimal("0.008")

    with running(tmp_path, stub, budget_usd_per_day=cap) as (service, client):
        spent = []

        def done():
            standing = client.get("/api/v1/model")
            spent.append(standing["budget"]["day_spent_nano"])
            return standing["windows"] == {"done": 12}

        wait_for(done, 90.0)
        quiet(service)

    sizes = [len(batch) for batch in sent(stub)]
    assert sum(sizes) == len(bill.answered) == 12
    assert len(sizes) > 1
    assert max(spent) <= cap * 1_000_000_000
    assert spent[-1] == half_price(bill)


def test_without_a_budget_everything_waits_and_nothing_is_sent(tmp_path, stub):
    write_sessions(tmp_path / "sessions", 3)

    with running(tmp_path, stub, budget_usd_per_day=Decimal(0)) as (service, client):
        wait_for(lambda: windows(client) == {"queued": 3})
        quiet(service)
        assert service.dead() == []

    assert sent(stub) == stub.messages == []
    assert rows(tmp_path, "SELECT * FROM model_batches") == []
    with running(tmp_path, stub) as (_, client):
        wait_for(lambda: windows(client) == {"done": 3}, 60.0)


@pytest.mark.parametrize("how", ["service", "ingest"])
def test_more_than_fits_into_a_batch_goes_into_several(tmp_path, stub, monkeypatch, how):
    for module in ("processors.llm.stack", "service.batching"):
        monkeypatch.setattr(f"{module}.ITEMS_MAX", 4)
    write_sessions(tmp_path / "sessions", 15)

    if how == "ingest":
        read(tmp_path, stub)
    else:
        with running(tmp_path, stub, batch_every_s=1.0) as (_, client):
            wait_for(lambda: windows(client) == {"done": 15}, 90.0)

    hashes = [one for batch in sent(stub) for one in batch]
    assert len(hashes) == len(set(hashes)) == 15
    assert max(len(batch) for batch in sent(stub)) <= 4


def test_who_is_erased_meanwhile_is_paid_for_and_nothing_of_theirs_is_kept(tmp_path, stub):
    write_sessions(tmp_path / "sessions", 6, users=2)
    bill, db = Billing(stub), tmp_path / "t.duckdb"
    read(tmp_path, stub)
    theirs = {one for (one,) in rows(tmp_path, _ASKED_BY.format("user0"))}
    sessionwatch("people", "erase", "user0", "--confirm", "user0", "--db", db)
    time_goes_by(stub)

    read(tmp_path, stub)

    assert dict(rows(tmp_path, STATES)) == {
        f"user1/p/s{number}.jsonl": "done" for number in (1, 3, 5)
    }
    for table in ("model_askers", "model_payloads", "model_recordings"):
        kept = {one for (one,) in rows(tmp_path, f"SELECT request_hash FROM {table}")}
        assert len(kept) == 3
        assert not kept & theirs
    spent = rows(tmp_path, "SELECT sum(amount_nano)::BIGINT FROM model_spending")
    assert spent == [(half_price(bill),)]
    assert rows(tmp_path, "SELECT count(*) FROM model_batch_items") == [(3,)]
    sessionwatch("people", "erase", "user1", "--confirm", "user1", "--db", db)
    assert rows(tmp_path, "SELECT count(*) FROM model_batch_items") == [(0,)]


_ASKED_BY = "SELECT request_hash FROM model_askers WHERE user_name = '{}'"


def test_a_session_that_grows_meanwhile_ends_as_one_that_was_read_at_once(tmp_path, stub):
    write_sessions(tmp_path / "sessions", 2)
    path = tmp_path / "sessions/user0/p/s0.jsonl"
    read(tmp_path, stub)
    path.write_bytes(path.read_bytes() + session("more", fact(77)))
    for _ in range(4):
        read(tmp_path, stub)

    found = rows(tmp_path, "SELECT quote FROM verification_items WHERE path LIKE '%s0.jsonl'")
    assert sorted(quote.split(" runs")[0] for (quote,) in found) == [
        "No, the export number 0",
        "No, the export number 77",
    ]
    assert set(dict(rows(tmp_path, STATES)).values()) == {"done"}


def test_copies_of_a_session_are_asked_about_once_and_all_of_them_are_read(tmp_path, stub):
    write_sessions(tmp_path / "sessions", 1)
    content = (tmp_path / "sessions/user0/p/s0.jsonl").read_bytes()

    def copied(name):
        (tmp_path / "sessions" / name / "p").mkdir(parents=True)
        (tmp_path / "sessions" / name / "p/s0.jsonl").write_bytes(content)

    copied("copied")
    read(tmp_path, stub)
    copied("copied-while-under-way")
    for _ in range(2):
        read(tmp_path, stub)

    assert [state for _, state in rows(tmp_path, STATES)] == ["done"] * 3
    assert [len(batch) for batch in sent(stub)] == [1]
    askers = rows(tmp_path, "SELECT user_name FROM model_askers ORDER BY ALL")
    assert askers == [("copied",), ("copied-while-under-way",), ("user0",)]


def test_switched_off_again_what_is_under_way_is_still_taken(tmp_path, stub):
    write_sessions(tmp_path / "sessions", 3)
    read(tmp_path, stub)

    with running(tmp_path, stub, batches=False) as (_, client):
        wait_for(lambda: windows(client) == {"done": 3}, 60.0)
        standing = client.get("/api/v1/model")["batches"]

    assert stub.messages == []
    assert (standing["enabled"], standing["batches"]) == (False, 0)


def test_metrics_and_health_say_what_is_under_way(tmp_path, stub):
    write_sessions(tmp_path / "sessions", 3)
    stub.batches.polls = 1_000_000

    with running(tmp_path, stub) as (service, client):
        wait_for(lambda: client.get("/api/v1/model")["batches"]["requests"] == 3, 60.0)
        (check,) = [one for one in service.checkup.checks() if one.name == "batches"]
        sample = service.instruments.registry.get_sample_value
        gauges = [
            sample(f"sessionwatch_model_{name}")
            for name in ("batches", "batch_requests", "batch_waiting")
        ]

    batches = len(sent(stub))
    assert (check.status, check.text) == ("ok", f"{batches} with 3 requests under way")
    assert gauges == [float(batches), 3.0, 0.0]
