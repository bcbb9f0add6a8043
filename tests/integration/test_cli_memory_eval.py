"""`sessionwatch memory eval` as a person runs it, and with a model over HTTP."""

import json
import os

import pytest
from typer.testing import CliRunner

from processors.llm.values import Outcome
from processors.verifying.requests import question
from service import logs
from service.cli import app
from service.evaluating.cases import gold
from service.evaluating.extractors import REDACTOR, windows
from service.evaluating.recordings import replayed
from service.evaluating.transcripts import transcript
from tests.tools import anthropic_wire as wire
from tests.tools.anthropic_stub import Stub, served
from tests.tools.modelling import KEY

EMPTY = {"items": []}


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path, monkeypatch):
    """No settings and no key from outside, and the logging of the test run left alone."""
    for name in list(os.environ):
        if name.startswith(("SESSIONWATCH_", "ANTHROPIC_", "LLM_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "configure", lambda *_: None)


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def as_recorded():
    """The recorded answers by the text of the question, for a model over HTTP."""
    model = replayed(gold())
    asked = [question(window, REDACTOR) for one in gold() for window in windows(transcript(one))]
    told = {request.messages[0].text: model.ask(request) for request in asked}
    return lambda body: (
        json.loads(answer.text)
        if (answer := told[wire.user_text(body)]).outcome is Outcome.DONE
        else EMPTY
    )


@pytest.fixture
def stub(monkeypatch, tmp_path):
    """A model that answers as recorded, and settings that lead to it."""
    with served(Stub(answer=as_recorded(), key=KEY)) as stub:
        settings = tmp_path / "settings.toml"
        settings.write_text(f'[model]\nbase_url = "{stub.url}"\n')
        monkeypatch.setenv("SESSIONWATCH_CONFIG", str(settings))
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        yield stub


def test_without_anything_the_gates_are_shown_and_hold():
    done = run("memory", "eval")

    assert done.exit_code == 0, done.stderr
    assert "rules: phrase rules" in done.stdout
    assert "all criteria hold" in done.stderr
    assert " NO " not in done.stdout


def test_a_gate_that_does_not_hold_is_exit_code_one(monkeypatch):
    from service.evaluating import criteria

    harder = criteria.Criterion("rules", "all.recall", ">=", 1.0)
    monkeypatch.setattr(criteria, "CRITERIA", (*criteria.CRITERIA, harder))

    done = run("memory", "eval", "--json")

    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert [criterion["needs"] for criterion in found["criteria"] if not criterion["holds"]] == [
        ">= 1"
    ]
    assert found["passed"] is False


def test_the_sessions_it_writes_are_files_that_the_service_reads(tmp_path):
    folder, db = tmp_path / "gold", tmp_path / "t.duckdb"

    assert run("memory", "eval", "--export", folder).exit_code == 0
    assert run("ingest", folder, "--db", db).exit_code == 0

    assert len(list(folder.rglob("*.jsonl"))) == len(gold())
    asked = run("status", "--json", "--db", db), run("quarantine", "--json", "--db", db)
    status, quarantine = (json.loads(done.stdout) for done in asked)
    assert quarantine["quarantine"] == []
    assert status["processors"]["usage"]["ok"] == len(gold())


def test_a_folder_that_cannot_be_written_is_wrong_use(tmp_path):
    (tmp_path / "file").write_text("")

    done = run("memory", "eval", "--export", tmp_path / "file")

    assert done.exit_code == 2
    assert "file" in done.stderr
    assert "hint:" in done.stderr


@pytest.mark.slow
def test_online_measures_the_model_of_the_settings(stub):
    done = run("memory", "eval", "--online", "--json")

    found = json.loads(done.stdout)
    model, recorded = found["extractors"]["model"], found["extractors"]["recorded"]
    assert model["all"]["hits"] == recorded["all"]["hits"]
    assert model["safety"]["leaks"] == model["safety"]["injections_passed"] == 0
    assert model["second_run"]["added"] == 0
    assert 0 < model["answered"]["cost_usd"] < 0.5
    assert model["answered"]["unanswered"] == 0

    sent = json.dumps(stub.messages, ensure_ascii=False)
    assert len(stub.messages) == sum(len(windows(transcript(one))) for one in gold())
    assert not [secret for one in gold() for secret in one.secrets if secret in sent]


@pytest.mark.slow
def test_a_budget_that_is_used_up_stops_the_asking(stub):
    done = run("memory", "eval", "--online", "--budget-usd", "0.01", "--json")

    answered = json.loads(done.stdout)["extractors"]["model"]["answered"]
    assert done.exit_code == 1
    assert answered["answers"]["budget"] > 0
    assert answered["cost_usd"] <= 0.01
    assert 0 < len(stub.messages) < 200


def test_online_without_a_key_is_wrong_use():
    done = run("memory", "eval", "--online")

    assert done.exit_code == 2
    assert "ANTHROPIC_API_KEY" in done.stderr


@pytest.mark.parametrize("amount", ["much", "-1", "NaN", "Infinity"])
def test_a_budget_is_an_amount(amount, stub):
    done = run("memory", "eval", "--online", f"--budget-usd={amount}")

    assert done.exit_code == 2
    assert amount in done.stderr
    assert stub.messages == []
