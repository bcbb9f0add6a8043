"""Log lines on stderr: a fixed event name, then values, for people or as JSON.

The rule: never session content. Values come from our own calls, but the text of a foreign error
may quote what it choked on, so of those only the class and the lines of code are written. Times
are UTC.
"""

import json
import logging
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any, TextIO

from core.errors import SessionwatchError

VALUE_CHARS_MAX = 500
_LIBRARIES = ("uvicorn", "watchdog", "asyncio", "concurrent")
# What every record has; the rest came with `extra`.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


def configure(
    log_format: str = "human", stream: TextIO | None = None, log_level: str = "info"
) -> None:
    """Send all logs of this process to `stream` (stderr). `log_format`: "human" or "json"."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setLevel(log_level.upper())
    handler.setFormatter(JsonLines() if log_format == "json" else HumanLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("sessionwatch").setLevel(log_level.upper())
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


class HumanLines(logging.Formatter):
    """`2026-05-01T10:00:00.123Z INFO    committed processor=usage rows=12`."""

    def format(self, record: logging.LogRecord) -> str:
        values = "".join(f" {name}={_word(value)}" for name, value in _values(record))
        head = f"{_utc(record.created)} {record.levelname:7} {_word(record.getMessage())}"
        return head + values + "".join(f"\n    {line}" for line in _frames(record))


class JsonLines(logging.Formatter):
    """One object a line: `at`, `level`, `logger`, `event`, then the values."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": _utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage()[:VALUE_CHARS_MAX],
            **{name: _plain(value) for name, value in _values(record)},
        }
        if frames := list(_frames(record)):
            line["frames"] = frames
        return json.dumps(line, default=str)


def _values(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    for name, value in vars(record).items():
        if name not in _OWN:
            yield name, value
    if record.exc_info and record.exc_info[1]:
        yield "error", _told(record.exc_info[1])


def _told(error: BaseException) -> str:
    """What may be said of an error: all of ours, of others what they are and why."""
    if isinstance(error, SessionwatchError):
        return f"{type(error).__name__}: {error}"
    reason = getattr(error, "strerror", None) if isinstance(error, OSError) else None
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__


def _frames(record: logging.LogRecord) -> Iterator[str]:
    """Where it happened, outermost call first; the cause of the error before the error."""
    if record.exc_info and record.exc_info[1]:
        yield from _chain(record.exc_info[1], set())


def _chain(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _chain(before, seen)
    yield _told(error)
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"at {frame.filename}:{frame.lineno} {frame.name}"


def _utc(created_s: float) -> str:
    seconds, millis = divmod(int(created_s * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{millis:03d}Z"


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:VALUE_CHARS_MAX]


def _word(value: Any) -> str:
    """A value as one word: what has blanks or could end the line is quoted as in JSON."""
    text = str(value)[:VALUE_CHARS_MAX]
    plain = text.isprintable() and text.isascii() and not set(text) & set(' "=\\')
    return text if plain and text else json.dumps(text)
