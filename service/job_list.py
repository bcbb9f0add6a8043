"""Every job of a service: one for each processor, the rescan, and those that others bring along.

The rule: names, audit actions and resources are those the predecessor's operators know.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from core.keys import SessionKey
from service.engine import Lane
from service.forcing import Forcing
from service.jobs import Job, Jobs, Run
from state import row_counts

if TYPE_CHECKING:
    from service.supervisor import Service

Collect = Callable[..., Mapping[str, Any]]
"""Called as `collect(dry_run=False, stopping=…)`; returns `rc` and the collector's figures."""
Work = Callable[[Run], Mapping[str, Any]]

SESSION_PROCESSOR = "session-processor:"
SESSION_COLLECTOR = "session-collector"
CORPORATE_MEMORY = "corporate-memory"
RESCAN = "rescan"

_PROCESSOR_FIGURES = (
    "processor", "scanned", "processed", "skipped", "capped", "errors", "items_extracted",
)  # fmt: skip
_COLLECTOR_FIGURES = ("rc", "users_processed", "files_copied", "files_skipped", "errors")
_MEMORY_FIGURES = (
    "items_new", "items_filtered", "errors", "skipped",
    "items_db_inserted", "items_db_updated", "items_db_errors",
)  # fmt: skip


def jobs_of(
    service: "Service",
    stopping: Callable[[], bool],
    collect: Collect | None = None,
    remember: Work | None = None,
) -> Jobs:
    """The jobs of this service, and every run of them counted.

    `collect` and `remember` are the works of the collector and of the corporate memory; without one
    there is no such job.
    """
    ends = service.instruments.job_ends
    jobs = Jobs(service.desk, stopping, lambda job, state: ends.labels(job, state).inc())
    engine, operator = service.engine, service.operator

    def rows_of(lane: Lane, keys: list[SessionKey]) -> Counter[SessionKey]:
        return row_counts.by_key(service.store.cursor, lane.processor.tables, keys)

    forcing = Forcing(engine, rows_of, lambda: service.settings.runs, os.environ)
    for lane in engine.lanes:
        name = lane.processor.name
        jobs.add(
            Job(
                SESSION_PROCESSOR + name, partial(forcing.run, lane),
                f"run_session_processor:{name}", f"job:session-processor:{name}",
                audited=_PROCESSOR_FIGURES,
            )
        )  # fmt: skip
    jobs.add(
        Job(
            RESCAN, operator.follow_rescan, "rescan", "sessions", takes=("processor", "session"),
            audited=("matched", "rebuilt", "failed", "gone"), begin=operator.begin_rescan,
            alone=False,
        )
    )  # fmt: skip
    if collect:
        jobs.add(collector_job(collect))
    if remember:
        jobs.add(memory_job(remember))
    return jobs


def collector_job(collect: Collect) -> Job:
    def work(run: Run) -> Mapping[str, Any]:
        return collect(dry_run=False, stopping=run.stopping)

    return Job(
        SESSION_COLLECTOR, work, "run_session_collector", "job:session-collector",
        audited=_COLLECTOR_FIGURES,
    )  # fmt: skip


def memory_job(remember: Work) -> Job:
    return Job(
        CORPORATE_MEMORY, remember, "run_corporate_memory", "job:corporate-memory",
        audited=_MEMORY_FIGURES,
    )  # fmt: skip
