"""Choosing what fits: the most value within a budget.

The rule: what does not fit is passed over and never ends the choice, and the result depends on
the parcels only, not on their order.

Bound: the better of "by density, skipping" and "the most valuable one alone" is worth at least
half of the best possible choice (Dantzig 1957; the fractional optimum is at most the sum of
the two). A test holds it against every subset.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class Parcel:
    """Something with a value ≥ 0 and a cost in tokens > 0."""

    id: str
    value: float
    tokens: int


def packed(parcels: Iterable[Parcel], budget_tokens: int) -> tuple[Parcel, ...]:
    """A choice that costs at most the budget, the densest first."""
    fitting = [parcel for parcel in parcels if parcel.tokens <= budget_tokens]
    if not fitting:
        return ()
    by_density = _in_turn(sorted(fitting, key=_density), budget_tokens)
    best = min(fitting, key=lambda parcel: (-parcel.value, parcel.tokens, parcel.id))
    if best.value <= _value(by_density):
        return by_density
    rest = sorted((p for p in fitting if p != best), key=_density)
    return (best, *_in_turn(rest, budget_tokens - best.tokens))


def tokens_of(text: str) -> int:
    """Tokens, rather too many than too few: a third of the bytes.

    Four characters a token is right for English and far too little for Czech or code.
    """
    return ceil(len(text.encode("utf-8", "surrogatepass")) / 3)


def _in_turn(parcels: Iterable[Parcel], room: int) -> tuple[Parcel, ...]:
    taken = []
    for parcel in parcels:
        if parcel.tokens <= room:
            taken.append(parcel)
            room -= parcel.tokens
    return tuple(taken)


def _density(parcel: Parcel) -> tuple[float, int, str]:
    return (-parcel.value / parcel.tokens, parcel.tokens, parcel.id)


def _value(parcels: Iterable[Parcel]) -> float:
    return sum(parcel.value for parcel in parcels)
