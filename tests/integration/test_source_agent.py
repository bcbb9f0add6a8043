"""`agent` of a source: its files are read in that dialect, whatever their heads look like."""

import json

import pytest

from service.settings import SourceSettings
from tests.tools.databases import assert_same
from tests.tools.service import in_process, ingested, quiet, settings_for
from tests.tools.writers import append, assistant_line

STRANGE = json.dumps({"strange": "x" * 1000}).encode() + b"\n"
SMALL = STRANGE * 80  # More than decides: whatever follows, the content is of no known agent.
LARGE = STRANGE * 2000  # Read by the children, which are told as well.


@pytest.fixture(params=[SMALL, LARGE], ids=["small", "large"])
def root(request, tmp_path):
    path = tmp_path / "sessions/ann/p/s.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(request.param + assistant_line("one"))
    return tmp_path / "sessions"


def source(root, agent):
    return (SourceSettings("s", root, agent=agent),)


def messages(service):
    cursor = service.store.cursor()
    return cursor.execute("SELECT count(*) FROM usage_messages").fetchone()[0]


@pytest.mark.parametrize(("agent", "count"), [(None, 0), ("claude", 2)])
def test_the_agent_of_a_source_decides_before_the_content_does(root, tmp_path, agent, count):
    settings = settings_for(tmp_path / "t.duckdb", sources=source(root, agent))
    with in_process(settings) as service:
        append(root / "ann/p/s.jsonl", assistant_line("two"))
        quiet(service)

        assert messages(service) == count
        (entry,) = service.store.ledger.entries("usage")
        assert entry.dialect == (agent or "unknown")


def test_another_agent_holds_for_what_is_loaded_from_then_on_and_a_rescan_makes_it_whole(
    root, tmp_path
):
    db = tmp_path / "t.duckdb"
    ingested(db, sources=source(root, None))
    with in_process(settings_for(db, sources=source(root, "claude"))) as service:
        quiet(service)
        assert messages(service) == 0

        service.operator.mark(None, None)
        quiet(service)
        assert messages(service) == 1

    ingested(tmp_path / "clean.duckdb", sources=source(root, "claude"))
    assert_same(db, tmp_path / "clean.duckdb")
