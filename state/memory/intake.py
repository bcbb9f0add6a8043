"""Evidence becomes items: how what people said changes the base.

The rule: the order of arrival changes nothing. An item's contents are those of its earliest
evidence for as long as nobody has decided or edited, relations follow from the words alone, and
every identity is a digest, so what comes twice is there once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from knowledge.labels import domain, entities, topics
from knowledge.notes import TITLE_CHARS
from knowledge.values import Item
from state.memory.base import Base
from state.memory.shelf import Shelf
from state.memory.tables import proof_of
from state.memory.values import Changes, Intake, Kept, Proof


@dataclass(frozen=True, slots=True)
class Taken:
    """What an intake did: items that are new, that were there and got evidence, and how much."""

    new: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    evidence: int = 0


def take(shelf: Shelf, intakes: Iterable[Intake]) -> Taken:
    """Enter all of it, as one transaction. What is known and whoever was erased is left out."""
    with shelf.changing() as base:
        fresh = _fresh(shelf, base, intakes)
        if not fresh:
            return Taken()
        put = shelf.put(entered(base, fresh, shelf.now_us()), more=Changes(intakes=fresh))
        ids = [kept.item.id for kept in put]
        return Taken(
            tuple(id_ for id_ in ids if id_ not in base.items),
            tuple(id_ for id_ in ids if id_ in base.items),
            len(fresh),
        )


def entered(base: Base, intakes: Sequence[Intake], now_us: int) -> tuple[Kept, ...]:
    """The items that these intakes touch, as they are with them."""
    proofs: defaultdict[str, list[Proof]] = defaultdict(list)
    scopes = {intake.item_id: (intake.scope, intake.personal) for intake in intakes}
    for intake in intakes:
        proofs[intake.item_id].append(proof_of(intake))
    put = []
    for id_, new in sorted(proofs.items()):
        everything = sorted([*base.proofs.get(id_, ()), *new], key=lambda proof: proof.order)
        known = base.items.get(id_) or _blank(id_, *scopes[id_], now_us)
        put.append(derived(known, everything[0], everything))
    return tuple(put)


def derived(kept: Kept, first: Proof, proofs: Sequence[Proof]) -> Kept:
    """An item whose contents are its earliest evidence's, if they are nobody's yet."""
    observed_us = first.evidence.observed_at_us
    rejected = next((proof.rejected for proof in proofs if proof.rejected), "")
    if kept.edited or kept.item.state != "pending":
        item = replace(kept.item, observed_at_us=observed_us)
        return replace(kept, item=item, rejected=rejected)
    item = replace(
        kept.item,
        statement=first.said,
        title=first.title or _title(first.said),
        owner=first.evidence.user,
        domain=first.domain or domain(first.said),
        tags=topics(first.said),
        entities=entities(first.said),
        observed_at_us=observed_us,
        valid_until_us=first.valid_until_us,
    )
    return replace(kept, item=item, rejected=rejected, source_type=first.source_type)


def by_kind(taken: Iterable[Taken]) -> Counter[str]:
    """Figures of several intakes together."""
    found: Counter[str] = Counter()
    for one in taken:
        found += Counter(new=len(one.new), confirmed=len(one.confirmed), evidence=one.evidence)
    return found


def _fresh(shelf: Shelf, base: Base, intakes: Iterable[Intake]) -> tuple[Intake, ...]:
    """Each once. Under the lock, so who is erased meanwhile leaves nothing behind."""
    found: dict[str, Intake] = {}
    for intake in intakes:
        if shelf.identity.refuses(intake.user) or intake.evidence_id in base.evidence_ids:
            continue
        found.setdefault(intake.evidence_id, intake)
    return tuple(found[id_] for id_ in sorted(found))


def _blank(id_: str, scope: str, personal: bool, now_us: int) -> Kept:
    item = Item(id_, "", "", scope=scope, personal=personal)
    return Kept(item, created_at_us=now_us)


def _title(statement: str) -> str:
    if len(statement) <= TITLE_CHARS:
        return statement
    return statement[: TITLE_CHARS - 1].rsplit(" ", 1)[0] + "…"
