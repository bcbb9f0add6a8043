"""Lets a call out only if its highest price still fits, and settles what it really cost.

The rule: reserve before, settle after, and never free what might have been billed. Input is
counted by bytes and in its dearest kind, so what is reserved is what a call costs at most.
"""

from collections.abc import Callable
from dataclasses import replace

from processors.llm.payload import tokens_max
from processors.llm.purse import Caps, Limit, Purse, Reservation, Spent, left_nano, opens_in_s
from processors.llm.seams import NewId, Price
from processors.llm.values import Answer, Model, Outcome, Request, Tokens


class Till:
    """Prices, caps and the purse together: what calls and batches pay at."""

    def __init__(
        self, purse: Purse, price: Price, caps: Caps, now_us: Callable[[], int], new_id: NewId
    ) -> None:
        self._purse = purse
        self._price = price
        self._caps = caps
        self._now_us = now_us
        self._new_id = new_id

    def reserve(self, request: Request) -> Reservation | Answer:
        """A reservation, or the answer that says why there is none."""
        planned = self.planned(request)
        if isinstance(planned, Answer):
            return planned
        return self.take(planned) or planned

    def planned(self, request: Request, *, batch: bool = False) -> Reservation | Answer:
        """What would be reserved, or the answer that says why nobody knows."""
        at_us = self._now_us()
        most = self._most_nano(request, at_us=at_us, batch=batch)
        return (
            _unpriced(request.model) if most is None else Reservation(self._new_id(), at_us, most)
        )

    def take(self, planned: Reservation) -> Answer | None:
        """Reserve it; otherwise why that is not possible."""
        limit = self._purse.reserve(planned, self._caps)
        return _stopped(limit, planned.at_us) if limit else None

    def settle(
        self, reservation: Reservation, model: str, tokens: Tokens | None, *, batch: bool = False
    ) -> int:
        """Nano-dollars that count as spent: all that was reserved if nobody knows better."""
        cost = self._cost_nano(reservation, model, tokens, batch=batch)
        if tokens is not None:
            self._purse.settle(reservation.id, cost)
        return cost

    def left_nano(self) -> int:
        """What may still be spent now."""
        return left_nano(self._caps, self.spent())

    def spent(self) -> Spent:
        """Of this day and month, what is reserved included."""
        return self._purse.spent(self._now_us())

    def _cost_nano(
        self, reservation: Reservation, model: str, tokens: Tokens | None, *, batch: bool
    ) -> int:
        if tokens is None:
            return reservation.amount_nano
        cost = self._price(model, tokens, at_us=reservation.at_us, batch=batch)
        return reservation.amount_nano if cost is None else cost

    def _most_nano(self, request: Request, *, at_us: int, batch: bool) -> int | None:
        count, output = tokens_max(request), request.max_tokens
        kinds = (
            Tokens(input=count, output=output),
            Tokens(cache_write_5m=count, output=output),
            Tokens(cache_write_1h=count, output=output),
        )
        prices = [self._price(request.model, kind, at_us=at_us, batch=batch) for kind in kinds]
        known = [price for price in prices if price is not None]
        return max(known) if len(known) == len(prices) else None


class Budget:
    """The layer: nothing passes that is not reserved for."""

    def __init__(self, inner: Model, till: Till) -> None:
        self._inner = inner
        self._till = till

    def ask(self, request: Request) -> Answer:
        """If the layers below raise, the reservation stays: it may have been sent."""
        reserved = self._till.reserve(request)
        if isinstance(reserved, Answer):
            return reserved
        answer = self._inner.ask(request)
        cost = self._till.settle(reserved, request.model, answer.tokens)
        return replace(answer, cost_nano=cost, call_id=reserved.id)


def _stopped(limit: Limit, at_us: int) -> Answer:
    wait_s = opens_in_s(limit, at_us)
    text = f"the budget of this {'month' if limit == 'month' else 'day'} is used up ({limit})"
    return Answer(Outcome.BUDGET, reason=limit, message=text, retry_after_s=wait_s)


def _unpriced(model: str) -> Answer:
    text = f"nobody knows what {model} costs: set its price in [[prices]]"
    return Answer(Outcome.MISCONFIGURED, reason="unpriced", message=text)
