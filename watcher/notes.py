"""What was seen to change, between the threads that see it and the one that looks.

The rule: noting never waits and never grows without bound. A path is noted once however often it
is seen, and when there are more paths than `notes_max`, they are traded for one sweep.
"""

import threading
from dataclasses import dataclass, field

NOTES_MAX = 1 << 16

Place = tuple[str, str]
"""A source's name and a path below its root, as the operating system spells it."""


@dataclass(slots=True)
class Batch:
    """Everything noted since the last look. A sweep is wanted for each of `sweeps`, once."""

    files: dict[Place, None] = field(default_factory=dict)
    folders: dict[Place, None] = field(default_factory=dict)
    sweeps: dict[str, None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.files or self.folders or self.sweeps)

    def outermost_folders(self) -> list[Place]:
        """The noted folders without those that lie in another one."""
        kept: list[Place] = []
        # With a `/` at the end, what lies in a folder follows right behind it.
        for source, path in sorted((source, f"{path}/") for source, path in self.folders):
            if not (kept and kept[-1][0] == source and path.startswith(kept[-1][1])):
                kept.append((source, path))
        return [(source, path[:-1]) for source, path in kept]


class Notes:
    """Many threads `add`, one thread `take`s."""

    def __init__(self, notes_max: int = NOTES_MAX) -> None:
        self.seen_count = 0
        self.fault_counts: dict[str, int] = {}
        self._notes_max = notes_max
        self._changed = threading.Condition()
        self._batch = Batch()
        self._closed = False

    def add(self, place: Place, *, is_folder: bool = False) -> None:
        """Something happened to this path."""
        with self._changed:
            self.seen_count += 1
            batch = self._batch
            (batch.folders if is_folder else batch.files)[place] = None
            if len(batch.files) + len(batch.folders) > self._notes_max:
                self._batch = Batch(sweeps=batch.sweeps)
                self._fault("too_many_changes")
            self._changed.notify()

    def want_sweep(self, reason: str) -> None:
        """Something happened, and only a sweep can tell to which files."""
        with self._changed:
            self._batch.sweeps[reason] = None
            self._changed.notify()

    def fault(self, kind: str) -> None:
        """Something went wrong and events may be lost; a sweep makes up for it."""
        with self._changed:
            self._fault(kind)
            self._changed.notify()

    def count_fault(self, kind: str) -> None:
        """Something went wrong that a sweep would not help."""
        with self._changed:
            self.fault_counts[kind] = self.fault_counts.get(kind, 0) + 1

    def take(self) -> Batch | None:
        """Wait for notes and take them all; None once closed."""
        with self._changed:
            while not self._batch and not self._closed:
                self._changed.wait()
            batch, self._batch = self._batch, Batch()
            return None if self._closed else batch

    def close(self) -> None:
        """What is noted is dropped: the sweep at the next start will see it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _fault(self, kind: str) -> None:
        self.fault_counts[kind] = self.fault_counts.get(kind, 0) + 1
        self._batch.sweeps[kind] = None
