"""Which statements are one fact: the connected components of the relation "same".

The rule: the order of arrival changes nothing. Every wording stays a statement of its own with
its own evidence, clusters are computed over all of them, and nothing is merged away.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from knowledge.candidates import Index
from knowledge.relations import Relation, Statement, relation
from knowledge.values import Item


@dataclass(frozen=True, slots=True)
class Cluster:
    """One fact: its wordings by id, and the one that is shown."""

    shown: str
    members: tuple[str, ...]


def relations_among(statements: Iterable[Statement]) -> tuple[Relation, ...]:
    """How all of these stand to each other, in order of ids, far below n² comparisons."""
    by_id = {statement.id: statement for statement in statements}
    index = Index((id_, statement.text) for id_, statement in sorted(by_id.items()))
    found = (
        relation(statement, by_id[other])
        for id_, statement in sorted(by_id.items())
        for other in index.candidates(statement.text)
        if id_ < other
    )
    return tuple(r for r in found if r)


def clusters(
    ids: Iterable[str],
    relations: Iterable[Relation],
    *,
    rank: Callable[[str], tuple[int, int]] = lambda _: (0, 0),
) -> tuple[Cluster, ...]:
    """The facts of these ids. `rank`: the lowest of a cluster is shown, then the lowest id."""
    parents = {id_: id_ for id_ in ids}
    for same in relations:
        if same.kind == "same" and same.left in parents and same.right in parents:
            left, right = _top(parents, same.left), _top(parents, same.right)
            parents[max(left, right)] = min(left, right)
    members: defaultdict[str, list[str]] = defaultdict(list)
    for id_ in sorted(parents):
        members[_top(parents, id_)].append(id_)
    return tuple(
        Cluster(min(group, key=lambda id_: (*rank(id_), id_)), tuple(group))
        for group in members.values()
    )


def shown_first(items: Mapping[str, Item]) -> Callable[[str], tuple[int, int]]:
    """The rank for `clusters`: mandatory, then approved, then pending, of each the oldest."""
    order = ("mandatory", "approved", "pending", "expired", "revoked", "rejected")

    def rank(id_: str) -> tuple[int, int]:
        item = items[id_]
        return order.index(item.state), item.observed_at_us

    return rank


def _top(parents: dict[str, str], id_: str) -> str:
    while parents[id_] != id_:
        parents[id_] = parents[parents[id_]]  # halves the path for the next look
        id_ = parents[id_]
    return id_
