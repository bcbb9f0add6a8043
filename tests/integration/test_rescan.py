"""A rescan of everything, while people read reports and agents write: nobody may notice it."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.client import Client
from service.limits import Limits
from service.supervisor import Service
from tests.tools.corpus import corpus
from tests.tools.databases import assert_same, opened, tables
from tests.tools.service import in_process, ingested, quiet, settings_for
from tests.tools.waiting import wait_for
from tests.tools.writers import append, assistant_line, session_lines

COUNTS = """
    SELECT source || ':' || path, (SELECT count(*) FROM usage_messages m
        WHERE m.source = r.source AND m.path = r.path), count(*)
    FROM usage_records r GROUP BY r.source, r.path
"""


class Readers:
    """Asks without pause until stopped: rows of every file, and what the reports sum up.

    The law: rows of a file never become fewer, and what does not grow stays as it is.
    """

    def __init__(self, db: Path, grows: str) -> None:
        self.looks = 0
        self.faults: list[object] = []
        self._client = Client(db)
        self._grows = grows
        self._stopped = threading.Event()
        self._rows = self._row_counts()
        self._totals = self._standing_totals()
        self._threads = [
            threading.Thread(target=self._run, args=(look,))
            for look in (self._look_at_rows, self._look_at_reports)
        ]

    def __enter__(self) -> "Readers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self, look) -> None:
        try:
            while not self._stopped.is_set():
                look()
                self.looks += 1
        except Exception as error:
            self.faults.append(error)

    def _row_counts(self) -> dict[str, tuple[int, int]]:
        rows = self._client.post("/api/v1/sql", {"query": COUNTS})["rows"]
        return {path: (messages, records) for path, messages, records in rows}

    def _look_at_rows(self) -> None:
        now = self._row_counts()
        for path, before in self._rows.items():
            after = now.get(path, (0, 0))
            worse = min(after) < 0 or any(b > a for b, a in zip(before, after, strict=True))
            if worse or (self._grows not in path and after != before):
                self.faults.append((path, before, after))
        self._rows = now

    def _standing_totals(self) -> list[object]:
        users = self._client.get("/api/v1/usage/user")["users"]
        sessions = self._client.get("/api/v1/usage/session")["sessions"]
        standing = [one for one in sessions if self._grows not in str(one)]
        return [*standing, *(one for one in users if self._grows not in one["user"])]

    def _look_at_reports(self) -> None:
        now = self._standing_totals()
        if now != self._totals:
            self.faults.append(("totals", self._totals, now))


@contextmanager
def growing(root: Path, files: int) -> Iterator[None]:
    """Files of user `grows` get a line every few milliseconds."""
    stopped = threading.Event()
    paths = [root / "grows" / "p" / f"s{number}.jsonl" for number in range(files)]
    paths[0].parent.mkdir(parents=True, exist_ok=True)

    def write() -> None:
        lines = zip(itertools.cycle(paths), _own_calls(99), strict=False)
        while not stopped.wait(0.004):
            append(*next(lines))

    for path, line in zip(paths, _own_calls(98), strict=False):
        append(path, line)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _own_calls(seed: int) -> Iterator[bytes]:
    """Calls of tools that no other file has: of copies the first by path has the call."""
    for line in session_lines(seed):
        yield line.replace(b"toolu_", b"toolu_grown_")


def generations(service: Service) -> dict[object, int]:
    return {e.key: e.generation for e in service.store.ledger.entries("usage") if e.generation}


def rescanned(service: Service) -> None:
    """Order a rescan of everything and wait until every file has a new generation."""
    before = generations(service)

    def behind() -> list[object]:
        now = generations(service)
        return [key for key, generation in before.items() if now[key] <= generation]

    assert len(service.operator.mark(None, None)) >= len(before)
    try:
        wait_for(lambda: not behind(), 30.0)
    except AssertionError:
        raise AssertionError(f"not rescanned: {behind()}") from None


def no_garbage(service: Service) -> bool:
    scraped = service.instruments.registry.get_sample_value("sessionwatch_garbage_generations")
    return scraped == 0.0


def assert_only_live_rows(db: Path) -> None:
    """Not a row of a replaced generation is left in any table."""
    with opened(db) as connection:
        for table in tables():
            dead = connection.execute(
                f'SELECT count(*) FROM raw."{table}" '
                "WHERE generation NOT IN (SELECT generation FROM ledger)"
            ).fetchall()
            assert dead == [(0,)], table


def rescan_twice_under_load(db: Path, roots: list[Path], grown: Path) -> Readers:
    with in_process(settings_for(db, *roots, sweep_s=1.0)) as service:
        with growing(grown, files=5):
            wait_for(lambda: service.engine.idle, 60.0)
            with Readers(db, "grows") as readers:
                rescanned(service)
                rescanned(service)
        quiet(service)
        wait_for(lambda: no_garbage(service), 30.0)
    assert readers.faults == []
    ingested(db.with_name("clean.duckdb"), *roots)
    assert_same(db, db.with_name("clean.duckdb"))
    assert_only_live_rows(db)
    return readers


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_nobody_who_reads_reports_notices_a_rescan_while_files_grow(tmp_path):
    root = tmp_path / "sessions"
    for number in range(12):
        path = root / f"user-{number % 3}" / "p" / f"s{number}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        append(path, b"".join(itertools.islice(session_lines(number), 150)))
    # Large enough to be read by the children, in several pieces beside the old rows.
    large = (assistant_line(f"large-{number}", text="x" * 2000) for number in range(6000))
    append(root / "user-0" / "p" / "large.jsonl", b"".join(large))

    readers = rescan_twice_under_load(tmp_path / "live.duckdb", [root], root)

    assert readers.looks > 10


@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nobody_who_reads_reports_notices_a_rescan_of_the_corpus(tmp_path):
    grown = tmp_path / "grown"
    grown.mkdir()
    sessions = corpus() / "sessions"
    # Some end without a newline; unpacked just now, they would be taken in the middle of it all.
    newest_s = max(path.stat().st_ctime for path in sessions.rglob("*"))
    wait_for(lambda: time.time() - newest_s > Limits().tail_quiet_s, 60.0)

    readers = rescan_twice_under_load(tmp_path / "live.duckdb", [sessions, grown], grown)

    assert readers.looks > 10
