"""Worker threads: several for each lane, so that no processor waits for another.

The rule: a thread ends only when its lane's queue is closed, or by a fault of ours, which the
supervisor sees as a dead thread.
"""

import threading
from collections.abc import Iterable

from service.engine import Engine, Lane

_POLL_S = 5.0


class LaneThreads:
    """`per_lane` threads for every lane of an engine."""

    def __init__(self, engine: Engine, per_lane: int) -> None:
        self._engine = engine
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), name=name, daemon=True)
            for lane in engine.lanes
            for name in _names(lane, per_lane)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Are all of them running?"""
        return all(thread.is_alive() for thread in self._threads)

    def stop(self, timeout_s: float) -> bool:
        """Finish what is in hand; what waits is dropped on purpose, the ledger knows it."""
        self._stopping.set()
        for lane in self._engine.lanes:
            lane.queue.close()
        clock = self._engine.world.clock
        deadline_s = clock.monotonic_s() + timeout_s
        for thread in filter(lambda thread: thread.ident is not None, self._threads):
            thread.join(max(0.0, deadline_s - clock.monotonic_s()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, lane: Lane) -> None:
        while not self._stopping.is_set():
            lane.run(_POLL_S)


def _names(lane: Lane, count: int) -> Iterable[str]:
    return (f"{lane.processor.name}-{number}" for number in range(count))
