"""SIGHUP against the real process: what changes, what does not, and what is said of both."""

import json
import signal

import pytest

from core.errors import ConfigurationError
from tests.tools.service import ServiceProcess
from tests.tools.waiting import wait_for

SLOW = 'log_level = "info"\nsweep_s = 3600\nworkers = 2\n'
LINE = {"type": "user", "sessionId": "s", "timestamp": "2026-05-01T10:00:00Z", "text": "x" * 20_000}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(SLOW)
    return path


@pytest.fixture
def session(tmp_path):
    path = tmp_path / "sessions/amara/p/one.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(LINE) + "\n")
    return path


@pytest.fixture
def service(config, session, tmp_path):
    running = ServiceProcess(tmp_path / "t.duckdb", tmp_path / "sessions", config=config)
    try:
        running.start()
        yield running
    finally:
        running.close()


def reload(service, config, text):
    """Send SIGHUP with this in the file and return what is logged about it."""
    config.write_text(text)
    before = len(service.events)
    service.process.send_signal(signal.SIGHUP)
    service.wait_until(lambda: any("reload" in e["event"] for e in service.events[before:]))
    return wait_for(lambda: [e for e in service.events[before:] if "reload" in e["event"]])


def swept(service):
    return sum(event["event"] == "swept" for event in service.events)


def test_a_reload_changes_what_can_change_and_names_the_rest(service, config):
    assert swept(service) == 0

    reload(service, config, 'log_level = "debug"\nsweep_s = 1\nworkers = 7\nport = 1234\n')
    service.wait_until(lambda: swept(service) >= 3)

    said = {event["event"]: event for event in service.events if "reload" in event["event"]}
    assert said["reloaded"]["changed"] == "['sweep_s', 'log_level']"
    # The port of this process is given by a flag, so the file does not change it.
    assert said["reload_needs_restart"]["settings"] == "['workers']"
    assert said["reload_needs_restart"]["level"] == "warning"
    assert service.terminate() == 0


def test_a_reload_of_wrong_settings_changes_nothing(service, config):
    events = reload(service, config, "sweep_s = 0\nworkers = 0\n")

    wait_for(lambda: "workers is 0" in service.log)
    assert {event["event"] for event in events} == {"reload_refused"}
    assert service.ready()

    (event,) = reload(service, config, SLOW)
    assert (event["event"], event["changed"]) == ("reloaded", "[]")


@pytest.mark.parametrize("count", [1, 30], ids=["in the service", "in a child"])
def test_limits_hold_for_what_is_read_after_the_reload(service, config, session, count):
    limits = "[limits]\nline_max_bytes = 4096\nchunk_bytes = 4096\nsql_rows_max = 2\nsql_s = 0.5\n"
    reload(service, config, SLOW + limits)

    with session.open("a") as file:
        file.write((json.dumps(LINE) + "\n") * count)

    def reasons():
        return service.client.get("/api/v1/quarantine")["reasons"]

    # With the first line, which does not tell whose file it is, so that all of it is read again.
    service.wait_until(lambda: reasons() == {"line_too_long": count + 1})
    assert len(service.sql("select * from range(9)")) == 2
    with pytest.raises(ConfigurationError, match=r"longer than 0\.5 s"):
        service.sql("select count(*) from range(1e9::bigint), range(1e9::bigint)")
