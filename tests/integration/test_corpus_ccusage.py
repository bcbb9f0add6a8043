"""Real transcripts against what ccusage 20.0.24 printed of them: equal to the last digit."""

import json
import random
from datetime import UTC, datetime

import duckdb
import pytest

from state.usage.ccusage import DAILY, SESSION, Options, report
from state.usage.ccusage_difference import difference, recognised
from tests.tools.corpus import corpus, expected
from tests.tools.usage_tables import create, ingest

pytestmark = [pytest.mark.corpus, pytest.mark.timeout(300)]

NOW = datetime(2026, 11, 24, tzinfo=UTC)
# `ccusage claude REPORT --json --offline -z UTC [--instances]` over the folder.
PRINTED = {
    "ccusage-daily": ("sessions", DAILY, "daily"),
    "ccusage-daily-instances": ("sessions", DAILY, "daily"),
    "ccusage-weekly": ("sessions", SESSION, "weekly"),
    "ccusage-monthly": ("sessions", SESSION, "monthly"),
    "ccusage-session": ("sessions", SESSION, "session"),
    "ccusage-blocks": ("sessions", SESSION, "blocks"),
    "traps-daily-instances": ("traps", DAILY, "daily"),
    "traps-session": ("traps", SESSION, "session"),
}


@pytest.fixture(scope="module")
def databases():
    """A database of each folder, whose files came in no particular order."""
    opened = {}
    for folder in ("sessions", "traps"):
        root = corpus() / folder
        paths = sorted(root.rglob("*.jsonl"))
        random.Random(7).shuffle(paths)
        opened[folder] = duckdb.connect()
        create(opened[folder])
        for path in paths:
            ingest(opened[folder], root, path)
    yield opened
    for db in opened.values():
        db.close()


@pytest.mark.parametrize("printed", PRINTED)
def test_every_report_is_the_one_ccusage_printed(databases, printed):
    folder, counting, name = PRINTED[printed]
    theirs = expected(f"{printed}.json")
    options = Options(instances="projects" in theirs)

    ours = report(databases[folder], counting, name, options, NOW)

    assert recognised(theirs)[:2] == (counting, name)
    assert difference(theirs, ours) == []
    assert json.dumps(ours) == json.dumps(theirs)


def test_the_two_countings_differ_as_ccusages_do(databases):
    totals = {
        counting: report(databases["sessions"], counting, "daily", Options(), NOW)["totals"]
        for counting in (DAILY, SESSION)
    }

    assert totals[DAILY] == expected("ccusage-daily.json")["totals"]
    assert difference({"weekly": [], "totals": expected("ccusage-weekly.json")["totals"]},
                      {"weekly": [], "totals": totals[SESSION]}) == []  # fmt: skip
