"""What the health says, by tables: which part, how bad, and what to do."""

from dataclasses import replace

import pytest

from metrics import health, job_health, model_health
from metrics.checks import Check, overall
from metrics.health import (
    DatabaseFacts,
    ProcessorFacts,
    ShieldFacts,
    SourceFacts,
    WriterFacts,
)
from metrics.job_health import JobFacts, SlotFacts

READ = ProcessorFacts(
    "usage", listed=True, files=10, behind_files=0, behind_bytes=0, oldest="", waiting_s=0.0,
    lag_s=0.0, parked=0, retrying=0, success_s=5.0, grace_s=60.0, stuck_s=240.0,
)  # fmt: skip
BEHIND = READ._replace(behind_files=3, behind_bytes=5000, oldest="team:amara/s.jsonl", lag_s=1.0)


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        ((), "healthy"),
        (("ok", "info", "unknown"), "healthy"),
        (("ok", "warning", "info"), "degraded"),
        (("warning", "error", "ok"), "unhealthy"),
    ],
)
def test_info_and_unknown_never_make_the_whole_less_than_healthy(statuses, whole):
    assert overall(Check("x", status, "") for status in statuses) == whole


@pytest.mark.parametrize(
    ("facts", "status", "text", "do"),
    [
        (READ, "ok", "all 10 files are read", ""),
        (READ._replace(files=0), "ok", "no files yet", ""),
        (READ._replace(files=0, listed=False), "unknown", "not every source was compared", ""),
        (BEHIND._replace(waiting_s=60.0), "ok", "3 files (5.0 kB) are on their way", ""),
        (BEHIND._replace(waiting_s=61.0), "info", "being worked off", ""),
        (BEHIND._replace(waiting_s=61.0, success_s=61.0), "warning", "nothing for 61 seconds",
         "`writer` and `disk`"),
        (BEHIND._replace(waiting_s=61.0, success_s=None), "warning", "nothing yet", "`disk`"),
        (BEHIND._replace(waiting_s=241.0), "warning", "team:amara/s.jsonl has waited for 4 minutes",
         "sessionwatch rescan"),
        (BEHIND._replace(waiting_s=90.0, stuck_s=80.0), "warning", "has waited", "rescan"),
        (BEHIND._replace(waiting_s=50.0, stuck_s=40.0), "warning", "has waited", "rescan"),
        (READ._replace(parked=2), "warning", "2 files are given up", "sessionwatch quarantine"),
        (READ._replace(retrying=1), "info", "1 file is tried again", ""),
        (READ._replace(retrying=9, attempts=3), "info", "9 files are tried again", ""),
        (READ._replace(retrying=9, attempts=4), "warning", "for the 4th time", "quarantine"),
        (READ._replace(parked=1, retrying=1), "warning", "given up; 1 file", "quarantine"),
        (BEHIND._replace(waiting_s=9e9, parked=1, paused_by="amara"), "info", "paused by amara",
         "sessionwatch resume usage"),
    ],
)  # fmt: skip
def test_a_processor(facts, status, text, do):
    check = health.processor(facts)

    assert check.name == "processor:usage"
    assert (check.status, text in check.text) == (status, True), check
    assert do in check.do if do else check.do == "", check


@pytest.mark.parametrize(
    ("facts", "status", "text", "do"),
    [
        (SourceFacts("team", None, None, 30.0), "unknown", "not been compared", ""),
        (SourceFacts("team", False, 3.0, 30.0), "error", "cannot be listed", "mounted"),
        (SourceFacts("team", True, 3.0, 30.0), "ok", "watched", ""),
        (SourceFacts("team", True, 150.0, 30.0), "ok", "watched", ""),
        (SourceFacts("team", True, 151.0, 30.0), "warning", "last compared 3 minutes", "mount"),
        (SourceFacts("team", True, 3.0, 30.0, "raise the limit"), "warning", "is not watched",
         "raise the limit"),
    ],
)  # fmt: skip
def test_a_source(facts, status, text, do):
    check = health.source(facts)

    assert (check.name, check.status) == ("source:team", status)
    assert text in check.text
    assert do in check.do


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        (WriterFacts(True, 0, 128, 0.0, None), "ok"),
        (WriterFacts(True, 5, 128, 0.2, 9e9), "ok"),
        (WriterFacts(True, 5, 128, 61.0, 61.0), "warning"),
        (WriterFacts(True, 120, 128, 0.1, 0.1), "warning"),
        (WriterFacts(False, 0, 128, 0.0, 1.0), "error"),
    ],
)
def test_the_writer(facts, status):
    check = health.writer(facts)

    assert check.status == status
    assert bool(check.do) == (status != "ok")


@pytest.mark.parametrize(
    ("changes", "status", "do"),
    [
        ({}, "ok", ""),
        ({"schema": None}, "error", "restart"),
        ({"schema": 4}, "error", "one version alone"),
        ({"log_bytes": 201}, "warning", "statements"),
        ({"erased_s": 3.0}, "warning", "sessionwatch compact"),
        ({"erased_s": 3.0, "schema": None}, "error", "sessionwatch compact"),
    ],
)
def test_the_database(changes, status, do):
    facts = DatabaseFacts(5, 5, size_bytes=1000, log_bytes=100, log_bytes_max=100)

    check = health.database(facts._replace(**changes))

    assert check.status == status
    assert do in check.do


@pytest.mark.parametrize(
    ("free_bytes", "status"), [(5e9, "ok"), (2e9, "ok"), (1.9e9, "warning"), (1e8, "error")]
)
def test_the_disk(free_bytes, status):
    check = health.disk(int(free_bytes), 10**10)

    assert check.status == status
    assert bool(check.do) == (status != "ok")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("ok", "ok"), ("running", "ok"), ("interrupted", "info"), ("failed", "warning"),
        ("error", "warning"),
    ],
)  # fmt: skip
def test_a_job(state, status):
    check = job_health.job(JobFacts("retention", state, 7200.0, "mood fits no table"))

    assert (check.name, check.status) == ("job:retention", status)
    assert ("mood fits no table" in check.text) == (status == "warning")


@pytest.mark.parametrize(
    ("late_s", "in_flight", "outcome", "status", "text"),
    [
        (0.0, False, None, "ok", "keeps its clock"),
        (0.0, True, ("ok", ""), "ok", "keeps its clock"),
        (200.0, False, ("busy", "409"), "ok", "keeps its clock"),
        (7200.0, True, None, "warning", "prices is late by 2 hours: its last run goes on"),
        (7200.0, False, None, "warning", "prices is late by 2 hours"),
        (0.0, False, ("failed", "HTTP 500"), "warning", "prices ended in failed: HTTP 500"),
        (0.0, False, ("error", "KeyError"), "warning", "prices ended in error: KeyError"),
    ],
)
def test_the_scheduler_says_which_job_does_not_keep_its_clock(
    late_s, in_flight, outcome, status, text
):
    well = SlotFacts("usage", 0.0, in_flight=False, outcome=("ok", ""))

    check = job_health.scheduler([well, SlotFacts("prices", late_s, in_flight, outcome)])

    assert (check.name, check.status) == ("scheduler", status)
    assert text in check.text
    assert bool(check.do) == (status == "warning")
    assert check.facts == {"late_s": {"prices": 7200} if late_s > 300 else {}}


@pytest.mark.parametrize(
    ("facts", "status", "text"),
    [
        (ShieldFacts("home", None), "ok", "not wanted"),
        (ShieldFacts("home", 30), "ok", "no unread session"),
        (ShieldFacts("home", 30, 2, "home:s.jsonl", 3 * 86_400.0), "warning", "goes in 3 days"),
        (ShieldFacts("home", 30, 1, "home:s.jsonl", -5.0), "warning", "goes at any time"),
    ],
)
def test_the_shield(facts, status, text):
    check = health.shield(facts)

    assert (check.name, check.status) == ("shield:home", status)
    assert text in check.text
    assert ("cleanupPeriodDays" in check.do) == (status == "warning")


@pytest.mark.parametrize(
    ("facts", "status"),
    [((0, 0, 0.0), "ok"), ((2, 9, 26 * 3600.0), "ok"), ((2, 9, 26 * 3600.0 + 1), "warning")],
)
def test_batches(facts, status):
    check = model_health.batches(model_health.BatchFacts(*facts))

    assert (check.name, check.status) == ("batches", status)
    assert ("lost" in check.do) == (status == "warning")


def test_the_rest():
    assert health.tally(alive=True, failed=None).status == "ok"
    assert health.tally(alive=True, failed="no memory").status == "warning"
    assert health.tally(alive=False, failed=None).status == "error"
    assert health.threads([]).status == "ok"
    assert health.threads(["writer"]).status == "error"
    assert health.unavailable("mood", "ImportError").status == "warning"


def test_a_check_is_told_with_all_it_knows():
    check = replace(health.processor(BEHIND), text="t", do="d")

    told = check.told()

    assert (told["name"], told["status"], told["text"], told["do"]) == (
        "processor:usage", "ok", "t", "d",
    )  # fmt: skip
    assert told["facts"]["behind_bytes"] == 5000
