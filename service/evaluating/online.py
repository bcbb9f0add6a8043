"""A real model for the evaluation: the stack of the service with a budget of its own.

The rule: what it may spend is a hard stop in this process, beside the one of the settings, and
nothing of it is kept: an evaluation is to ask anew.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from core.errors import ConfigurationError
from core.prices import OwnPrice
from metrics.instruments import Instruments
from processors.llm.purse import NANO, Caps, MemoryPurse
from processors.llm.seams import Call
from processors.llm.stack import Stack, World
from processors.llm.values import Answer, Model
from service.clock import SystemClock
from service.evaluating.recordings import Shelf
from service.model_books import BookPrice
from service.modelling import config_of
from service.settings import Settings
from state.usage.call_prices import CallPrices


@contextmanager
def online(settings: Settings, budget_usd: Decimal) -> Iterator[Model]:
    """The model of the settings. Raises `ConfigurationError` if it cannot be asked at all."""
    config = config_of(settings.model, os.environ)
    caps = _capped(config.caps, int(budget_usd * NANO))
    stack = Stack(replace(config, caps=caps, batches=False), _world(settings.prices))
    try:
        if fault := stack.offline():
            raise ConfigurationError(
                f"the model cannot be asked: {fault.message}", reason=fault.reason,
                hint="without --online the rules and the recorded answers are measured",
            )  # fmt: skip
        yield stack
    finally:
        stack.close()


def budget_of(text: str) -> Decimal:
    """Dollars as they were typed. Raises `ConfigurationError`."""
    try:
        budget = Decimal(text)
    except InvalidOperation:
        budget = Decimal("NaN")
    if not budget.is_finite() or budget < 0:
        raise ConfigurationError(
            f"{text!r} is no amount of dollars", reason="wrong_use", hint="for example 0.50"
        )
    return budget


def _capped(caps: Caps, budget_nano: int) -> Caps:
    return replace(
        caps,
        day_nano=min(caps.day_nano, budget_nano),
        month_nano=min(caps.month_nano, budget_nano),
    )


def _world(own: Sequence[OwnPrice]) -> World:
    forgotten = _Forgotten()
    return World(
        clock=SystemClock(),
        payloads=forgotten,
        calls=forgotten,
        recordings=Shelf({}),
        purse=MemoryPurse(),
        price=BookPrice(CallPrices(own)),
        instruments=Instruments(),
    )


class _Forgotten:
    """What was sent is the gold set, which everybody has."""

    def keep(self, request_hash: str, payload: Mapping[str, Any]) -> None:
        pass

    def claim(self, request_hash: str) -> None:
        pass

    def record(self, call: Call) -> None:
        pass

    def said_in_batch(self, request_hash: str) -> Answer | None:
        return None
