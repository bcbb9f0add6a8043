"""Starts jobs when they are due, each on a thread of its own.

The rules: a job that runs is not started again, and none waits for another; its last run is the
tick it was started at, written when it has ended, however it did: a failing job comes back with its
schedule and not with the next tick, and one that a crash cut short is run again.
"""

import logging
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.errors import SessionwatchError
from core.seams import Clock
from metrics.instruments import Instruments
from service.scheduling.jobs import Job, LastRuns, Outcome
from service.scheduling.schedule import Every, Schedule, parse
from service.scheduling.starts import believed, delays_us, start_us
from service.timer import Timer

log = logging.getLogger("sessionwatch.scheduling")

LOOK = "look"
GAPS = 2
"""Ticks without a look: the machine slept, or its clock was set, and all may be due at once."""


class JobState(NamedTuple):
    """One job as the API shows it. Instants in microseconds since 1970 UTC; `last_outcome` is the
    word and the text of the last run since the start of the service."""

    name: str
    schedule: str
    target: str
    last_run: int | None
    next_due: int
    in_flight: bool
    last_outcome: tuple[str, str] | None


@dataclass(slots=True)
class _Entry:
    """What is known of a job; written under the lock only."""

    job: Job
    schedule: Schedule
    delay_us: int
    last_run_us: int | None = None
    started_us: int | None = None
    thread: threading.Thread | None = None
    outcome: tuple[str, str] | None = None
    succeeded_s: float = math.nan


class Scheduler:
    """Owns the thread that looks, and one for each job that runs."""

    def __init__(
        self,
        jobs: Sequence[Job],
        last_runs: LastRuns,
        clock: Clock,
        instruments: Instruments,
        *,
        tick_s: float,
        startup_grace_s: float,
    ) -> None:
        self._last_runs = last_runs
        self._clock = clock
        self._instruments = instruments
        self._tick_s = tick_s
        self._grace_s = startup_grace_s
        self._changed = threading.Condition()
        self._opens_s = math.inf
        self._looked_us: int | None = None
        schedules = [self._effective(parse(job.schedule)) for job in jobs]
        self._entries = {
            job.name: _Entry(job, schedule, delay_us)
            for job, schedule, delay_us in zip(jobs, schedules, delays_us(schedules), strict=True)
        }
        self._timer = Timer({LOOK: self.look}, clock, "scheduler")
        self._measure()

    @property
    def alive(self) -> bool:
        return self._timer.alive

    def start(self) -> None:
        """Raises what `LastRuns.load` does: without it, all that ran lately would run again."""
        self.take_up()
        self._timer.start()

    def take_up(self) -> None:
        """Go on from the last runs that are kept; the grace begins."""
        now_us = self._clock.now_us()
        for name, last_run_us in self._last_runs.load().items():
            if entry := self._entries.get(name):
                entry.last_run_us = believed(last_run_us, now_us)
        self._opens_s = self._clock.monotonic_s() + self._grace_s

    def stop(self, timeout_s: float) -> bool:
        """Start nothing more, and wait for what runs. False if that took too long; what has not
        ended by the end of the process is run again after the next start."""
        ends_s = self._clock.monotonic_s() + timeout_s
        ended = self._timer.stop(timeout_s)
        with self._changed:
            while any(entry.thread for entry in self._entries.values()):
                if not self._changed.wait(max(0.0, ends_s - self._clock.monotonic_s())):
                    return False
        return ended

    def jobs(self) -> list[JobState]:
        """All jobs in their order; `next_due` is when one is started next if nothing runs long."""
        now_us = self._clock.now_us()
        with self._changed:
            return [self._state(entry, now_us) for entry in self._entries.values()]

    def _effective(self, schedule: Schedule) -> Schedule:
        """Always due means at each tick."""
        return Every(int(self._tick_s * 1e6)) if schedule == Every(0) else schedule

    def look(self) -> float:
        """Start what is due; returns the seconds until the next look."""
        now_us = self._clock.now_us()
        if self._looked_us is not None and now_us - self._looked_us > GAPS * self._tick_s * 1e6:
            self._opens_s = max(self._opens_s, self._clock.monotonic_s())
        self._looked_us = now_us
        with self._changed:
            idle = [entry for entry in self._entries.values() if not entry.thread]
            for entry in idle:
                if entry.last_run_us is not None:
                    entry.last_run_us = believed(entry.last_run_us, now_us)
            due = [entry for entry in idle if self._start_us(entry, now_us) <= now_us]
            for entry in due:
                self._begin(entry, now_us)
            wait_us = [self._start_us(one, now_us) - now_us for one in idle if not one.thread]
        return max(0.0, min([self._tick_s, *(one / 1e6 for one in wait_us)]))

    def _start_us(self, entry: _Entry, now_us: int) -> int:
        opens_us = now_us + int((self._opens_s - self._clock.monotonic_s()) * 1e6)
        last_us = entry.last_run_us if entry.started_us is None else entry.started_us
        return start_us(entry.schedule, last_us, now_us, opens_us=opens_us, delay_us=entry.delay_us)

    def _begin(self, entry: _Entry, now_us: int) -> None:
        entry.started_us = now_us
        entry.thread = threading.Thread(
            target=self._run, args=(entry, now_us), name=f"job {entry.job.name}", daemon=True
        )
        entry.thread.start()

    def _run(self, entry: _Entry, started_us: int) -> None:
        name, started_s = entry.job.name, self._clock.monotonic_s()
        word, text = self._called(entry.job)
        took_s = self._clock.monotonic_s() - started_s
        self._instruments.job_runs.labels(name, word).inc()
        self._instruments.job_seconds.labels(name).observe(took_s)
        if word == "ok":
            entry.succeeded_s = self._clock.now_us() / 1e6
        self._remember(name, started_us)
        with self._changed:
            entry.outcome, entry.last_run_us = (word, text), started_us
            entry.started_us = entry.thread = None
            self._changed.notify_all()
        self._timer.hurry(LOOK)  # It may be due again already.

    def _called(self, job: Job) -> tuple[str, str]:
        """How it ended, and the log line of that."""
        try:
            outcome = job.call()
        except SessionwatchError as error:
            outcome = Outcome("failed", str(error))
        except Exception as error:  # Foreign code; uncaught, it would be in flight for ever.
            log.exception("job_broke", extra={"job": job.name})
            return "error", type(error).__name__
        if outcome.word == "failed":
            log.warning("job_failed", extra={"job": job.name, "why": outcome.text})
        else:
            log.debug("job_ran", extra={"job": job.name, "outcome": outcome.word})
        return outcome

    def _remember(self, name: str, started_us: int) -> None:
        try:
            self._last_runs.save(name, started_us)
        except Exception:  # The database may be gone, as at the end; then the run is repeated.
            log.warning("last_run_not_kept", extra={"job": name}, exc_info=True)

    def _state(self, entry: _Entry, now_us: int) -> JobState:
        job, running = entry.job, entry.thread is not None
        last_us = entry.started_us if running else entry.last_run_us
        next_us = self._next_us(entry, now_us)
        return JobState(
            job.name, job.schedule, job.target, last_us, next_us, running, entry.outcome
        )

    def _next_us(self, entry: _Entry, now_us: int) -> int:
        return self._start_us(entry, now_us) if math.isfinite(self._opens_s) else now_us

    def _measure(self) -> None:
        """Gauges, and counters that begin with 0."""
        self._instruments.expect(jobs=self._entries)
        for name, entry in self._entries.items():
            self._instruments.watch(
                "job_in_flight", "1 while the job runs", _running(entry), job=name
            )
            self._instruments.watch(
                "job_last_success_timestamp_seconds",
                "When the job last ended well, since the start of the service; NaN before",
                _succeeded(entry), job=name,
            )  # fmt: skip


def _running(entry: _Entry) -> Callable[[], float]:
    return lambda: float(entry.thread is not None)


def _succeeded(entry: _Entry) -> Callable[[], float]:
    return lambda: entry.succeeded_s
