"""The service's part of a backup: it keeps the database file as it is, and not for ever.

The rule: whoever asked may have died, so each hold ends by itself.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from core.errors import TransientError
from core.rows import Command, Hold, Receipt
from core.seams import Clock
from state.hold import Holder

HELD_SECONDS_MAX = 600.0
BUSY_SECONDS_MAX = 60.0
_AGAIN_S = 0.02
LOOK_S = 5.0


class Holding:
    """Holds through the writer, so that no rows are committed while the checkpoint is made."""

    def __init__(
        self,
        holder: Holder,
        submit: Callable[[Command], "Future[Receipt]"],
        clock: Clock,
        wait: Callable[[float], bool],
    ) -> None:
        """`wait(seconds)` returns early, and True, when the service stops."""
        self._holder = holder
        self._submit = submit
        self._clock = clock
        self._wait = wait
        self._ends_s = 0.0

    def hold(self) -> dict[str, Any]:
        """`{"tables", "pause_seconds"}`. Raises `TransientError`."""
        self._ends_s = self._clock.monotonic_s() + BUSY_SECONDS_MAX + HELD_SECONDS_MAX
        self._begin()
        try:
            return {"tables": self._holder.contents(), "pause_seconds": self._holder.pause_s}
        except BaseException:
            self._holder.end()
            raise

    def release(self) -> dict[str, Any]:
        self._holder.end()
        return {}

    def look(self) -> float:
        """End what took too long; seconds until the next look."""
        if self._clock.monotonic_s() > self._ends_s:
            self._holder.end()
        return LOOK_S

    def _begin(self) -> None:
        """Try until no transaction is in the way: the tally's, which is not the writer's."""
        deadline_s = self._clock.monotonic_s() + BUSY_SECONDS_MAX
        while True:
            try:
                self._submit(Hold()).result()
                return
            except TransientError as error:
                late = self._clock.monotonic_s() > deadline_s
                if error.reason != "database_busy" or late or self._wait(_AGAIN_S):
                    raise
