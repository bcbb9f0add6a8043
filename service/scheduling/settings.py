"""The settings of what happens by the clock: table `[scheduler]`, and one `[[job]]` for each call.

The rule: what one value may be its rule says; what two say together `faults` says, as sentences
with the place, and all at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple, get_type_hints
from urllib.parse import urlsplit

from service.rules import Rule, choice, flag, seconds, text
from service.scheduling.schedule import ALLOWED, Every, parse

OFF = "off"
_DAY_S = 86_400


def schedule(about: str = "", *, or_off: bool = False) -> Rule:
    """The value stays the text it was written as."""

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise TypeError
        if not (or_off and value == OFF):
            parse(value)
        return value

    return Rule(read, f'{ALLOWED}, or "{OFF}"' if or_off else ALLOWED, about)


class Origin(NamedTuple):
    """Who is asked: what a token may be sent to depends on all three."""

    scheme: str
    host: str
    port: int


def origin(url: str) -> Origin:
    """`ValueError` if it is no http or https address, or says who asks."""
    parts = urlsplit(url)
    port = {"http": 80, "https": 443}.get(parts.scheme) if parts.port is None else parts.port
    if not port or not parts.hostname or "@" in parts.netloc or "#" in url or not _plain(url):
        raise ValueError
    return Origin(parts.scheme, parts.hostname, port)


def _plain(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url


def address(about: str = "", *, path: bool = False) -> Rule:
    """An absolute URL; else, with `path`, a path below `api_url`, without it nothing at all."""

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise TypeError
        below = value.startswith("/") and _plain(value) and "#" not in value if path else not value
        if not below:
            origin(value)
        if "?" in value and not path:  # What follows it would be no path.
            raise ValueError
        return value

    allowed = (
        "an http or https URL without user and fragment, or a path such as /api/health"
        if path
        else "an http or https URL without user, query and fragment, or nothing"
    )
    return Rule(read, allowed, about)


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """Every value is a setting of the table `[scheduler]`."""

    enabled: Annotated[bool, flag("jobs run by the clock")] = True
    usage: Annotated[str, schedule("when the usage of sessions is read", or_off=True)] = "every 10m"
    verification: Annotated[
        str, schedule("when sessions are searched for what was learned", or_off=True)
    ] = "every 15m"
    collector: Annotated[str, schedule("when sessions are collected", or_off=True)] = "every 10m"
    memory: Annotated[
        str, schedule("when the job `corporate-memory` looks at all notes", or_off=True)
    ] = "every 17m"
    retention: Annotated[str, schedule("when what was kept long enough is taken", or_off=True)] = (
        "daily 03:40"
    )
    tick_s: Annotated[float, seconds(1, _DAY_S, "the longest wait between two looks")] = 30.0
    startup_grace_s: Annotated[
        float, seconds(0, _DAY_S, "after the start before the first job")
    ] = 60.0
    api_url: Annotated[
        str, address("what paths of [[job]] are below; only its origin gets the token")
    ] = ""


SCHEDULER_RULES: dict[str, Rule] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(SchedulerSettings, include_extras=True).items()
}


@dataclass(frozen=True, slots=True)
class JobSettings:
    """One call over HTTP by the clock. `url` may be a path below `api_url`."""

    name: str
    schedule: str
    url: str
    method: str = "POST"
    timeout_s: float = 30.0
    token: bool = False


JOB_RULES = {
    "name": text(r"[\w.:-]{1,100}", "letters, digits, '.', '_', ':' and '-'", "of the job"),
    "schedule": schedule("when it is called"),
    "url": address("what is called", path=True),
    "method": choice("GET", "POST", "PUT", "DELETE", about='"POST" without it; the body is empty'),
    "timeout_s": seconds(
        0.1, _DAY_S, "for the whole answer, more than the work takes; 30 without it"
    ),
    "token": flag("send SCHEDULER_API_TOKEN, to the origin of api_url and nowhere else"),
}

JOB_NEEDED = ("name", "schedule", "url")
"""Without these an entry is no job; the others have defaults."""

LOCAL_JOBS = {
    "usage": "session-processor:usage",
    "verification": "session-processor:verification",
    "collector": "session-collector",
    "memory": "corporate-memory",
    "retention": "retention",
}
"""The job whose schedule each setting is. All but the last are the predecessor's names."""


def url_of(scheduler: SchedulerSettings, job: JobSettings) -> str:
    """What is called, as a whole."""
    return scheduler.api_url.rstrip("/") + job.url if job.url.startswith("/") else job.url


def local_schedules(scheduler: SchedulerSettings) -> dict[str, str]:
    """The schedule of each job of our own that is not switched off, by its name."""
    found = {name: str(getattr(scheduler, setting)) for setting, name in LOCAL_JOBS.items()}
    return {name: one for name, one in found.items() if one != OFF}


def faults(
    scheduler: SchedulerSettings, jobs: Sequence[JobSettings], places: Sequence[str] = ()
) -> list[str]:
    """What is wrong between the settings, one sentence each; `places` says where each job is."""
    found: list[str] = []
    seen = set(LOCAL_JOBS.values())
    for job, place in zip(jobs, places or [f"[[job]] {job.name}" for job in jobs], strict=True):
        if job.name in seen or job.name.startswith("session-processor:"):
            found.append(f"{place}: there is another job {job.name}: give it a name of its own")
        found += (f"{place}: {fault}" for fault in _address_faults(scheduler, job))
        seen.add(job.name)
    return found + list(_tick_faults(scheduler, jobs))


def _address_faults(scheduler: SchedulerSettings, job: JobSettings) -> Iterator[str]:
    if job.url.startswith("/") and not scheduler.api_url:
        yield f"url is the path {job.url}: set [scheduler] api_url, or write the whole URL"
    elif job.token and (
        not scheduler.api_url or origin(url_of(scheduler, job)) != origin(scheduler.api_url)
    ):
        yield (
            "token goes to the origin of [scheduler] api_url only, and url is another: "
            "remove token, or change api_url"
        )


def _tick_faults(scheduler: SchedulerSettings, jobs: Sequence[JobSettings]) -> Iterator[str]:
    """A tick above an interval would make the interval a lie. `every 0m` means every tick."""
    ours = local_schedules(scheduler).items()
    for name, written in (*ours, *((job.name, job.schedule) for job in jobs)):
        parsed = parse(written)
        if isinstance(parsed, Every) and 0 < parsed.period_us < scheduler.tick_s * 1e6:
            yield (
                f"[scheduler] tick_s is {scheduler.tick_s:g}, more than the interval of {name} "
                f"({written}): lower tick_s, or run it less often"
            )
