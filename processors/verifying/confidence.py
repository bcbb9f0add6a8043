"""How far an item is to be believed: a pure function of its evidence, computed on every read.

The rules:
- nobody states a confidence, least of all a model;
- independent evidence adds up (noisy or), the same person repeating themselves less each time, and
  evidence from a session that had been shown the item not at all;
- integers in basis points (10000 is certain), and the order of the evidence does not matter.

The predecessor gave 0.90 to a single correction, which left no room to learn: there, as here, only
the ranking correction = definition > confirmation is kept. The weights are estimates until
enough approvals and rejections exist to calibrate them.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from processors.verifying.candidates import Extractor, Kind

CERTAIN_BP = 10_000
_DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Support:
    """One piece of evidence. `exposed`: the session had been shown the item; `against`: it says
    the opposite."""

    kind: Kind
    extractor: Extractor
    user: str
    exposed: bool = False
    against: bool = False


@dataclass(frozen=True, slots=True)
class Weights:
    """What evidence counts, as shares of certainty. Each is in [0, 1]."""

    by_kind: Mapping[Kind, float] = field(
        default_factory=lambda: MappingProxyType(
            {Kind.CORRECTION: 0.55, Kind.DEFINITION: 0.55, Kind.CONFIRMATION: 0.30}
        )
    )
    rules_factor: float = 0.7
    repetition_factor: float = 0.5
    one_user_max: float = 0.85
    unapproved_max: float = 0.95
    half_life_days: float = _DAYS_PER_YEAR
    decayed_min: float = 0.40


def confidence_bp(
    supports: Iterable[Support],
    *,
    approved: bool = False,
    age_days: float = 0.0,
    weights: Weights = Weights(),
) -> int:
    """Basis points. `age_days` is counted from the last confirmation; `approved` by a person."""
    counted = [support for support in supports if not support.exposed]
    doubt = against = 1.0
    for weight in sorted(_weights_of(counted, weights, against=False)):
        doubt *= 1.0 - weight
    for weight in sorted(_weights_of(counted, weights, against=True)):
        against *= 1.0 - weight
    users = {support.user for support in counted if not support.against}
    cap = min(
        weights.one_user_max if len(users) <= 1 and not approved else 1.0,
        1.0 if approved else weights.unapproved_max,
    )
    share = min(1.0 - doubt, cap) * against
    return round(CERTAIN_BP * _decayed(share, age_days, weights))


def _weights_of(supports: Iterable[Support], weights: Weights, *, against: bool) -> list[float]:
    """Weights by person, the strongest first; each further one counts half of the one before."""
    by_user: defaultdict[str, list[float]] = defaultdict(list)
    for support in supports:
        if support.against == against:
            factor = weights.rules_factor if support.extractor == "rules" else 1.0
            by_user[support.user].append(weights.by_kind[support.kind] * factor)
    return [
        weight * math.pow(weights.repetition_factor, nth)
        for own in by_user.values()
        for nth, weight in enumerate(sorted(own, reverse=True))
    ]


def _decayed(share: float, age_days: float, weights: Weights) -> float:
    """Halves with each half-life, but not below the floor; what is below it already stays."""
    halved = share * math.pow(0.5, max(0.0, age_days) / weights.half_life_days)
    return max(halved, min(share, weights.decayed_min))
