"""The price book: what the library `genai-prices` says a model costs, by day, variant and size.

The rule: nothing is fetched; the book is the data of the installed version. What that data lacks
and a vendor has published is added below, each with its source. Only this module knows the
library, and it is imported when a model is looked up, because its data take 0.2 s to load.

Prices that change with the time of day (DeepSeek's off-peak hours) are taken as those of the rest
of the day.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

from state.usage.model_names import references

if TYPE_CHECKING:
    from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, TieredPrices

STANDARD = "standard"
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_NOTHING = Decimal(0)
_KEYS = (
    "input_mtok", "output_mtok", "cache_write_mtok", "cache_write_5m_mtok", "cache_write_1h_mtok",
    "cache_read_mtok",
)  # fmt: skip
_CONTEXT_BY_VARIANT = {
    STANDARD: {},
    "fast": {"speed": "fast", "service_tier": "fast"},
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}
VARIANTS = tuple(_CONTEXT_BY_VARIANT)

# Fast mode where the book has no price for it. Opus 4.6 and 4.7: 6 times the standard price, also
# of requests above 200,000 tokens ($30/$150, $60/$225 per million:
# platform.claude.com/docs/en/build-with-claude/fast-mode, as of 2026-02 to 2026-06). The others
# are in the book since they were checked; ccusage has the same multipliers for the time before.
_FAST = {
    "claude-opus-4-6": Decimal(6),
    "claude-opus-4-7": Decimal(6),
    "claude-opus-4-8": Decimal(2),
    "gpt-5.5": Decimal("2.5"),
    "gpt-5.4": Decimal(2),
    "gpt-5.3-codex": Decimal(2),
}
# Message Batches are charged at half the standard price, cache writes and reads too
# (platform.claude.com/docs/en/about-claude/pricing#batch-processing); the book has it from
# 2026-10-14 on only. Searches are not halved.
_CLAUDE_BATCH = Decimal("0.5")
# "1.1x multiplier on all token pricing categories" for inference_geo "us", from Opus 4.6 and
# Sonnet 4.6 on, on Anthropic's own API; clouds have prices by region in the book
# (platform.claude.com/docs/en/about-claude/pricing#data-residency-pricing).
_US_PERMILLE = 1100
_US_SINCE = (4, 6)
_CLAUDE = re.compile(r"claude-[a-z]+-(\d+)(?:-(\d+))?")
# "1-hour cache writes are 2 times the base input token price", "$10 per 1,000 searches"
# (same page), for Claude models of which the book does not say it.
_CLAUDE_1H = 2
_CLAUDE_SEARCH = Decimal(10)


class Rates(NamedTuple):
    """Dollars per million tokens of each class, and per thousand web searches."""

    input: Decimal
    output: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    cache_read: Decimal
    web_search: Decimal

    def times(self, factor: Decimal) -> Rates:
        """All token classes multiplied; a search costs the same in every variant."""
        return Rates(*(rate * factor for rate in self))._replace(web_search=self.web_search)


class Band(NamedTuple):
    """Rates of all tokens of a request whose input and cache tokens are at least so many."""

    input_from: int
    rates: Rates


Bands = tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class BookModel:
    """A model as the book has it."""

    provider: str
    info: ModelInfo

    @property
    def us_permille(self) -> int:
        """What tokens cost for inference that stays in the US."""
        found = _CLAUDE.match(self.info.id) if self.provider == "anthropic" else None
        since = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
        return _US_PERMILLE if since >= _US_SINCE else 1000

    def starts(self) -> set[date]:
        """Every day on which some price of it changes."""
        dated = [*self._conditional(), *(self.info.price_variants or ())]
        found = (getattr(one.constraint, "start_date", None) for one in dated)
        return {day for day in found if day is not None}

    def bands(self, day: date, variant: str) -> Bands:
        """The rates of a day by size of request, smallest first."""
        at = datetime.combine(day, time(), UTC)
        standard = self.info.get_prices(at)
        context = _CONTEXT_BY_VARIANT[variant]
        prices = self.info.get_prices(at, context) if context else standard
        factor = Decimal(1) if prices != standard else self._factor(variant)
        return tuple(
            Band(size, _rates(prices, size, claude="claude" in self.info.id).times(factor))
            for size in _sizes(prices)
        )

    def _factor(self, variant: str) -> Decimal:
        """How a variant without a price of its own compares with the standard."""
        if variant == "fast":
            return _FAST.get(self.info.id, Decimal(1))
        batch = variant == "batch" and self.provider == "anthropic"
        return _CLAUDE_BATCH if batch else Decimal(1)

    def _conditional(self) -> list[ConditionalPrice]:
        return self.info.prices if isinstance(self.info.prices, list) else []


def find(agent: str, model: str) -> BookModel | None:
    """What the book has of a model as an agent names it; None if nothing, or no token prices."""
    return next(filter(None, (_looked_up(*one) for one in references(agent, model))), None)


@functools.cache
def edition() -> str:
    """The book and its version; costs nothing of the library itself."""
    return f"genai-prices {version('genai-prices')}"


def _looked_up(provider: str | None, name: str) -> BookModel | None:
    from genai_prices.data_snapshot import get_snapshot

    try:
        found, info = get_snapshot().find_provider_model(name, None, provider, None)
    except LookupError:
        return None
    info = _all_day(info)
    priced = info.get_prices(_ANY_TIME).input_mtok is not None
    return BookModel(found.id, info) if priced else None


def _all_day(info: ModelInfo) -> ModelInfo:
    """Without prices that hold at some hours only."""
    if not isinstance(info.prices, list):
        return info
    kept = [one for one in info.prices if not hasattr(one.constraint, "start_time")]
    return replace(info, prices=kept or info.prices[:1])


def _sizes(prices: ModelPrice) -> list[int]:
    """Where the bands of a request's input begin."""
    tiers = (getattr(getattr(prices, key), "tiers", ()) for key in _KEYS)
    # A tier holds for what exceeds its start.
    return sorted({0} | {tier.start + 1 for of_key in tiers for tier in of_key})


def _rates(prices: ModelPrice, size: int, *, claude: bool) -> Rates:
    """A class without a price is charged as the one it belongs to, as the library does."""

    def of(key: str, otherwise: Decimal) -> Decimal:
        return _at(getattr(prices, key), size, otherwise)

    input_rate = of("input_mtok", _NOTHING)
    write = of("cache_write_mtok", input_rate)
    return Rates(
        input_rate,
        of("output_mtok", _NOTHING),
        of("cache_write_5m_mtok", write),
        of("cache_write_1h_mtok", input_rate * _CLAUDE_1H if claude else write),
        of("cache_read_mtok", input_rate),
        of("web_searches_kcount", _CLAUDE_SEARCH if claude else _NOTHING),
    )


def _at(price: Decimal | TieredPrices | None, size: int, otherwise: Decimal) -> Decimal:
    if price is None or isinstance(price, Decimal):
        return otherwise if price is None else price
    return next((tier.price for tier in reversed(price.tiers) if size > tier.start), price.base)
