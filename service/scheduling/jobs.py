"""Which jobs there are, and what each of them does.

The rule: a job is a name, a schedule and a call that answers with an outcome. What the call does
(a run of our own, a request to somebody else) the scheduler does not know.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple, Protocol

from service.scheduling import web
from service.scheduling.schedule import text_of_s
from service.scheduling.settings import (
    LOCAL_JOBS,
    JobSettings,
    SchedulerSettings,
    local_schedules,
    origin,
    url_of,
)

log = logging.getLogger("sessionwatch.scheduling")


class Outcome(NamedTuple):
    """How a run ended. `busy`: the same work was in hand already. `text` is for people."""

    word: Literal["ok", "failed", "busy"]
    text: str = ""


class LastRuns(Protocol):
    """When each job was last started, kept over restarts; microseconds since 1970 UTC."""

    def load(self) -> dict[str, int]: ...

    def save(self, name: str, started_us: int) -> None: ...


class Job(NamedTuple):
    """`target` says what is called; `call` may raise what it likes."""

    name: str
    schedule: str
    target: str
    call: Callable[[], Outcome]


def planned(
    scheduler: SchedulerSettings,
    jobs: Sequence[JobSettings],
    run: Callable[[str], Outcome],
    cadences: Mapping[str, float] | None = None,
    token: str = "",
) -> tuple[Job, ...]:
    """All jobs of these settings, checked before (`settings.faults`).

    `run` does a job of our own by its name. `cadences`: seconds between two runs of each loaded
    processor that wants some; a setting goes before it. `token`: SCHEDULER_API_TOKEN.
    """
    if not scheduler.enabled:
        return ()
    if not token.strip() and any(job.token for job in jobs):
        log.warning(
            "no_token", extra={"hint": "set SCHEDULER_API_TOKEN: jobs are called without it"}
        )
    return (*_local(scheduler, run, cadences or {}), *_web(scheduler, jobs, token.strip()))


def _local(
    scheduler: SchedulerSettings, run: Callable[[str], Outcome], cadences: Mapping[str, float]
) -> Iterator[Job]:
    wanted = {
        name: text_of_s(-int(-cadence_s // 1))
        for processor, cadence_s in cadences.items()
        if (name := f"session-processor:{processor}") not in LOCAL_JOBS.values()
    }
    for name, schedule in (local_schedules(scheduler) | wanted).items():
        yield Job(name, schedule, "local", partial(run, name))


def _web(scheduler: SchedulerSettings, jobs: Sequence[JobSettings], token: str) -> Iterator[Job]:
    for job in jobs:
        url = url_of(scheduler, job)
        # Asked once more, although a fault of the settings: a secret that is sent is not got back.
        trusted = job.token and origin(url) == origin(scheduler.api_url)
        request = web.Request(job.method, url, job.timeout_s, token if trusted else "")
        yield Job(job.name, job.schedule, f"{job.method} {url}", partial(_asked, request))


def _asked(request: web.Request) -> Outcome:
    answer = web.ask(request)
    return Outcome("ok" if answer.good else "failed", answer.text)
