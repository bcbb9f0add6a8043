"""The settings of `[scheduler]` and `[[job]]`, and which jobs they make."""

import pytest

from service.scheduling.jobs import Outcome, planned
from service.scheduling.schedule import parse
from service.scheduling.settings import (
    JOB_NEEDED,
    JOB_RULES,
    SCHEDULER_RULES,
    JobSettings,
    SchedulerSettings,
    faults,
)

BELOW = SchedulerSettings(api_url="http://localhost:8000")
TOKEN = "t" * 32


def ran(name):
    return Outcome("ok", name)


def names(*args, **kwargs):
    return [job.name for job in planned(*args, **kwargs)]


def test_the_defaults_are_allowed_and_wrong_in_nothing():
    defaults = SchedulerSettings()

    for name, rule in SCHEDULER_RULES.items():
        assert rule.read(getattr(defaults, name)) == getattr(defaults, name)
    assert faults(defaults, ()) == []


def test_the_families_of_the_predecessor_are_there_and_their_cadences_are_distinct():
    jobs = {job.name: job for job in planned(SchedulerSettings(), (), ran)}

    assert set(jobs) == {
        "session-collector", "session-processor:usage", "session-processor:verification",
        "corporate-memory", "retention",
    }  # fmt: skip
    families = ("session-collector", "session-processor:verification", "corporate-memory")
    assert [jobs[name].schedule for name in families] == ["every 10m", "every 15m", "every 17m"]
    assert jobs["session-processor:usage"].schedule == "every 10m"


def test_a_local_job_is_run_by_its_name():
    for job in planned(SchedulerSettings(), (), ran):
        assert job.call() == ("ok", job.name)


def test_a_processor_that_wants_a_cadence_gets_a_job_and_a_setting_goes_before_it():
    cadences = {"mood": 90.5, "usage": 5.0}

    jobs = {job.name: job.schedule for job in planned(SchedulerSettings(), (), ran, cadences)}

    assert jobs["session-processor:mood"] == "every 2m"
    assert jobs["session-processor:usage"] == "every 10m"


def test_a_job_may_be_switched_off_and_so_may_all():
    assert "corporate-memory" not in names(SchedulerSettings(memory="off"), (), ran)
    assert names(SchedulerSettings(enabled=False), (), ran, {"mood": 60.0}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("usage", "hourly"), ("usage", ""), ("usage", 10), ("memory", "Off"), ("tick_s", 0),
        ("startup_grace_s", -1), ("api_url", "localhost:8000"), ("api_url", "ftp://a"),
        ("api_url", "http://"), ("api_url", "http://me:secret@a"), ("api_url", "http://a/?b=1"),
        ("api_url", "http://a:0"), ("api_url", "http://a:99999"), ("api_url", 1),
    ],
)  # fmt: skip
def test_what_a_setting_may_not_be(name, value):
    with pytest.raises((ValueError, TypeError)):
        SCHEDULER_RULES[name].read(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", ""), ("name", "a b"), ("schedule", "off"), ("schedule", "every"), ("url", ""),
        ("url", "api/health"), ("url", "/a b"), ("url", "/a#b"), ("url", "http://a/\n"),
        ("method", "post"), ("timeout_s", 0), ("token", "yes"),
    ],
)  # fmt: skip
def test_what_a_job_may_not_say(name, value):
    with pytest.raises((ValueError, TypeError)):
        JOB_RULES[name].read(value)


def test_what_a_job_needs_is_what_has_no_default():
    given = {"name": "a", "schedule": "every 1m", "url": "/x"}

    assert tuple(given) == JOB_NEEDED
    assert set(JOB_RULES) == set(JobSettings.__slots__)
    assert (JobSettings(**given).method, JobSettings(**given).timeout_s) == ("POST", 30.0)


def test_what_a_job_may_say():
    assert JOB_RULES["url"].read("/api/run?processor=usage") == "/api/run?processor=usage"
    assert JOB_RULES["url"].read("https://a.example/b") == "https://a.example/b"
    assert JOB_RULES["schedule"].read("cron 0 6 * * 1") == "cron 0 6 * * 1"


def test_all_faults_between_settings_are_told_at_once_each_with_its_place():
    jobs = (
        JobSettings("a", "every 1m", "/x"),
        JobSettings("a", "every 1h", "http://b/x", token=True),
        JobSettings("corporate-memory", "every 1h", "http://b/x"),
        JobSettings("session-processor:mine", "every 1h", "http://b/x"),
    )

    found = faults(SchedulerSettings(tick_s=300.0), jobs, ["s.toml:1", "s.toml:2", "3", "4"])

    assert [fault.partition(": ")[0] for fault in found] == [
        "s.toml:1", "s.toml:2", "s.toml:2", "3", "4",
        "[scheduler] tick_s is 300, more than the interval of a (every 1m)",
    ]  # fmt: skip


def test_a_tick_is_compared_with_what_runs_only():
    scheduler = SchedulerSettings(tick_s=601.0, usage="off", collector="daily 03:00")

    assert faults(scheduler, (JobSettings("eager", "every 0m", "http://a/"),)) == []
    assert len(faults(SchedulerSettings(tick_s=601.0), ())) == 2
    assert faults(SchedulerSettings(tick_s=600.0), ()) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost:8000/x", "http://localhost/x", "http://localhost:8001/x",
        "http://other:8000/x", "http://localhost.evil:8000/x",
    ],
)  # fmt: skip
def test_a_token_for_another_origin_is_a_fault_and_is_not_sent_either(url):
    job = JobSettings("a", "every 1m", url, token=True)

    (planned_job,) = planned_web(BELOW, job)

    assert len(faults(BELOW, (job,))) == 1
    assert planned_job.call.args[0].token == ""


def planned_web(scheduler, *jobs):
    return [job for job in planned(scheduler, jobs, ran, token=TOKEN) if job.target != "local"]


@pytest.mark.parametrize("url", ["/x", "http://LOCALHOST:8000/y"])
def test_a_token_goes_to_the_origin_of_the_api(url):
    (job,) = planned_web(BELOW, JobSettings("a", "every 1m", url, token=True))

    assert job.call.args[0].token == TOKEN


def test_a_missing_token_is_told_once(caplog):
    jobs = [JobSettings(name, "every 1m", "/x", token=True) for name in "abc"]

    planned(BELOW, jobs, ran, token=" ")

    assert [record.message for record in caplog.records] == ["no_token"]


def test_every_schedule_of_a_setting_can_be_read():
    for job in planned(SchedulerSettings(), (), ran, {"mood": 1.0}):
        assert parse(job.schedule)
