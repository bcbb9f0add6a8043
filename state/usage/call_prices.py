"""What one call of ours costs, from the same book and settings as the messages of agents.

The rule: integers, and rounded up, because a budget is held by it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from core.prices import OwnPrice
from state.usage.prices import PriceRow, price_rows

_PICO_PER_NANO = 1000


class Counts(NamedTuple):
    """Tokens of one call, each in one kind."""

    input: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int
    output: int


class CallPrices:
    """Looks each model up once."""

    def __init__(self, own: Sequence[OwnPrice] = ()) -> None:
        self._own = tuple(own)
        self._rows: dict[str, list[PriceRow]] = {}

    def cost_nano(self, model: str, counts: Counts, *, at_us: int, batch: bool) -> int | None:
        """Nano-dollars, None if nobody knows what the model costs at that time."""
        rows = self._rows.get(model)
        if rows is None:
            rows = self._rows.setdefault(model, price_rows("", model, self._own))
        size = counts.input + counts.cache_write_5m + counts.cache_write_1h + counts.cache_read
        fitting = {row.variant: row for row in rows if _fits(row, at_us, size)}
        row = fitting.get("batch" if batch else "standard") or fitting.get("standard")
        if row is None:
            return None
        pico = (
            counts.input * row.input_pico
            + counts.cache_write_5m * row.cache_write_5m_pico
            + counts.cache_write_1h * row.cache_write_1h_pico
            + counts.cache_read * row.cache_read_pico
            + counts.output * row.output_pico
        )
        return -(-pico // _PICO_PER_NANO)


def _fits(row: PriceRow, at_us: int, size: int) -> bool:
    since, until = row.valid_from_us, row.valid_until_us
    in_time = (since is None or since <= at_us) and (until is None or at_us < until)
    most = row.input_until_tokens
    return in_time and row.input_from_tokens <= size and (most is None or size < most)
