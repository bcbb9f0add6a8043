"""Real sessions as they really grew: reading every stage must equal reading the last one alone."""

import itertools
import random
from pathlib import Path

import pytest

from service.limits import Limits
from tests.tools.corpus import corpus
from tests.tools.databases import assert_same
from tests.tools.service import in_process, ingested, quiet, settings_for
from tests.tools.waiting import wait_for
from tests.tools.writers import append, session_lines

SERIES_MIN = 3  # What the corpus is known to have; fewer would prove nothing.
QUICK = Limits(tail_quiet_s=0.3, stat_trust_s=0.2)


def series() -> list[list[bytes]]:
    """The snapshots of every session that was copied while it grew."""
    folders = sorted((corpus() / "growth").iterdir())
    assert len(folders) >= SERIES_MIN
    return [[path.read_bytes() for path in sorted(folder.iterdir())] for folder in folders]


def live_file(root: Path, number: int) -> Path:
    path = root / f"user-{number}" / "p" / f"{number}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def grow_to(path: Path, data: bytes) -> None:
    """Append what the file lacks; snapshots are strict appends of each other."""
    have = path.stat().st_size if path.exists() else 0
    append(path, data[have:])


def random_cuts(data: bytes, count: int, chance: random.Random) -> list[bytes]:
    """The data in pieces that end anywhere, in the middle of a character too."""
    ends = sorted(chance.sample(range(1, len(data)), count))
    return [data[start:end] for start, end in itertools.pairwise([0, *ends, len(data)])]


@pytest.mark.corpus
@pytest.mark.timeout(180)
def test_ingesting_every_snapshot_in_turn_equals_ingesting_the_last_one(tmp_path):
    root, db = tmp_path / "sessions", tmp_path / "grown.duckdb"
    stages = list(itertools.zip_longest(*series()))

    for stage in stages:
        for number, data in enumerate(stage):
            if data is not None:
                grow_to(live_file(root, number), data)
        ingested(db, root)

    ingested(tmp_path / "clean.duckdb", root)
    found = assert_same(db, tmp_path / "clean.duckdb")
    assert found["usage_records"].wanted > 1000


@pytest.mark.corpus
@pytest.mark.timeout(180)
def test_a_running_service_that_sees_real_sessions_grow_by_random_bytes_equals_a_clean_ingest(
    tmp_path,
):
    chance, root, db = random.Random(7), tmp_path / "sessions", tmp_path / "live.duckdb"
    root.mkdir()
    pieces = [random_cuts(one[-1], 60, chance) for one in series()]

    with in_process(settings_for(db, root, sweep_s=1.0, limits=QUICK)) as service:
        for stage in itertools.zip_longest(*pieces):
            seen = service.observer.event_count
            for number, piece in enumerate(stage):
                if piece:
                    append(live_file(root, number), piece)
            wait_for(lambda seen=seen: service.observer.event_count > seen)
        quiet(service)

    ingested(tmp_path / "clean.duckdb", root)
    assert_same(db, tmp_path / "clean.duckdb")


def test_a_session_cut_at_every_kind_of_byte_and_ingested_after_each_equals_a_clean_ingest(
    tmp_path,
):
    chance, root, db = random.Random(11), tmp_path / "sessions", tmp_path / "grown.duckdb"
    data = b"".join(itertools.islice(session_lines(11), 60))
    data += (
        '{"type":"user","message":"é😀"}\r\n'.encode() + b'\xef\xbb\xbf{"type":"a"}{"type":"b"}\n'
    )
    path = live_file(root, 0)

    for piece in random_cuts(data, 15, chance):
        append(path, piece)
        ingested(db, root)

    ingested(tmp_path / "clean.duckdb", root)
    assert_same(db, tmp_path / "clean.duckdb")


def test_a_running_service_fed_single_bytes_equals_a_clean_ingest(tmp_path):
    root, db = tmp_path / "sessions", tmp_path / "live.duckdb"
    path = live_file(root, 0)
    data = b"".join(itertools.islice(session_lines(12), 8))

    with in_process(settings_for(db, root, sweep_s=1.0, limits=QUICK)) as service:
        for at in range(len(data)):
            append(path, data[at : at + 1])
        quiet(service)

    ingested(tmp_path / "clean.duckdb", root)
    assert_same(db, tmp_path / "clean.duckdb")
