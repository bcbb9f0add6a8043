"""The threads that make knowledge: what waits for a model, what people said, what contradicts it.

The rule: each finds what it has to do in the tables, so all of them may end at any moment; the
service starts them after what they read from, and stops them before it.
"""

from collections.abc import Callable

from core.seams import Clock
from service.batching import BatchThread, Reread
from service.engine import Engine
from service.job_list import Work
from service.judging.part import Judging
from service.model_part import ModelPart
from service.remembering import Remembering
from service.settings import Settings
from state.operations.desk import Desk
from state.store import Store


class Learning:
    """Without a model (a processor that asks one) there is the base alone."""

    def __init__(
        self,
        settings: Settings,
        desk: Desk,
        store: Store,
        engine: Engine,
        clock: Clock,
        model: ModelPart | None,
    ) -> None:
        self._base = Remembering(desk, store, engine, clock)
        self._judging = Judging(model, settings, clock) if model else None
        self._batches = BatchThread(model, settings.model.batch_every_s) if model else None

    @property
    def job(self) -> Work | None:
        """The work of the job `corporate-memory`, if there is any."""
        return self._base.job

    def start(self, reread: Reread) -> None:
        """`reread` has sessions read again whose answers came."""
        self._base.start()
        if self._judging and self._batches:
            self._judging.start()
            self._batches.start(reread)

    def stop(self, left_s: Callable[[], float]) -> bool:
        """True if all ended in time."""
        clean = self._base.stop(left_s())
        if self._judging and self._batches:
            clean &= self._judging.stop(left_s())
            clean &= self._batches.stop(left_s())
        return clean

    def alive(self) -> dict[str, bool]:
        """By the name of the thread's part."""
        return {
            "memory": self._base.alive,
            "judging": not self._judging or self._judging.alive,
            "batches": not self._batches or self._batches.alive,
        }
