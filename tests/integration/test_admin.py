"""What admins ask of a real service over real HTTP: forced runs, failed files, pauses, audit."""

import http.client
import itertools
import json
import threading
from contextlib import closing, contextmanager

import pytest

from processors import registry
from service.ingest import ingest
from service.job_list import Collect
from service.limits import Limits
from service.run_limits import VARIABLE, RunLimits
from service.supervisor import Service
from tests.integration.test_rescan import growing
from tests.tools.databases import assert_same, rows
from tests.tools.processors import Verification
from tests.tools.service import in_process, quiet, settings_for
from tests.tools.waiting import wait_for
from tests.tools.writers import append, assistant_line, session_lines

SECRET = "a-secret-of-the-scheduler-with-enough-characters"
PROCESSOR = "/api/admin/run-session-processor"
COLLECTOR = "/api/admin/run-session-collector"
MEMORY = "/api/admin/run-corporate-memory"
STATS = {
    "processor", "scanned", "processed", "skipped", "capped", "errors", "items_extracted",
    "errors_detail",
}  # fmt: skip
ONE = b'{"type":"user","n":1}\n'
POISON = b'{"type":"poison"}\n'


class Admin:
    """One who asks a running service over TCP."""

    def __init__(self, service: Service, token: str = SECRET) -> None:
        self.service = service
        self.token = token

    def ask(self, method, path, body=None, token=None):
        """Status and parsed body."""
        token = self.token if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers["X-Request-Id"] = "of-a-test"
        port = self.service.server.port
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def good(self, method, path, body=None):
        status, found = self.ask(method, path, body)
        assert status in (200, 202), found
        return found

    def force(self, processor="verification"):
        """A forced run that is answered; its details."""
        found = self.good("POST", f"{PROCESSOR}?processor={processor}")
        assert found["ok"] == (found["details"]["errors"] == 0)
        return found["details"]

    def audited(self, action):
        return self.good("GET", f"/api/v1/audit?action={action}")["audit"]

    def ended(self, run_id):
        """A run once it has ended."""
        path = f"/api/v1/runs/{run_id}"
        return wait_for(lambda: (r := self.good("GET", path))["state"] != "running" and r)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "sessions"
    (folder / "amara" / "p").mkdir(parents=True)
    return folder


@pytest.fixture
def verification():
    return Verification()


def with_double(verification):
    """Every processor, with this one in place of the real one of its name."""
    others = (one for one in registry.load().processors if one.name != verification.name)
    return registry.checked([*others, verification])


@pytest.fixture
def serving(tmp_path, root, verification, monkeypatch):
    """Starts a service on the same database, again if need be."""
    monkeypatch.setenv("SCHEDULER_API_TOKEN", SECRET)
    known = with_double(verification)

    @contextmanager
    def start(collect: Collect | None = None, remember=None, **values):
        settings = settings_for(tmp_path / "t.duckdb", root, **values)
        service = Service(settings, known, collect=collect, remember=remember)
        try:
            service.start()
            wait_for(lambda: not service.control.readiness())
            yield Admin(service)
        finally:
            verification.gate.set()
            clean = service.stop()
        assert clean, "the service did not stop in time"

    return start


@pytest.fixture
def admin(serving):
    with serving() as found:
        yield found


def write(root, *names, data=ONE):
    for name in names:
        path = root / "amara" / "p" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        append(path, data)


# The collector and the memory.


def test_the_collector_is_run_for_real_and_its_figures_are_echoed(serving):
    asked = []

    def collect(**options):
        asked.append(options["dry_run"])
        return {"rc": 0, "users_processed": 2, "files_copied": 3, "files_skipped": 1, "errors": 1}

    with serving(collect=collect) as admin:
        status, found = admin.ask("POST", COLLECTOR)
        (row,) = admin.audited("run_session_collector")

    assert (status, asked) == (200, [False])
    assert found == {
        "ok": True,
        "details": {
            "rc": 0, "users_processed": 2, "files_copied": 3, "files_skipped": 1, "errors": 1
        },
    }  # fmt: skip
    assert row["resource"] == "job:session-collector"
    assert row["params"] == found["details"]
    assert (row["actor"], row["client_kind"], row["result"]) == ("scheduler", "scheduler", "ok")


def test_an_exit_code_is_no_success(serving):
    with serving(collect=lambda **_: {"rc": 1}) as admin:
        assert admin.ask("POST", COLLECTOR) == (200, {"ok": False, "details": {"rc": 1}})
        assert admin.audited("run_session_collector")[0]["result"] == "failed"


def test_an_error_is_told_with_its_type_and_audited_and_the_job_is_free_again(serving):
    def collect(**_):
        raise RuntimeError("no such home")

    with serving(collect=collect) as admin:
        first, again = admin.ask("POST", COLLECTOR), admin.ask("POST", COLLECTOR)
        rows = admin.audited("run_session_collector")
        runs = admin.good("GET", "/api/v1/runs?job=session-collector")["runs"]

    for status, found in (first, again):
        assert status == 500
        assert found["detail"] == "RuntimeError: no such home"
    assert [row["params"]["unhandled_error"] for row in rows] == [first[1]["detail"]] * 2
    assert {row["result"] for row in rows} == {"error"}
    assert [run["state"] for run in runs] == ["error", "error"]


def test_the_memory_keeps_the_predecessors_figures(serving):
    told = {
        "users_scanned": 1, "items_new": 2, "items_filtered": 1, "skipped": False, "errors": [],
        "items_db_errors": 1,
    }  # fmt: skip
    with serving(remember=lambda run: told) as admin:
        status, found = admin.ask("POST", MEMORY)
        (row,) = admin.audited("run_corporate_memory")

    assert (status, found) == (200, {"ok": False, "details": told})
    assert row["resource"] == "job:corporate-memory"
    assert row["params"] == {
        "items_new": 2, "items_filtered": 1, "errors": 0, "skipped": False, "items_db_errors": 1
    }  # fmt: skip


def test_what_is_not_configured_says_what_to_configure(admin):
    status, found = admin.ask("POST", COLLECTOR)

    assert status == 409
    assert found["error"]["code"] == "not_configured"
    assert "settings" in found["detail"]
    assert admin.audited("run_session_collector")[0]["result"] == "refused"


# Who may.


def test_nobody_unknown_and_no_analyst_may_force_anything(admin):
    body = {"name": "reader", "role": "analyst", "person": "amara"}
    analyst = admin.ask("POST", "/api/v1/tokens", body)[1]["token"]
    changing = (
        f"{PROCESSOR}?processor=usage", COLLECTOR, MEMORY, "/api/admin/rescan", "/api/v1/rescan",
        "/api/v1/runs", "/api/v1/requeue", "/api/v1/reprocess", "/api/v1/processors/usage/pause",
    )  # fmt: skip
    for path in changing:
        assert admin.ask("POST", path, token="")[0] == 401
        assert admin.ask("POST", path, token="wrong-token")[0] == 401
        assert admin.ask("POST", path, token=analyst)[0] == 403
    for path in ("runs", "jobs", "backlog", "parked", "audit"):
        assert admin.ask("GET", f"/api/v1/{path}", token="")[0] == 401
        assert admin.ask("GET", f"/api/v1/{path}", token=analyst)[0] == 403
    assert admin.audited("run_session_processor") == []


# Forced runs of processors.


def test_verification_and_usage_echo_their_figures(admin, root):
    write(root, "one", "two", data=assistant_line("a") + ONE)
    wait_for(lambda: admin.service.engine.lane("verification").queue.depth == 2)

    found = admin.force()

    assert found.keys() == STATS
    assert found == {
        "processor": "verification", "scanned": 2, "processed": 2, "skipped": 0, "capped": 0,
        "errors": 0, "items_extracted": 2, "errors_detail": [],
    }  # fmt: skip
    (row,) = admin.audited("run_session_processor")
    assert row["action"] == "run_session_processor:verification"
    assert row["correlation_id"] == "of-a-test"
    assert row["resource"] == "job:session-processor:verification"
    assert row["params"] == {name: found[name] for name in STATS - {"errors_detail"}}
    assert admin.force("usage").keys() == STATS
    assert admin.audited("run_session_processor:usage")[0]["result"] == "ok"


def test_a_second_run_over_stable_files_finds_nothing(admin, root):
    write(root, "one", "two")

    assert admin.force()["processed"] == 2
    assert admin.force()["scanned"] == 0
    write(root, "one")
    assert (again := admin.force())["processed"] == 1
    assert again["items_extracted"] == 0  # The one row of the session was replaced by another.


def test_a_missing_root_is_no_error(admin, root):
    root.rename(root.with_name("away"))

    assert (admin.force()["scanned"], admin.force("usage")["errors"]) == (0, 0)
    root.with_name("away").rename(root)


def test_an_unknown_processor_is_refused_and_the_known_ones_are_named(admin):
    status, found = admin.ask("POST", f"{PROCESSOR}?processor=nonsense")

    assert status == 400
    assert found["detail"].startswith("Unknown processor 'nonsense'")
    assert "usage" in found["detail"]
    assert "verification" in found["detail"]
    assert admin.audited("run_session_processor")[0]["result"] == "refused"


@pytest.mark.parametrize("query", ["", "?other=1", "?processor=usage&processor=x"])
def test_a_missing_or_wrong_parameter_is_422(admin, query):
    status, found = admin.ask("POST", PROCESSOR + query)

    assert status == 422
    assert found["detail"]


def test_what_runs_already_is_409_and_leaves_a_row(admin, root, verification):
    verification.gate.clear()
    write(root, "one")
    started = admin.good("POST", "/api/v1/runs", {"job": "session-processor:verification"})
    wait_for(verification.entered.is_set)

    status, found = admin.ask("POST", f"{PROCESSOR}?processor=verification")
    verification.gate.set()

    assert status == 409
    assert "already running" in found["detail"]
    assert started["run_id"] in found["error"]["hint"]
    assert admin.ended(started["run_id"])["state"] == "ok"
    results = {row["result"] for row in admin.audited("run_session_processor:verification")}
    assert results == {"ok", "refused"}


def test_a_cap_leaves_the_rest_to_the_next_run_and_never_caps_usage(serving, root, monkeypatch):
    monkeypatch.setenv(VARIABLE, "2")
    write(root, *"abcde")
    with serving() as admin:
        found = [admin.force() for _ in range(4)]
        rows = admin.audited("run_session_processor:verification")
        admin.good("POST", "/api/v1/processors/usage/pause")
        admin.good("POST", "/api/v1/rescan", {"processor": "usage"})
        admin.service.engine.lane("usage").queue.resume()
        usage = admin.force("usage")

    figures = [(one["scanned"], one["processed"], one["capped"]) for one in found]
    assert figures == [(5, 2, 3), (3, 2, 1), (1, 1, 0), (0, 0, 0)]
    assert [row["params"]["capped"] for row in rows] == [0, 0, 1, 3]
    assert (usage["capped"], usage["errors"]) == (0, 0)


def test_what_a_capped_run_does_not_come_to_waits_for_the_lane(serving, root, monkeypatch):
    monkeypatch.setenv(VARIABLE, "1")
    with serving(observer="polling", poll_s=3600.0, sweep_s=3600.0) as admin:
        write(root, "one", "two", "three")  # Which nobody but the run itself can notice.

        assert admin.force()["capped"] == 2
        assert admin.service.engine.lane("verification").queue.depth == 2


def test_failed_files_count_for_the_cap_and_are_tried_again_by_every_run(
    serving, root, monkeypatch
):
    monkeypatch.setenv(VARIABLE, "1")
    write(root, "bad", data=ONE + POISON)
    with serving() as admin:
        write(root, "good")
        both = [admin.force(), admin.force()]
        assert sorted((one["processed"], one["errors"]) for one in both) == [(0, 1), (1, 0)]
        again = admin.force()

        assert (again["scanned"], again["errors"], again["capped"]) == (1, 1, 0)
        (failed,) = again["errors_detail"]
        assert failed["session"] == "amara/p/bad.jsonl"
        assert "ValueError" in failed["error"]
        assert "secret words" not in json.dumps(again)
        assert admin.audited("run_session_processor:verification")[0]["result"] == "failed"


def test_a_mended_file_is_taken_by_the_next_run(admin, root, verification):
    write(root, "bad", data=ONE + POISON)
    assert admin.force()["errors"] == 1
    verification.poison = "nothing"

    assert admin.force()["processed"] == 1
    assert admin.force()["scanned"] == 0


def test_a_parked_file_waits_for_a_requeue(serving, root, verification):
    write(root, "bad", data=POISON)
    with serving(limits=one_try()) as admin:
        assert admin.force()["errors"] == 1
        assert admin.force()["scanned"] == 0
        (parked,) = admin.good("GET", "/api/v1/parked")["parked"]
        backlog = admin.good("GET", "/api/v1/backlog")["processors"]["verification"]
        verification.poison = "nothing"
        asked = {"path": "amara/p/bad.jsonl", "processor": "verification"}
        requeued = admin.good("POST", "/api/v1/requeue", asked)
        wait_for(lambda: not admin.good("GET", "/api/v1/parked")["parked"])
        entry = admin.good("GET", "/api/v1/ledger/amara/p/bad.jsonl")["processors"]["verification"]

    assert (parked["state"], parked["attempts"], parked["path"]) == ("parked", 1, asked["path"])
    assert "secret words" not in json.dumps(parked)
    assert (backlog["parked"], backlog["retrying"]) == (1, 0)
    assert requeued == {"requeued": 1}
    assert (entry["status"], entry["generation"] > 0) == ("ok", True)


def test_a_requeue_of_all_takes_what_is_still_wrong_as_a_new_failure(serving, root):
    write(root, "bad", "worse", data=POISON)
    with serving(limits=one_try()) as admin:
        assert admin.force()["errors"] == 2
        page = admin.good("GET", "/api/v1/parked?limit=1")
        rest = admin.good("GET", f"/api/v1/parked?limit=1&after={page['next']}")
        assert admin.good("POST", "/api/v1/requeue") == {"requeued": 2}
        wait_for(lambda: len(admin.good("GET", "/api/v1/parked?state=parked")["parked"]) == 2)
        missing = admin.ask("POST", "/api/v1/requeue", {"path": "amara/p/none.jsonl"})

    paths = [one["parked"][0]["path"] for one in (page, rest)]
    assert paths == ["amara/p/bad.jsonl", "amara/p/worse.jsonl"]
    assert rest["next"] is None
    assert (missing[0], missing[1]["error"]["code"]) == (404, "not_found")


def one_try():
    return Limits(attempts_max=1)


def test_files_grow_while_they_are_forced_and_the_tables_stay_exact(
    tmp_path, root, serving, verification
):
    for number in range(6):
        path = root / f"user-{number % 2}" / "p" / f"s{number}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        append(path, b"".join(itertools.islice(session_lines(number), 80)))
    with serving(sweep_s=1.0) as admin:
        with growing(root, files=4):
            found = [admin.force(name) for _ in range(6) for name in ("usage", "verification")]
        quiet(admin.service)
        last = admin.force()
        quiet(admin.service)
        assert admin.force()["scanned"] == 0
    known = with_double(verification)
    ingest(settings_for(tmp_path / "clean.duckdb", root), known, include_sessions=True)

    assert [one["errors_detail"] for one in found if one["errors"]] == []
    assert sum(one["processed"] for one in found) > 6
    assert last["errors"] == 0
    assert_same(tmp_path / "t.duckdb", tmp_path / "clean.duckdb")
    both = [rows(tmp_path / name, "verified") for name in ("t.duckdb", "clean.duckdb")]
    assert both[0] == both[1]


def test_a_stop_in_the_middle_ends_the_run_and_the_next_service_does_the_rest(
    serving, root, verification
):
    write(root, *"abcdefgh")
    verification.gate.clear()
    with serving() as admin:
        run_id = admin.good("POST", "/api/v1/runs", {"job": "session-processor:verification"})[
            "run_id"
        ]
        wait_for(verification.entered.is_set)
        live = admin.good("GET", f"/api/v1/runs/{run_id}")
        admin.service.ask_to_stop()
        wait_for(lambda: not admin.service.jobs.running(), 5.0)
    with serving() as admin:
        ended = admin.good("GET", f"/api/v1/runs/{run_id}")
        rest = admin.force()
        rows = admin.service.queries.sql("select count(*), count(distinct path) from verified")

    assert live["state"] == "running"
    assert ended["state"] == "interrupted"
    assert ended["details"]["capped"] + ended["details"]["processed"] == 8
    assert (rest["errors"], rest["capped"]) == (0, 0)
    assert rows["rows"] == [[8, 8]]


def test_a_run_is_cancelled_and_the_budget_ends_one(serving, root, verification):
    write(root, *"abcdefgh")
    verification.gate.clear()
    job = {"job": "session-processor:verification"}
    with serving(runs=RunLimits(budget_s=1.0)) as admin:
        run_id = admin.good("POST", "/api/v1/runs", job)["run_id"]
        wait_for(verification.entered.is_set)
        assert admin.good("POST", f"/api/v1/runs/{run_id}/cancel")["cancelled"]
        cancelled = admin.ended(run_id)
        again = admin.ask("POST", f"/api/v1/runs/{run_id}/cancel")
        late = admin.force()

    assert (cancelled["state"], again[0]) == ("interrupted", 409)
    assert late["capped"] == late["scanned"] > 0


# Rescans and runs.


@pytest.mark.parametrize("path", ["/api/v1/rescan", "/api/admin/rescan"])
def test_a_rescan_is_a_run_that_can_be_followed(admin, root, path):
    write(root, "one", "two", data=assistant_line("x"))
    wait_for(lambda: committed(admin, "usage") == 2)
    before = generations(admin, "usage")

    status, found = admin.ask("POST", path, {"processor": "usage"})
    ended = admin.ended(found["run_id"])

    assert (status, found["matched"]) == (202, 2)
    assert ended["state"] == "ok"
    assert ended["details"] == {"matched": 2, "rebuilt": 2, "failed": 0, "gone": 0, "errors": 0}
    assert all(generations(admin, "usage")[key] > old for key, old in before.items())
    row = admin.audited("rescan")[0]
    assert (row["params"]["matched"], row["params"]["rebuilt"]) == (2, 2)


def test_a_rescan_of_a_paused_processor_is_marked_and_shows_how_far_it_is(admin, root):
    write(root, "one", data=assistant_line("x"))
    wait_for(lambda: committed(admin, "usage") == 1)
    admin.good("POST", "/api/v1/processors/usage/pause")

    found = admin.good("POST", "/api/v1/rescan", {"processor": "usage"})
    run_id = found["run_id"]
    progress = wait_for(lambda: admin.good("GET", f"/api/v1/runs/{run_id}")["details"])
    listed = admin.good("GET", "/api/v1/jobs")["jobs"]
    admin.good("POST", "/api/v1/processors/usage/resume")

    assert progress["matched"] == 1
    assert progress.get("rebuilt", 0) == 0
    assert {one["job"]: one["running"] for one in listed}["rescan"] == run_id
    assert admin.ended(run_id)["details"]["rebuilt"] == 1


def test_what_cannot_be_rebuilt_ends_a_rescan_as_failed(serving, root, verification):
    write(root, "one", "bad", data=POISON)
    verification.poison = "nothing"
    with serving(limits=one_try()) as admin:
        assert admin.force()["processed"] == 2
        verification.poison = "poison"
        found = admin.good("POST", "/api/v1/rescan", {"session": "*bad*"})
        ended = admin.ended(found["run_id"])

    assert found["matched"] == 2  # Of usage and of verification.
    assert ended["state"] == "failed"
    assert ended["details"]["failed"] == 1


def test_runs_are_paged_and_wrong_ones_refused(admin):
    for _ in range(3):
        admin.force("usage")
    page = admin.good("GET", "/api/v1/runs?limit=2")
    rest = admin.good("GET", f"/api/v1/runs?limit=2&after={page['next']}")

    ids = [run["run_id"] for run in (*page["runs"], *rest["runs"])]
    assert len(set(ids)) == 3
    assert ids == sorted(ids, reverse=True)
    assert admin.ask("GET", "/api/v1/runs/none")[0] == 404
    assert admin.ask("POST", "/api/v1/runs/none/cancel")[0] == 404
    for body in ({"job": "none"}, {"job": "rescan", "params": {"sesion": "x"}}, {}):
        assert admin.ask("POST", "/api/v1/runs", body)[0] == 400
    assert admin.ask("POST", "/api/v1/rescan", {"processor": "none"})[0] == 400


def committed(admin, processor):
    entries = admin.service.store.ledger.entries(processor)
    return sum(entry.committed_bytes > 0 and entry.status == "ok" for entry in entries)


def generations(admin, processor):
    entries = admin.service.store.ledger.entries(processor)
    return {entry.key: entry.generation for entry in entries}


# Pauses, one session, the backlog.


def test_a_pause_outlives_a_restart_and_forgets_nothing(serving, root):
    with serving() as admin:
        assert admin.good("POST", "/api/v1/processors/usage/pause")["paused"]
        assert admin.ask("POST", "/api/v1/processors/none/pause")[0] == 400
    with serving() as admin:
        write(root, "one", data=assistant_line("x"))
        wait_for(lambda: admin.good("GET", "/api/v1/backlog")["processors"]["usage"]["depth"])
        backlog = admin.good("GET", "/api/v1/backlog")["processors"]["usage"]
        queues = admin.good("GET", "/api/v1/status")["queues"]
        refused = admin.ask("POST", f"{PROCESSOR}?processor=usage")
        assert admin.force()["processed"] == 1  # Others go on.
        assert committed(admin, "usage") == 0
        assert not admin.good("POST", "/api/v1/processors/usage/resume")["paused"]
        wait_for(lambda: committed(admin, "usage") == 1)
    with serving() as admin:
        assert not admin.good("GET", "/api/v1/status")["queues"]["usage"]["paused"]

    assert (backlog["paused"], backlog["due"], backlog["depth"]) == (True, 1, 1)
    assert backlog["bytes_behind"] == len(assistant_line("x"))
    assert backlog["oldest_pending_s"] > 0
    assert (queues["usage"]["paused"], queues["verification"]["paused"]) == (True, False)
    assert (refused[0], refused[1]["error"]["code"]) == (409, "paused")


def test_one_session_is_built_anew_with_its_subagents_and_no_other(admin, root):
    write(root, "one", "one/subagents/agent-a", "other", data=assistant_line("x"))
    assert admin.force()["processed"] == 3
    wait_for(lambda: committed(admin, "usage") == 3)
    before = generations(admin, "usage") | generations(admin, "verification")

    found = admin.good("POST", "/api/v1/reprocess", {"path": "amara/p/one.jsonl"})
    after = generations(admin, "usage") | generations(admin, "verification")
    missing = admin.ask("POST", "/api/v1/reprocess", {"path": "amara/p/none.jsonl"})

    assert found["errors"] == 0
    outcomes = {(one["processor"], one["path"]): one["outcome"] for one in found["files"]}
    assert outcomes == {
        (processor, f"amara/p/one{rest}.jsonl"): "rebuilt"
        for processor in ("usage", "verification")
        for rest in ("", "/subagents/agent-a")
    }
    changed = {key.path for key in after if after[key] != before[key]}
    assert changed == {"amara/p/one.jsonl", "amara/p/one/subagents/agent-a.jsonl"}
    assert missing[0] == 404
    assert admin.audited("reprocess")[-1]["resource"].endswith(":amara/p/one")


def test_a_session_that_cannot_be_built_anew_says_why(admin, root, verification):
    write(root, "bad", data=POISON)
    verification.poison = "nothing"
    assert admin.force()["processed"] == 1
    verification.poison = "poison"

    body = {"path": "amara/p/bad.jsonl", "processor": "verification"}
    (file,) = admin.good("POST", "/api/v1/reprocess", body)["files"]

    assert (file["outcome"], file["reason"]) == ("failed", "processor_error")
    assert admin.audited("reprocess")[0]["result"] == "failed"


# The audit.


def test_pages_of_the_audit_stand_still_while_rows_are_added(admin):
    for _ in range(7):
        admin.force("usage")
    old = [row["audit_id"] for row in admin.audited("run_session_processor")]
    seen, after = [], ""
    while after is not None:
        page = admin.good(
            "GET", f"/api/v1/audit?limit=2&action=run_session_processor&after={after}"
        )
        seen += [row["audit_id"] for row in page["audit"]]
        after = page["next"]
        admin.force("usage")

    assert seen == old
    assert len(admin.audited("run_session_processor")) > len(old)


def test_the_audit_is_filtered_and_reading_it_leaves_no_row(admin):
    admin.force("usage")
    admin.ask("POST", f"{PROCESSOR}?processor=none")
    everything = admin.good("GET", "/api/v1/audit")["audit"]
    times = [row["at"] for row in everything]

    def count(query):
        return len(admin.good("GET", f"/api/v1/audit?{query}")["audit"])

    assert (count("result=refused"), count("result=ok"), count("actor=nobody")) == (1, 1, 0)
    assert (count("since=2020-01-01"), count("until=2020-01-01")) == (2, 0)
    assert (count(f"since={times[0]}"), count(f"until={times[0]}")) == (1, 1)
    assert admin.good("GET", "/api/v1/audit")["audit"] == everything
    for query in ("since=yesterday", "after=x", "limit=0", "who=x"):
        assert admin.ask("GET", f"/api/v1/audit?{query}")[0] == 400


def test_runs_are_counted_for_prometheus(admin, root):
    write(root, "bad", data=POISON)
    admin.force()
    admin.force("usage")
    read = admin.service.instruments.registry.get_sample_value

    def ended(job, state):
        labels = {"job": f"session-processor:{job}", "state": state}
        return read("sessionwatch_job_ends_total", labels)

    assert (ended("verification", "failed"), ended("usage", "ok")) == (1, 1)
    assert read("sessionwatch_jobs_running") == 0
    assert read("sessionwatch_paused", {"processor": "usage"}) == 0


def test_forcing_at_once_from_many_sides_runs_one_at_a_time(admin, root):
    write(root, *"abcdef")
    answers = []

    def ask():
        answers.append(admin.ask("POST", f"{PROCESSOR}?processor=verification"))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {status for status, _ in answers} <= {200, 409}
    done = [found["details"] for status, found in answers if status == 200]
    assert sum(one["processed"] for one in done) == 6
    assert len(admin.audited("run_session_processor")) == 6


def test_notes_are_read_without_any_settings_by_every_service_that_has_the_processor(
    admin, root, tmp_path
):
    (root / "amara").mkdir(exist_ok=True)
    (root / "amara" / "CLAUDE.local.md").write_text("- Churn is calculated monthly\n")
    status, found = admin.ask("POST", MEMORY)
    without = registry.checked([])
    with in_process(settings_for(tmp_path / "other.duckdb", root), without) as service:
        refused = Admin(service).ask("POST", MEMORY)

    assert (status, found["ok"], found["details"]["items_new"]) == (200, True, 1)
    assert (refused[0], refused[1]["error"]["code"]) == (409, "not_configured")
