"""The language model as a part of the service: who asks through it, what is left to ask, how it is.

The rules:
- it is there if a processor wants it, with or without a key: what is recorded still answers;
- what is asked about a session is kept under the name of whose session it is;
- what could not be asked stands in the tables, so a start finds it: nothing else remembers it.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.keys import SessionKey
from core.rows import Commit, Receipt
from core.seams import Clock, Ledger
from metrics.instruments import Instruments
from processors.base import Tools
from processors.llm.breaker import State
from processors.llm.purse import left_nano
from processors.llm.stack import Stack, World
from processors.llm.values import Answer, Request
from processors.registry import Registry
from service.batching import Batching, under_way
from service.model_books import BookPrice, KeptBook, KeptModel, KeptPurse, asking_for
from service.modelling import config_of
from service.redaction_key import redaction_key
from service.settings import Settings
from service.world import Stopping, log
from state.operations.desk import Desk
from state.operations.model import Asker
from state.usage.call_prices import CallPrices

UNREAD = ("offline", "queued")
"""States of windows that a model is to read once it can be asked."""
_WORDS = {State.CLOSED: "asking", State.HALF_OPEN: "probing", State.OPEN: "not_asking"}
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class SessionModel:
    """A `Model` for one session file: says whose it is, and stops with the service."""

    part: "ModelPart"
    key: SessionKey
    user_name: str

    def ask(self, request: Request) -> Answer:
        if self.part.stopping.is_set():
            raise Stopping  # What was not asked is asked after the next start.
        with asking_for(Asker(*self.key, self.user_name)):
            return self.part.stack.ask(request)


class ModelPart:
    """One stack for all threads."""

    def __init__(
        self,
        settings: Settings,
        desk: Desk,
        clock: Clock,
        instruments: Instruments,
        *,
        stopping: threading.Event | None = None,
        user_of: Callable[[SessionKey], str] = lambda key: "",
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.desk = desk
        self.stopping = stopping or threading.Event()
        self._settings = settings
        self.clock = clock
        self._user_of = user_of
        self._key = redaction_key(settings.db)
        desk.model.payload_days = settings.model.payload_days
        self.config = config_of(settings.model, os.environ if environ is None else environ)
        kept = KeptModel(desk.model)
        self.stack = Stack(
            self.config,
            World(
                clock=clock,
                payloads=kept,
                calls=kept,
                recordings=kept,
                purse=KeptPurse(desk.spending),
                price=BookPrice(CallPrices(settings.prices)),
                instruments=instruments,
                book=KeptBook(desk.batches),
                stopping=self.stopping,
            ),
        )
        self.batching = Batching(self.stack, desk, clock)

    def tools(self, key: SessionKey) -> Tools:
        """What a session processor is handed for this file."""
        now = datetime.fromtimestamp(self.clock.now_us() / 1e6, UTC)
        return Tools(now, log, SessionModel(self, key, self._user_of(key)), self._key)

    def resume(
        self,
        ledger: Ledger,
        registry: Registry,
        submit: Callable[[Commit], Future[Receipt]],
    ) -> None:
        """Have the next sweep find every file with something unread, if a model can be asked."""
        if self.stack.offline() is None:
            outdate(ledger, registry, submit, self.desk.findings.keys_with(*UNREAD))

    def status(self) -> dict[str, Any]:
        """How it stands, as plain JSON; money in integer nano-dollars."""
        now_us = self.clock.now_us()
        spent = self.stack.till.spent()
        caps, offline = self.config.caps, self.stack.offline()
        cause = offline or self.stack.breaker.cause
        return {
            "state": "offline" if offline else _WORDS[self.stack.breaker.state()],
            "outcome": cause.outcome.value if cause else "",
            "reason": cause.reason if cause else "",
            "message": cause.message if cause else "",
            "enabled": self._settings.model.enabled,
            "model": self.config.model,
            "base_url": self.config.endpoint.base_url,
            "budget": {
                "day_nano": caps.day_nano,
                "day_spent_nano": spent.day_nano,
                "month_nano": caps.month_nano,
                "month_spent_nano": spent.month_nano,
                "left_nano": left_nano(caps, spent),
                "calls_per_day": caps.day_calls,
                "calls_today": spent.day_calls,
            },
            "batches": under_way(self.stack, self.clock).told(
                wanted=self.config.batches, waiting=len(self.stack.tray)
            ),
            "today": self.desk.model.calls_since(now_us - now_us % _DAY_US),
            "windows": self.desk.findings.windows_by_state(),
        }

    def close(self) -> None:
        self.stack.close()


def wants_model(processor: Any) -> bool:
    """Does this processor ask a language model?"""
    return bool(getattr(processor, "asks_model", False))


def outdated(ledger: Ledger, registry: Registry, keys: Iterable[SessionKey]) -> list[Commit]:
    """What makes processors that ask a model read these files again; not those that are gone."""
    names = [processor.name for processor in registry.processors if wants_model(processor)]
    found = (ledger.get(name, key) for key in keys for name in names)
    return [Commit(one, one.outdated()) for one in found if one and not one.source_gone]


def outdate(
    ledger: Ledger,
    registry: Registry,
    submit: Callable[[Commit], Future[Receipt]],
    keys: Iterable[SessionKey],
) -> None:
    """Have the next sweep find these files."""
    for future in [submit(one) for one in outdated(ledger, registry, keys)]:
        future.result()


def part_of(
    settings: Settings,
    registry: Registry,
    desk: Desk,
    clock: Clock,
    instruments: Instruments,
    **options: Any,
) -> ModelPart | None:
    """The part, None if no processor asks."""
    if not any(map(wants_model, registry.processors)):
        return None
    return ModelPart(settings, desk, clock, instruments, **options)


def status_of(part: ModelPart | None) -> dict[str, Any]:
    """The part's status, or that there is none."""
    unused = {
        "state": "unused",
        "outcome": "",
        "reason": "",
        "message": "no processor asks a model",
        "windows": {},
    }
    return (
        part.status()
        if part
        else {**unused, "model": "", "budget": None, "batches": None, "today": []}
    )
