"""Jobs: what may be run by name, on a clock, by an operator or by a script.

The rule: a job never runs twice at once unless it says that it may (`alone`), and every attempt
leaves one row in the audit and, if it started, one in the table of runs, whoever asked and however
it ended.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.acting import Principal, went_well
from core.errors import ConfigurationError
from state.operations.audit import told
from state.operations.desk import Desk

log = logging.getLogger("sessionwatch.jobs")


@dataclass(slots=True)
class Run:
    """One run while it goes on. The work reports into `progress` and ends soon once `stopping`;
    it then says `stopped` in its details."""

    run_id: str
    job: str
    params: Mapping[str, Any]
    is_service_stopping: Callable[[], bool]
    progress: dict[str, Any] = field(default_factory=dict)
    memory: Any = None
    """What `begin` leaves for `work`."""
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def stopping(self) -> bool:
        return self._cancelled.is_set() or self.is_service_stopping()

    def cancel(self) -> None:
        self._cancelled.set()


@dataclass(frozen=True, slots=True)
class Job:
    """`work` returns details as JSON; a true `errors` in them (or `rc`) means that it failed.

    `begin` comes before it, while whoever asked still waits: what it raises is a refusal, and what
    it returns is in the answer. `action` and `resource` are the audit's names; `audited` are the
    details that go into it, of lists only how long they are. `takes` are the parameters it knows.
    A job that is not `alone` may run several times at once.
    """

    name: str
    work: Callable[[Run], Mapping[str, Any]]
    action: str
    resource: str
    audited: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    begin: Callable[[Run], Mapping[str, Any]] = lambda run: {}
    alone: bool = True


class Jobs:
    """All jobs of a service, with the contract of `api.control.Jobs`. `on_end(job, state)` is told
    of every run."""

    def __init__(
        self,
        desk: Desk,
        stopping: Callable[[], bool],
        on_end: Callable[[str, str], None] = lambda job, state: None,
    ) -> None:
        self._desk = desk
        self._stopping = stopping
        self._on_end = on_end
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, Run] = {}

    def add(self, job: Job) -> None:
        self._jobs[job.name] = job

    def names(self) -> list[str]:
        return sorted(self._jobs)

    def takes(self, name: str) -> list[str]:
        return list(self._jobs[name].takes)

    def running(self) -> dict[str, Run]:
        with self._changed:
            return {run.job: run for run in self._running.values()}

    @property
    def running_count(self) -> int:
        return len(self._running)

    def live(self, run_id: str) -> Run | None:
        with self._changed:
            return self._running.get(run_id)

    def run(
        self,
        name: str,
        who: Principal,
        params: Mapping[str, Any] | None = None,
        correlation_id: str = "",
    ) -> Any:
        steps = self._steps(name, who, params or {}, correlation_id)
        next(steps)
        return next(steps)

    def start(
        self,
        name: str,
        who: Principal,
        params: Mapping[str, Any] | None = None,
        correlation_id: str = "",
    ) -> dict[str, Any]:
        steps = self._steps(name, who, params or {}, correlation_id)
        answer: dict[str, Any] = next(steps)

        def work() -> None:
            try:
                next(steps)
            except Exception as error:  # It has nobody to go to; the audit and the run have it.
                log.warning("run_failed", extra={"job": name, "error": type(error).__name__})

        threading.Thread(target=work, name=f"job-{name}", daemon=True).start()
        return answer

    def cancel(self, run_id: str) -> dict[str, Any]:
        run = self.live(run_id)
        if run is None:
            self._desk.runs.one(run_id)
            raise ConfigurationError(
                f"the run {run_id[:60]} has ended", reason="conflict", hint="there is nothing to do"
            )
        run.cancel()
        return {"run_id": run_id, "cancelled": True}

    def stop(self, timeout_s: float) -> bool:
        """Wait for what runs: it has been told through `stopping`. False if that took too long."""
        ends_s = time.monotonic() + timeout_s
        with self._changed:
            while self._running and (left_s := ends_s - time.monotonic()) > 0:
                self._changed.wait(left_s)
            return not self._running

    def _steps(
        self, name: str, who: Principal, params: Mapping[str, Any], correlation_id: str
    ) -> Iterator[Any]:
        """Two steps: the run has begun, and the run has ended. All of it is one act."""
        job = self._jobs.get(name, _unknown(name))
        run: Run | None = None
        state, details = "error", dict[str, Any]()
        try:
            acting = self._desk.audit.acting(
                who, job.action, job.resource, dict(params), correlation_id
            )
            with acting as note:
                self._require(job, params)
                run = self._claim(job, who, params)
                details = run.progress
                try:
                    run.progress.update(job.begin(run))
                    yield {"run_id": run.run_id, **run.progress}
                    details = dict(job.work(run))
                    state = _state_of(details)
                    note.failed = state != "ok"
                except BaseException as error:
                    details = {**details, "error": told(error)}
                    raise
                finally:
                    note.params |= _audited(job, details)
        finally:  # Behind the audit: who sees that the run has ended finds all of it.
            if run is not None:
                self._end(run, state, details)
        yield details

    def _require(self, job: Job, params: Mapping[str, Any]) -> None:
        if job.name not in self._jobs:
            raise ConfigurationError(
                f"unknown job {job.name[:100]!r}", reason="unknown_job",
                hint=f"known: {', '.join(self.names())}",
            )  # fmt: skip
        if unknown := sorted(params.keys() - set(job.takes)):
            raise ConfigurationError(
                f"{job.name} does not take {unknown[0][:60]!r}", reason="bad_parameter",
                hint=f"known: {', '.join(job.takes) or 'none'}",
            )  # fmt: skip

    def _claim(self, job: Job, who: Principal, params: Mapping[str, Any]) -> Run:
        with self._changed:
            same = [run for run in self._running.values() if run.job == job.name]
            if job.alone and same:
                raise ConfigurationError(
                    f"{job.name} is already running", reason="already_running",
                    hint=f"its run is {same[0].run_id}",
                )  # fmt: skip
            run_id = self._desk.runs.begin(job.name, who.name, params)
            self._running[run_id] = run = Run(run_id, job.name, params, self._stopping)
        return run

    def _end(self, run: Run, state: str, details: Mapping[str, Any]) -> None:
        """The record first: who sees that it runs no more may read how it ended."""
        try:
            self._desk.runs.end(run.run_id, state, details)
        finally:
            with self._changed:
                del self._running[run.run_id]
                self._changed.notify_all()
            self._on_end(run.job, state)


def _state_of(details: Mapping[str, Any]) -> str:
    if details.get("stopped"):
        return "interrupted"
    return "ok" if went_well(details) else "failed"


def _audited(job: Job, details: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: details[name] for name in job.audited if name in details}
    return {name: len(one) if isinstance(one, list) else one for name, one in found.items()}


def _unknown(name: str) -> Job:
    """Stands for a job that there is not, for the audit."""
    return Job(name, lambda run: {}, "run", f"job:{name[:100]}")
