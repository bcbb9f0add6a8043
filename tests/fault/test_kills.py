"""kill -9 at any moment: nothing lost, nothing twice, nobody left behind."""

import itertools
import os
import random
import signal
import threading
from pathlib import Path

import pytest

from core.errors import SessionwatchError
from processors import registry
from service.wiring import open_store
from state.queries import Queries
from state.usage.options import ReportOptions
from state.usage.reports import REPORTS
from tests.tools.corpus import corpus
from tests.tools.databases import Difference, assert_same, digests, tables
from tests.tools.service import ServiceProcess, ingested, sessionwatch, settings_for
from tests.tools.usage_tables import FIXTURES
from tests.tools.waiting import wait_for
from tests.tools.writers import Traffic, append, assistant_line, session_lines

# Short waits, so that minutes of a real installation pass in seconds.
QUICK = {"sweep_s": 1, "tail_quiet_s": 1, "stat_trust_s": 0.5, "drain_s": 60}


def in_tables(service: ServiceProcess) -> dict[str, dict[tuple[str, str], tuple[int, int]]]:
    """What the running service says of every file in every table."""
    found = service.client.get("/api/v1/digests")
    return {
        table: {(source, path): (rows, total) for source, path, rows, total in found[table]}
        for table in tables()
    }


def in_tables_of(db: Path) -> dict[str, dict[tuple[str, str], tuple[int, int]]]:
    """The same of a database that nobody serves."""
    return {t: {tuple(k): tuple(d) for k, d in found.items()} for t, found in digests(db).items()}


def clean_ingest(root: Path, db: Path) -> Path:
    """The database that one ingest of the files as they are now makes."""
    assert ingested(db, root)["failed"] == 0
    return db


def wait_for_tables(service: ServiceProcess, db: Path) -> None:
    """One sweep, then until the running service has in every table what the database has."""
    want = in_tables_of(db)
    service.client.post("/api/v1/sweep")
    wait_for(lambda: in_tables(service) == want, 60.0)


def report(title: str, found: dict[str, Difference], **counts: object) -> None:
    """The figures, for the log of the test run."""
    print(f"\n{title}: {', '.join(f'{value} {name}' for name, value in counts.items())}")
    for table, one in found.items():
        missing, surplus = one.missing.total(), one.surplus.total()
        print(f"  {table}: {one.wanted} rows wanted, {missing} missing, {surplus} surplus")


def kill_while_files_grow(tmp_path: Path, *, kills: int, files: int, seed: int) -> None:
    root, chance = tmp_path / "sessions", random.Random(seed)
    service = ServiceProcess(tmp_path / "live.duckdb", root, **QUICK)
    busy = 0
    try:
        with Traffic(root, files=files, seed=seed) as traffic:
            for _ in range(kills):
                service.spawn()
                if chance.random() < 0.8:  # Else it dies while it starts.
                    service.wait_until(service.ready)
                    traffic.wait(chance.uniform(0.0, 1.5))
                else:
                    service.wait_until(service.client.available)
                busy += len(service.members()) > 1
                service.kill()
        want = clean_ingest(root, tmp_path / "clean.duckdb")
        service.start()
        wait_for_tables(service, want)
        assert service.terminate() == 0
    finally:
        service.close()
    found = assert_same(service.db, want)
    size_bytes = sum(path.stat().st_size for path in traffic.paths)
    report(
        f"kill -9, seed {seed}", found, kills=kills, kills_with_children=busy,
        files=len(traffic.paths), bytes=size_bytes, writes=dict(traffic.counts),
    )  # fmt: skip


@pytest.mark.slow
def test_three_kills_while_files_grow_lose_nothing_and_write_nothing_twice(tmp_path):
    kill_while_files_grow(tmp_path, kills=3, files=15, seed=3)


@pytest.mark.fault
@pytest.mark.parametrize("seed", [1, 2])
def test_twenty_kills_while_files_grow_lose_nothing_and_write_nothing_twice(tmp_path, seed):
    kill_while_files_grow(tmp_path, kills=20, files=50, seed=seed)


class Asking:
    """Asks for reports and scrapes without pause, whoever answers; a 500 is a fault."""

    def __init__(self, service: ServiceProcess, threads: int) -> None:
        self.answers = 0
        self.faults: list[str] = []
        self._service = service
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(seed,)) for seed in range(threads)
        ]

    def __enter__(self) -> "Asking":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self._stopped.wait(0.01):
            name = chance.choice(list(REPORTS))
            try:
                self._service.client.get(f"/api/v1/usage/{name}")
                self.answers += 1
            except SessionwatchError as error:
                if error.reason not in ("service_silent", "stopping"):
                    self.faults.append(f"{name}: {error.reason}: {error}")


def grow_others(root: Path, share: float) -> None:
    """Fixtures of Codex and Copilot, which count together, up to this share of their lines."""
    for agent in ("codex", "copilot"):
        for path in sorted((FIXTURES.parent / agent).rglob("*.jsonl")):
            lines = path.read_bytes().splitlines(keepends=True)
            target = root / agent / path.relative_to(FIXTURES.parent / agent)
            target.parent.mkdir(parents=True, exist_ok=True)
            have = target.stat().st_size if target.exists() else 0
            append(target, b"".join(lines[: int(share * len(lines))])[have:])


def reports_of(db: Path, root: Path) -> dict[str, object]:
    """Every report of a database that nobody serves."""
    store = open_store(settings_for(db, root), registry.load())
    try:
        queries = Queries(store)
        return {name: queries.usage(name, ReportOptions()) for name in REPORTS}
    finally:
        store.close()


def kill_while_reports_are_asked(tmp_path: Path, *, kills: int, files: int, seed: int) -> None:
    root, chance = tmp_path / "sessions", random.Random(seed)
    service = ServiceProcess(tmp_path / "live.duckdb", root, **QUICK)
    try:
        with Traffic(root, files=files, seed=seed) as traffic, Asking(service, 3) as asking:
            for number in range(kills):
                grow_others(root, (number + 1) / kills)
                service.spawn()
                service.wait_until(service.ready)
                service.wait_until(lambda old=asking.answers: asking.answers > old)
                traffic.wait(chance.uniform(0.0, 2.5))
                service.kill()
        want = clean_ingest(root, tmp_path / "clean.duckdb")
        service.start()
        wait_for_tables(service, want)
        assert service.terminate() == 0
    finally:
        service.close()
    assert asking.faults == []
    assert reports_of(service.db, root) == reports_of(want, root)
    found = sessionwatch("doctor", "--deep", root, "--db", service.db)
    assert (found.code, found.out) == (0, "")
    print(f"\nkill -9 while reports are asked: {kills} kills, {asking.answers} answers")


@pytest.mark.slow
def test_two_kills_while_reports_are_asked_leave_the_reports_of_a_clean_ingest(tmp_path):
    kill_while_reports_are_asked(tmp_path, kills=2, files=10, seed=5)


@pytest.mark.fault
@pytest.mark.parametrize("seed", [6, 7])
def test_twenty_kills_while_reports_are_asked_leave_the_reports_of_a_clean_ingest(tmp_path, seed):
    kill_while_reports_are_asked(tmp_path, kills=20, files=40, seed=seed)


def committed_bytes(service: ServiceProcess) -> int:
    return int(service.client.get("/api/v1/status")["processors"]["usage"]["bytes"])


def kill_during_backfill(tmp_path: Path, root: Path, *, kills: int, seed: int) -> None:
    """Killed whenever the next part of the bytes is committed: all kills fall into the backfill."""
    chance = random.Random(seed)
    size_bytes = sum(path.stat().st_size for path in root.rglob("*.jsonl"))
    want = clean_ingest(root, tmp_path / "clean.duckdb")
    service = ServiceProcess(tmp_path / "live.duckdb", root, **QUICK)
    with_children = 0
    try:
        for number in range(kills):
            service.spawn()
            service.wait_until(service.client.available)
            share = (number + chance.random()) / (kills + 1)
            service.wait_until(lambda at=share * size_bytes: committed_bytes(service) >= at)
            with_children += len(service.members()) > 2  # It, the resource tracker and a child.
            service.kill()
        service.start()
        wait_for_tables(service, want)
        assert service.terminate() == 0
    finally:
        service.close()
    assert with_children
    found = assert_same(service.db, want)
    report("kill -9 in the backfill", found, kills=kills, kills_with_children=with_children)


def big_tree(root: Path, *, files: int, lines: int) -> Path:
    for number in range(files):
        path = root / f"user-{number}" / "p" / f"s{number}.jsonl"
        path.parent.mkdir(parents=True)
        append(path, b"".join(itertools.islice(session_lines(number), lines)))
    return root


@pytest.mark.slow
def test_a_kill_during_the_first_backfill_leaves_no_child_and_loses_nothing(tmp_path):
    root = big_tree(tmp_path / "sessions", files=8, lines=3000)

    kill_during_backfill(tmp_path, root, kills=2, seed=1)


@pytest.mark.fault
@pytest.mark.corpus
def test_kills_during_the_first_backfill_of_the_corpus_lose_nothing(tmp_path):
    kill_during_backfill(tmp_path, corpus() / "sessions", kills=8, seed=2)


@pytest.mark.slow
def test_a_killed_child_is_replaced_and_its_file_read_again(tmp_path):
    """The out-of-memory killer takes the child, not the service."""
    root = big_tree(tmp_path / "sessions", files=8, lines=3000)
    want = clean_ingest(root, tmp_path / "clean.duckdb")
    service = ServiceProcess(tmp_path / "live.duckdb", root, retry_first_s=0.2, **QUICK)
    try:
        service.spawn()
        service.wait_until(service.client.available)
        service.wait_until(lambda: readers(service))
        for pid in readers(service):
            os.kill(pid, signal.SIGKILL)
        service.wait_until(service.ready)
        wait_for_tables(service, want)
        assert service.terminate() == 0
    finally:
        service.close()

    assert_same(service.db, want)


def readers(service: ServiceProcess) -> list[int]:
    """The children that read, without the helper that Python gives them."""
    others = [pid for pid in service.members() if pid != service.process.pid]
    return [pid for pid in others if b"resource_tracker" not in arguments(pid)]


def arguments(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b"resource_tracker"


@pytest.mark.fault
def test_a_kill_during_a_rescan_leaves_the_old_rows_or_the_new_ones_and_no_others(tmp_path):
    root = big_tree(tmp_path / "sessions", files=6, lines=3000)
    append(root / "user-0" / "p" / "large.jsonl", big_session(12 << 20))
    want = clean_ingest(root, tmp_path / "clean.duckdb")
    service = ServiceProcess(tmp_path / "live.duckdb", root, **QUICK)
    try:
        service.start()
        wait_for_tables(service, want)
        for _ in range(3):
            before = live_generations(service)
            service.client.post("/api/v1/rescan")
            service.wait_until(lambda old=before: len(live_generations(service) - old) > 1)
            service.kill()
            service.start()
            assert in_tables(service) == in_tables_of(want)
        wait_for_tables(service, want)
        service.wait_until(lambda: service.metric("garbage_generations") == 0.0)
        assert service.terminate() == 0
    finally:
        service.close()

    assert_same(service.db, want)


def big_session(size_bytes: int) -> bytes:
    """Messages of two KiB each: several pieces of a load."""
    return b"".join(
        assistant_line(f"big-{number}", text="x" * 2000) for number in range(size_bytes // 2300)
    )


def live_generations(service: ServiceProcess) -> set[int]:
    return {generation for (generation,) in service.sql("SELECT generation FROM ledger")}
