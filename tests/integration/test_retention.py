"""What retention takes, what it leaves, and that everything agrees about it afterwards."""

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import contextmanager

import pytest

from core.acting import SCHEDULER
from service.client import Client
from service.retention import DAY_US, RetentionSettings
from service.scheduling.settings import SchedulerSettings
from service.supervisor import Service
from tests.tools.service import (
    PROJECT,
    in_process,
    ingested,
    quiet,
    sessionwatch,
    settings_for,
)
from tests.tools.waiting import wait_for
from tests.tools.writers import append, assistant_line, prompt_line

PROMPTS_AND_MESSAGES = RetentionSettings(tables=("usage_prompts=90", "usage_messages=90"))


def lines(name, count=3):
    return b"".join(
        prompt_line(f"{name}-p{n}") + assistant_line(f"{name}-{n}") for n in range(count)
    )


def age(path, days):
    """As a file that nobody has written to for so long."""
    at_ns = path.stat().st_mtime_ns - days * DAY_US * 1000
    os.utime(path, ns=(at_ns, at_ns))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "sessions"
    for user, days in (("amara", 0), ("noor", 200), ("jonas", 100)):
        (folder / user).mkdir(parents=True)
        append(folder / user / "s.jsonl", lines(user))
        age(folder / user / "s.jsonl", days)
    return folder


@contextmanager
def running(tmp_path, root, retention=PROMPTS_AND_MESSAGES, **values):
    settings = settings_for(tmp_path / "t.duckdb", root, retention=retention, **values)
    with in_process(settings) as service:
        quiet(service)
        yield service


def retain(service: Service):
    return service.jobs.run("retention", SCHEDULER)


def asked(service, query, *values):
    cursor = service.store.cursor()
    try:
        return cursor.execute(query, list(values)).fetchall()
    finally:
        cursor.close()


def counts(service, table):
    """Rows by user, as readers see them."""
    query = f'SELECT "user", count(*) FROM "{table}" GROUP BY ALL'
    return dict(asked(service, query))


def retired(service):
    """What is listed as taken: table and path."""
    return asked(
        service,
        "SELECT r.table_name, f.path FROM retired r LEFT JOIN ledger l USING (generation) "
        "LEFT JOIN files f USING (file_id) ORDER BY ALL",
    )


def differences(service):
    """`doctor --deep`, as the command does it, while the service runs."""
    done = sessionwatch("doctor", "--deep", *[s.path for s in service.settings.sources],
                        "--db", service.settings.db)  # fmt: skip
    return done.out.splitlines() if done.code == 1 else [] if done.code == 0 else [done.err]


def test_rows_of_old_files_are_taken_from_the_named_tables_alone(tmp_path, root):
    with running(tmp_path, root) as service:
        before = counts(service, "usage_records")
        found = retain(service)

        assert found == {"rows": {"usage_messages": 6, "usage_prompts": 6}, "errors": []}
        assert counts(service, "usage_messages") == {"amara": 3}
        assert counts(service, "usage_prompts") == {"amara": 3}
        assert counts(service, "usage_records") == before
        assert len(retired(service)) == 4


def test_reports_the_tally_and_the_deep_proof_agree(tmp_path, root):
    with running(tmp_path, root) as service:
        client = Client(service.settings.db)
        had = {row["user"] for row in client.get("/api/v1/usage/user")["users"]}
        retain(service)
        left = client.get("/api/v1/usage/user")

        assert had == {"amara", "jonas", "noor"}
        assert [(r["user"], r["outputTokens"]) for r in left["users"] if r["outputTokens"]] == [
            ("amara", 21)
        ]
        assert left["totals"]["outputTokens"] == 21
        assert service.queries.wrong_messages() == []
        assert differences(service) == []


def test_a_row_that_is_left_of_a_retired_file_is_a_difference(tmp_path, root):
    with running(tmp_path, root) as service:
        retain(service)
        writer = service.store.cursor()
        writer.execute(
            'INSERT INTO raw.usage_prompts BY NAME SELECT l.generation, 7 AS "offset", 0 AS seq '
            "FROM ledger l JOIN files f USING (file_id) "
            "WHERE f.path = 'noor/s.jsonl' AND l.processor = 'usage'"
        )
        writer.close()
        found = differences(service)

    assert len(found) == 1
    assert "usage_prompts" in found[0]
    assert "noor/s.jsonl" in found[0]


def test_the_same_once_more_takes_nothing(tmp_path, root):
    with running(tmp_path, root) as service:
        retain(service)
        listed = retired(service)
        again = retain(service)

        assert again == {"rows": {}, "errors": []}
        assert retired(service) == listed


def test_a_rescan_brings_rows_back_and_the_next_run_takes_them_again(tmp_path, root):
    with running(tmp_path, root) as service:
        retain(service)
        listed = retired(service)
        for _ in range(3):
            Client(service.settings.db).post("/api/v1/rescan", {"session": "noor/*"})
            quiet(service)
            assert counts(service, "usage_prompts")["noor"] == 3
            assert differences(service) == []
            retain(service)
            assert "noor" not in counts(service, "usage_prompts")
            wait_for(lambda: service.store.garbage_count == 0, 30.0)

        assert retired(service) == listed, "what is listed does not grow"


def test_a_file_that_grows_is_young_again_and_read_whole(tmp_path, root):
    with running(tmp_path, root) as service:
        retain(service)
        append(root / "noor/s.jsonl", lines("noor-more", 1))
        quiet(service)

        assert counts(service, "usage_prompts") == {"amara": 3, "noor": 4}
        assert counts(service, "usage_messages") == {"amara": 3, "noor": 4}
        assert differences(service) == []
        assert retain(service)["rows"] == {}
        assert {path for _, path in retired(service)} == {"jonas/s.jsonl"}


def test_a_file_that_grows_while_retention_runs_is_whole_or_retired(tmp_path, root):
    """Whichever comes first; and never a half of it."""
    with running(tmp_path, root) as service:
        for number in range(30):
            append(root / "noor/s.jsonl", assistant_line(f"grows-{number}"))
            age(root / "noor/s.jsonl", 200)
            retain(service)
        quiet(service)

        assert differences(service) == []


def test_rows_of_vanished_files_are_taken_as_well(tmp_path, root):
    with running(tmp_path, root) as service:
        (root / "noor/s.jsonl").unlink()
        quiet(service)
        retain(service)

        assert counts(service, "usage_prompts") == {"amara": 3}
        assert differences(service) == []


def test_an_erasure_takes_what_is_listed_as_retired_too(tmp_path, root):
    with running(tmp_path, root) as service:
        retain(service)
        Client(service.settings.db).post("/api/v1/people/noor/erase", {"confirm": "noor"})

        assert {path for _, path in retired(service)} == {"jonas/s.jsonl"}


def test_what_is_retired_stays_so_after_a_restart(tmp_path, root):
    with running(tmp_path, root) as service:
        retain(service)
    with running(tmp_path, root) as service:
        assert counts(service, "usage_prompts") == {"amara": 3}
        assert differences(service) == []
        append(root / "jonas/s.jsonl", lines("jonas-more", 1))
        quiet(service)
        assert counts(service, "usage_prompts") == {"amara": 3, "jonas": 4}


KILLED = """
import os, signal, sys
from pathlib import Path
from core.rows import Retire
from processors import registry
from service.wiring import open_store
from tests.tools.service import settings_for

store = open_store(settings_for(Path(sys.argv[1])), registry.load())
for _ in range(int(sys.argv[2])):
    (receipt,) = store.apply([Retire("usage_prompts", int(sys.argv[3]), limit=1)])
    assert receipt.report["usage_prompts"] == 3
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_kill_in_the_middle_leaves_whole_files_and_the_next_run_goes_on(tmp_path, steps):
    root, db = tmp_path / "sessions", tmp_path / "t.duckdb"
    for number in range(6):
        (root / f"user-{number}").mkdir(parents=True)
        append(root / f"user-{number}" / "s.jsonl", lines(f"u{number}"))
        age(root / f"user-{number}" / "s.jsonl", 100)
    ingested(db, root)

    before_us = (root / "user-0/s.jsonl").stat().st_mtime_ns // 1000 + 10 * DAY_US
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(db), str(steps), str(before_us)],
        cwd=PROJECT, env=os.environ | {"PYTHONPATH": str(PROJECT)}, check=False,
    )  # fmt: skip

    assert done.returncode == -signal.SIGKILL
    with running(tmp_path, root) as service:
        assert len(counts(service, "usage_prompts")) == 6 - steps
        assert differences(service) == []
        assert retain(service)["rows"]["usage_prompts"] == 3 * (6 - steps)
        assert differences(service) == []


def test_a_pattern_that_fits_no_table_is_told_by_the_run(tmp_path, root):
    odd = RetentionSettings(tables=("usage_promts=90",))
    with running(tmp_path, root, odd) as service:
        found = retain(service)
        (run,) = service.desk.runs.latest()

    assert found == {"rows": {}, "errors": ["usage_promts fits no table"]}
    assert run["state"] == "failed"


def test_a_run_is_in_the_table_of_runs_and_in_the_audit(tmp_path, root):
    with running(tmp_path, root) as service:
        retain(service)
        (run,) = service.desk.runs.latest()
        (audited,) = service.desk.audit.page(action="run_retention")["audit"]

    taken = {"usage_messages": 6, "usage_prompts": 6}
    assert (run["job"], run["state"], run["details"]["rows"]) == ("retention", "ok", taken)
    assert audited["params"]["rows"] == taken


def test_old_rows_of_operations_are_taken_and_the_last_run_of_a_job_stays(tmp_path, root):
    kept = RetentionSettings(audit_days=30, runs_days=30, uploads_days=30)
    with running(tmp_path, root, kept) as service:
        now_us = service.desk.now_us()
        with service.desk.book.change() as db:
            for days in (1, 40, 50):
                at_us = now_us - days * DAY_US
                db.execute(
                    "INSERT INTO uploads VALUES "
                    "(?, ?, 'a', 'u', 's', 'p', 'created', 1, 1, 1, 'd')",
                    [str(days), at_us],
                )
                db.execute(
                    "INSERT INTO runs VALUES (?, 'old', 'a', '{}', ?, ?, 'ok', '{}')",
                    [f"{at_us:016d}-x", at_us, at_us],
                )
                db.execute(
                    "INSERT INTO audit VALUES (?, ?, 'a', 'admin', 'x', '', '{}', 'ok', 1, NULL, "
                    "'token', '')",
                    [str(days), at_us],
                )
        found = retain(service)["rows"]
        left = service.desk.runs.page(job="old")["runs"]

    assert found == {"audit": 2, "runs": 2, "uploads": 2}
    assert len(left) == 1


def test_the_last_run_of_a_job_stays_however_old_it_is(tmp_path, root):
    with running(tmp_path, root, RetentionSettings(runs_days=1)) as service:
        with service.desk.book.change() as db:
            db.execute("INSERT INTO runs VALUES ('0', 'rare', 'a', '{}', 1, 2, 'ok', '{}')")
        retain(service)
        (left,) = service.desk.runs.page(job="rare")["runs"]

    assert left["run_id"] == "0"


def test_nothing_is_taken_for_who_sets_nothing(tmp_path, root):
    with running(tmp_path, root, RetentionSettings()) as service:
        before = service.control.status()
        assert retain(service) == {"rows": {}, "errors": []}
        assert service.control.status()["processors"] == before["processors"]


def test_it_runs_by_itself_once_a_day(tmp_path, root):
    at_once = SchedulerSettings(startup_grace_s=0, tick_s=1)
    with running(tmp_path, root, scheduler=at_once) as service:
        wait_for(lambda: counts(service, "usage_prompts") == {"amara": 3}, 30.0)
        wait_for(lambda: not service.jobs.running(), 30.0)
        (state,) = (one for one in service.scheduler.jobs() if one.name == "retention")

        assert state.next_due > service.desk.now_us()
        assert len(service.desk.runs.page(job="retention")["runs"]) == 1
