"""Include and exclude patterns of a source, from the walk to the rows."""

import gzip
import os

import pytest

from core.keys import SessionKey
from service.settings import Settings, SourceSettings
from tests.tools.service import in_process, ingested, quiet
from tests.tools.waiting import wait_for
from watcher.disk import Disk, Source

LINE = b'{"type":"user","sessionId":"s","timestamp":"2026-05-01T10:00:00Z"}\n'
ODD = os.fsdecode(b"b\xffd")
FILES = ["amara/a.jsonl", "amara/drafts/b.jsonl", "mei/c.jsonl", f"mei/{ODD}/d.jsonl", "e.jsonl"]


@pytest.fixture
def root(tmp_path):
    for name in FILES:
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(LINE)
    return tmp_path / "root"


def walked(root, **patterns):
    return {key.path for key, _ in Disk([Source.at(root, "s", **patterns)]).walk("s")}


def test_the_walk_finds_what_is_wanted(root):
    assert len(walked(root)) == len(FILES)
    assert walked(root, include=["amara/*"]) == {"amara/a.jsonl", "amara/drafts/b.jsonl"}
    assert walked(root, include=["amara/*"], exclude=["*/drafts/*"]) == {"amara/a.jsonl"}
    assert walked(root, exclude=["*/*"]) == {"e.jsonl"}
    assert walked(root, include=[f"mei/{ODD}/*"]) == {r"mei/b\xffd/d.jsonl"}


def test_a_folder_that_is_excluded_whole_is_not_listed(root, monkeypatch):
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))

    walked(root, exclude=["mei/*"])

    assert os.path.join(root, "amara") in listed
    assert os.path.join(root, "mei") not in listed


def test_a_key_that_is_not_wanted_leads_to_no_file(root):
    disk = Disk([Source.at(root, "s", exclude=["*/drafts/*"])])

    assert disk.key_below("s", "amara/drafts/b.jsonl") is None
    assert disk.key_of(root / "amara/drafts/b.jsonl") is None
    assert disk.key_of(root / "amara/a.jsonl") == SessionKey("s", "amara/a.jsonl")
    with pytest.raises(FileNotFoundError):
        disk.stat(SessionKey("s", "amara/drafts/b.jsonl"))


def test_a_link_to_an_excluded_file_is_listed_as_one_that_leads_out(root):
    (root / "link.jsonl").symlink_to("amara/drafts/b.jsonl")

    assert "link.jsonl" not in walked(root)
    assert "link.jsonl" in walked(root, exclude=["*/drafts/*"])


def test_events_sweeps_and_children_agree_on_what_is_wanted(root, tmp_path):
    source = SourceSettings("s", root, include=("amara/*",), exclude=("*/drafts/*",))
    large = LINE * 20_000  # Read by the children, which make their own disk.

    with in_process(Settings(sources=(source,), db=tmp_path / "t.duckdb", port=0)) as service:
        (root / "amara/new.jsonl").write_bytes(large)
        (root / "amara/drafts/new.jsonl").write_bytes(LINE)
        (root / "mei/new.jsonl.gz").write_bytes(gzip.compress(LINE))
        wait_for(lambda: service.control.status()["files"] == 2)
        quiet(service)
        found = {entry.key.path for entry in service.store.ledger.entries("usage")}

    assert found == {"amara/a.jsonl", "amara/new.jsonl"}


def test_the_rows_of_a_file_stay_when_it_is_excluded_later(root, tmp_path):
    db = tmp_path / "t.duckdb"
    everything = SourceSettings("s", root)
    fewer = SourceSettings("s", root, exclude=("mei/*",))

    before = ingested(db, sources=(everything,))
    ingested(db, sources=(fewer,))
    after = ingested(db, sources=(everything,))

    assert before["files"] == len(FILES)
    assert after["changed"] == 0
