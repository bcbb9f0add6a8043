"""Reads the environment of the predecessor: what is wrong with it, what it says in our settings.

The rule: values that it took are taken with its own checks, values that it ignored are faults, and
nothing is taken that `variables.VARIABLES` does not name.

What is mapped is weaker than everything said in the words of this service (file, environment
`SESSIONWATCH_…`, flags), and its sources count only where nothing else names any.
"""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from service.scheduling.schedule import ALLOWED, parse, text_of_s
from service.scheduling.settings import OFF, origin
from service.scheduling.variables import (
    FIXED,
    GRACE,
    INTERVALS,
    SKIP,
    TICK,
    TOKEN_CHARS_MIN,
    VARIABLES,
    WEB_JOBS,
    WRITE_A_JOB,
)
from service.settings_file import Entry, Given

TRUE = ("1", "true", "TRUE")
_SECONDS_MAX = 10**9


class Mapped(NamedTuple):
    """As the settings file has them: values by `table.name`, `[[source]]` and `[[job]]`. The place
    of each is its variable."""

    values: dict[str, Given]
    sources: list[Entry]
    jobs: list[Entry]


def faults(environ: Mapping[str, str]) -> list[str]:
    """Every variable that cannot mean here what it meant there, one sentence each."""
    return [
        *_refused(environ), *_number_faults(environ), *_tick_faults(environ),
        *_web_faults(environ), *_schedule_faults(environ), *_token_faults(environ),
    ]  # fmt: skip


def mapped(environ: Mapping[str, str]) -> Mapped:
    """What the variables say in our settings; those with faults are left out."""
    return Mapped(dict(_values(environ)), list(_sources(environ)), list(_jobs(environ)))


def _refused(environ: Mapping[str, str]) -> Iterator[str]:
    known = {one.name for one in VARIABLES}
    text_by_name = {one.name: one.text for one in VARIABLES if one.fate == "refused"}
    for name, value in sorted(environ.items()):
        if name == "LOCAL_DEV_MODE" and value.strip().lower() in ("", "0", "false", "no", "off"):
            continue
        if name in text_by_name:
            yield f"{name}: {text_by_name[name]}"
        elif name not in known and re.fullmatch(r"SCHEDULER_[A-Z_]+_INTERVAL", name):
            yield f"{name}: there is no such job: {WRITE_A_JOB}"


def _numbers(environ: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """The variables in seconds that are set, with the least that each may be."""
    for name in (*INTERVALS, *filter(None, WEB_JOBS), TICK, GRACE):
        if name in environ:
            yield name, 0 if name == GRACE else 1


def _seconds(environ: Mapping[str, str], name: str, low: int = 1) -> int | None:
    try:
        number = int(environ[name])
    except (KeyError, ValueError):
        return None
    return number if low <= number <= _SECONDS_MAX else None


def _number_faults(environ: Mapping[str, str]) -> Iterator[str]:
    """An empty value is a fault: compose files make it of a variable that somebody forgot."""
    for name, low in _numbers(environ):
        if _seconds(environ, name, low) is None:
            yield (
                f"{name} is {environ[name][:20]!r}, allowed is an integer from {low} in seconds: "
                "correct it, or remove it for the default"
            )


def _tick_faults(environ: Mapping[str, str]) -> Iterator[str]:
    """Before intervals are rounded, as the predecessor compared them."""
    tick_s = _seconds(environ, TICK) or 30
    shortest_s, name = min(_interval_by_name(environ))
    if tick_s > shortest_s:
        yield (
            f"{TICK} is {tick_s}, more than the smallest interval, {name} with {shortest_s}: "
            f"lower {TICK}, or raise {name}"
        )


def _interval_by_name(environ: Mapping[str, str]) -> Iterator[tuple[float, str]]:
    for name, one in INTERVALS.items():
        yield _seconds(environ, name) or one.default_s, name
    if environ.get("API_URL"):
        for name, job in WEB_JOBS.items():
            default_s = getattr(parse(job.schedule), "period_us", math.inf) / 1e6
            yield _seconds(environ, name) or default_s, name


def _web_faults(environ: Mapping[str, str]) -> Iterator[str]:
    url = environ.get("API_URL", "")
    if url and not _is_address(url):
        yield "API_URL is no http or https URL without user, query and fragment: correct it"
    for name, job in WEB_JOBS.items():
        if name in environ and not url:
            yield (
                f"{name}: {job.name} is called below API_URL, which is not set: set API_URL (it "
                "was http://localhost:8000), or remove this"
            )


def _is_address(url: str) -> bool:
    try:
        return bool(origin(url)) and "?" not in url
    except ValueError:
        return False


def _schedule_faults(environ: Mapping[str, str]) -> Iterator[str]:
    try:
        parse(environ.get(FIXED) or "every 1m")
    except ValueError:
        yield f"{FIXED} is no schedule: write {ALLOWED}, or remove it for the interval"


def _token_faults(environ: Mapping[str, str]) -> Iterator[str]:
    token = environ.get("SCHEDULER_API_TOKEN", "").strip()
    if token and len(token) < TOKEN_CHARS_MIN:
        yield (
            f"SCHEDULER_API_TOKEN has fewer than {TOKEN_CHARS_MIN} characters: make a longer one "
            "(`openssl rand -hex 32`), or remove it"
        )
    elif not (token.isascii() and token.isprintable() and " " not in token):
        yield "SCHEDULER_API_TOKEN has signs that no header can carry: make one of ASCII letters"


def _values(environ: Mapping[str, str]) -> Iterator[tuple[str, Given]]:
    """A later value of a setting goes before an earlier one."""
    for name, one in INTERVALS.items():
        if seconds := _seconds(environ, name):
            yield one.setting, Given(name, text_of_s(seconds), Path())
    if environ.get(FIXED) and not list(_schedule_faults(environ)):
        yield "scheduler.verification", Given(FIXED, environ[FIXED], Path())
    if environ.get(SKIP, "").strip() in TRUE:
        yield "scheduler.collector", Given(SKIP, OFF, Path())
    for name, low, setting in ((TICK, 1, "tick_s"), (GRACE, 0, "startup_grace_s")):
        if (seconds_or_none := _seconds(environ, name, low)) is not None:
            yield f"scheduler.{setting}", Given(name, float(seconds_or_none), Path())
    if _is_address(environ.get("API_URL", "")):
        yield "scheduler.api_url", Given("API_URL", environ["API_URL"], Path())
    yield from _others(environ)


def _others(environ: Mapping[str, str]) -> Iterator[tuple[str, Given]]:
    """Settings that are not about the clock; what they may be their own rules say."""
    name = "USAGE_EVENTS_RETENTION_DAYS"
    if environ.get(name):
        yield "retention.tables", Given(name, [f"*usage_events={environ[name]}"], Path())
    name = "SESSION_PIPELINE_STUCK_FILE_GRACE_SECONDS"
    if environ.get(name):
        yield "limits.stuck_file_s", Given(name, environ[name], Path())
    name = "CORPORATE_MEMORY_HOME_BASE"
    if environ.get(name):
        yield "memory.homes", Given(name, environ[name], Path())


def _sources(environ: Mapping[str, str]) -> Iterator[Entry]:
    named, data = environ.get("SESSION_DATA_DIR"), environ.get("DATA_DIR")
    place = "SESSION_DATA_DIR" if named else "DATA_DIR"
    if root := named or (data and str(Path(data) / "user_sessions")):
        yield Entry({"path": Given(place, root, Path())}, place)


def _jobs(environ: Mapping[str, str]) -> Iterator[Entry]:
    # Others use the name API_URL as well; a predecessor's scheduler could do nothing without both.
    if not (_is_address(environ.get("API_URL", "")) and environ.get("SCHEDULER_API_TOKEN")):
        return
    for variable, job in WEB_JOBS.items():
        seconds = _seconds(environ, variable)
        schedule = text_of_s(seconds) if seconds else job.schedule
        place = variable if seconds else "API_URL"
        values = {"name": job.name, "schedule": schedule, "url": job.url, "method": job.method,
                  "timeout_s": job.timeout_s, "token": job.token}  # fmt: skip
        yield Entry({name: Given(place, one, Path()) for name, one in values.items()}, place)
