"""The stub server speaks the API: the real SDK understands it, and scripts can be repeated."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import anthropic
import pytest

from tests.tools.anthropic_script import Script
from tests.tools.anthropic_stub import Stub, served
from tests.tools.modelling import bench, request

ROOT = Path(__file__).resolve().parents[2]
QUESTION = {"role": "user", "content": "?"}
ASK = {"model": "claude-haiku-5-5", "max_tokens": 64, "messages": [QUESTION]}


@pytest.fixture
def stub():
    with served(Stub()) as stub:
        yield stub


@pytest.fixture
def client(stub):
    with anthropic.Anthropic(api_key="k", base_url=stub.url, max_retries=0) as client:
        yield client


def test_messages_models_and_counts_are_those_of_the_api(client):
    message = client.messages.create(**ASK)

    assert message.content[-1].text == "ok"
    assert message.usage.input_tokens == 1
    assert client.models.retrieve("claude-haiku-5-5").lifecycle == "active"
    assert "claude-opus-5-5" in [model.id for model in client.models.list()]
    counted = client.messages.count_tokens(model=ASK["model"], messages=ASK["messages"])
    assert counted.input_tokens == 1


def test_a_batch_can_be_made_seen_canceled_and_deleted(client):
    batch = client.messages.batches.create(requests=[{"custom_id": "one", "params": ASK}])

    assert batch.processing_status == "in_progress"
    assert client.messages.batches.cancel(batch.id).processing_status == "canceling"
    client.messages.batches.retrieve(batch.id)
    ended = client.messages.batches.retrieve(batch.id)
    assert (ended.processing_status, ended.request_counts.canceled) == ("ended", 1)
    (result,) = client.messages.batches.results(batch.id)
    assert (result.custom_id, result.result.type) == ("one", "canceled")
    client.messages.batches.delete(batch.id)
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.retrieve(batch.id)


ERRORS = [
    ("400", anthropic.BadRequestError),
    ("401", anthropic.AuthenticationError),
    ("402", anthropic.PaymentRequiredError),
    ("403", anthropic.PermissionDeniedError),
    ("413", anthropic.ContentTooLargeError),
    ("429:3", anthropic.RateLimitError),
    ("spend_limit", anthropic.EnforcedSpendLimitReachedError),
    ("500", anthropic.InternalServerError),
    ("504", anthropic.GatewayTimeoutError),
    ("529", anthropic.OverloadedError),
    ("reset", anthropic.APIConnectionError),
    ("cut", anthropic.APIConnectionError),
]


@pytest.mark.parametrize(("fault", "error"), ERRORS)
def test_each_fault_is_the_error_it_stands_for(stub, client, fault, error):
    stub.script.then(fault)

    with pytest.raises(error) as raised:
        client.messages.create(**ASK)

    assert type(raised.value) is error


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "claude-unheard-of"},
        {"messages": [{"role": "assistant", "content": "{"}]},
        {"messages": [QUESTION, {"role": "assistant", "content": "{"}]},
        {"extra_body": {"temperature": 0}},
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        {"output_config": {"format": {"type": "json_schema", "schema": {
            "type": "object", "additionalProperties": False,
            "properties": {"x": {"enum": ["a"], "type": ["string", "null"]}}}}}},
    ],
)  # fmt: skip
def test_what_the_api_refuses_is_refused(client, wrong):
    with pytest.raises((anthropic.BadRequestError, anthropic.NotFoundError)):
        client.messages.create(**ASK | wrong)


def test_a_script_is_a_sequence_and_then_shares_by_seed():
    def drawn(seed):
        script = Script("529 429:12 ok 500=20% 429:1=10%", seed=seed)
        return [script.next() for _ in range(1000)]

    assert [one.kind for one in drawn(1)[:3]] == ["529", "429", "ok"]
    assert drawn(1) == drawn(1) != drawn(2)
    kinds = Counter(one.kind for one in drawn(1)[3:])
    assert 150 < kinds["500"] < 250
    assert 50 < kinds["429"] < 150


def test_a_fault_that_is_none_is_said():
    with pytest.raises(ValueError, match="teapot"):
        Script("ok teapot")


def test_as_a_command_it_answers_by_rules(tmp_path):
    rules = tmp_path / "rules.json"
    found = {"items": [{"kind": "definition", "title": "month"}]}
    rules.write_text(json.dumps([{"match": "not weekly", "answer": found}]))
    command = [sys.executable, "-m", "tests.tools.anthropic_stub", "--port", "0", "--rules", rules]
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        url = process.stdout.readline().split()[0]
        made = bench(url)
        answer, other = made.stack.ask(request()), made.stack.ask(request("something else"))
        made.stack.close()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)

    assert answer.value.items[0].title == "month"
    assert other.value.items == []
    assert said == "2 requests\n"
