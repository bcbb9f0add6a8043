"""What is said and written down of batches, so that a kill loses none and sends none twice.

The rule: values only; what follows from them is decided in `processors.llm.batches`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from processors.llm.purse import Reservation
from processors.llm.values import Answer


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a batch, known there by its hash."""

    request_hash: str
    model: str
    purpose: str
    reservation: Reservation


@dataclass(frozen=True, slots=True)
class Batch:
    """`planned`: nothing of it went out. Else `id` is "" until the API has said it: it was perhaps
    sent."""

    key: str
    at_us: int
    items: tuple[Item, ...] = field(repr=False)
    id: str = ""
    planned: bool = False


class Submitted(NamedTuple):
    """`batch` None: nothing went out. `stopped` says why not all of it did, None if all did."""

    batch: Batch | None
    stopped: Answer | None = None


class Collected(NamedTuple):
    """`answers` by request hash once `ended`; `failure` is why nothing is known at the moment."""

    ended: bool
    answers: Mapping[str, Answer] = {}
    failure: Answer | None = None


class BatchBook(Protocol):
    """Which batches are under way, and which were."""

    def put(self, batch: Batch) -> None:
        """Kept for good before this returns; the same key again replaces."""

    def close(self, key: str) -> None:
        """It has ended, and its answers are kept."""

    def drop(self, key: str) -> None:
        """It never went out."""

    def open(self) -> Sequence[Batch]: ...

    def knows(self, batch_id: str) -> bool:
        """Is or was this one of ours, by the API's id?"""


class MemoryBook:
    """A book that forgets with the process: the pattern for a kept one."""

    def __init__(self) -> None:
        self.batches: dict[str, Batch] = {}
        self._ids: set[str] = set()

    def put(self, batch: Batch) -> None:
        self.batches[batch.key] = batch
        self._ids.add(batch.id)

    def close(self, key: str) -> None:
        self.batches.pop(key, None)

    drop = close

    def open(self) -> Sequence[Batch]:
        return tuple(self.batches.values())

    def knows(self, batch_id: str) -> bool:
        return batch_id in self._ids
