"""How two statements stand to each other: the same, similar, in conflict, one after the other.

The rule: a pure, symmetric function of the two and of nothing else, neither of the order in
which they came nor of what else is known. Only then do clusters not depend on the order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rapidfuzz import fuzz

from knowledge.candidates import keys, meets
from knowledge.qualifiers import Difference, Reading, diff, reading
from knowledge.text import normalised, unaccented
from knowledge.values import ORG
from knowledge.words import SUCCESSION

Kind = Literal["same", "similar", "conflict", "supersedes"]

# Thresholds of the token-sorted ratio. 0.80, 0.70 and 0.60 separated duplicates, contradictions
# and different facts of the predecessor's fixtures; 0.65 with two shared entities is the
# predecessor's own gate. tests/fixtures/knowledge/pairs.jsonl holds what they do here.
SAME_MIN = 0.80
CONFLICT_MIN = 0.70
ENTITY_CONFLICT_MIN = 0.65
SIMILAR_MIN = 0.60
SHARED_ENTITIES_MIN = 2
SAME_WORD_MIN = 75.0
"""Letters that two spellings or forms of one word share, in percent (`rapidfuzz.fuzz.ratio`)."""
WORD_PREFIX = 4
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
    a, b = (unaccented(normalised(text)) for text in (left, right))
    return max(_ratio(a, b), _content_ratio(reading(left), reading(right)))


def _ratio(a: str, b: str) -> float:
    # The ratio itself may differ by rounding between the two orders.
    return fuzz.token_sort_ratio(min(a, b), max(a, b)) / 100


def _content_ratio(one: Reading, other: Reading) -> float:
    if min(len(one.content), len(other.content)) < CONTENT_WORDS_MIN:
        # One word alone says too little, unless all else that is named is the same as well.
        return float(
            one.content == other.content and _names(one) == _names(other) and bool(one.content)
        )
    return _ratio(" ".join(sorted(one.content)), " ".join(sorted(other.content)))


def _kind(
    left: Statement, right: Statement, score: float, differences: tuple[Difference, ...]
) -> Kind | None:
    weights = {difference.weight for difference in differences}
    one, other = reading(left.text), reading(right.text)
    if "subject" in weights:
        return None
    if "conflict" in weights:
        if left.scope == right.scope and score >= _conflict_min(left, right):
            return "conflict" if _one_subject(one, other) else None
        return None
    if left.scope == right.scope and score >= SAME_MIN and not weights and says_same(one, other):
        return "same"
    return "similar"


def _names(said: Reading) -> frozenset[str]:
    return frozenset(name for kind, name in said.qualifiers if kind == "name")


def says_same(one: Reading, other: Reading) -> bool:
    """Whether every word that is no qualifier is there again, in another form perhaps, in order.

    A word put in place of another ("from billing", "from sales") is a difference that no list
    of qualifiers knows; letting a person look costs less than evidence on the wrong fact.
    """
    strange = _strange(one.content, other.content) or _strange(other.content, one.content)
    return not strange and _one_order(one.order, other.order)


def _one_order(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one is the other, begun at another place.

    Moving a phrase to the front turns the words round like a wheel ("use a for b", "for b use a");
    changing the roles does not ("a calls b", "b calls a").
    """
    if len(one) != len(other):
        return False
    turns = (other[n:] + other[:n] for n in range(max(1, len(other))))
    return any(all(map(_one_word, one, turn)) for turn in turns)


def _strange(words: frozenset[str], known: frozenset[str]) -> frozenset[str]:
    return frozenset(w for w in words - known if not any(_one_word(w, k) for k in known))


def _one_word(one: str, other: str) -> bool:
    if one == other:
        return True
    if one[:WORD_PREFIX] != other[:WORD_PREFIX] or any(map(str.isdigit, one + other)):
        return False
    return fuzz.ratio(min(one, other), max(one, other)) >= SAME_WORD_MIN


def _one_subject(one: Reading, other: Reading) -> bool:
    larger = max(len(one.content), len(other.content))
    if not larger:
        return True
    strange = max(
        len(_strange(one.content, other.content)), len(_strange(other.content, one.content))
    )
    return (larger - strange) / larger >= SUBJECT_SHARE_MIN


def _conflict_min(left: Statement, right: Statement) -> float:
    shared = len(left.entities & right.entities)
    return ENTITY_CONFLICT_MIN if shared >= SHARED_ENTITIES_MIN else CONFLICT_MIN


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
