"""Usage as Prometheus sees it."""

import duckdb
import pytest
from prometheus_client import CollectorRegistry

from metrics.usage import NAMES_MAX, OTHER, Series, UsageCollector, bounded
from state.usage import exposition
from state.usage.exposition import Exposition
from state.usage.reports import report
from tests.tools.usage_tables import FIXTURES, create, ingest, reported


@pytest.fixture(scope="module")
def db():
    with duckdb.connect() as connection:
        create(connection)
        for path in sorted(FIXTURES.rglob("*.jsonl")):
            ingest(connection, FIXTURES, path)
        reported(connection, "daily")
        yield connection


def summed(registry, name):
    return sum(
        sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == name
    )


def test_what_is_scraped_is_what_the_reports_say(db):
    registry = CollectorRegistry()
    registry.register(UsageCollector(Exposition(db.cursor, lambda: 1).series))

    totals, tools = report(db, "user")["totals"], report(db, "tool")["totals"]
    want = {
        "tokens_total": pytest.approx(totals["totalTokens"]),
        "messages_total": totals["messages"],
        "cost_dollars_total": pytest.approx(totals["totalCost"]),
        "tool_calls_total": tools["calls"],
        "tool_errors_total": tools["errors"],
        "tool_denials_total": tools["denied"],
    }
    assert {name: summed(registry, f"sessionwatch_usage_{name}") for name in want} == want
    assert summed(registry, "sessionwatch_usage_api_errors_total") > 0


def test_the_largest_names_are_shown_and_the_rest_is_together():
    numbers = [((f"user-{n}", "claude"), float(n)) for n in range(100)]
    found = bounded(Series("x", "x", ("user", "agent"), numbers, bounded=("user",)))

    shown = {user for user, _ in found} - {OTHER}
    assert shown == {f"user-{n}" for n in range(100 - NAMES_MAX, 100)}
    assert sum(found.values()) == sum(range(100))


def test_a_label_that_nobody_can_invent_is_shown_whole():
    numbers = [((f"kind-{n}",), 1.0) for n in range(100)]

    assert len(bounded(Series("x", "x", ("kind",), numbers))) == 100


def test_a_scrape_without_news_asks_the_database_nothing(db):
    asked = []

    def cursor():
        asked.append(1)
        return db.cursor()

    exposition = Exposition(cursor, lambda: 7)
    assert list(exposition.series()) == list(exposition.series())
    assert len(asked) == 1


def test_what_cannot_be_read_now_is_shown_as_it_was(db, monkeypatch):
    monkeypatch.setattr(exposition, "KEPT_S", 0.0)
    monkeypatch.setattr(exposition, "KEPT_SHARE", 0.0)
    revisions = iter(range(9))
    shown = Exposition(db.cursor, lambda: next(revisions))
    before = list(shown.series())

    def refused(cursor):
        raise duckdb.OutOfMemoryException("too much")

    monkeypatch.setattr(exposition, "_series", refused)
    assert before
    assert list(shown.series()) == before


def test_a_database_without_usage_has_no_series():
    with duckdb.connect() as empty:
        assert list(Exposition(empty.cursor, lambda: 1).series()) == []
