"""A thread for what happens by the clock: sweeps and collection, and in another one the checks of
the watch.

The rule: a job says how long to wait until its next run; jobs of a timer run one after another, so
one that a file system holds up has a timer to itself. A job that raises ends the thread, which the
supervisor takes as the end.
"""

import threading
from collections.abc import Callable, Mapping

from core.seams import Clock

Job = Callable[[], float]
"""Does its work and returns the seconds until it wants to run again."""


class Timer:
    """Runs named jobs; the first run of each is at once."""

    def __init__(self, jobs: Mapping[str, Job], clock: Clock, name: str = "timer") -> None:
        self._jobs = dict(jobs)
        self._clock = clock
        self._due_s = dict.fromkeys(self._jobs, clock.monotonic_s())
        self._wake = threading.Event()
        self._stopping = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def hurry(self, name: str, after_s: float = 0.0) -> None:
        """Run this job `after_s` from now, unless it is due before that anyway."""
        with self._lock:
            due_s = self._clock.monotonic_s() + after_s
            self._due_s[name] = min(self._due_s[name], due_s)
        self._wake.set()

    def stop(self, timeout_s: float) -> bool:
        self._stopping = True
        self._wake.set()
        if self._thread.ident is not None:  # Else the start failed before it came to this.
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping:
            for name, job in self._jobs.items():
                if self._due_s[name] <= self._clock.monotonic_s() and not self._stopping:
                    self._run_job(name, job)
            wait_s = min(self._due_s.values()) - self._clock.monotonic_s()
            self._wake.wait(min(max(0.0, wait_s), threading.TIMEOUT_MAX))
            self._wake.clear()  # Before the next look, so that nothing set meanwhile is missed.

    def _run_job(self, name: str, job: Job) -> None:
        with self._lock:
            self._due_s[name] = float("inf")
        wait_s = job()
        with self._lock:
            # `hurry` may have been called meanwhile: the earlier instant counts.
            self._due_s[name] = min(self._due_s[name], self._clock.monotonic_s() + wait_s)
