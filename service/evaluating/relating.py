"""What the rules of the base make of the labelled pairs: duplicates, conflicts, and the order.

The rule: through the operations of the base, all statements of all pairs in one base, so that what
is merged there is what would be merged in the service.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from knowledge.clusters import Cluster, clusters
from knowledge.operations import Known, operation
from knowledge.relations import Relation, Statement, relation
from service.evaluating.figures import Hits, rounded, share
from service.evaluating.pairs import Label, Pair

ORDERS = 20
"""So many random orders of arrival are tried."""
_CONFLICTS = frozenset({"conflict", "supersedes"})
_PARTS = ("seen", "held")


@dataclass(frozen=True)
class Arrived:
    """What a base holds after statements came one by one."""

    relations: tuple[Relation, ...]
    clusters: tuple[Cluster, ...]

    @cached_property
    def facts(self) -> dict[str, str]:
        """The wording that is shown, by the id of each wording."""
        return {id_: cluster.shown for cluster in self.clusters for id_ in cluster.members}

    def merged(self, pair: Pair) -> bool:
        """Whether both statements are one fact here, be it by way of others."""
        left, right = pair.statements()
        return self.facts[left.id] == self.facts[right.id]


@dataclass(frozen=True, slots=True)
class Related:
    """A pair, what the rules say of the two alone, and whether the base of all has merged them."""

    pair: Pair
    kind: str
    merged: bool


def relating(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Figures for all pairs, for each part and language, and by what makes a pair hard."""
    base = arrived(statements_of(pairs))
    run = [Related(pair, _kind(pair), base.merged(pair)) for pair in pairs]
    return {
        "pairs": len(pairs),
        "labels": _count(pair.label for pair in pairs),
        "all": _figures(run),
        **{part: _figures([one for one in run if one.pair.split == part]) for part in _PARTS},
        "by_language": _by(run, lambda pair: pair.language),
        "held_by_language": _by(
            [one for one in run if one.pair.split == "held"], lambda pair: pair.language
        ),
        "by_about": _by(run, lambda pair: pair.about),
        "order": {"all": _orders(pairs), "held": _orders(_held(pairs))},
    }


def statements_of(pairs: Iterable[Pair]) -> list[Statement]:
    """Each statement once, in order of ids."""
    found: dict[str, Statement] = {}
    for pair in pairs:
        for statement in pair.statements():
            found.setdefault(statement.id, statement)
    return [found[id_] for id_ in sorted(found)]


def arrived(statements: Iterable[Statement]) -> Arrived:
    """The base after these came in this order."""
    known, found = Known(), dict[tuple[str, str], Relation]()
    for statement in statements:
        done = operation(statement, statement.id, known=known)
        known.take(statement, statement.id)
        found |= {(one.left, one.right): one for one in done.relations}
    relations = tuple(found[place] for place in sorted(found))
    return Arrived(relations, clusters(known.statements, relations))


def _orders(pairs: Sequence[Pair]) -> dict[str, int]:
    """How many different results so many orders of arrival have."""
    statements = statements_of(pairs)
    results = {
        arrived(random.Random(seed).sample(statements, len(statements)))  # noqa: S311 (no secret)
        for seed in range(ORDERS)
    }
    return {"statements": len(statements), "orders": ORDERS, "results": len(results)}


def _held(pairs: Iterable[Pair]) -> list[Pair]:
    return [pair for pair in pairs if pair.split == "held"]


def _kind(pair: Pair) -> str:
    found = relation(*pair.statements())
    return found.kind if found else ""


def _by(run: Iterable[Related], key: Callable[[Pair], str]) -> dict[str, Any]:
    groups: dict[str, list[Related]] = {}
    for one in run:
        groups.setdefault(key(one.pair), []).append(one)
    return {name: _figures(groups[name]) for name in sorted(groups)}


def _figures(run: Sequence[Related]) -> dict[str, Any]:
    return {
        "same": _hits(run, "same", frozenset({"same"})).as_json(),
        "conflict": _hits(run, "contradiction", _CONFLICTS).as_json(),
        "noticed": {"same": _noticed(run, "same"), "conflict": _noticed(run, "contradiction")},
        "merged": {
            "contradictions": _merged(run, "contradiction"),
            "compatible": _merged(run, "compatible"),
            "different": _merged(run, "different"),
        },
    }


def _hits(run: Iterable[Related], label: Label, kinds: frozenset[str]) -> Hits:
    counts = Counter((one.pair.label == label, one.kind in kinds) for one in run)
    return Hits(
        found=counts[True, True] + counts[False, True],
        expected=counts[True, True] + counts[True, False],
        hits=counts[True, True],
    )


def _noticed(run: Iterable[Related], label: Label) -> float:
    """How many a person is shown side by side, as a conflict or as alike, or that are merged."""
    kinds = [one.kind for one in run if one.pair.label == label]
    return rounded(share(sum(map(bool, kinds)), len(kinds)))


def _merged(run: Iterable[Related], label: Label) -> int:
    return sum(one.merged for one in run if one.pair.label == label)


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
