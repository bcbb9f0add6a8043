"""The environment of the predecessor: every name has a fate, and no value another meaning."""

import pytest

from service.scheduling import predecessor
from service.scheduling.settings import JOB_RULES, JobSettings, SchedulerSettings, faults
from service.scheduling.variables import INTERVALS, VARIABLES, WEB_JOBS

API = {"API_URL": "http://localhost:8000", "SCHEDULER_API_TOKEN": "t" * 32}
TOKEN = {"SCHEDULER_API_TOKEN": "t" * 32}


def values(environ):
    return {name: given.value for name, given in predecessor.mapped(environ).values.items()}


def jobs(environ):
    """As the settings file would make them of its entries."""
    return [
        JobSettings(**{name: JOB_RULES[name].read(one.value) for name, one in entry.values.items()})
        for entry in predecessor.mapped(environ).jobs
    ]


def test_an_environment_without_its_names_says_nothing():
    environ = {"PATH": "/bin", "SCHEDULER_PORT": "tcp://10.0.0.1:80", "SESSIONWATCH_PORT": "1"}

    assert predecessor.faults(environ) == []
    assert predecessor.mapped(environ) == ({}, [], [])


def test_every_name_has_one_fate_and_a_sentence():
    names = [one.name for one in VARIABLES]

    assert len(set(names)) == len(names)
    assert all(one.text and bool(one.setting) == (one.fate == "mapped") for one in VARIABLES)


@pytest.mark.parametrize("one", [one for one in VARIABLES if one.fate == "refused"], ids=str)
def test_what_is_refused_is_a_fault_that_says_what_to_do(one):
    name = one.name.replace("*", "STORE_PRUNE")

    (fault,) = predecessor.faults({name: "1"})

    assert fault.startswith(f"{name}: ")
    assert "remove" in fault or "set " in fault


@pytest.mark.parametrize("one", [one for one in VARIABLES if one.fate == "mapped"], ids=str)
def test_what_is_mapped_changes_something(one):
    value = {
        "API_URL": API["API_URL"], "SCHEDULER_VERIFICATION_SCHEDULE": "daily 05:00",
        "AGNES_SKIP_LEGACY_COLLECTOR": "true",
    }.get(one.name, "7200")  # fmt: skip

    assert predecessor.mapped(API | {one.name: value}) != predecessor.mapped(
        {} if one.name == "API_URL" else API
    )


def test_homes_with_notes_are_where_it_looked_for_them():
    assert values({"CORPORATE_MEMORY_HOME_BASE": "/srv/home"}) == {"memory.homes": "/srv/home"}
    assert values({"CORPORATE_MEMORY_HOME_BASE": ""}) == {}


def test_its_defaults_are_ours():
    scheduler = SchedulerSettings()

    for name, one in INTERVALS.items():
        assert values({name: str(one.default_s)}) == {
            one.setting: getattr(scheduler, one.setting.partition(".")[2])
        }


@pytest.mark.parametrize("value", ["", " ", "ten", "1.5", "0", "-1", "9" * 5000])
@pytest.mark.parametrize("name", [*INTERVALS, "SCHEDULER_TICK_SECONDS"])
def test_an_interval_that_is_no_positive_integer_is_a_fault(name, value):
    (fault,) = predecessor.faults({name: value})

    assert fault.startswith(f"{name} is ")
    assert len(fault) < 200
    assert values({name: value}) == {}


def test_the_grace_may_be_0_but_not_less():
    name = "SCHEDULER_STARTUP_GRACE_SECONDS"

    assert values({name: "0"}) == {"scheduler.startup_grace_s": 0.0}
    assert predecessor.faults({name: "0"}) == []
    assert len(predecessor.faults({name: "-1"})) == len(predecessor.faults({name: ""})) == 1


def test_seconds_are_rounded_up_to_minutes_or_become_hours():
    name = "SCHEDULER_USAGE_PROCESSOR_INTERVAL"

    found = [values({name: one})["scheduler.usage"] for one in ("90", "3601", "7200", " 600 ")]

    assert found == ["every 2m", "every 61m", "every 2h", "every 10m"]


def test_a_tick_above_the_smallest_interval_is_a_fault_before_rounding():
    tick = "SCHEDULER_TICK_SECONDS"

    assert predecessor.faults({tick: "600"}) == []
    assert len(predecessor.faults({tick: "601"})) == 1
    assert len(predecessor.faults({"SCHEDULER_USAGE_PROCESSOR_INTERVAL": "20"})) == 1
    assert predecessor.faults(API | {tick: "60"}) == []
    assert len(predecessor.faults(API | {tick: "61"})) == 1


def test_a_fixed_schedule_of_verification_goes_before_the_interval():
    environ = {"SCHEDULER_VERIFICATION_DETECTOR_INTERVAL": "600"}
    fixed = "SCHEDULER_VERIFICATION_SCHEDULE"

    assert values(environ | {fixed: "daily 05:00"}) == {"scheduler.verification": "daily 05:00"}
    assert values(environ | {fixed: ""}) == {"scheduler.verification": "every 10m"}
    assert len(predecessor.faults({fixed: "sometimes"})) == 1


@pytest.mark.parametrize(
    ("value", "off"), [("1", True), (" TRUE ", True), ("True", False), ("0", False)]
)
def test_the_collector_is_switched_off_by_the_same_values(value, off):
    found = values({"AGNES_SKIP_LEGACY_COLLECTOR": value})

    assert found == ({"scheduler.collector": "off"} if off else {})


def test_what_it_called_for_others_keeps_its_clock_below_the_api():
    found = jobs(API | {"SCHEDULER_SCRIPT_RUN_INTERVAL": "120"})

    assert [(job.name, job.schedule, job.method, job.url, job.timeout_s) for job in found] == [
        ("data-refresh", "every 15m", "POST", "/api/sync/trigger", 120.0),
        ("health-check", "every 5m", "GET", "/api/health", 30.0),
        ("script-runner", "every 2m", "POST", "/api/scripts/run-due", 600.0),
        ("marketplaces", "daily 03:00", "POST", "/api/marketplaces/sync-all", 900.0),
    ]
    assert faults(SchedulerSettings(api_url=API["API_URL"]), found) == []


def test_an_interval_of_a_call_without_an_api_is_a_fault_and_not_forgotten():
    for name in filter(None, WEB_JOBS):
        (fault,) = predecessor.faults({name: "900"})

        assert "set API_URL" in fault


def test_the_root_of_sessions_is_one():
    def roots(environ):
        return [str(one.values["path"].value) for one in predecessor.mapped(environ).sources]

    assert roots({"DATA_DIR": "/data"}) == ["/data/user_sessions"]
    assert roots({"DATA_DIR": "/data", "SESSION_DATA_DIR": "/s"}) == ["/s"]
    assert roots({"DATA_DIR": ""}) == []


def test_a_token_that_was_ignored_or_cannot_be_sent_is_a_fault_and_is_not_quoted():
    assert predecessor.faults(TOKEN) == predecessor.faults({"SCHEDULER_API_TOKEN": " "}) == []
    for token in ("short-secret", "é" * 40, "a b" * 20):
        (fault,) = predecessor.faults({"SCHEDULER_API_TOKEN": token})
        assert token not in fault


@pytest.mark.parametrize("value", ["", "0", "False"])
def test_a_mode_that_is_off_is_no_fault(value):
    assert predecessor.faults({"LOCAL_DEV_MODE": value}) == []
