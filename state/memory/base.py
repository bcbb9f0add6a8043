"""The knowledge base as it is at one instant: what is one fact, how sure it is, who may see it.

The rule: immutable and pure. A base with changes is another base, equal to the one that would be
read from the tables after them, and whatever is asked of it by a person is asked as a viewer.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from knowledge.clusters import clusters, shown_first
from knowledge.confidence import Confidence, confidence
from knowledge.relations import Relation
from knowledge.rendering import Entry
from knowledge.values import Evidence, Viewer
from knowledge.visibility import DELIVERED, WITHDRAWN, delivered, visible
from state.memory.values import Changes, Found, Kept, Move, Named, Proof, Settled


@dataclass(frozen=True)
class Base:
    """`proofs`: evidence by item; `delivered`: since when somebody is told an item."""

    items: Mapping[str, Kept] = field(default_factory=dict)
    proofs: Mapping[str, tuple[Proof, ...]] = field(default_factory=dict)
    found: Mapping[tuple[str, str], Found] = field(default_factory=dict)
    settled: tuple[Settled, ...] = ()
    named: tuple[Named, ...] = ()
    delivered: Mapping[tuple[str, str], int] = field(default_factory=dict)

    # What is one fact.

    @cached_property
    def evidence_ids(self) -> frozenset[str]:
        return frozenset(p.evidence.id for proofs in self.proofs.values() for p in proofs)

    @cached_property
    def settled_pairs(self) -> frozenset[tuple[str, str]]:
        """Pairs that a person has judged: they are related no more."""
        return frozenset((one.left, one.right) for one in self.settled if one.settled)

    @cached_property
    def relations(self) -> tuple[Relation, ...]:
        return tuple(
            self.found[place].relation
            for place in sorted(self.found.keys() - self.settled_pairs)
            if place[0] in self.items and place[1] in self.items
        )

    @cached_property
    def members(self) -> Mapping[str, tuple[str, ...]]:
        """All wordings of the fact that an item is one of."""
        found = clusters(self.items, self.relations)
        return {id_: cluster.members for cluster in found for id_ in cluster.members}

    def shown(self, ids: Iterable[str]) -> str:
        """Of several wordings the one to show."""
        return min(ids, key=lambda id_: (*self._rank(id_), id_))

    def standing(self, id_: str) -> str:
        """Where the fact stands: in force if one of its wordings is, else withdrawn if one was."""
        states = {self.items[member].item.state for member in self.members[id_]}
        if states & DELIVERED:
            return "in_force"
        return "withdrawn" if states & WITHDRAWN else "pending"

    # How sure it is.

    def evidence(self, id_: str) -> list[Evidence]:
        """Of all wordings of the fact, and what counts for them."""
        return [p.evidence for member in self.members[id_] for p in self._counted(member)]

    def confidence(self, id_: str, now_us: int) -> Confidence:
        """Of the fact that this item is a wording of, with the evidence against it."""
        told = self._told(id_)
        against = [
            replace(_exposed(e, told), supports=False)
            for other in self.opponents(id_)
            for e in self.evidence(other)
        ]
        return confidence(self.items[id_].item, [*self._supporting(id_), *against], now_us)

    def opponents(self, id_: str) -> list[str]:
        """One wording of each fact that contradicts this one and may hold."""
        found = {
            self.members[other][0]
            for member in self.members[id_]
            for other in self._against[member]
            if self.standing(other) != "withdrawn"
        }
        return sorted(found - {self.members[id_][0]})

    def entry(self, id_: str, now_us: int) -> Entry:
        """The item as a bundle takes it, last confirmed when somebody last said so who had not
        been told it."""
        sure = self.confidence(id_, now_us)
        item = self.items[id_].item
        said_us = (e.observed_at_us for e in self._supporting(id_) if not e.exposed)
        last_us = max([item.confirmed_at_us, *said_us])
        return Entry(replace(item, confirmed_at_us=last_us), sure.value, max(1, sure.people))

    def _supporting(self, id_: str) -> list[Evidence]:
        told = self._told(id_)
        return [_exposed(e, told) for e in self.evidence(id_)]

    # Who sees what.

    def visible(self, id_: str, viewer: Viewer) -> bool:
        """Whether this viewer may know of the item; also false for what does not exist."""
        kept = self.items.get(id_)
        return kept is not None and visible(kept.item, viewer)

    def facts(self, viewer: Viewer) -> Iterator[tuple[str, ...]]:
        """The wordings that a viewer may see of each fact they may see one of."""
        seen: set[str] = set()
        for id_ in self.items:
            first = self.members[id_][0]
            if first not in seen:
                seen.add(first)
                if mine := tuple(m for m in self.members[id_] if self.visible(m, viewer)):
                    yield mine

    def told_to(self, viewer: Viewer) -> list[str]:
        """Items that may be put before this viewer's agent."""
        return [id_ for id_, kept in self.items.items() if delivered(kept.item, viewer)]

    # What changes it.

    def after(self, changes: Changes, proofs: Iterable[Proof]) -> "Base":
        """The base with these changes; `proofs` are its intakes as evidence."""
        items = {k: v for k, v in self.items.items() if k not in changes.dropped}
        items |= {kept.item.id: kept for kept in changes.put}
        found = {
            place: one
            for place, one in self.found.items()
            if not changes.related & {*place} and not {*changes.dropped} & {*place}
        }
        found |= {(one.relation.left, one.relation.right): one for one in changes.relations}
        told = dict(self.delivered)
        for id_, user, at_us in changes.delivered:
            told.setdefault((id_, user), at_us)
        return Base(
            items=items,
            proofs=_moved(self.proofs, changes.moves, proofs),
            found=found,
            settled=(*self.settled, *changes.settled),
            named=(*self.named, *changes.named),
            delivered=told,
        )

    @cached_property
    def _rank(self) -> Callable[[str], tuple[int, int]]:
        return shown_first({id_: kept.item for id_, kept in self.items.items()})

    @cached_property
    def _against(self) -> Mapping[str, set[str]]:
        """What contradicts each item. That one follows the other is a proposal: until a person has
        settled it, each speaks against the other, else one voice would outweigh many."""
        pairs = {
            (r.left, r.right) for r in self.relations if r.kind in ("conflict", "supersedes")
        } | ({(one.left, one.right) for one in self.named} - self.settled_pairs)
        found: defaultdict[str, set[str]] = defaultdict(set)
        for left, right in pairs:
            found[left].add(right)
            found[right].add(left)
        return defaultdict(set, {k: {o for o in v if o in self.items} for k, v in found.items()})

    @cached_property
    def _sources(self) -> Mapping[str, set[str]]:
        """Items whose evidence counts for another one."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for one in self.settled:
            for old, new in one.counts_for:
                found[new].add(old)
        return found

    def _counted(self, id_: str) -> Iterator[Proof]:
        seen, waiting = {id_}, [id_]
        while waiting:
            one = waiting.pop()
            yield from self.proofs.get(one, ())
            more = self._sources.get(one, set()) - seen
            seen |= more
            waiting += sorted(more)

    def _told(self, id_: str) -> dict[str, int]:
        """Since when each person has been told the fact."""
        told: dict[str, int] = {}
        for member in self.members[id_]:
            for user, at_us in self._told_by_item.get(member, {}).items():
                told[user] = min(at_us, told.get(user, at_us))
        return told

    @cached_property
    def _told_by_item(self) -> Mapping[str, dict[str, int]]:
        found: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for (item, user), at_us in self.delivered.items():
            found[item][user] = at_us
        return dict(found)

    def has_evidence(self, id_: str) -> bool:
        """Is there any, of its own or counted for it?"""
        return any(True for _ in self._counted(id_))


def _exposed(evidence: Evidence, told: Mapping[str, int]) -> Evidence:
    since_us = told.get(evidence.user)
    if evidence.exposed or since_us is None or evidence.observed_at_us < since_us:
        return evidence
    return replace(evidence, exposed=True)


def _moved(
    proofs: Mapping[str, tuple[Proof, ...]], moves: Iterable[Move], more: Iterable[Proof]
) -> dict[str, tuple[Proof, ...]]:
    found = dict(proofs)
    for move in moves:
        wanted = [p for p in found.get(move.old, ()) if move.user in (None, p.evidence.user)]
        rest = tuple(p for p in found.get(move.old, ()) if p not in wanted)
        gone = [replace(p, evidence=replace(p.evidence, item_id=move.new)) for p in wanted]
        found[move.old] = rest
        found[move.new] = tuple(sorted([*found.get(move.new, ()), *gone], key=lambda p: p.order))
    for proof in more:
        id_ = proof.evidence.item_id
        found[id_] = tuple(sorted([*found.get(id_, ()), proof], key=lambda p: p.order))
    return {id_: kept for id_, kept in found.items() if kept}
