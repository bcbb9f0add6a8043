"""A model stack in a test: the real SDK against the stub server, everything else in memory.

The rule: the clock is held in the hand. What would be waited for moves it on, so a test sees how
long was waited without waiting.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import msgspec

from metrics.instruments import Instruments
from processors.llm.batch_book import MemoryBook
from processors.llm.endpoint import Endpoint
from processors.llm.purse import MemoryPurse, Purse
from processors.llm.seams import Call, Recording
from processors.llm.stack import Config, Stack, World
from processors.llm.values import AGAIN, Answer, Request, Tokens, Turn

KEY = "test-key-7c1d"
# Per token, in nano-dollars: input, writes of 5 minutes and an hour, read, output.
RATES = (100, 125, 200, 10, 500)


class Item(msgspec.Struct):
    kind: str
    title: str | None = None


class Output(msgspec.Struct):
    items: list[Item]


@dataclass(slots=True)
class HandClock:
    """Moves when somebody waits, and when a test says so."""

    seconds: float = 1_000_000.0

    def now_us(self) -> int:
        return round(self.seconds * 1_000_000)

    def monotonic_s(self) -> float:
        return self.seconds


class Stopping(threading.Event):
    """Waits without waiting, and remembers how long."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        self._clock.seconds += timeout or 0.0
        return self.is_set()


class Kept:
    """Payloads in order, calls by id, recordings by request."""

    def __init__(self) -> None:
        self.payloads: list[tuple[str, Mapping[str, Any]]] = []
        self.calls: dict[str, Call] = {}
        self.recordings: dict[str, Recording] = {}

    def keep(self, request_hash: str, payload: Mapping[str, Any]) -> None:
        self.payloads.append((request_hash, payload))

    def claim(self, request_hash: str) -> None:
        """Everything is kept here, for whomever."""

    def record(self, call: Call) -> None:
        self.calls[call.id] = call

    def said_in_batch(self, request_hash: str) -> Answer | None:
        said = [
            Answer(call.outcome, reason=call.reason).of_no_use()
            for call in self.calls.values()
            if call.batch and call.request_hash == request_hash and call.outcome not in AGAIN
        ]
        return said[-1] if said else None

    def get(self, request_hash: str) -> Recording | None:
        return self.recordings.get(request_hash)

    def put(self, request_hash: str, recording: Recording) -> None:
        self.recordings[request_hash] = recording


def price(model: str, tokens: Tokens, *, at_us: int, batch: bool) -> int | None:
    """Of models called claude; half of it in batches."""
    if not model.startswith("claude"):
        return None
    kinds = (tokens.input, tokens.cache_write_5m, tokens.cache_write_1h, tokens.cache_read,
             tokens.output)  # fmt: skip
    cost = sum(rate * number for rate, number in zip(RATES, kinds, strict=True))
    return cost // 2 if batch else cost


@dataclass
class Bench:
    """A stack and all it was handed. `again` is the service after a restart: what is kept stays."""

    config: Config
    kept: Kept = field(default_factory=Kept)
    shelf: MemoryBook = field(default_factory=MemoryBook)
    ids: Iterator[int] = field(default_factory=count)
    purse: Purse = field(default_factory=MemoryPurse)
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.stopping = Stopping(self.clock)
        self.instruments = Instruments()
        self.stack = Stack(
            self.config,
            World(
                clock=self.clock,
                payloads=self.kept,
                calls=self.kept,
                recordings=self.kept,
                purse=self.purse,
                price=price,
                instruments=self.instruments,
                book=self.shelf,
                stopping=self.stopping,
                new_id=lambda: f"call-{next(self.ids)}",
            ),
        )
        self.batches = self.stack.batches

    def again(self) -> "Bench":
        return replace(self)

    def sample(self, name: str, **labels: str) -> float:
        """A metric as Prometheus sees it."""
        found = self.instruments.registry.get_sample_value(f"sessionwatch_model_{name}", labels)
        return 0.0 if found is None else found


def bench(url: str = "http://127.0.0.1:9", *, key: str = KEY, **config: Any) -> Bench:
    return Bench(Config(endpoint=Endpoint(key, url, timeout_s=10.0), **config))


def request(text: str = "The report is monthly, not weekly.", **fields: Any) -> Request:
    asked: dict[str, Any] = {
        "purpose": "extract",
        "system": "Find corrections.",
        "messages": (Turn("user", text),),
        "output": Output,
    }
    return Request(**asked | fields)
