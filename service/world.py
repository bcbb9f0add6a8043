"""What every worker is given: the seams to the world, the limits and the instruments.

The rule: a worker touches nothing else, so whoever builds a `World` decides whether the engine
runs on this machine or inside a test.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from core.keys import SessionKey
from core.rows import Command, Receipt
from core.seams import Clock, Files, Ledger, OpenFile
from metrics.instruments import Instruments
from processors.base import Later, Tools
from service.decoding import Decode, decode
from service.limits import Limits
from service.names import Names
from service.reading import Step

log = logging.getLogger("sessionwatch.processor")


class Stopping(Exception):
    """The service is going down: what is committed of a large file is enough for now."""


class Reading(Protocol):
    """Steps of one file, from wherever they are made."""

    tail_bytes: int
    dialect: str
    later: Later | None

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
    toolbox: Callable[[SessionKey], Tools] | None = None
    """Tools of a session processor, by the file it reads; None: nothing but a clock and a log."""
    names: Names = field(init=False)

    def __post_init__(self) -> None:
        self.names = Names(self.files, self.clock)

    def tools(self, key: SessionKey) -> Tools:
        """What a session processor may touch while it reads this file."""
        if self.toolbox:
            return self.toolbox(key)
        return plain_tools(self.clock.now_us())


def plain_tools(now_us: int) -> Tools:
    """Without a model, as for a look at one file."""
    return Tools(datetime.fromtimestamp(now_us / 1e6, UTC), log)
