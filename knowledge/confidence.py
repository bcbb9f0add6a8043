"""How sure the team may be of an item: a pure function of evidence, approval, contradiction, age.

The rule: computed whenever it is read and stored nowhere, so that no event can be forgotten.
Evidence counts as far as it is independent: another session of the same person counts half of
the one before, the same session nothing, and neither does what was said by somebody to whom the
item had just been shown.

Support is a noisy-or, 1 − Π(1 − weight): nothing lowers it that agrees, and it never reaches 1.
The numbers are starting values; with some 200 decisions they can be fitted to them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod

from knowledge.values import Evidence, EvidenceKind, Item

WEIGHTS: dict[EvidenceKind, float] = {
    "correction": 0.55,
    "definition": 0.55,
    "note": 0.50,  # what the predecessor gave a note
    "confirmation": 0.30,
}
RULES_FACTOR = 0.7
"""Phrase rules understand less than a model or a person."""
REPETITION = 0.5
"""Each further session of one person counts this much of the one before."""
APPROVAL = 0.5
"""Takes 0.60 to 0.80, as the predecessor's "confirmed by an administrator" did."""
ONE_PERSON_MAX = 0.85
UNAPPROVED_MAX = 0.95
HALF_LIFE_MONTHS = 12.0
MONTH_US = round(30.44 * 86_400 * 1e6)
MANDATORY_FLOOR = 0.50
STATED_FLOOR = 0.40
"""Age alone takes nothing that a person said in a session below this; notes have no floor."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """`value` = min(`support`, `cap`), aged by `age` no lower than `floor`, × `doubt`.

    `people` and `sessions` are those whose evidence counted.
    """

    value: float
    support: float
    cap: float
    age: float
    floor: float
    doubt: float
    people: int
    sessions: int


def confidence(item: Item, evidence: Iterable[Evidence], now_us: int) -> Confidence:
    """Of an item or a cluster: `evidence` is all of it, of every wording. Its order is nothing."""
    counted = [e for e in evidence if not e.exposed]
    supporting = [e for e in counted if e.supports]
    in_force = item.state in ("approved", "mandatory")
    approvers = {item.approved_by, item.mandated_by} - {""} if in_force else set()
    misses = prod(1 - weight for weight in _weights(supporting))
    support = 1 - misses * (1 - APPROVAL) ** bool(approvers)
    people = {e.user for e in supporting}
    cap = _cap(people | approvers, approved=bool(approvers))
    age, floor = _age(item, supporting, now_us), _floor(item, supporting)
    capped = min(support, cap)
    doubt = prod(1 - weight for weight in _weights([e for e in counted if not e.supports]))
    return Confidence(
        value=max(capped * age, min(capped, floor)) * doubt,
        support=support,
        cap=cap,
        age=age,
        floor=floor,
        doubt=doubt,
        people=len(people),
        sessions=len({(e.user, e.session) for e in supporting}),
    )


def _weights(evidence: Iterable[Evidence]) -> Iterator[float]:
    """One weight for each session of each person, the strongest first and each further halved."""
    best: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for e in evidence:
        weight = WEIGHTS[e.kind] * (RULES_FACTOR if e.extractor == "rules" else 1)
        best[e.user][e.session] = max(weight, best[e.user].get(e.session, 0.0))
    # Sorted, because a product of floats depends on its order.
    weights = [
        weight * REPETITION**n
        for sessions in best.values()
        for n, weight in enumerate(sorted(sessions.values(), reverse=True))
    ]
    yield from sorted(weights)


def _cap(people: set[str], *, approved: bool) -> float:
    if len(people) < 2:
        return ONE_PERSON_MAX
    return 1.0 if approved else UNAPPROVED_MAX


def _age(item: Item, supporting: Iterable[Evidence], now_us: int) -> float:
    """Halved every year since somebody last said or confirmed it."""
    last_us = max([item.confirmed_at_us, item.observed_at_us, *_times(supporting)])
    months = max(0, now_us - last_us) / MONTH_US
    return float(0.5 ** (months / HALF_LIFE_MONTHS))


def _times(evidence: Iterable[Evidence]) -> list[int]:
    return [e.observed_at_us for e in evidence]


def _floor(item: Item, supporting: Iterable[Evidence]) -> float:
    if item.state == "mandatory":
        return MANDATORY_FLOOR
    return STATED_FLOOR if any(e.kind != "note" for e in supporting) else 0.0
