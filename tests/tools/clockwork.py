"""A scheduler by a hand-held clock: days pass in milliseconds, and every start is written down.

The rule: looks happen here and not on the scheduler's own thread; jobs run on theirs, and each look
is waited for.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from metrics.instruments import Instruments
from service.scheduling.jobs import Job, Outcome
from service.scheduling.scheduler import Scheduler

DAY_S = 86_400


def ok() -> Outcome:
    return Outcome("ok")


@dataclass
class Kept:
    """`LastRuns` in memory."""

    last_runs: dict[str, int] = field(default_factory=dict)

    def load(self) -> dict[str, int]:
        return dict(self.last_runs)

    def save(self, name: str, started_us: int) -> None:
        self.last_runs[name] = started_us


@dataclass
class HandClock:
    """Moves only when told to; the wall clock may be set without it."""

    seconds: float
    ahead_s: float = 0.0

    def now_us(self) -> int:
        return int((self.seconds + self.ahead_s) * 1e6)

    def monotonic_s(self) -> float:
        return self.seconds


class Clockwork:
    """Jobs by name and schedule. `starts` has the instant of each start in seconds since 1970, by
    the wall clock."""

    def __init__(
        self,
        schedules: Mapping[str, str],
        call: Callable[[], Outcome] = ok,
        *,
        now_s: float = 20_000.0 * DAY_S,
        tick_s: float = 30.0,
        grace_s: float = 0.0,
    ) -> None:
        self.schedules = dict(schedules)
        self.call = call
        self.tick_s, self.grace_s = tick_s, grace_s
        self.clock = HandClock(now_s)
        self.kept = Kept()
        self.starts: dict[str, list[float]] = {name: [] for name in schedules}
        self.restart()

    def restart(self) -> None:
        """A new process over the same last runs."""
        self.instruments = Instruments()
        jobs = [self._job(name, schedule) for name, schedule in self.schedules.items()]
        self.scheduler = Scheduler(
            jobs, self.kept, self.clock, self.instruments,
            tick_s=self.tick_s, startup_grace_s=self.grace_s,
        )  # fmt: skip
        self.scheduler.take_up()

    def _job(self, name: str, schedule: str) -> Job:
        def call() -> Outcome:
            self.starts[name].append(self.clock.now_us() / 1e6)
            return self.call()

        return Job(name, schedule, "local", call)

    def look(self) -> float:
        """What is due, run to its end; returns the seconds until the next look."""
        wait_s = self.scheduler.look()
        while running := [one for one in threading.enumerate() if one.name.startswith("job ")]:
            for thread in running:
                thread.join(30)
            wait_s = self.scheduler.look()  # As the end of a run hurries it.
        return wait_s

    def run(self, for_s: float) -> None:
        """Let time pass with the service up."""
        ends_s = self.clock.seconds + for_s
        while (wait_s := self.look()) < ends_s - self.clock.seconds:
            self.clock.seconds += wait_s
        self.clock.seconds = ends_s

    def down(self, for_s: float) -> None:
        """Let time pass without it, and start it again."""
        self.clock.seconds += for_s
        self.restart()
