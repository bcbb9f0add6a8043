"""Jobs: what may be run by name, on a clock, by an operator or by a script.

The rule: a job never runs twice at once, and every attempt leaves one row in the audit and, if it
started, one in the table of runs, whoever asked and however it ended.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from core.acting import Principal
from core.errors import ConfigurationError
from state.operations.audit import Note, told
from state.operations.desk import Desk

log = logging.getLogger("sessionwatch.jobs")


@dataclass(slots=True)
class Run:
    """One run while it goes on. The work reports into `progress` and ends soon once `stopping`."""

    run_id: str
    params: Mapping[str, Any]
    stopping: Callable[[], bool]
    progress: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """`work` returns details as JSON; a true `errors` in them (or `rc`) means that it failed.

    `action` and `resource` are the audit's names; `audited` are the details that go into it."""

    name: str
    work: Callable[[Run], Mapping[str, Any]]
    action: str
    resource: str
    audited: tuple[str, ...] = ()


class Jobs:
    """All jobs of a service. Safe from any thread."""

    def __init__(self, desk: Desk, stopping: Callable[[], bool]) -> None:
        self._desk = desk
        self._stopping = stopping
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, Run] = {}
        self._threads: set[threading.Thread] = set()

    def add(self, job: Job) -> None:
        self._jobs[job.name] = job

    def names(self) -> list[str]:
        return sorted(self._jobs)

    def running(self) -> dict[str, Run]:
        """Runs that go on now, by job."""
        with self._lock:
            return dict(self._running)

    def run(self, name: str, who: Principal, params: Mapping[str, Any] | None = None) -> Any:
        """Run a job to its end and return its details.

        Raises `ConfigurationError`: `unknown_job` or `already_running`. What the work raises goes
        on.
        """
        job = self._job(name)
        with self._desk.audit.acting(who, job.action, job.resource, dict(params or {})) as note:
            run = self._claim(job, who, params or {})
            return self._work(job, run, note)

    def start(
        self, name: str, who: Principal, params: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        """The same in a thread of its own: `{"run_id": …}` at once. Raises as `run` does."""
        job = self._job(name)
        acting = self._desk.audit.acting(who, job.action, job.resource, dict(params or {}))
        note = acting.__enter__()
        try:
            run = self._claim(job, who, params or {})
        except BaseException as error:
            acting.__exit__(type(error), error, error.__traceback__)
            raise

        def work() -> None:
            try:
                self._work(job, run, note)
            except Exception as error:  # It has nobody to go to; the audit and the run have it.
                with suppress(type(error)):
                    acting.__exit__(type(error), error, error.__traceback__)
                log.warning("run_failed", extra={"job": name, "error": type(error).__name__})
            else:
                acting.__exit__(None, None, None)
            finally:
                self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=work, name=f"job-{name}", daemon=True)
        self._threads.add(thread)
        thread.start()
        return {"run_id": run.run_id}

    def stop(self, timeout_s: float) -> bool:
        """Wait for what runs: it has been told through `stopping`. False if that took too long."""
        for thread in list(self._threads):
            thread.join(timeout_s)
        return not self.running()

    def _job(self, name: str) -> Job:
        if name not in self._jobs:
            raise ConfigurationError(
                f"unknown job {name[:60]!r}", reason="unknown_job",
                hint=f"known: {', '.join(self.names())}",
            )  # fmt: skip
        return self._jobs[name]

    def _claim(self, job: Job, who: Principal, params: Mapping[str, Any]) -> Run:
        with self._lock:
            if job.name in self._running:
                raise ConfigurationError(
                    f"{job.name} is already running", reason="already_running",
                    hint=f"its run is {self._running[job.name].run_id}",
                )  # fmt: skip
            run_id = self._desk.runs.begin(job.name, who.name, params)
            self._running[job.name] = run = Run(run_id, params, self._stopping)
        return run

    def _work(self, job: Job, run: Run, note: Note) -> Mapping[str, Any]:
        state, details = "error", {}
        try:
            details = dict(job.work(run))
            note.failed = bool(details.get("errors") or details.get("rc"))
            state = "failed" if note.failed else "ok"
        except BaseException as error:
            details = {"error": told(error)}
            raise
        finally:
            note.params |= {name: details[name] for name in job.audited if name in details}
            with self._lock:
                del self._running[job.name]
            self._desk.runs.end(run.run_id, state, details)
        return details
