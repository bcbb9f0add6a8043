"""How two statements stand to each other: the same, similar, in conflict, one after the other.

The rule: a pure, symmetric function of the two and of nothing else, neither of the order in
which they came nor of what else is known. Only then do clusters not depend on the order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rapidfuzz import fuzz

from knowledge.candidates import keys, meets
from knowledge.opposites import AXES
from knowledge.qualifiers import Difference, Reading, diff, reading
from knowledge.text import CACHED, normalised, unaccented
from knowledge.values import ORG
from knowledge.wording import says_same, strange
from knowledge.words import SUCCESSION

Kind = Literal["same", "similar", "conflict", "supersedes"]

# Thresholds of the token-sorted ratio. 0.80, 0.70 and 0.60 separated duplicates, contradictions
# and different facts of the predecessor's fixtures; 0.65 with two shared entities is the
# predecessor's own gate. docs/knowledge.md has what they do to the labelled pairs.
SAME_MIN = 0.80
CONFLICT_MIN = 0.70
ENTITY_CONFLICT_MIN = 0.65
SIMILAR_MIN = 0.60
SHARED_ENTITIES_MIN = 2
CONTENT_WORDS_MIN = 2
"""With fewer words that are no qualifiers these alone say too little."""
SUBJECT_SHARE_MIN = 0.6
"""How many of the words that are no qualifiers two statements on one subject share."""

_SUCCESSION = tuple(unaccented(phrase) for phrase in SUCCESSION)


@dataclass(frozen=True, slots=True)
class Statement:
    """What is compared. `rejected`: the claim that its author said was wrong, if any."""

    id: str
    text: str
    scope: str = ORG
    owner: str = ""
    entities: frozenset[str] = frozenset()
    rejected: str = ""
    observed_at_us: int = 0


@dataclass(frozen=True, slots=True)
class Relation:
    """A pair, the smaller id first. `newer`: of a "supersedes" the one that would stand."""

    kind: Kind
    left: str
    right: str
    score: float
    differences: tuple[Difference, ...] = ()
    newer: str = ""


def relation(one: Statement, other: Statement) -> Relation | None:
    """How the two stand to each other; None if they have nothing to do with each other."""
    left, right = sorted((one, other), key=lambda s: s.id)
    if left.id == right.id or left.owner != right.owner or not _scopes_meet(left, right):
        return None
    if not meets(keys(left.text), keys(right.text)):
        return None
    score = similarity(left.text, right.text)
    if score < SIMILAR_MIN:
        return None
    differences = diff(left.text, right.text)
    kind = _kind(left, right, score, differences)
    if kind is None:
        return None
    newer = _newer(left, right) if kind == "conflict" else ""
    return Relation(
        "supersedes" if newer else kind, left.id, right.id, round(score, 4), differences, newer
    )


def similarity(left: str, right: str) -> float:
    """0 to 1, whatever the order of the words. Symmetric.

    The better of two looks: at all letters, and at the words that are no qualifiers, because
    what qualifiers say is compared by `diff` and not by letters.
    """
    return max(
        _ratio(_letters(left), _letters(right)), _content_ratio(reading(left), reading(right))
    )


@lru_cache(maxsize=CACHED)
def _letters(text: str) -> str:
    """The words, folded and sorted. A statement is compared with many, so this is kept."""
    return " ".join(sorted(unaccented(normalised(text)).split()))


def _ratio(a: str, b: str) -> float:
    # The ratio itself may differ by rounding between the two orders.
    return fuzz.ratio(min(a, b), max(a, b)) / 100


def _content_ratio(one: Reading, other: Reading) -> float:
    if min(len(one.content), len(other.content)) < CONTENT_WORDS_MIN:
        # One word alone says too little, unless all else that is named is the same as well.
        return float(
            one.content == other.content and _names(one) == _names(other) and bool(one.content)
        )
    return _ratio(_sorted(one.content), _sorted(other.content))


@lru_cache(maxsize=CACHED)
def _sorted(words: frozenset[str]) -> str:
    return " ".join(sorted(words))


def _kind(
    left: Statement, right: Statement, score: float, differences: tuple[Difference, ...]
) -> Kind | None:
    weights = {difference.weight for difference in differences}
    one, other = reading(left.text), reading(right.text)
    if "subject" in weights:
        return None
    if "conflict" in weights:
        if left.scope != right.scope or score < _conflict_min(left, right):
            return None
        if not _one_subject(one, other):
            return None
        return "similar" if _two_cases(left, right, differences) else "conflict"
    if left.scope == right.scope and score >= SAME_MIN and not weights and says_same(one, other):
        return "same"
    return "similar"


def _names(said: Reading) -> frozenset[str]:
    return frozenset(name for kind, name in said.qualifiers if kind == "name")


def _one_subject(one: Reading, other: Reading) -> bool:
    larger = max(len(one.content), len(other.content))
    if not larger:
        return True
    new = max(len(strange(one.content, other.content)), len(strange(other.content, one.content)))
    return (larger - new) / larger >= SUBJECT_SHARE_MIN


def _two_cases(left: Statement, right: Statement, differences: tuple[Difference, ...]) -> bool:
    """Whether the two may each hold in a case of its own, which is a hint and no conflict.

    Either an opposite names the case and something else is said of each ("reads are automatic,
    writes are manual"), or each has words of its own ("monthly for the board, weekly for sales").
    """
    kinds = [difference.kind for difference in differences if difference.weight == "conflict"]
    if len(kinds) > 1 and any(kind in AXES for kind in kinds):
        return True
    if "name" in kinds or _share_entities(left, right):
        return False
    one, other = reading(left.text), reading(right.text)
    return _has_own(one, other) and _has_own(other, one)


def _has_own(one: Reading, other: Reading) -> bool:
    return bool(strange(one.content, other.content) or _names(one) - _names(other) - other.words)


def _conflict_min(left: Statement, right: Statement) -> float:
    return ENTITY_CONFLICT_MIN if _share_entities(left, right) else CONFLICT_MIN


def _share_entities(left: Statement, right: Statement) -> bool:
    return len(left.entities & right.entities) >= SHARED_ENTITIES_MIN


def _scopes_meet(left: Statement, right: Statement) -> bool:
    """Facts of two repositories never meet; one of a repository and one of all may be similar."""
    return left.scope == right.scope or ORG in (left.scope, right.scope)


def _newer(left: Statement, right: Statement) -> str:
    """The one that says of the other that it has ended; "" if neither or both say so."""
    newer = [a.id for a, b in ((left, right), (right, left)) if _ends(a, b)]
    return newer[0] if len(newer) == 1 else ""


def _ends(later: Statement, earlier: Statement) -> bool:
    """By its words or by the claim it rejects, and only what was said before it."""
    if later.observed_at_us <= earlier.observed_at_us:
        return False
    if later.rejected and _claims(later.rejected, earlier.text):
        return True
    text = f" {unaccented(later.text)} "
    return any(f" {phrase} " in text for phrase in _SUCCESSION)


def _claims(claim: str, text: str) -> bool:
    return similarity(claim, text) >= SAME_MIN and not diff(claim, text)


def entities_of(names: Iterable[str]) -> frozenset[str]:
    """Entities as they are compared: without case and accents."""
    return frozenset(unaccented(normalised(name)) for name in names)
