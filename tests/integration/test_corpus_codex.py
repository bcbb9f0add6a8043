"""Real Codex rollouts and fork families, against ccusage 20.0.24 and against counts by hand."""

import json
from datetime import UTC, datetime

import duckdb
import pytest

from core.lines import Fault
from processors.dialects import detect
from state.sql import load
from state.usage.ccusage import Options, report
from state.usage.ccusage_codex import COUNTING, LARGE_TOKENS
from state.usage.ccusage_difference import difference
from tests.tools.corpus import corpus, expected
from tests.tools.usage_tables import create, ingest, items, placed_rows

pytestmark = [pytest.mark.corpus, pytest.mark.timeout(300)]

QUERIES = load("usage/codex.sql")
# `ccusage codex daily --json --offline -z UTC` over other/codex.
CCUSAGE_DAILY = [
    ("2026-06-17", "gpt-5.5", 304_621, 2_481_792, 22_838, 12_020),
    ("2026-06-18", "gpt-5.4", 36_058, 230_656, 2_958, 562),
    ("2026-06-18", "gpt-5.5", 4_460_880, 91_737_472, 291_864, 125_612),
    ("2026-06-22", "gpt-5.3-codex-spark", 30_686, 112_256, 2_233, 1_515),
    ("2026-06-22", "gpt-5.5", 1_708_387, 27_528_832, 99_335, 40_050),
    ("2026-06-25", "gpt-5.5", 1_018_994, 19_357_696, 62_352, 15_835),
    ("2026-06-26", "gpt-5.3-codex-spark", 432_870, 10_637_312, 71_829, 49_942),
    ("2026-06-26", "gpt-5.5", 471_628, 4_541_952, 24_346, 8_633),
    ("2026-06-27", "gpt-5.5", 496_372, 10_380_672, 24_382, 5_067),
    ("2026-06-29", "gpt-5.5", 1_395_287, 18_220_032, 69_209, 19_021),
    ("2026-06-30", "gpt-5.5", 1_329_392, 29_585_024, 64_423, 15_731),
    ("2026-07-01", "gpt-5.5", 821_466, 18_336_640, 60_811, 15_088),
    ("2026-07-06", "gpt-5.5", 1_059_877, 16_153_984, 60_602, 19_114),
    ("2026-07-07", "gpt-5.5", 227_148, 1_542_016, 5_538, 1_867),
]
CCUSAGE_TOTALS = (13_793_666, 250_846_336, 862_720, 330_057)
# The same over CODEX_HOME of each family: input, of it cached, and output.
CCUSAGE_FAMILIES = {
    "archived-fork-33ce-3869": 15_309_178,
    "harness-smoke": 17,
    "live-fork-4d90-52bf": 26_801_911,
    "missing-parent-siblings": 18_912_894,
}
FAMILIES = sorted(CCUSAGE_FAMILIES)
MESSAGES = f"""
    SELECT
        any_value(input_tokens + cache_read_tokens) AS input,
        any_value(cache_read_tokens) AS cached,
        any_value(output_tokens) AS output,
        any_value(reasoning_tokens) AS reasoning
    FROM ({QUERIES["codex_copies"]})
    GROUP BY message_id
"""


@pytest.fixture(scope="module")
def others():
    return corpus() / "other"


@pytest.fixture(scope="module")
def files(others):
    return sorted((others / "codex").rglob("*.jsonl"))


@pytest.fixture(scope="module")
def db(others, files):
    with duckdb.connect() as connection:
        create(connection)
        for path in files:
            ingest(connection, others / "codex", path)
        yield connection


def family(others, name):
    (root,) = (others / "codex-forks").rglob(f"Issue2037/{name}")
    return root


def ingested(root, files):
    connection = duckdb.connect()
    create(connection)
    for path in files:
        ingest(connection, root, path)
    return connection


def told(root) -> list[tuple[dict, dict]]:
    """Every different pair of last and total usage in each file of a family, by a plain reading."""
    found, seen = [], set()
    for path in sorted(root.rglob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            payload = json.loads(line)["payload"]
            if payload.get("type") == "token_count":
                info = payload["info"]
                pair = (info["last_token_usage"], info["total_token_usage"])
                key = json.dumps(pair, sort_keys=True)
                if key not in seen:
                    seen.add(key)
                    found.append(pair)
    return found


def test_every_rollout_is_recognised_and_every_line_is_clean(files):
    assert len(files) == 20
    assert {detect(path.read_bytes()) for path in files} == {"codex"}
    assert [
        item for path in files for item in items(path.read_bytes()) if isinstance(item, Fault)
    ] == []


def test_no_file_of_another_agent_is_claimed(others):
    every = [
        path
        for path in others.parent.rglob("*.jsonl")
        if "codex" not in path.parts[len(others.parts)]
    ]

    assert len(every) > 250
    assert [path for path in every if detect(path.read_bytes()) == "codex"] == []


def test_cutting_a_real_rollout_anywhere_changes_no_row(files):
    data = min(files, key=lambda path: path.stat().st_size).read_bytes()
    data = data[: data.rfind(b"\n") + 1]

    cut = data.find(b"\n", len(data) // 2) + 1
    steps = placed_rows(data[:cut]) + placed_rows(data[cut:], cut, "codex")
    assert steps == placed_rows(data)


def test_messages_counted_once_are_what_ccusage_counts(db):
    sums = "sum(input - cached), sum(cached), sum(output), sum(reasoning), count(*)"

    assert db.execute(f"SELECT {sums} FROM ({MESSAGES})").fetchall() == [(*CCUSAGE_TOTALS, 2365)]


def test_every_message_has_the_model_and_effort_of_its_turn(db):
    found = db.execute(
        f"SELECT DISTINCT model, effort FROM ({QUERIES['codex_copies']}) ORDER BY ALL"
    ).fetchall()

    assert found == [
        ("gpt-5.3-codex-spark", "high"),
        ("gpt-5.4", "medium"),
        ("gpt-5.5", "high"),
        ("gpt-5.5", "medium"),
        ("gpt-5.5", "xhigh"),
    ]


def ccusage(db, timezone: str = "UTC") -> list[tuple]:
    asked = {"timezone": timezone, "large_tokens": LARGE_TOKENS}
    return [row[:-1] for row in db.execute(QUERIES["ccusage_codex_daily"], asked).fetchall()]


def test_ccusage_daily_is_what_it_printed_to_the_token_and_the_cent(db):
    theirs = expected("ccusage-codex-daily.json")

    ours = report(db, COUNTING, "daily", Options(), datetime(2026, 11, 1, tzinfo=UTC))
    assert difference(theirs, ours) == []
    assert list(ours) == list(theirs)
    assert ours["totals"]["costUSD"] == pytest.approx(213.8957604, abs=1e-9)


def test_ccusage_daily_agrees_to_the_token_by_day_and_model(db):
    rows = ccusage(db)

    assert rows == CCUSAGE_DAILY


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
def test_ccusage_daily_agrees_in_sum_in_every_time_zone(db, timezone):
    rows = ccusage(db, timezone)

    assert tuple(sum(column) for column in list(zip(*rows, strict=True))[2:]) == CCUSAGE_TOTALS


@pytest.mark.parametrize("name", FAMILIES)
def test_ccusage_daily_agrees_over_every_fork_family(others, name):
    home = family(others, name) / "codex-home"
    with ingested(home, sorted(home.rglob("*.jsonl"))) as db:
        rows = ccusage(db)

    assert sum(sum(row[2:5]) for row in rows) == CCUSAGE_FAMILIES[name]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_fork_family_counts_every_message_once_in_any_order_of_arrival(others, name):
    root = family(others, name)
    paths = sorted(root.rglob("*.jsonl"))
    used = [last for last, _ in told(root) if last["input_tokens"] + last["output_tokens"]]

    for order in (paths, paths[::-1]):
        with ingested(root, order) as db:
            found = db.execute(
                f"SELECT count(*), sum(input), sum(output) FROM ({MESSAGES})"
            ).fetchall()
        assert found == [
            (
                len(used),
                sum(last["input_tokens"] for last in used),
                sum(last["output_tokens"] for last in used),
            )
        ]


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "harness-smoke"])
def test_a_fork_family_matches_its_hand_count_but_for_what_was_not_used(others, name):
    """The hand counts add up `last.total_tokens` of every line of the family but the copied ones.

    Among these are lines written again and the estimates that stand in `total_tokens` behind a
    compaction; neither is a message.
    """
    root = family(others, name)
    manifest = json.loads((root / "manifest.json").read_bytes())
    prefix = manifest["copiedPrefixes"][0]["length"]
    by_alias = {file["alias"]: root / file["relativePath"] for file in manifest["files"]}
    child = by_alias[manifest["copiedPrefixes"][0]["childAlias"]]
    pairs = {alias: lines_of(path) for alias, path in by_alias.items()}
    lines = [
        pair
        for alias, path in by_alias.items()
        for pair in pairs[alias][prefix if path == child else 0 :]
    ]
    idle = sum(
        last["total_tokens"]
        for before, (last, total) in zip([None, *lines], lines, strict=False)
        if (last, total) == before or not last["input_tokens"] + last["output_tokens"]
    )

    with ingested(root, sorted(root.rglob("*.jsonl"))) as db:
        ((used,),) = db.execute(f"SELECT sum(input + output) FROM ({MESSAGES})").fetchall()
    assert used + idle == manifest["oracle"]["dedupedLastTokens"]


def lines_of(path) -> list[tuple[dict, dict]]:
    payloads = [json.loads(line)["payload"] for line in path.read_bytes().splitlines()]
    infos = [p["info"] for p in payloads if p.get("type") == "token_count"]
    return [(info["last_token_usage"], info["total_token_usage"]) for info in infos]


@pytest.mark.parametrize("name", ["live-fork-4d90-52bf", "missing-parent-siblings"])
def test_a_fork_family_matches_the_count_of_its_running_totals(others, name):
    """In the unit of those counts: input, and what of it was cached once more, and output.

    Of siblings without a parent that count leaves out the very first message, because its scanner
    did; a message it is, and the manifest says how large.
    """
    root = family(others, name)
    oracle = json.loads((root / "manifest.json").read_bytes())["scannerOracle"]
    skipped = oracle["unresolvedForkSkippedFirstEventScannerUnits"] or 0

    with ingested(root, sorted(root.rglob("*.jsonl"))) as db:
        ((units,),) = db.execute(
            f"SELECT sum(input + cached + output) FROM ({MESSAGES})"
        ).fetchall()
    assert units - skipped == oracle["dedupedScannerUnits"]
