"""Log lines: an event, values, and nothing of what users wrote."""

import io
import json
import logging
import re

import pytest

from core.errors import TransientError
from service import logs

SECRET = "the user's own words"


@pytest.fixture
def written():
    """What goes to the log; afterwards logging is as it was."""
    root, ours = logging.getLogger(), logging.getLogger("sessionwatch")
    before = root.handlers[:], root.level, ours.level
    stream = io.StringIO()
    yield stream
    root.handlers[:], level, our_level = before
    root.setLevel(level)
    ours.setLevel(our_level)
    logging.captureWarnings(capture=False)


def json_lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail(log, error):
    try:
        raise error
    except type(error):
        log.exception("failed")


def test_a_line_for_people_has_time_level_event_and_values(written):
    logs.configure("human", written)

    logging.getLogger("sessionwatch.x").info("committed", extra={"rows": 12, "file": "a b\n.jsonl"})

    pattern = (
        r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO    committed rows=12 file="a b\\n.jsonl"\n'
    )
    assert re.fullmatch(pattern, written.getvalue())


def test_a_line_for_programs_is_one_object(written):
    logs.configure("json", written)

    logging.getLogger("sessionwatch.x").warning("odd", extra={"n": 1.5, "who": None, "l": ["a"]})

    (line,) = json_lines(written)
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "sessionwatch.x",
        "event": "odd",
        "n": 1.5,
        "who": None,
        "l": "['a']",
    }


def test_times_are_utc(written, monkeypatch):
    logs.configure("json", written)
    record = logging.makeLogRecord({"msg": "x", "created": 0.0015, "levelno": 20})

    assert json.loads(logs.JsonLines().format(record))["at"] == "1970-01-01T00:00:00.001Z"


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_what_a_foreign_error_quotes_is_not_written(written, log_format):
    logs.configure(log_format, written)
    log = logging.getLogger("sessionwatch.x")

    fail(log, KeyError(SECRET))
    fail(log, UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET))

    text = written.getvalue()
    assert SECRET not in text
    assert "KeyError" in text
    assert "UnicodeDecodeError" in text
    assert f"{__file__}:" in text


def test_our_own_errors_and_those_of_the_system_say_why(written):
    logs.configure("json", written)
    log = logging.getLogger("sessionwatch.x")

    fail(log, TransientError("the disk is full", hint="make room"))
    fail(log, OSError(28, "No space left on device", "/secret/name"))

    ours, system = (line["error"] for line in json_lines(written))
    assert ours == "TransientError: the disk is full (make room)"
    assert system == "OSError: No space left on device"


def test_the_cause_of_an_error_is_told_before_it(written):
    logs.configure("json", written)
    error = TransientError("no luck")
    error.__cause__ = ValueError(SECRET)
    fail(logging.getLogger("sessionwatch.x"), error)

    frames = json_lines(written)[0]["frames"]
    assert [line for line in frames if not line.startswith("at ")] == [
        "ValueError",
        "TransientError: no luck",
    ]


def test_a_value_is_cut_off(written):
    logs.configure("json", written)

    logging.getLogger("sessionwatch.x").info("e", extra={"text": "x" * 10_000})

    assert len(json_lines(written)[0]["text"]) == logs.VALUE_CHARS_MAX


def test_no_value_can_forge_a_line_or_steer_the_terminal(written):
    logs.configure("human", written)

    logging.getLogger("sessionwatch.x").info("e", extra={"path": "a\n2026 INFO fake\x1b[2J\udcff"})

    assert written.getvalue().count("\n") == 1
    assert "\x1b" not in written.getvalue()


def test_libraries_are_heard_only_when_something_is_wrong(written):
    logs.configure("human", written)

    # Not uvicorn.access: a server that some earlier test ran has cut it off.
    names = ("uvicorn.error", "watchdog.observers", "asyncio", "some.other")
    for name in names:
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("trouble")

    assert "chatter" not in written.getvalue()
    assert written.getvalue().count("trouble") == len(names)


def test_configuring_twice_writes_once(written):
    logs.configure("human", written)
    logs.configure("human", written)

    logging.getLogger("sessionwatch.x").info("once")

    assert written.getvalue().count("once") == 1
