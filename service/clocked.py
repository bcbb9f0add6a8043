"""The scheduler of a service: which of its jobs have a clock, and what a run of one comes to.

The rule: a job that this service does not have gets no clock, so a schedule in the settings never
makes an error every few minutes.
"""

import os
from collections.abc import Callable

from core.acting import SCHEDULER, went_well
from core.errors import ConfigurationError
from core.seams import Clock
from metrics.instruments import Instruments
from processors.registry import Registry
from service.jobs import Jobs
from service.scheduling.jobs import LastRuns, Outcome, planned
from service.scheduling.scheduler import Scheduler
from service.settings import Settings


def scheduler_of(
    settings: Settings,
    registry: Registry,
    jobs: Jobs,
    last_runs: LastRuns,
    clock: Clock,
    instruments: Instruments,
) -> Scheduler:
    """Jobs of our own by the names that `jobs` has, and the calls of `[[job]]`."""
    token = os.environ.get("SCHEDULER_API_TOKEN", "")
    cadences = {p.name: p.cadence_s for p in registry.processors if hasattr(p, "cadence_s")}
    wanted = planned(settings.scheduler, settings.jobs, _run(jobs), cadences, token)
    ours = set(jobs.names())
    return Scheduler(
        [job for job in wanted if job.target != "local" or job.name in ours],
        last_runs, clock, instruments, tick_s=settings.scheduler.tick_s,
        startup_grace_s=settings.scheduler.startup_grace_s,
    )  # fmt: skip


def _run(jobs: Jobs) -> Callable[[str], Outcome]:
    def run(name: str) -> Outcome:
        try:
            details = jobs.run(name, SCHEDULER)
        except ConfigurationError as error:
            if error.reason != "already_running":
                raise
            return Outcome("busy")
        return (
            Outcome("ok") if went_well(details) else Outcome("failed", "GET /api/v1/runs says why")
        )

    return run
