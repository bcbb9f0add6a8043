"""Verification with everything around it: a real service or ingest, a real database, and a model
that is played by a server.

The rule: what no model has read is visible and is read later; what was read costs nothing again.
"""

import json
import re
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from core.errors import ConfigurationError
from processors import registry
from service.client import Client
from service.ingest import ingest
from service.modelling import ModelSettings
from service.redaction_key import key_path, redaction_key
from tests.tools.anthropic_script import Script
from tests.tools.anthropic_stub import Stub, served
from tests.tools.databases import opened
from tests.tools.service import (
    in_process,
    quiet,
    sessionwatch,
    settings_for,
)
from tests.tools.teaching import Billing, fact, session, taught, write_sessions
from tests.tools.waiting import wait_for

KEY = "test-key-of-verification"
WINDOWS = "SELECT path, state, extractor FROM verification_windows ORDER BY path"


@pytest.fixture
def stub():
    with served(Stub(answer=taught)) as running:
        yield running


@pytest.fixture
def with_key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


@pytest.fixture
def root(tmp_path):
    write_sessions(tmp_path / "sessions", 4, users=2)
    return tmp_path / "sessions"


def read(tmp_path, root, stub, **model):
    """One `ingest --all` with the model at the stub."""
    given = ModelSettings(base_url=stub.url, attempts=1, **model)
    settings = settings_for(tmp_path / "t.duckdb", root, model=given)
    return ingest(settings, registry.load(), include_sessions=True)


@contextmanager
def running(tmp_path, root, stub, **model):
    given = ModelSettings(base_url=stub.url, attempts=1, **model)
    limits = settings_for(tmp_path / "t.duckdb").limits
    quick = replace(limits, quiet_max_s=0.0, retry_first_s=0.1, retry_max_s=0.5)
    settings = settings_for(tmp_path / "t.duckdb", root, model=given, limits=quick)
    with in_process(settings) as service:
        quiet(service)
        yield service, Client(tmp_path / "t.duckdb")


def rows(db, query):
    with opened(db) as database:
        return database.execute(query).fetchall()


def states(tmp_path):
    return [state for _, state, _ in rows(tmp_path / "t.duckdb", WINDOWS)]


def test_without_a_key_rules_read_and_nothing_is_sent(tmp_path, root, stub):
    summary = read(tmp_path, root, stub)

    assert summary["failed"] == 0
    assert {one[1:] for one in rows(tmp_path / "t.duckdb", WINDOWS)} == {("offline", "rules")}
    assert stub.requests == []
    for table in ("model_askers", "model_payloads", "model_calls", "model_spending"):
        assert rows(tmp_path / "t.duckdb", f"SELECT * FROM {table}") == []


def test_what_was_read_without_a_key_is_read_by_the_model_once_there_is_one(
    tmp_path, root, stub, monkeypatch
):
    read(tmp_path, root, stub)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)

    read(tmp_path, root, stub)

    assert {one[1:] for one in rows(tmp_path / "t.duckdb", WINDOWS)} == {("done", "model")}
    items = rows(tmp_path / "t.duckdb", "SELECT extractor, statement FROM verification_items")
    assert len(items) == 4
    assert {extractor for extractor, _ in items} == {"model"}
    assert len(stub.messages) == 4


def test_a_model_that_is_switched_off_is_not_asked_although_there_is_a_key(
    tmp_path, root, stub, with_key
):
    read(tmp_path, root, stub, enabled=False)

    assert set(states(tmp_path)) == {"offline"}
    assert stub.requests == []


def test_a_session_that_is_read_again_costs_nothing(tmp_path, root, stub, with_key):
    read(tmp_path, root, stub)
    before = rows(tmp_path / "t.duckdb", "SELECT * FROM verification_items ORDER BY ALL")
    sessionwatch("rescan", "--processor", "verification", "--db", tmp_path / "t.duckdb")

    read(tmp_path, root, stub)

    assert rows(tmp_path / "t.duckdb", "SELECT * FROM verification_items ORDER BY ALL") == before
    assert len(stub.messages) == 4


def test_a_session_that_grows_is_asked_about_anew_and_keeps_no_old_item(
    tmp_path, root, stub, with_key
):
    read(tmp_path, root, stub)
    path = root / "user0/p/s0.jsonl"
    path.write_bytes(path.read_bytes() + session("more", fact(77)))

    read(tmp_path, root, stub)

    found = rows(
        tmp_path / "t.duckdb",
        "SELECT turn, quote FROM verification_items WHERE path = 'user0/p/s0.jsonl' ORDER BY turn",
    )
    assert [quote.split(" runs")[0] for _, quote in found] == [
        "No, the export number 0",
        "No, the export number 77",
    ]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("529=100%", "model_overloaded"),
        ("429=100%", "model_rate_limited"),
        ("reset=100%", "model_outage"),
        ("401=100%", "model_misconfigured"),
        ("spend_limit=100%", "model_spend_limit"),
    ],
)
def test_what_was_not_answered_waits_and_is_no_failure(
    tmp_path, root, stub, with_key, script, reason
):
    stub.script = Script(script)

    summary = read(tmp_path, root, stub)

    assert summary["failed"] == 0
    assert set(states(tmp_path)) == {"queued"}
    ledger = "SELECT DISTINCT status, try_again_at_us > 0 FROM ledger WHERE processor = '{}'"
    assert rows(tmp_path / "t.duckdb", ledger.format("verification")) == [("waiting", True)]
    reasons = rows(tmp_path / "t.duckdb", "SELECT reason FROM ledger WHERE status = 'waiting'")
    assert reason in {one for (one,) in reasons}
    assert rows(tmp_path / "t.duckdb", "SELECT * FROM quarantine") == []


def test_a_start_asks_what_waits_although_its_time_has_not_come(tmp_path, root, stub, with_key):
    """The month's budget may be raised, the side may be back: nobody waits for the next month."""
    read(tmp_path, root, stub, budget_usd_per_month=Decimal(0))
    assert stub.requests == []
    assert set(states(tmp_path)) == {"queued"}

    read(tmp_path, root, stub)

    assert set(states(tmp_path)) == {"done"}


def test_a_running_service_asks_again_until_it_is_answered(tmp_path, root, stub, with_key):
    """More often than a failing file would be tried at all."""
    stub.script = Script("529 " * 40)
    bill = Billing(stub)

    with running(tmp_path, root, stub) as (_, client):
        wait_for(lambda: client.get("/api/v1/model")["state"] == "not_asking", 60.0)
        assert client.get("/api/v1/status")["processors"]["verification"]["parked"] == 0
    stub.script = Script()
    with running(tmp_path, root, stub) as (_, client):
        wait_for(lambda: client.get("/api/v1/model")["windows"] == {"done": 4}, 60.0)

    assert len(bill.answered) == 4


def test_metrics_tell_what_was_not_kept_and_what_was_taken_out(tmp_path, stub, with_key):
    secret = "sk-ant-api03-" + "Zk9" * 31 + "AA"
    (tmp_path / "sessions/user0/p").mkdir(parents=True)
    said = session("s", f"{fact(1)} The key is {secret}.", "Thanks, go on with the tests then.")
    (tmp_path / "sessions/user0/p/s.jsonl").write_bytes(said)

    def inventive(body):
        (item,) = taught(body)["items"]
        invented = [{**item["evidence"][0], "quote": "The export may run whenever it likes to."}]
        return {"items": [item, {**item, "evidence": invented}]}

    stub.answer = inventive
    with running(tmp_path, tmp_path / "sessions", stub) as (service, client):
        wait_for(lambda: client.get("/api/v1/model")["windows"] == {"done": 1}, 60.0)
        value = service.instruments.registry.get_sample_value
        name = "sessionwatch_model"
        assert value(f"{name}_windows", {"state": "done"}) == 1
        assert value(f"{name}_refused", {"reason": "not_verbatim"}) == 1
        assert value(f"{name}_refused", {"reason": "too_long"}) == 0
        assert value(f"{name}_redactions") == 1

    assert secret not in json.dumps(stub.messages)


def test_no_good_answer_is_final_until_an_operator_says_so(tmp_path, stub, with_key):
    wanted = write_sessions(tmp_path / "sessions", 6, odd_every=2)
    read(tmp_path, tmp_path / "sessions", stub)
    first = [(path, state) for path, state, _ in rows(tmp_path / "t.duckdb", WINDOWS)]
    asked = len(stub.messages)
    sessionwatch("rescan", "--db", tmp_path / "t.duckdb")
    read(tmp_path, tmp_path / "sessions", stub)
    assert first == sorted(wanted.items())
    assert len(stub.messages) == asked

    stub.answer = lambda body: {"items": []}
    told = sessionwatch("model", "retry", "--json", "--db", tmp_path / "t.duckdb").json
    read(tmp_path, tmp_path / "sessions", stub)

    assert told == {"answers_forgotten": 3, "files": 3}
    assert set(states(tmp_path)) == {"done"}
    assert len(stub.messages) == asked + 3


def test_a_window_without_a_sentence_is_read_by_nobody(tmp_path, stub, with_key):
    (tmp_path / "sessions/user0/p").mkdir(parents=True)
    (tmp_path / "sessions/user0/p/s.jsonl").write_bytes(session("s", "yes", "ok go"))

    read(tmp_path, tmp_path / "sessions", stub)

    assert stub.requests == []
    found = rows(tmp_path / "t.duckdb", "SELECT state, reason, items FROM verification_windows")
    assert found == [("done", "nothing_to_quote", 0)]


def test_what_we_sent_can_be_seen_and_that_somebody_looked_is_audited(
    tmp_path, root, stub, with_key
):
    read(tmp_path, root, stub)
    db = tmp_path / "t.duckdb"

    calls = sessionwatch("model", "calls", "--json", "--db", db).json
    told = sessionwatch("model", "sent", calls[0]["request_hash"][:20], "--db", db).json
    standing = sessionwatch("model", "status", "--json", "--db", db).json

    assert [one["outcome"] for one in calls] == ["done"] * 4
    assert told["sent"][0]["body"] in stub.messages
    assert json.loads(told["answer"]["text"])["items"]
    assert standing["windows"] == {"done": 4}
    assert standing["budget"]["day_spent_nano"] == sum(one["cost_nano"] for one in calls)
    looked = rows(db, "SELECT action, result FROM audit WHERE action = 'model.sent'")
    assert looked == [("model.sent", "ok")]


def test_who_is_erased_is_erased_from_what_was_sent_and_answered(tmp_path, root, stub, with_key):
    read(tmp_path, root, stub)
    db = tmp_path / "t.duckdb"
    told = sessionwatch("people", "erase", "user0", "--confirm", "user0", "--json", "--db", db).json

    assert {name: told["rows"][name] for name in told["rows"] if name.startswith("model")} == {
        "model_askers": 2, "model_payloads": 2, "model_recordings": 2
    }  # fmt: skip
    assert rows(db, "SELECT DISTINCT user_name FROM model_askers") == [("user1",)]
    for table in ("model_payloads", "model_recordings", "verification_items"):
        assert rows(db, f"SELECT count(*) FROM {table}") == [(2,)]
    assert rows(db, "SELECT count(*) FROM model_calls") == [(4,)], "what it cost stays known"

    read(tmp_path, root, stub)
    assert len(stub.messages) == 4, "nothing of theirs is sent any more"


def test_an_analyst_sees_what_was_found_in_own_sessions_only(tmp_path, root, stub, with_key):
    with running(tmp_path, root, stub) as (service, client):
        wait_for(lambda: client.get("/api/v1/model")["windows"] == {"done": 4}, 60.0)
        body = {"name": "own", "role": "analyst", "person": "user1"}
        token = client.post("/api/v1/tokens", body)["token"]
        everything = client.get("/api/v1/verification")["items"]
        first = client.get("/api/v1/verification", limit=1)
        rest = client.get("/api/v1/verification", limit=10, after=first["next"])["items"]
        own, status = asked(service, token, "/api/v1/verification")
        _, others = asked(service, token, "/api/v1/verification?user=user0")
        _, calls = asked(service, token, "/api/v1/model/calls")

    assert [*first["items"], *rest] == everything
    assert len(everything) == 4
    assert status == 200
    assert {one["user"] for one in own["items"]} == {"user1"}
    assert (others, calls) == (403, 403)


def asked(service, token, path):
    request = urllib.request.Request(
        service.server.url + path, headers={"authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer), answer.status
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error), error.code


def test_doctor_proves_the_other_tables_and_asks_no_model(tmp_path, root, stub, with_key):
    read(tmp_path, root, stub)
    outcome = sessionwatch(
        "doctor", "--deep", root, "--db", tmp_path / "t.duckdb", model_base_url=stub.url
    )

    assert outcome.code == 0, outcome.out
    assert len(stub.messages) == 4


def test_the_redaction_key_is_made_once_and_for_its_owner_alone(tmp_path):
    db = tmp_path / "t.duckdb"
    key = redaction_key(db)

    assert redaction_key(db) == key
    assert len(key) == 32
    assert key_path(db).stat().st_mode & 0o777 == 0o600
    key_path(db).chmod(0o644)
    with pytest.raises(ConfigurationError, match="others"):
        redaction_key(db)
    key_path(db).chmod(0o600)
    key_path(db).write_text("")
    with pytest.raises(ConfigurationError, match="holds no key"):
        redaction_key(db)


def test_equal_secrets_stay_equal_over_restarts_and_differ_between_installations(
    tmp_path, stub, with_key
):
    root = tmp_path / "sessions"
    (root / "u/p").mkdir(parents=True)
    words = "The password is Tr0ub4dor&3xyz, and export {} uses it."
    for number, folder in enumerate(("one", "one", "two")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (root / "u/p" / f"s{number}.jsonl").write_bytes(session(f"s{number}", words.format(number)))
        read(tmp_path / folder, root, stub)
        (root / "u/p" / f"s{number}.jsonl").unlink()

    bodies = [json.dumps(one, ensure_ascii=False) for one in stub.messages]
    first, again, elsewhere = [set(re.findall("‹password:[0-9a-f]+›", body)) for body in bodies]
    assert first == again != elsewhere
    assert len(first) == 1
    assert "Tr0ub4dor" not in "".join(bodies)
