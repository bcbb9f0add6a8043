"""The command line: in this process where that is enough, else as a person runs it."""

import csv
import gzip
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from processors import registry
from service import answers, cli_asks, cli_operate, cli_runs, logs
from service.cli import app
from service.client import Client
from state.store import Store
from state.usage import ccusage
from state.usage.reports import REPORTS
from tests.tools.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo/sessions"
PRINTED = sorted((ROOT / "tests/fixtures/ccusage").glob("demo-*.json"))
COMMANDS = [
    command.__name__ for command in (*cli_runs.COMMANDS, *cli_asks.COMMANDS, *cli_operate.COMMANDS)
]
SUMMARY = ["files", "changed", "unchanged", "bytes", "lines", "rows", "quarantined", "seconds"]


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path, monkeypatch):
    """No settings from outside, and the logging of the test run left alone."""
    for name in list(os.environ):
        if name.startswith("SESSIONWATCH_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "configure", lambda *_: None)


@pytest.fixture
def sessions(tmp_path):
    return Path(shutil.copytree(DEMO, tmp_path / "sessions"))


@pytest.fixture
def db(tmp_path):
    return tmp_path / "t.duckdb"


@pytest.fixture
def filled(sessions, db):
    """A database of the demo sessions."""
    assert run("ingest", sessions, "--db", db).exit_code == 0
    return db


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def answer(*words):
    done = run(*words, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def command(*words, **options):
    """The same as another process."""
    line = [sys.executable, "-m", "service.cli", *map(str, words)]
    environ = os.environ | {"PYTHONPATH": os.fspath(ROOT)}
    return subprocess.run(line, capture_output=True, text=True, env=environ, check=False, **options)


# Help.


def test_every_command_of_the_design_is_there():
    asks = {"status", "processors", "quarantine", "usage", "sql"}
    operates = {"run", "runs", "audit", "backlog", "requeue", "pause", "resume"}

    assert set(COMMANDS) == asks | operates | {
        "serve",
        "ingest",
        "rescan",
        "doctor",
        "compact",
        "process",
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches_with_an_example(name):
    done = run(name, "--help")

    assert done.exit_code == 0
    assert f"  sessionwatch {name}" in done.stdout


def test_the_help_says_what_a_command_exits_with():
    done = run("--help")

    assert re.findall(r"\b([0-4]) (?=done|differences|wrong|the)", done.stdout.replace("\n ", ""))
    assert all(name in done.stdout for name in COMMANDS)


def test_the_help_names_every_report():
    assert all(name in run("usage", "--help").stdout for name in REPORTS)


def test_the_document_names_every_command_option_and_report():
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")

    for name in COMMANDS:
        (section,) = re.findall(rf"^## {name}$(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
        offered = set(re.findall(r"(--[a-z-]+)", run(name, "--help").stdout)) - {"--help"}
        assert offered <= set(re.findall(r"(--[a-z-]+)", section)), name
    assert all(f"`{name}`" in text for name in REPORTS)


# Wrong use.


@pytest.mark.parametrize(
    ("words", "about"),
    [
        (["nonsense"], "No such command"),
        (["usage"], "Missing argument"),
        (["usage", "daily", "--nonsense"], "No such option"),
        (["quarantine", "--limit", "0"], "from 1 to 1000"),
        (["quarantine", "--limit", "many"], "is not a number"),
        (["serve", "--port", "99999", "."], "allowed is an integer from 0 to 65535"),
        (["serve"], "no folder is named"),
        (["ingest"], "no folder is named"),
        (["ingest", "/no/such/folder"], "is not a folder"),
        (["doctor", "--deep", "/no/such/folder"], "is not a folder"),
        (["usage", "daily", "--json", "--csv"], "exclude each other"),
        (["status"], "there is no database"),
        (["status", "--config", "/no/such.toml"], "cannot be read"),
        (["process", "/no/such.jsonl", "--processor", "usage"], "there is no file"),
        (["process", "/no/such.jsonl", "--processor", "nonsense"], "unknown processor"),
    ],
)
def test_wrong_use_exits_with_2_and_says_why(words, about):
    done = run(*words)

    assert done.exit_code == 2
    assert about in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "about"),
    [
        (["usage", "nonsense"], "known: daily"),
        (["usage", "daily", "-z", "Mars"], "unknown time zone"),
        (["usage", "daily", "--since", "soon"], "is not a day"),
        (["rescan", "--processor", "nonsense"], "known: notes, usage"),
        (["quarantine", "--after", "x"], "not a place"),
        (["sql", "drop table ledger"], "only one SELECT or EXPLAIN"),
        (["sql", "select nonsense"], "nonsense"),
    ],
)
def test_a_wrong_question_exits_with_2_and_says_why(filled, words, about):
    done = run(*words, "--db", filled)

    assert done.exit_code == 2
    assert about in done.stderr
    assert done.stdout == ""


def test_a_command_that_asks_makes_no_database(db):
    for words in (["status"], ["usage", "daily"], ["sql", "select 1"], ["rescan"], ["doctor"]):
        assert run(*words, "--db", db).exit_code == 2

    assert not db.exists()


# Ingest.


def test_ingest_says_what_it_did(sessions, db):
    files = len(list(sessions.rglob("*.jsonl")))

    first = answer("ingest", sessions, "--db", db)
    second = answer("ingest", sessions, "--db", db)

    assert list(first) == SUMMARY
    assert (first["files"], first["changed"], first["unchanged"]) == (files, files, 0)
    assert first["bytes"] == sum(path.stat().st_size for path in sessions.rglob("*.jsonl"))
    assert first["rows"] > first["lines"] > 0
    assert (second["files"], second["changed"], second["unchanged"]) == (files, 0, files)
    assert (second["bytes"], second["rows"]) == (0, 0)


def test_ingest_without_json_prints_a_table(sessions, db):
    done = run("ingest", sessions, "--db", db)

    assert all(name in done.stdout for name in SUMMARY)


def test_files_that_fail_exit_with_4(sessions, db):
    (sessions / "broken.jsonl.gz").write_bytes(b"not gzip at all")

    done = run("ingest", sessions, "--db", db, "--json")

    assert done.exit_code == 4
    assert list(json.loads(done.stdout)) == SUMMARY
    assert "1 files failed" in done.stderr
    assert run("quarantine", "--db", db).stdout.count("broken.jsonl.gz") == 1


def test_roots_and_database_come_from_the_environment_too(sessions, db, monkeypatch):
    monkeypatch.setenv("SESSIONWATCH_ROOTS", str(sessions))
    monkeypatch.setenv("SESSIONWATCH_DB", str(db))

    assert answer("ingest")["changed"] > 0
    assert answer("status")["files"] > 0


def test_settings_come_from_a_file_too(sessions, db, tmp_path, monkeypatch):
    config = tmp_path / "s.toml"
    config.write_text(f'db = "{db}"\n[[source]]\nname = "team"\npath = "sessions"\nuser = "eve"\n')

    assert answer("ingest", "--config", config)["changed"] > 0
    monkeypatch.setenv("SESSIONWATCH_CONFIG", str(config))
    assert answer("sql", 'select distinct source, "user" from files')["rows"] == [["team", "eve"]]


# What is in the database.


def test_status_counts_files_by_state(filled):
    found = answer("status", "--db", filled)

    usage = found["processors"]["usage"]
    assert usage["ok"] == found["files"] == len(list(DEMO.rglob("*.jsonl")))
    table = run("status", "--db", filled).stdout
    assert re.search(rf"usage\s+{usage['files']}\s+{usage['bytes']:,}", table)


def test_processors_are_listed(filled):
    (found,) = [
        p for p in answer("processors", "--db", filled)["processors"] if p["name"] == "usage"
    ]

    assert found["available"]
    assert found["kind"] == "line"
    assert "usage" in run("processors", "--db", filled).stdout


def test_the_quarantine_lists_lines_with_their_place(sessions, db):
    path = sessions / "amara/broken.jsonl"
    path.write_text('{"type":"user"}\nnot json \x1b[31m\n')
    run("ingest", sessions, "--db", db)

    found = answer("quarantine", "--db", db)

    (row,) = found["quarantine"]
    assert (row["path"], row["offset"], row["reason"]) == ("amara/broken.jsonl", 16, "invalid_json")
    assert found["reasons"] == {"invalid_json": 1}
    assert found["next"] is None
    assert "invalid_json" in run("quarantine", "--db", db).stdout


def test_the_quarantine_can_be_paged(sessions, db):
    (sessions / "broken.jsonl").write_text("x\n" * 3)
    run("ingest", sessions, "--db", db)

    first = answer("quarantine", "--db", db, "--limit", 2)
    second = answer("quarantine", "--db", db, "--limit", 2, "--after", first["next"])

    assert [row["offset"] for row in first["quarantine"] + second["quarantine"]] == [0, 2, 4]
    assert "--after" in run("quarantine", "--db", db, "--limit", 2).stderr


# The demo has no session that speaks of quotas.
@pytest.mark.parametrize("report", sorted(REPORTS.keys() - {"quota"}))
def test_every_report_prints_json_csv_and_a_table(filled, report):
    found = answer("usage", report, "--db", filled)
    rows = next(iter(found.values()))

    table = run("usage", report, "--db", filled).stdout
    lines = list(csv.reader(io.StringIO(run("usage", report, "--csv", "--db", filled).stdout)))

    assert rows
    assert "totals" in found
    assert len(lines) == len(rows) + 1
    assert lines[0][0] in rows[0]
    assert all(lines[0][0] in text for text in (table,))
    assert "total" in table


def test_reports_take_their_filters(filled):
    every = answer("usage", "daily", "--db", filled)["daily"]
    day = every[1]["date"]

    one = answer("usage", "daily", "--since", day, "--until", day, "--db", filled)["daily"]
    user = answer("usage", "session", "--user", "mei", "--db", filled)["sessions"]
    east = answer("usage", "daily", "-z", "Pacific/Kiritimati", "--db", filled)

    assert [row["date"] for row in one] == [day]
    assert {row["user"] for row in user} == {"mei"}
    assert east["totals"] == answer("usage", "daily", "--db", filled)["totals"]


def test_two_databases_of_the_same_files_print_the_same(filled, sessions, tmp_path):
    run("ingest", sessions, "--db", tmp_path / "other.duckdb")

    for report in REPORTS:
        one, other = (
            run("usage", report, "--json", "--db", path).stdout
            for path in (filled, tmp_path / "other.duckdb")
        )
        assert one == other


# As ccusage. The files hold what `ccusage claude REPORT --json --offline -z UTC` (20.0.24) printed
# with a folder whose `projects` is demo/sessions; print them again if those change.


@pytest.mark.parametrize("printed", PRINTED, ids=lambda path: path.stem)
def test_the_demo_is_counted_as_ccusage_counts_it(filled, printed):
    found = answer("usage", "conformance", printed, "--db", filled)

    assert found["rows"] > 0
    assert found["differences"] == []
    assert "no differences" in run("usage", "conformance", printed, "--db", filled).stderr


@pytest.mark.parametrize("report", sorted(ccusage.REPORTS))
def test_every_report_of_ccusage_prints_json_csv_and_a_table(filled, report):
    words = ("usage", report, "--as", "ccusage-session", "--db", filled)
    found = answer(*words)
    (rows,) = (value for value in found.values() if isinstance(value, list))

    lines = list(csv.reader(io.StringIO(run(*words, "--csv").stdout)))
    assert rows
    assert len(lines) == len(rows) + 1
    assert lines[0][0] in rows[0]
    assert lines[0][0] in run(*words).stdout


def test_instances_are_listed_together(filled):
    words = ("usage", "daily", "--as", "ccusage-daily", "--instances", "--db", filled)
    projects = answer(*words)["projects"]

    table = run(*words).stdout
    assert set(projects) == {"amara", "jonas", "mei"}
    assert all(name in table for name in projects)


def test_what_ccusage_printed_otherwise_is_listed_and_exits_with_1(filled, tmp_path):
    theirs = json.loads((ROOT / "tests/fixtures/ccusage/demo-daily.json").read_bytes())
    theirs["totals"]["outputTokens"] += 7
    (tmp_path / "theirs.json").write_text(json.dumps(theirs))

    words = ("usage", "conformance", tmp_path / "theirs.json", "--db", filled)
    found, table = run(*words, "--json"), run(*words)

    assert (found.exit_code, table.exit_code) == (1, 1)
    (one,) = json.loads(found.stdout)["differences"]
    assert (one["key"], one["field"], one["difference"]) == ("totals", "outputTokens", -7)
    assert "outputTokens" in table.stdout


@pytest.mark.parametrize(
    ("words", "about"),
    [
        (["usage", "conformance"], "takes a file"),
        (["usage", "daily", "theirs.json"], "takes no file"),
        (["usage", "conformance", "/no/such.json"], "No such file"),
        (["usage", "conformance", ROOT / "README.md"], "is not JSON"),
        (["usage", "conformance", ROOT / "demo"], "Is a directory"),
        (["usage", "daily", "--as", "nonsense"], "known: ccusage-daily, ccusage-session"),
        (["usage", "tool", "--as", "ccusage-daily"], "known: blocks, daily"),
        (["usage", "weekly", "--as", "ccusage-daily", "--instances"], "ask for daily"),
        (["usage", "daily", "--instances"], "--as ccusage-daily"),
    ],
)
def test_what_ccusage_has_not_exits_with_2_and_says_why(filled, words, about):
    done = run(*words, "--db", filled)

    assert done.exit_code == 2
    assert about in done.stderr
    assert done.stdout == ""


def test_sql_prints_a_table_or_json(filled):
    text = "select 2026 as year, 'a' as word, null as nothing"

    assert answer("sql", text, "--db", filled) == {
        "columns": ["year", "word", "nothing"],
        "rows": [[2026, "a", None]],
        "truncated": False,
    }
    table = run("sql", text, "--db", filled).stdout
    assert "2026" in table
    assert "word" in table


def test_a_value_cannot_steer_the_terminal(filled):
    table = run("sql", "select chr(27) || '[31m' as x, '[bold]y' as m", "--db", filled).stdout

    assert "\x1b" not in table
    assert "\\x1b[31m" in table
    assert "[bold]y" in table


# Rescan and doctor.


def test_a_rescan_without_a_service_is_done_by_the_next_ingest(filled, sessions):
    before = answer("sql", "select max(generation) from ledger", "--db", filled)["rows"]
    matching = len(list((sessions / "mei").rglob("*.jsonl")))

    assert answer("rescan", "--session", "mei/*", "--db", filled) == {"matched": matching}
    assert answer("rescan", "--session", "nobody/*", "--db", filled) == {"matched": 0}
    run("ingest", sessions, "--db", filled)

    after = answer("sql", "select max(generation) from ledger", "--db", filled)["rows"]
    assert after[0][0] == before[0][0] + matching
    assert run("doctor", "--deep", sessions, "--db", filled).exit_code == 0


def test_the_doctor_proves_the_tables(filled, sessions):
    done = run("doctor", "--deep", sessions, "--db", filled)

    assert done.exit_code == 0
    assert "proved" in done.stderr


def test_the_doctor_finds_bytes_that_nobody_took(filled, sessions):
    (path, *_) = sorted(sessions.rglob("*.jsonl"))
    with path.open("a") as file:
        file.write('{"type":"user"}\n')

    done = run("doctor", "--deep", sessions, "--db", filled)

    assert done.exit_code == 1
    assert path.name in done.stdout
    assert run("doctor", "--db", filled).exit_code == 0


def test_the_doctor_finds_rows_that_are_not_in_the_files(filled, sessions):
    store = Store.open(filled, registry.load().processors)
    store._db.execute('DELETE FROM raw.usage_records WHERE generation = 1 AND "offset" = 0')
    store.close()

    done = run("doctor", "--deep", sessions, "--db", filled)

    assert done.exit_code == 1
    assert done.stdout.startswith("usage_records: ")


# Process.


def test_process_prints_rows_with_their_place():
    (path, *_) = sorted(DEMO.rglob("*.jsonl"))

    done = run("process", path, "--processor", "usage")
    rows = [json.loads(line) for line in done.stdout.splitlines()]

    assert done.exit_code == 0
    assert {"usage_records", "usage_messages"} <= {row["table"] for row in rows}
    assert all(list(row)[:3] == ["table", "offset", "seq"] for row in rows)
    assert [row["offset"] for row in rows] == sorted(row["offset"] for row in rows)


def test_process_reads_compressed_files_alike(tmp_path):
    (path, *_) = sorted(DEMO.rglob("*.jsonl"))
    packed = tmp_path / "s.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))

    plain, unpacked = (run("process", p, "--processor", "usage").stdout for p in (path, packed))

    assert plain == unpacked


def test_process_shows_faults_and_takes_a_tail_and_any_name(tmp_path):
    path = tmp_path / "report[1].txt"
    path.write_text('oops\n{"type":"user"}')

    rows = [
        json.loads(line)
        for line in run("process", path, "--processor", "usage").stdout.splitlines()
    ]

    assert (rows[0]["table"], rows[0]["reason"]) == ("quarantine_lines", "invalid_json")
    assert (rows[1]["table"], rows[1]["offset"]) == ("usage_records", 5)


# As a person runs it.


@pytest.fixture
def service(sessions, db):
    """A running service over the demo sessions."""
    line = [sys.executable, "-m", "service.cli", "serve", sessions, "--db", db, "--port", "0"]
    environ = os.environ | {"PYTHONPATH": os.fspath(ROOT)}
    running = subprocess.Popen([*map(str, line)], stderr=subprocess.PIPE, text=True, env=environ)
    client = Client(db)
    try:
        wait_for(lambda: running.poll() is not None or _ready(client), 20)
        wait_for(
            lambda: client.get("/api/v1/status")["files"] == len(list(sessions.rglob("*.jsonl")))
        )
        yield client
    finally:
        running.send_signal(signal.SIGTERM)
        _, log = running.communicate(timeout=30)
    assert running.returncode == 0, log
    assert "started" in log
    assert not client.socket_path.exists()


def _ready(client):
    return client.available() and not client.get("/api/v1/status")["ready"]


def test_while_a_service_runs_the_commands_ask_it(service, sessions, db):
    assert "url" in answer("status", "--db", db)
    assert run("status", "--db", db).stderr.startswith("serving http://127.0.0.1:")
    known = {one["name"] for one in answer("processors", "--db", db)["processors"]}
    assert known >= {"notes", "usage"}
    assert answer("quarantine", "--db", db)["quarantine"] == []
    assert answer("usage", "daily", "--db", db)["daily"]
    assert answer("sql", "select count(*) from ledger", "--db", db)["rows"][0][0] > 0
    assert answer("rescan", "--session", "mei/*", "--db", db)["matched"] > 0
    wait_for(lambda: run("doctor", "--db", db).exit_code == 0)
    assert run("doctor", "--deep", sessions, "--db", db).exit_code == 0


def test_a_service_counts_as_ccusage_does_too(service, db):
    for printed in PRINTED:
        assert answer("usage", "conformance", printed, "--db", db)["differences"] == []
    assert answer("usage", "user", "--as", "ccusage-daily", "--db", db)["users"]


def test_a_wrong_question_to_a_service_exits_as_without_one(service, db):
    for words in (
        ["usage", "weekly", "--as", "ccusage-daily", "--instances"],
        ["usage", "daily", "--as", "nonsense"],
        ["usage", "daily", "--instances"],
        ["usage", "nonsense"],
        ["rescan", "--processor", "x"],
        ["sql", "drop table ledger"],
    ):
        assert run(*words, "--db", db).exit_code == 2


def test_an_append_is_in_the_ledger_soon(service, sessions):
    path = next(iter(sessions.rglob("*.jsonl")))
    with path.open("a") as file:
        file.write('{"type":"user"}\n')
    place = f"/api/v1/ledger/{path.relative_to(sessions)}"

    wait_for(
        lambda: service.get(place)["processors"]["usage"]["committed_bytes"] == path.stat().st_size
    )


@pytest.mark.parametrize("words", [["serve", "--port", "0"], ["ingest"]])
def test_a_database_that_is_served_is_not_opened_twice(service, sessions, db, words):
    done = command(*words, sessions, "--db", db)

    assert done.returncode == 3
    assert "is in use" in done.stderr
    assert service.get("/healthz") == {"status": "ok"}


def test_a_database_in_use_without_a_service_exits_with_3(filled, sessions, monkeypatch):
    monkeypatch.setattr(answers, "BUSY_SECONDS", 0.1)
    hold = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"
    line = [sys.executable, "-c", hold, str(filled)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        for words in (["status"], ["usage", "daily"], ["ingest", sessions], ["doctor"]):
            done = run(*words, "--db", filled)
            assert done.exit_code == 3
            assert "is in use" in done.stderr
        holder.communicate("\n")


def test_a_command_waits_for_another_short_command(filled):
    hold = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"
    line = [sys.executable, "-c", hold, str(filled)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        asker = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "status", "--json", "--db", filled],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.fspath(ROOT)},
        )
        wait_for(lambda: _opened(asker.pid, "_duckdb"))
        holder.communicate("\n")
    out, _ = asker.communicate(timeout=20)

    assert asker.returncode == 0
    assert json.loads(out)["files"] > 0


def _opened(pid, name):
    """Has the process loaded a library of this name?"""
    return name in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")


def test_the_log_of_an_ingest_goes_to_stderr_and_the_answer_to_stdout(sessions, db):
    done = command("ingest", sessions, "--db", db, "--json")

    assert done.returncode == 0
    assert list(json.loads(done.stdout)) == SUMMARY


@pytest.mark.parametrize("words", [["--help"], ["usage", "daily", "--json"], ["serve", "--help"]])
def test_a_command_loads_no_more_than_it_needs(filled, words):
    """Starting time is imports; these are the dear ones. Models are looked up once, not always."""
    command("usage", "daily", "--db", filled)
    code = (
        "import sys\nfrom service.cli import app\n"
        "try: app()\n"
        "finally: print(*sorted(sys.modules), sep='\\n', file=sys.stderr)"
    )
    line = [sys.executable, "-c", code, *words]
    environ = os.environ | {"PYTHONPATH": os.fspath(ROOT), "SESSIONWATCH_DB": str(filled)}
    done = subprocess.run(line, capture_output=True, text=True, env=environ, check=False)

    loaded = set(done.stderr.split())
    dear = {"pydantic", "prometheus_client", "starlette", "uvicorn", "pyarrow", "watchdog",
            "multiprocessing", "asyncio", "http.client", "anthropic", "rich"}  # fmt: skip
    assert done.returncode == 0
    assert loaded & dear == set()
    assert ("duckdb" in loaded) == ("usage" in words)


def test_output_that_nobody_reads_to_the_end_is_no_fault(filled):
    line = (
        f"{sys.executable} -m service.cli sql 'from range(9000)' --json --db {filled} | head -c 10"
    )
    environ = os.environ | {"PYTHONPATH": os.fspath(ROOT)}

    done = subprocess.run(
        line, shell=True, capture_output=True, text=True, env=environ, check=False
    )

    assert "Traceback" not in done.stderr


def test_operators_run_follow_and_look_back_by_command(service, db):
    done = run("run", "session-processor:usage", "--db", db)
    assert done.exit_code == 0, done.stderr
    assert "processed" in done.stdout
    assert run("run", "nonsense", "--db", db).exit_code == 2
    assert answer("run", "session-processor:usage", "--db", db)["details"]["scanned"] == 0
    followed = answer("rescan", "--wait", "--db", db)
    assert followed["details"]["rebuilt"] == followed["details"]["matched"] > 0

    listed = answer("runs", "--db", db)["runs"]
    assert [one["job"] for one in listed] == ["rescan", *["session-processor:usage"] * 2]
    assert "rescan" in run("runs", "--jobs", "--db", db).stdout
    rows = answer("audit", "--action", "rescan", "--db", db)["audit"]
    assert [(row["actor"], row["client_kind"]) for row in rows] == [("operator", "socket")]
    assert "there is more: --after" in run("audit", "--limit", "1", "--db", db).stderr


def test_operators_pause_resume_and_requeue_by_command(service, db):
    assert run("pause", "usage", "--db", db).stderr == "usage is paused\n"
    assert answer("backlog", "--db", db)["processors"]["usage"]["paused"]
    assert run("run", "session-processor:usage", "--db", db).exit_code == 1
    assert run("resume", "usage", "--db", db).stderr == "usage works\n"
    assert "oldest_pending_s" in run("backlog", "--db", db).stdout
    assert run("requeue", "--db", db).stdout == "requeued 0\n"
    assert run("requeue", "none.jsonl", "--db", db).exit_code == 2
    assert run("pause", "nonsense", "--db", db).exit_code == 2


def test_without_a_service_operators_can_look_back_and_are_told_who_must_run(filled):
    assert answer("runs", "--db", filled) == {"runs": [], "next": None}
    assert answer("audit", "--db", filled)["audit"] == []
    for words in (["run", "rescan"], ["backlog"], ["requeue"], ["pause", "usage"]):
        done = run(*words, "--db", filled)
        assert done.exit_code == 2
        assert "no service runs" in done.stderr
    done = run("rescan", "--wait", "--db", filled)
    assert (done.exit_code, "sessionwatch serve" in done.stderr) == (2, True)
