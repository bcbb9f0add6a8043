"""The whole service on real files, threads, DuckDB and HTTP: what it promises while it runs."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest

from core.errors import ConfigurationError
from core.keys import SessionKey
from core.ledger import LedgerEntry
from processors import registry
from service.client import Client, socket_path
from service.limits import Limits
from service.supervisor import Service
from tests.tools.databases import assert_same
from tests.tools.service import (
    PROJECT,
    ServiceProcess,
    environment,
    in_process,
    ingested,
    quiet,
    serving,
    sessionwatch,
    settings_for,
)
from tests.tools.waiting import wait_for
from tests.tools.writers import Traffic, append, assistant_line, prompt_line

QUICK = Limits(tail_quiet_s=0.3, stat_trust_s=0.2)
SOON_S = 30.0
"""Long before the next sweep, however busy the machine is."""


def lines(name: str, count: int = 3) -> bytes:
    return b"".join(assistant_line(f"{name}-{number}") for number in range(count))


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def entry_of(service: Service, path: str) -> LedgerEntry | None:
    (source,) = service.engine.sources
    return service.store.ledger.get("usage", SessionKey(source, path))


def committed(service: Service, path: str) -> int:
    entry = entry_of(service, path)
    return entry.committed_bytes if entry and not entry.source_gone else -1


def row_counts(service: Service) -> dict[str, int]:
    answer = Client(service.settings.db).post(
        "/api/v1/sql", {"query": "SELECT path, count(*) FROM usage_messages GROUP BY path"}
    )
    return dict(answer["rows"])


def output_tokens(service: Service) -> int:
    report = Client(service.settings.db).get("/api/v1/usage/daily")
    return int(report["totals"]["outputTokens"])


@pytest.fixture
def root(tmp_path) -> Path:
    path = tmp_path / "sessions"
    path.mkdir()
    return path


@pytest.fixture
def service(root, tmp_path):
    """Sweeps are too rare to help: what is found is found by its event."""
    with in_process(settings_for(tmp_path / "t.duckdb", root, sweep_s=3600.0, limits=QUICK)) as one:
        yield one


def test_a_file_that_is_dropped_in_is_in_the_tables_at_once(root, service):
    data = lines("a")

    put(root / "ann/p/a.jsonl", data)

    wait_for(lambda: committed(service, "ann/p/a.jsonl") == len(data), SOON_S)
    assert row_counts(service) == {"ann/p/a.jsonl": 3}


def test_a_file_in_folders_made_in_the_same_instant_is_found(root, service):
    for number in range(20):
        put(root / f"new-{number}/a/b/c/s.jsonl", lines(f"new-{number}", 1))

    wait_for(lambda: len(row_counts(service)) == 20, SOON_S)


def test_a_tree_that_is_moved_in_is_found_whole(root, service, tmp_path):
    for number in range(10):
        put(tmp_path / f"elsewhere/p{number % 3}/s{number}.jsonl", lines(f"moved-{number}", 2))

    (tmp_path / "elsewhere").rename(root / "bob")

    wait_for(lambda: row_counts(service) == {f"bob/p{n % 3}/s{n}.jsonl": 2 for n in range(10)})


def test_a_tree_that_is_moved_out_is_gone_and_its_rows_stay(root, service, tmp_path):
    for number in range(3):
        put(root / f"bob/p/s{number}.jsonl", lines(f"out-{number}", 2))
    wait_for(lambda: len(row_counts(service)) == 3)

    (root / "bob").rename(tmp_path / "elsewhere")

    wait_for(lambda: all(entry_of(service, f"bob/p/s{n}.jsonl").source_gone for n in range(3)))
    assert row_counts(service) == {f"bob/p/s{n}.jsonl": 2 for n in range(3)}
    assert output_tokens(service) == 6 * 7


def test_after_a_rename_the_old_name_is_gone_the_new_one_is_full_and_nothing_counts_twice(
    root, service
):
    data = lines("r", 5)
    put(root / "ann/p/old.jsonl", data)
    wait_for(lambda: committed(service, "ann/p/old.jsonl") == len(data))

    (root / "ann/p/old.jsonl").rename(root / "ann/p/new.jsonl")

    wait_for(lambda: committed(service, "ann/p/new.jsonl") == len(data))
    wait_for(lambda: entry_of(service, "ann/p/old.jsonl").source_gone)
    assert output_tokens(service) == 5 * 7


def test_rows_of_a_deleted_file_stay_and_count(root, service):
    path = put(root / "ann/p/a.jsonl", lines("d", 4))
    wait_for(lambda: row_counts(service) == {"ann/p/a.jsonl": 4})

    path.unlink()

    wait_for(lambda: entry_of(service, "ann/p/a.jsonl").source_gone)
    assert row_counts(service) == {"ann/p/a.jsonl": 4}
    assert output_tokens(service) == 4 * 7


def test_a_deleted_file_that_comes_back_is_not_gone_and_not_there_twice(root, service):
    path, data = root / "ann/p/a.jsonl", lines("b", 4)
    put(path, data)
    wait_for(lambda: committed(service, "ann/p/a.jsonl") == len(data))
    path.unlink()
    wait_for(lambda: entry_of(service, "ann/p/a.jsonl").source_gone)

    put(path, data)

    wait_for(lambda: committed(service, "ann/p/a.jsonl") == len(data))
    assert row_counts(service) == {"ann/p/a.jsonl": 4}


def test_a_last_line_without_newline_is_taken_once_it_is_quiet_and_split_if_it_goes_on(
    root, service
):
    one, two = assistant_line("t-1").rstrip(), assistant_line("t-2")
    path = put(root / "ann/p/a.jsonl", one)
    wait_for(lambda: committed(service, "ann/p/a.jsonl") == len(one), SOON_S)

    append(path, two)

    wait_for(lambda: row_counts(service) == {"ann/p/a.jsonl": 2}, SOON_S)


@pytest.mark.timeout(90)
def test_bytes_without_events_are_found_by_the_next_sweep(root, tmp_path):
    settings = settings_for(tmp_path / "t.duckdb", root, sweep_s=1.0, limits=QUICK)
    with in_process(settings) as service:
        path = put(root / "ann/p/a.jsonl", lines("e", 1))
        wait_for(lambda: row_counts(service) == {"ann/p/a.jsonl": 1})
        service.observer.stop()
        seen = service.observer.event_count

        append(path, lines("late", 1))
        put(root / "bob/p/b.jsonl", lines("unheard", 1))

        wait_for(lambda: row_counts(service) == {"ann/p/a.jsonl": 2, "bob/p/b.jsonl": 1})
        assert service.observer.event_count == seen


def test_a_root_that_is_missing_at_start_is_served_when_it_comes(tmp_path):
    root = tmp_path / "later"
    settings = settings_for(tmp_path / "t.duckdb", root, sweep_s=3600.0, limits=QUICK)
    service = Service(settings, registry.load())
    try:
        service.start()
        wait_for(lambda: len(service.control.readiness()) >= 1)

        put(root / "ann/p/a.jsonl", lines("l", 2))

        wait_for(lambda: not service.control.readiness())
        wait_for(lambda: row_counts(service) == {"ann/p/a.jsonl": 2})
        append(root / "ann/p/a.jsonl", lines("more", 1))
        wait_for(lambda: row_counts(service) == {"ann/p/a.jsonl": 3})
    finally:
        assert service.stop()


def test_a_root_that_vanishes_takes_no_file_with_it_and_is_watched_again_when_it_is_back(
    root, tmp_path
):
    settings = settings_for(tmp_path / "t.duckdb", root, sweep_s=1.0, limits=QUICK)
    with in_process(settings) as service:
        for number in range(5):
            put(root / f"ann/p/s{number}.jsonl", lines(f"v-{number}"))
        wait_for(lambda: len(row_counts(service)) == 5)

        root.rename(tmp_path / "unmounted")
        wait_for(lambda: any("could not be listed" in why for why in service.control.readiness()))
        assert not any_gone(service)

        (tmp_path / "unmounted").rename(root)
        append(root / "ann/p/s0.jsonl", lines("back", 1))
        wait_for(lambda: not service.control.readiness())
        wait_for(lambda: row_counts(service)["ann/p/s0.jsonl"] == 4)
        quiet(service)
        assert not any_gone(service)
    ingested(tmp_path / "clean.duckdb", root)
    assert_same(tmp_path / "t.duckdb", tmp_path / "clean.duckdb")


def any_gone(service: Service) -> bool:
    return any(entry.source_gone for entry in service.store.ledger.entries("usage"))


def test_equal_paths_below_two_roots_are_two_files(tmp_path):
    roots = [tmp_path / "one", tmp_path / "two"]
    for number, folder in enumerate(roots):
        put(folder / "ann/p/same.jsonl", lines(f"root-{number}", number + 1))
    settings = settings_for(tmp_path / "t.duckdb", *roots, limits=QUICK)
    with in_process(settings) as service:
        quiet(service)
        client = Client(settings.db)

        with pytest.raises(ConfigurationError) as refused:
            client.get("/api/v1/ledger/ann/p/same.jsonl")
        sizes = [
            client.get("/api/v1/ledger/ann/p/same.jsonl", source=source)["processors"]["usage"]
            for source in service.engine.sources
        ]

    assert refused.value.reason == "ambiguous"
    assert sizes[0]["committed_bytes"] * 2 == sizes[1]["committed_bytes"]


# What needs a process of its own: signals, exit codes, logs, a second instance.


@pytest.fixture
def process(root, tmp_path):
    put(root / "ann/p/a.jsonl", lines("a"))
    with serving(tmp_path / "t.duckdb", root, tail_quiet_s=0.3, stat_trust_s=0.2) as one:
        yield one


def test_while_it_runs_the_ledger_says_what_is_committed_and_readyz_is_true(root, process):
    path = root / "ann/p/ünïcode name.jsonl"
    put(path, lines("u"))
    place = ledger_of(quote("ann/p/ünïcode name.jsonl"))
    whole = f'"committed_bytes":{path.stat().st_size}'
    process.wait_until(lambda: whole in process.fetch(place)[1])

    status, body = process.fetch(place)
    found = json.loads(body)["processors"]["usage"]

    assert status == 200
    assert found["status"] == "ok"
    assert found["committed_at"].endswith("Z")
    assert process.fetch(ledger_of("nobody/p/a.jsonl"))[0] == 404
    assert process.fetch("/readyz") == (200, '{"status":"ready","reasons":[]}')
    assert process.fetch("/healthz")[0] == 200


def ledger_of(path: str) -> str:
    return f"/api/v1/ledger/{path}"


def test_bytes_that_vanish_unread_are_counted_named_and_listed(root, process):
    path, half = root / "ann/p/a.jsonl", b'{"type":"user","message":'
    assert process.metric("lost_bytes_total") == 0  # From the start, or no alert sees the first.
    size = path.stat().st_size + len(half)
    append(path, half)
    known = "SELECT size_bytes FROM ledger WHERE processor = 'usage'"
    process.wait_until(lambda: process.sql(known) == [[size]])

    path.unlink()

    process.wait_until(lambda: process.metric("lost_bytes_total") == len(half))
    (told,) = [event for event in process.events if event["event"] == "bytes_lost"]
    assert (told["level"], told["how"], told["bytes"]) == ("warning", "vanished", len(half))
    assert told["session"].endswith("ann/p/a.jsonl")
    listed = "SELECT processor, path, lost_bytes, how FROM losses"
    assert process.sql(listed) == [["usage", "ann/p/a.jsonl", len(half), "vanished"]]


@pytest.mark.parametrize("command", ["serve", "ingest"])
def test_a_second_instance_is_refused_with_exit_code_3_and_disturbs_nothing(
    root, tmp_path, process, command
):
    port = ("--port", "0") if command == "serve" else ()

    second = sessionwatch(command, root, "--db", process.db, *port)

    assert second.code == 3
    assert "hint:" in second.err
    append(root / "ann/p/a.jsonl", lines("still", 1))
    process.wait_until(lambda: process.sql("SELECT count(*) FROM usage_messages") == [[4]])


def test_a_second_instance_is_refused_even_if_the_socket_was_removed(root, process):
    socket_path(process.db).unlink()

    second = sessionwatch("serve", root, "--db", process.db, "--port", "0")

    assert second.code == 3
    assert process.returncode is None


@pytest.mark.parametrize("command", ["serve", "ingest"])
def test_the_database_of_a_newer_version_is_refused_and_left_as_it_is(root, tmp_path, command):
    db = tmp_path / "newer.duckdb"
    ingested(db, root)
    with duckdb.connect(str(db)) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (999, 'from_the_future', 0)")
    before = db.read_bytes()

    refused = sessionwatch(command, root, "--db", db, timeout_s=30)

    assert refused.code == 2
    assert "newer sessionwatch" in refused.err
    assert db.read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_time_with_exit_code_0_and_what_was_committed_stays(
    root, tmp_path, number
):
    with (
        Traffic(root, files=8, seed=5) as traffic,
        serving(tmp_path / "t.duckdb", root, drain_s=20) as process,
    ):
        process.wait_until(lambda: traffic.counts.total() > 40)

        process.process.send_signal(number)
        code = process.process.wait(20)

    assert code == 0
    stopped = [event for event in process.events if event["event"] == "stopped"]
    assert stopped[-1]["clean"] is True
    assert not socket_path(process.db).exists()
    ingested(process.db, root)
    ingested(tmp_path / "clean.duckdb", root)
    assert_same(process.db, tmp_path / "clean.duckdb")


@pytest.mark.slow
def test_a_signal_during_the_backfill_of_a_large_file_does_not_wait_for_its_end(root, tmp_path):
    large = b"".join(assistant_line(f"large-{n}", text="x" * 4000) for n in range(15_000))
    put(root / "ann/p/large.jsonl", large)
    process = ServiceProcess(tmp_path / "t.duckdb", root)
    try:
        process.spawn()
        process.wait_until(process.client.available)
        process.wait_until(
            lambda: process.client.get("/api/v1/status")["processors"]["usage"]["bytes"] > 0
        )

        code = process.terminate()
    finally:
        process.close()

    assert code == 0
    ingested(process.db, root)
    ingested(tmp_path / "clean.duckdb", root)
    assert_same(process.db, tmp_path / "clean.duckdb")


SABOTAGE = """
import sys
from state.store import Store
from service.cli import main

apply, count = Store.apply, [0]

def failing(self, commands):
    count[0] += 1
    if count[0] > 1:
        raise RuntimeError("sabotage")
    return apply(self, commands)

Store.apply = failing
sys.argv[0] = "sessionwatch"
main()
"""


def test_a_dead_writer_ends_the_service_with_exit_code_1_and_loses_nothing(root, tmp_path):
    put(root / "ann/p/a.jsonl", lines("a"))
    db = tmp_path / "t.duckdb"
    arguments = ["serve", str(root), "--db", str(db), "--port", "0"]
    stopped = threading.Event()

    def write() -> None:
        for number in range(10_000):
            if stopped.wait(0.05):
                return
            append(root / "ann/p/a.jsonl", lines(f"w-{number}", 1))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = subprocess.run(
            [sys.executable, "-c", SABOTAGE, *arguments], env=environment({"drain_s": 5}),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        stopped.set()
        writer.join()

    assert done.returncode == 1, done.stderr
    assert "thread_died" in done.stderr
    ingested(db, root)
    ingested(tmp_path / "clean.duckdb", root)
    assert_same(db, tmp_path / "clean.duckdb")


CANARY = "xyzzy-canary-4711"


def test_nothing_that_a_session_says_gets_into_the_log_or_the_quarantine(root, tmp_path):
    canary = CANARY.encode()
    broken = [
        b'{"type":"user","message":{"role":"user","content":"' + canary + b"\n",
        b'{"' + canary + b'": nope}\n',
        canary + b"\n",
        b'{"type":"assistant","message":{"usage":{"input_tokens":"' + canary + b'"}}}\n',
        b'{"type":"user","message":"\xff\xfe' + canary + b'"}\n',
        b'{"type":"user","message":"\\ud800' + canary + b'"}\n',
        b'{"type":' + b'{"a":' * 5000 + b'"' + canary + b'"' + b"}" * 5001 + b"\n",
        b'["' + canary + b'"]\n',
    ]
    data = prompt_line("p", text=f"my password is {CANARY}") + b"".join(broken) + lines("ok", 1)
    with serving(tmp_path / "t.duckdb", root, log_format="json", log_level="debug") as process:
        put(root / "ann/p/a.jsonl", data)
        put(root / "ann/p/b.jsonl.gz", data)  # Not compressed at all: the whole file fails.
        process.wait_until(lambda: process.sql("SELECT count(*) FROM usage_messages") == [[2]])
        process.wait_until(lambda: "corrupt_gzip" in process.fetch("/api/v1/quarantine")[1])
        quarantine = process.fetch("/api/v1/quarantine?limit=1000")[1]
        metrics = process.fetch("/metrics")[1]
        ledger = process.fetch(ledger_of("ann/p/b.jsonl.gz"))[1]
        assert process.terminate() == 0

    for text in (quarantine, metrics, ledger, process.log):
        assert CANARY not in text
    assert len(json.loads(quarantine)["quarantine"]) >= len(broken)


def test_what_a_killed_service_leaves_behind_does_not_hinder_the_next_one(root, tmp_path):
    put(root / "ann/p/a.jsonl", lines("a"))
    process = ServiceProcess(tmp_path / "t.duckdb", root)
    try:
        process.start()
        process.kill()
        assert socket_path(process.db).is_socket()
        assert sessionwatch("usage", "daily", "--json", "--db", process.db).code == 0

        process.start()
        assert process.sql("SELECT count(*) FROM usage_messages") == [[3]]
        assert process.terminate() == 0
    finally:
        process.close()


def test_something_else_in_the_place_of_the_socket_is_refused_and_kept(root, tmp_path):
    db = tmp_path / "t.duckdb"
    socket_path(db).write_text("mine")

    refused = sessionwatch("serve", root, "--db", db, "--port", "0", timeout_s=30)

    assert refused.code == 2
    assert socket_path(db).read_text() == "mine"


def test_a_port_in_use_is_refused_with_a_hint_and_leaves_nothing_open(root, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        refused = sessionwatch("serve", root, "--db", tmp_path / "t.duckdb", "--port", port)

    assert refused.code == 2
    assert refused.err.splitlines()[-1].startswith("hint:")
    assert "Traceback" not in refused.err
    assert ingested(tmp_path / "t.duckdb", root)["failed"] == 0


def test_sql_reads_while_the_service_writes_and_can_write_nothing(root, tmp_path):
    with Traffic(root, files=6, seed=9), serving(tmp_path / "t.duckdb", root) as process:
        counts = [process.sql("SELECT count(*) FROM usage_records")[0][0] for _ in range(20)]
        process.wait_until(
            lambda: process.sql("SELECT count(*) FROM usage_records")[0][0] > counts[0]
        )
        for text in (
            "DELETE FROM ledger",
            "INSERT INTO raw.usage_records SELECT * FROM raw.usage_records",
            "COPY usage_records TO '/tmp/stolen.csv'",
            "SELECT * FROM read_text('/etc/passwd')",
            "SELECT 1; DROP TABLE ledger",
            "ATTACH '/tmp/other.duckdb'",
            "SET memory_limit = '1TB'",
            "PRAGMA database_list",
        ):
            with pytest.raises(ConfigurationError):
                process.sql(text)
        asked = sessionwatch("sql", "select count(*) from usage_records", "--db", process.db)
        assert asked.code == 0
        assert process.terminate() == 0


def test_it_runs_from_any_folder_as_from_a_clean_clone(root, tmp_path):
    clone = tmp_path / "clone"
    for room in ("api", "core", "metrics", "processors", "service", "state", "watcher"):
        shutil.copytree(PROJECT / room, clone / room, ignore=shutil.ignore_patterns("__pycache__"))
    put(root / "ann/p/a.jsonl", lines("a"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    done = subprocess.run(
        [sys.executable, "-m", "service.cli", "ingest", str(root), "--json"],
        cwd=elsewhere, env=environment({}) | {"PYTHONPATH": str(clone)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    assert json.loads(done.stdout)["rows"] == 6
    assert os.listdir(elsewhere) == ["sessionwatch.duckdb"]
