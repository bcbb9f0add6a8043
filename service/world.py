"""What every worker is given: the seams to the world, the limits and the instruments.

The rule: a worker touches nothing else, so whoever builds a `World` decides whether the engine
runs on this machine or inside a test.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.keys import SessionKey
from core.rows import Command, Receipt
from core.seams import Clock, Files, Ledger, OpenFile
from metrics.instruments import Instruments
from service.decoding import Decode, decode
from service.limits import Limits
from service.names import Names
from service.reading import Step


class Reading(Protocol):
    """Steps of one file, from wherever they are made."""

    tail_bytes: int
    dialect: str

    def __iter__(self) -> Iterator[Step]: ...


class Backfill(Protocol):
    """Reads large amounts on other cores (`service.backfill`)."""

    def reading(
        self,
        key: SessionKey,
        file: OpenFile,
        processor: Any,
        offset: int,
        blocks: bytes,
        dialect: str,
    ) -> Reading | None: ...


@dataclass(slots=True)
class World:
    """What every worker shares: the seams, the limits and the instruments.

    `limits` may be replaced while workers run: each of them asks anew for each file.
    """

    files: Files
    ledger: Ledger
    submit: Callable[[Command], "Future[Receipt]"]
    new_generation: Callable[[], int]
    clock: Clock
    limits: Limits
    instruments: Instruments
    backfill: Backfill | None = None
    stopping: Callable[[], bool] = lambda: False
    decode: Decode = decode
    agent: Callable[[SessionKey], str] = lambda key: ""
    names: Names = field(init=False)

    def __post_init__(self) -> None:
        self.names = Names(self.files, self.clock)
