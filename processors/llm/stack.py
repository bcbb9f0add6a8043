"""Puts the layers together.

The rule: the order is the meaning. From the outside in:

    awaited    what is under way in a batch is waited for
    recorded   what was answered before costs nothing
    gathered   where batches are wanted, what was never asked is put aside for the next one
    again      twice the room, a second try, the schema as a tool
    retry      the only repetition; each attempt passes all that follows
    counted    every attempt is counted, and written down if it went out
    online     without a key nothing is sent
    breaker    an outage is not asked again and again
    budget     nothing passes that is not reserved for
    provider   one HTTP call, kept before it is sent
"""

import threading
from dataclasses import dataclass, field, replace
from uuid import uuid4

from core.seams import Clock
from metrics.instruments import Instruments
from processors.llm.again import Again
from processors.llm.batch_book import BatchBook, MemoryBook
from processors.llm.batches import ITEMS_MAX, Batches
from processors.llm.breaker import BreakerPatience, Guarded
from processors.llm.budget import Budget, Till
from processors.llm.counted import Counted
from processors.llm.endpoint import DEFAULT_MODEL, Endpoint
from processors.llm.online import Online, fault_of
from processors.llm.provider import Connection, Provider
from processors.llm.purse import Caps, Purse
from processors.llm.recorded import Recorded
from processors.llm.retry import Patience, Retry
from processors.llm.seams import Calls, NewId, Payloads, Price, Recordings
from processors.llm.tray import Awaited, Gathered, Tray
from processors.llm.values import Answer, Model, Request


@dataclass(frozen=True, slots=True)
class Config:
    """What the settings say."""

    endpoint: Endpoint = field(default_factory=Endpoint)
    model: str = DEFAULT_MODEL
    caps: Caps = field(default_factory=Caps)
    patience: Patience = field(default_factory=Patience)
    breaker: BreakerPatience = field(default_factory=BreakerPatience)
    batches: bool = False
    """What was never asked is asked in batches."""


@dataclass(frozen=True, slots=True)
class World:
    """What the stack is handed."""

    clock: Clock
    payloads: Payloads
    calls: Calls
    recordings: Recordings
    purse: Purse
    price: Price
    instruments: Instruments
    book: BatchBook = field(default_factory=MemoryBook)
    stopping: threading.Event = field(default_factory=threading.Event)
    new_id: NewId = lambda: uuid4().hex


class Stack:
    """A `Model` for all threads, with what operators ask about it."""

    def __init__(self, config: Config, world: World) -> None:
        clock, counters = world.clock, world.instruments.model
        self.connection = Connection(config.endpoint)
        self.till = Till(world.purse, world.price, config.caps, clock.now_us, world.new_id)
        self.breaker = Guarded(
            Budget(Provider(self.connection, world.payloads), self.till),
            clock.monotonic_s,
            config.breaker,
        )
        counted = Counted(Online(self.breaker, config.endpoint), world.calls, clock, counters)
        retry = Retry(
            counted, config.patience, clock.monotonic_s, world.stopping, counters.retries.inc
        )
        again = Again(retry)
        self._model = config.model
        self.tray = Tray(ITEMS_MAX)
        self.batches = self._batches(world, again)
        self._outermost = self._layered(config, world, again)
        self._watched(world.instruments)

    def ask(self, request: Request) -> Answer:
        named = self.named(request)
        return replace(self._outermost.ask(named), request_hash=named.hash)

    def named(self, request: Request) -> Request:
        """The request with the model it is for."""
        return request if request.model else replace(request, model=self._model)

    def offline(self) -> Answer | None:
        """Why nothing can be sent at all, if so: a word for readiness and for the page."""
        return fault_of(self.connection.endpoint)

    def close(self) -> None:
        self.connection.close()

    def _layered(self, config: Config, world: World, again: Again) -> Model:
        """The layers that answer before anything is asked now."""
        kept, endpoint, recorded = world.payloads, config.endpoint, world.instruments.model.recorded
        asking: Model = again
        if config.batches:
            asking = Gathered(again, self.tray, kept, world.calls, endpoint)
        known = Recorded(
            asking,
            world.recordings,
            world.clock.now_us,
            lambda request: recorded.labels(request.purpose).inc(),
        )
        return Awaited(known, self.tray, kept, endpoint)

    def _batches(self, world: World, again: Again) -> Batches:
        """The same requests as batches, paid from the same purse into the same recordings."""
        return Batches(
            connection=self.connection,
            till=self.till,
            guard=self.breaker,
            book=world.book,
            tray=self.tray,
            payloads=world.payloads,
            recordings=world.recordings,
            calls=world.calls,
            clock=world.clock,
            instruments=world.instruments.model,
            learned=again.learned,
            new_id=world.new_id,
        )

    def _watched(self, instruments: Instruments) -> None:
        instruments.watch(
            "model_budget_left_dollars",
            "Dollars that may still be spent today",
            lambda: self.till.left_nano() / 1e9,
        )
        instruments.watch(
            "model_breaker_state",
            "0 asking, 1 probing, 2 not asking because nobody answers",
            lambda: float(self.breaker.state()),
        )
        instruments.watch(
            "model_batches", "Batches under way", lambda: float(len(self.batches.book.open()))
        )
        instruments.watch(
            "model_batch_requests",
            "Requests under way in batches",
            lambda: float(len(self.tray.under_way)),
        )
        instruments.watch(
            "model_batch_waiting",
            "Requests that wait for the next batch",
            lambda: float(len(self.tray)),
        )
