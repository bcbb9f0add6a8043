"""Counting beside a running service: what it cannot do now costs nobody else anything."""

import math
import threading
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import pytest

from core.errors import ConfigurationError, TransientError
from core.prices import OwnPrice
from service import tallier
from service.supervisor import Service
from state import queries
from state.usage import exposition
from state.usage.ccusage import COUNTINGS
from state.usage.options import ReportOptions
from state.usage.tally import Tally
from tests.tools.service import in_process, quiet, settings_for
from tests.tools.waiting import wait_for
from tests.tools.writers import append, assistant_line, prompt_line


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "sessions" / "ada" / "p" / "s.jsonl"
    path.parent.mkdir(parents=True)
    append(path, assistant_line("one"))
    return tmp_path / "sessions"


@pytest.fixture
def service(root, tmp_path):
    with in_process(settings_for(tmp_path / "t.duckdb", root)) as running:
        quiet(running)
        yield running


def messages(service: Service, **options: object) -> int:
    return int(service.queries.usage("daily", ReportOptions(**options))["totals"]["messages"])


def scraped(service: Service) -> float:
    samples = (
        sample.value
        for family in service.instruments.registry.collect()
        for sample in family.samples
        if sample.name == "sessionwatch_usage_messages_total"
    )
    return sum(samples)


def test_a_scrape_between_a_commit_and_its_count_does_not_stay_behind(root, tmp_path, monkeypatch):
    monkeypatch.setattr(exposition, "KEPT_S", 0.0)
    monkeypatch.setattr(exposition, "KEPT_SHARE", 0.0)
    monkeypatch.setattr(tallier, "EVERY_S", 3600.0)
    with in_process(settings_for(tmp_path / "t.duckdb", root)) as service:
        quiet(service)
        append(root / "ada" / "p" / "s.jsonl", assistant_line("two"))
        quiet(service)
        scraped(service)
        assert messages(service) == 2

        assert scraped(service) == 2


def test_a_count_that_needs_more_memory_than_there_is_is_told_and_made_up_for(
    root, service, monkeypatch
):
    def refused(*_: object) -> int:
        raise duckdb.OutOfMemoryException("too much")

    with monkeypatch.context() as poor:
        poor.setattr("state.usage.tally._caught_up", refused)
        append(root / "ada" / "p" / "s.jsonl", assistant_line("two"))
        quiet(service)
        with pytest.raises(TransientError) as told:
            messages(service)
        assert told.value.reason == "tally_failed"
        assert service.tallier._tally_up() >= tallier.FAILED_S
        assert service.dead() == []

    assert messages(service) == 2


def test_an_interrupt_that_falls_between_two_statements_is_given_again(root, service, monkeypatch):
    begun, interrupted = threading.Event(), threading.Event()
    interrupt = Tally.interrupt

    def told(self: Tally) -> None:
        interrupt(self)
        interrupted.set()

    def endless(db: duckdb.DuckDBPyConnection, *_: object) -> int:
        begun.set()
        interrupted.wait(30.0)
        return len(db.execute("SELECT sum(hash(range)) FROM range(1000000000000)").fetchall())

    monkeypatch.setattr(Tally, "interrupt", told)
    monkeypatch.setattr("state.usage.tally._caught_up", endless)
    append(root / "ada" / "p" / "s.jsonl", assistant_line("two"))
    assert begun.wait(10.0)

    assert service.tallier.stop(10.0)


def test_what_we_count_beyond_ccusage_can_be_asked_while_the_service_runs(service):
    beyond = service.queries.beyond_ccusage(datetime(2026, 5, 1, tzinfo=UTC))

    assert beyond.keys() == set(COUNTINGS)


@pytest.mark.parametrize("error", [duckdb.OutOfMemoryException, duckdb.CatalogException])
def test_a_comparison_that_the_database_refuses_ends_no_thread(root, tmp_path, monkeypatch, error):
    asked = []

    def refused(*_: object) -> dict[str, object]:
        asked.append(1)
        raise error("no")

    monkeypatch.setattr(queries.ccusage, "report", refused)
    monkeypatch.setattr(tallier, "COMPARED_EVERY_S", 0.01)
    monkeypatch.setattr(tallier, "SHARE", 0)
    with in_process(settings_for(tmp_path / "t.duckdb", root)) as service:
        wait_for(lambda: len(asked) > 2)

        assert service.dead() == []


def test_tables_that_are_missing_end_no_thread(root, service):
    service.store.cursor().execute("DROP VIEW all_messages")
    append(root / "ada" / "p" / "s.jsonl", assistant_line("two"))
    quiet(service)

    with pytest.raises(ConfigurationError, match="lacks what this version"):
        messages(service)
    service.tallier._tally_up()
    assert service.dead() == []


def test_every_query_of_a_report_sees_the_same_rows(root, service, monkeypatch):
    def counted(cursor: duckdb.DuckDBPyConnection) -> int:
        return int(cursor.execute("SELECT count(*) FROM usage_records").fetchall()[0][0])

    def report(cursor: duckdb.DuckDBPyConnection, *_: object) -> dict[str, int]:
        before = counted(cursor)
        append(root / "ada" / "p" / "s.jsonl", assistant_line("two"))
        quiet(service)
        return {"before": before, "after": counted(cursor)}

    # The service compares itself with ccusage once at its start, by the same report.
    wait_for(lambda: not math.isnan(service.tallier.beyond_ccusage(COUNTINGS[0])))
    monkeypatch.setattr(queries.reports, "report", report)
    assert service.queries.usage("daily", ReportOptions()) == {"before": 1, "after": 1}


def test_own_prices_that_are_taken_up_while_it_runs_are_counted_with(service, monkeypatch):
    monkeypatch.setattr(tallier, "EVERY_S", 3600.0)
    messages(service)
    service.tallier._tally_up()
    before = service.queries.tally.revision

    service.queries.tally.own = ()
    service.tallier._tally_up()
    assert service.queries.tally.revision == before
    service.queries.tally.own = [OwnPrice("*", input=Decimal(1), output=Decimal(1))]
    service.tallier._tally_up()
    assert service.queries.tally.revision == before + 1


@pytest.mark.parametrize(
    "options",
    [{"until": "9999-12-31"}, {"since": "0001-01-01", "timezone": "Asia/Kathmandu"}],
)
def test_the_first_and_last_days_of_the_calendar_can_be_asked_for(service, options):
    assert messages(service, **options) == 1


def test_a_zone_that_only_this_machine_knows_is_refused_with_a_hint(service):
    with pytest.raises(ConfigurationError) as refused:
        messages(service, timezone="localtime")

    assert refused.value.reason == "unknown_timezone"


def test_prompts_of_all_users_are_those_of_each_of_them(root, service):
    """Both files have the prompt, as a copied session has; it is the first one's."""
    for user in ("ada", "bob"):
        path = root / user / "p" / "copied.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        append(path, prompt_line("same") + assistant_line(user))
    quiet(service)

    def prompts(user: str | None) -> int:
        made = service.queries.usage("session", ReportOptions(user=user))
        return sum(row["prompts"] for row in made["sessions"])

    assert (prompts(None), prompts("ada"), prompts("bob")) == (1, 1, 0)
