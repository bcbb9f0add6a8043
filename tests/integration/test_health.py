"""How a running service says it is."""

import json
import os
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from core.acting import SCHEDULER
from processors.base import SESSION_FILES
from processors.registry import Registry, Unavailable
from service.client import Client
from service.retention import DAY_US, RetentionSettings
from service.settings import SourceSettings
from tests.tools.processors import SeenLines
from tests.tools.service import in_process, quiet, serving, sessionwatch, settings_for
from tests.tools.waiting import wait_for
from tests.tools.writers import append, assistant_line, prompt_line


class Undeclared(NamedTuple):
    number: int


class Chosen(NamedTuple):
    type: str


class Choosy:
    """A line processor that a prompt makes fail for good."""

    name, version, kind, pace_s = "choosy", 1, "line", 0.1
    tables = {"chosen": Chosen}
    match = SESSION_FILES

    def rows(self, line):
        yield Undeclared(1) if line.record.type == "user" else Chosen(line.record.type)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "sessions"
    (folder / "amara").mkdir(parents=True)
    append(folder / "amara/s.jsonl", assistant_line("one"))
    return folder


@contextmanager
def running(tmp_path, root, known=None, **values):
    known = known or Registry((SeenLines(),), ())
    with in_process(settings_for(tmp_path / "t.duckdb", root, **values), known) as service:
        quiet(service)
        yield service, Client(tmp_path / "t.duckdb")


def check(client, name):
    (found,) = [one for one in detailed(client)["checks"] if one["name"] == name]
    return found


def detailed(client):
    return client.get("/api/health/detailed")


def fetched(service, path, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(service.server.url + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_a_service_that_is_well_says_so(tmp_path, root):
    with running(tmp_path, root) as (service, client):
        found = detailed(client)
        plain = fetched(service, "/api/health")

    assert plain == (200, {"status": "ok", "schema_version": service.store.schema_version})
    statuses = {one["name"]: one["status"] for one in found["checks"] if one["name"] != "disk"}
    assert set(statuses.values()) == {"ok"}, found
    assert statuses.keys() >= {"service", "processor:seen", "writer", "database", "tally"}
    assert check_of(found, "processor:seen")["facts"]["files"] == 1


def check_of(found, name):
    return next(one for one in found["checks"] if one["name"] == name)


def test_a_file_that_nobody_takes_is_seen_and_named(tmp_path, root):
    """The lane stands still; nothing but comparing files with the ledger tells of it."""
    with running(tmp_path, root, sweep_s=1.0) as (service, client):
        service.lanes.stop(10.0)
        append(root / "amara/s.jsonl", assistant_line("two"))
        service.timer.hurry("sweep")
        wait_for(lambda: check(client, "processor:seen")["facts"]["behind_files"] == 1, 30.0)
        wait_for(lambda: check(client, "processor:seen")["status"] == "warning", 60.0)
        found = check(client, "processor:seen")

    assert found["facts"]["oldest"].endswith("amara/s.jsonl")
    assert found["facts"]["behind_bytes"] == len(assistant_line("two"))
    assert "committed nothing" in found["text"]


def test_a_parked_file_degrades_and_a_paused_processor_does_not(tmp_path, root):
    known = Registry((SeenLines(), Choosy()), (Unavailable("mood", "ImportError: no mood"),))
    (root / "amara/t.jsonl").write_bytes(prompt_line("refused"))
    with running(tmp_path, root, known) as (service, client):
        parked = check(client, "processor:choosy")
        assert detailed(client)["status"] == "degraded"
        with service.desk.book.change() as db:
            db.execute("INSERT INTO paused VALUES ('choosy', 'noor', 1)")
        paused = check(client, "processor:choosy")
        missing = check(client, "processor:mood")

    assert (parked["status"], parked["facts"]["parked"]) == ("warning", 1)
    assert (paused["status"], "noor" in paused["text"]) == ("info", True)
    assert missing["status"] == "warning"


def test_a_root_that_is_missing_is_the_fault_of_its_source(tmp_path, root):
    with running(tmp_path, root, sweep_s=1.0) as (service, client):
        root.rename(tmp_path / "elsewhere")
        name = service.engine.sources[0]
        wait_for(lambda: check(client, f"source:{name}")["status"] == "error", 30.0)

        assert detailed(client)["status"] == "unhealthy"
        assert check(client, "processor:seen")["status"] == "ok"


def test_a_schema_that_is_not_ours_is_told_at_the_latest_after_the_cache(tmp_path, root):
    with running(tmp_path, root) as (service, client):
        cursor = service.store.cursor()
        cursor.execute("INSERT INTO schema_migrations VALUES (99, 'newer', 1)")
        cursor.close()
        status, found = fetched(service, "/api/health")
        said = check(client, "database")

    assert (status, found) == (503, {"status": "unhealthy", "reason": "schema_mismatch"})
    assert said["status"] == "error"


def test_the_last_run_of_a_job_is_a_check(tmp_path, root):
    odd = RetentionSettings(tables=("nothing=1",))
    with running(tmp_path, root, retention=odd) as (service, client):
        service.jobs.run("retention", SCHEDULER)
        found = check(client, "job:retention")

    assert (found["status"], "nothing fits no table" in found["text"]) == ("warning", True)


def test_analysts_see_statuses_and_nobody_else_sees_anything(tmp_path, root):
    with running(tmp_path, root) as (service, client):
        made = {
            role: client.post("/api/v1/tokens", {"name": role, "role": role, "person": person})
            for role, person in (("analyst", "amara"), ("admin", None), ("metrics", None))
        }
        answers = {
            role: fetched(service, "/api/health/detailed", one["token"])
            for role, one in made.items()
        }
        anybody = fetched(service, "/api/health/detailed")
        plain = fetched(service, "/api/health")

    assert {key for one in answers["analyst"][1]["checks"] for key in one} == {"name", "status"}
    assert "facts" in answers["admin"][1]["checks"][0]
    assert answers["metrics"][0] == 403
    assert anybody[0] == 401
    assert plain[0] == 200


def test_an_unread_session_that_its_agent_deletes_soon_is_told_by_shield_and_metrics(tmp_path):
    root = tmp_path / ".claude/projects"
    (root / "p").mkdir(parents=True)
    (tmp_path / ".claude/settings.json").write_text('{"cleanupPeriodDays": 10}')
    for name, days in (("read", 9), ("refused", 8), ("refused-young", 2)):
        path = root / f"p/{name}.jsonl"
        path.write_bytes(assistant_line(name) if name == "read" else prompt_line(name))
        at_ns = path.stat().st_mtime_ns - days * DAY_US * 1000
        os.utime(path, ns=(at_ns, at_ns))
    sources = (SourceSettings("home", root, user="amara"),)
    known = Registry((Choosy(),), ())
    with running(tmp_path, root, known, sources=sources) as (service, client):
        found = check(client, "shield:home")
        text = urllib.request.urlopen(service.server.url + "/metrics").read().decode()

    assert (found["status"], found["facts"]["files"], found["facts"]["days"]) == ("warning", 1, 10)
    assert found["facts"]["oldest"] == "home:p/refused.jsonl"
    assert 1.9 * 86_400 < found["facts"]["left_s"] <= 2 * 86_400
    assert "sessionwatch_shield_files 1.0" in text


def test_the_command_prints_what_is_odd_and_exits_by_it(tmp_path, root):
    db = tmp_path / "t.duckdb"
    assert sessionwatch("health", "--db", db).code == 1, "nobody runs"
    with serving(db, root, sweep_s=1) as service:
        well = sessionwatch("health", "--db", db)
        root.rename(tmp_path / "elsewhere")
        service.wait_until(
            lambda: service.client.get("/api/health/detailed")["status"] == "unhealthy"
        )
        ill = sessionwatch("health", "--db", db)
        told = sessionwatch("health", "--json", "--db", db)

    assert well.code == 0
    assert well.out.splitlines()[0] in ("healthy", "degraded")  # A disk may be nearly full.
    assert (ill.code, ill.out.splitlines()[0]) == (1, "unhealthy")
    assert "cannot be listed" in ill.out
    assert "mounted" in ill.out
    assert told.json["status"] == "unhealthy"


def test_somebody_erased_is_told_until_the_file_is_rewritten(tmp_path, root):
    with running(tmp_path, root) as (_, client):
        client.post("/api/v1/people/amara/erase", {"confirm": "amara", "files": True})
        assert "compact" in check(client, "database")["do"]
    assert sessionwatch("compact", "--db", tmp_path / "t.duckdb").code == 0
    with running(tmp_path, root) as (_, client):
        assert check(client, "database")["status"] == "ok"
