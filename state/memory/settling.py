"""Conflicts and duplicates: which pairs wait for a person, and what follows when one settles them.

The rule: facts are settled, not wordings. What is decided about a pair holds for every wording of
the fact that gives way, and each pair of theirs is settled with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from core.errors import ConfigurationError
from knowledge.governance import Refusal
from knowledge.relations import Relation
from knowledge.resolutions import (
    Resolution,
    Settlement,
    conflict_resolved,
    duplicate_resolved,
)
from knowledge.values import Viewer
from knowledge.visibility import WITHDRAWN, comparable
from state.memory.base import Base
from state.memory.governing import refusal, require
from state.memory.shelf import Shelf
from state.memory.values import About, Act, Changes, Kept, Named, Settled, contradiction_id, pair

CONFLICTS = ("conflict", "supersedes")
DUPLICATES = ("same", "similar")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two items to be settled. `relation` is None if a person named the pair."""

    left: str
    right: str
    relation: Relation | None
    named: Named | None
    found_at_us: int

    @property
    def id(self) -> str:
        return contradiction_id(self.left, self.right)

    @property
    def ids(self) -> tuple[str, str]:
        return self.left, self.right


def conflicts(base: Base, viewer: Viewer) -> list[Pair]:
    """One pair of each two facts that contradict each other and may hold, the newest first."""
    best: dict[tuple[str, str], Pair] = {}
    for one in _pairs(base, CONFLICTS):
        facts = pair(base.members[one.left][0], base.members[one.right][0])
        if _open(base, one, viewer) and facts[0] != facts[1]:
            known = best.get(facts)
            best[facts] = one if known is None else max(known, one, key=_clearer)
    return sorted(best.values(), key=lambda p: (-p.found_at_us, p.left, p.right))


def duplicates(base: Base, viewer: Viewer) -> list[Pair]:
    """Pairs that may be one fact, and those that are taken for one, the most alike first."""
    dismissed = {(s.left, s.right): s.at_us for s in base.settled if s.choice == "dismissed"}
    found = [
        one
        for one in _pairs(base, DUPLICATES)
        if _open(base, one, viewer) and dismissed.get((one.left, one.right), -1) < one.found_at_us
    ]
    return sorted(found, key=lambda p: (-(p.relation.score if p.relation else 0), p.left, p.right))


def name_contradiction(
    shelf: Shelf, viewer: Viewer, ids: tuple[str, str], explanation: str,
    severity: str | None = None, suggested: str | None = None,
) -> Named:  # fmt: skip
    """A person says that two items contradict each other."""
    shelf.refuse_secrets(explanation, severity or "", suggested or "")
    with shelf.changing() as base:
        one, other = (require(base, id_, viewer).item for id_ in ids)
        if one.id == other.id or not comparable(one, other):
            raise ConfigurationError(
                "these two cannot contradict each other", reason="bad_parameter",
                hint="name two items that the same people may see",
            )  # fmt: skip
        named = Named(
            *pair(one.id, other.id), explanation, severity, suggested, viewer.user, shelf.now_us()
        )
        shelf.write(Changes(named=(named,)))
        return named


def settle(
    shelf: Shelf, viewer: Viewer, about: About, ids: tuple[str, str], by: Settlement
) -> Resolution:
    """Settle a pair; the first of `ids` is `a`. Raises `ConfigurationError`: `already_resolved`,
    `not_found` or a refusal."""
    shelf.refuse_secrets(by.merged_statement, *(by.scopes or ()))
    with shelf.changing() as base:
        a, b = (require(base, id_, viewer) for id_ in ids)
        if pair(*ids) in base.settled_pairs:
            raise ConfigurationError(
                "this pair is settled", reason="already_resolved", hint="edit the items instead"
            )
        resolve = conflict_resolved if about == "conflict" else duplicate_resolved
        result = resolve(a.item, b.item, by)
        if isinstance(result, Refusal):
            raise refusal(result)
        if known := [item.id for item in result.added if item.id in base.items]:
            raise ConfigurationError(
                f"these words are the item {known[0]} already", reason="exists",
                hint="settle it with each of the two as duplicates",
            )  # fmt: skip
        if about == "conflict":
            result = _for_all_wordings(base, ids, by, result)
        settled = _settled(base, about, ids, by, result)
        _write(shelf, base, by, result, settled)
        return result


def _for_all_wordings(
    base: Base, ids: tuple[str, str], by: Settlement, result: Resolution
) -> Resolution:
    """The other wordings of the fact that gave way go as well."""
    if by.choice not in ("kept_a", "kept_b"):
        return result
    stays, goes = ids if by.choice == "kept_a" else ids[::-1]
    changed = {item.id: item for item in result.changed}
    kept = changed.get(stays, base.items[stays].item)
    for other in base.members[goes]:
        item = base.items[other].item
        if other == goes or item.state in WITHDRAWN:
            continue
        more = conflict_resolved(kept, item, replace(by, choice="kept_a"))
        if isinstance(more, Resolution):
            changed |= {one.id: one for one in more.changed}
            kept = changed.get(stays, kept)
    return replace(result, changed=tuple(changed.values()))


def _settled(
    base: Base, about: About, ids: tuple[str, str], by: Settlement, result: Resolution
) -> tuple[Settled, ...]:
    pairs = {pair(*ids)}
    if about == "conflict":
        wordings = product(base.members[ids[0]], base.members[ids[1]])
        pairs |= {pair(a, b) for a, b in wordings if pair(a, b) in base.found}
    return tuple(
        Settled(
            left, right, about, by.choice, result.settled, by.actor, by.at_us,
            result.evidence_for if (left, right) == pair(*ids) else (),
        )
        for left, right in sorted(pairs)
    )  # fmt: skip


def _write(
    shelf: Shelf, base: Base, by: Settlement, result: Resolution, settled: Sequence[Settled]
) -> None:
    changed = [replace(base.items[item.id], item=item) for item in result.changed]
    added = [Kept(item, edited=True, created_at_us=by.at_us) for item in result.added]
    acts = [
        Act(
            kept.item.id, by.choice, by.actor,
            base.items[kept.item.id].item.state if kept.item.id in base.items else "",
            kept.item.state, by.at_us, kept.item.reason,
        )
        for kept in (*changed, *added)
    ]  # fmt: skip
    shelf.put([*changed, *added], acts, Changes(settled=tuple(settled)))


def _pairs(base: Base, kinds: Sequence[str]) -> Iterator[Pair]:
    named = {(one.left, one.right): one for one in base.named}
    for relation in base.relations:
        place = (relation.left, relation.right)
        if relation.kind in kinds:
            yield Pair(*place, relation, named.pop(place, None), base.found[place].at_us)
    if kinds == CONFLICTS:
        for place, one in named.items():
            if place not in base.settled_pairs and {*place} <= base.items.keys():
                yield Pair(*place, None, one, one.at_us)


def _open(base: Base, one: Pair, viewer: Viewer) -> bool:
    """Of facts that were withdrawn nothing is left to settle, and of what a viewer may not see
    nothing is told."""
    return all(
        base.visible(id_, viewer)
        and base.standing(id_) != "withdrawn"
        and base.items[id_].item.state not in WITHDRAWN
        for id_ in (one.left, one.right)
    )


def _clearer(one: Pair) -> tuple[bool, float, str, str]:
    return one.named is not None, one.relation.score if one.relation else 0.0, one.left, one.right
