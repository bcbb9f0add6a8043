"""What follows for the items when a person settles a conflict or a duplicate.

The rule: a resolution is a list of changed items, complete and ready to be stored together with
the pair, because one that changes nothing leaves the contradiction in force. Both items are kept
with their evidence; what is replaced says by what and until when it held.
"""

from dataclasses import dataclass, replace
from typing import Literal

from knowledge.governance import Decision, Refusal, decided
from knowledge.text import is_blank
from knowledge.values import Item, item_id
from knowledge.visibility import DELIVERED, WITHDRAWN

ConflictChoice = Literal["kept_a", "kept_b", "merged", "both_valid"]
DuplicateChoice = Literal["duplicate", "different", "dismissed"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """The items as they are afterwards. `evidence_for`: whose evidence counts for whom now.

    `settled`: the pair is never related again (`operations.operation`).
    """

    changed: tuple[Item, ...] = ()
    added: tuple[Item, ...] = ()
    evidence_for: tuple[tuple[str, str], ...] = ()
    settled: bool = True


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a person decided about a pair. `scopes`: where each holds, if both do."""

    choice: ConflictChoice | DuplicateChoice
    actor: str
    at_us: int
    merged_statement: str = ""
    scopes: tuple[str, str] | None = None


def conflict_resolved(a: Item, b: Item, by: Settlement) -> Resolution | Refusal:
    """Settle a conflict. If the replaced item was in force, so is what replaces it."""
    if by.choice == "kept_a":
        return _kept(a, b, by)
    if by.choice == "kept_b":
        return _kept(b, a, by)
    if by.choice == "merged":
        return _merged(a, b, by)
    if by.choice == "both_valid":
        return _both(a, b, by)
    return Refusal(a.id, "choice", "choose kept_a, kept_b, merged or both_valid")


def duplicate_resolved(a: Item, b: Item, by: Settlement) -> Resolution | Refusal:
    """Settle a possible duplicate: `a` is kept and counts the evidence of `b`.

    "different" and "dismissed" change no item; the second lets the pair be found again.
    """
    if by.choice == "duplicate":
        kept = _kept(a, b, by)
        if isinstance(kept, Refusal):
            return kept
        return replace(kept, evidence_for=((b.id, a.id),))
    if by.choice in ("different", "dismissed"):
        return Resolution(settled=by.choice == "different")
    return Refusal(a.id, "choice", "choose duplicate, different or dismissed")


def _kept(kept: Item, replaced: Item, by: Settlement) -> Resolution | Refusal:
    in_force = replaced.state in DELIVERED
    if not in_force and kept.state in WITHDRAWN:
        # Else nothing of the fact would be left, and each could be replaced by the other.
        hint = f"{kept.id} is {kept.state}: keep the other one, or approve it first"
        return Refusal(kept.id, "transition", hint)
    stays = _approved(kept, by) if in_force and kept.state not in DELIVERED else kept
    if isinstance(stays, Refusal):
        return stays
    goes = _replaced(replaced, kept.id, by)
    if isinstance(goes, Refusal):
        return goes
    return Resolution(changed=tuple(i for i in (stays, goes) if i not in (kept, replaced)))


def _merged(a: Item, b: Item, by: Settlement) -> Resolution | Refusal:
    text = by.merged_statement.strip()
    if is_blank(text):
        return Refusal(a.id, "no_statement", "give the merged statement")
    fresh = replace(
        a,
        id=item_id(text, scope=a.scope),
        statement=text,
        title="",
        state="pending",
        approved_by="",
        mandated_by="",
        mandate_asked_by="",
        observed_at_us=by.at_us,
        tags=tuple(sorted({*a.tags, *b.tags})),
        entities=tuple(sorted({*a.entities, *b.entities})),
        superseded_by="",
        # Who may see one only is not to read the other in it.
        audience=_both_audiences(a, b),
    )
    if fresh.id in (a.id, b.id):
        return Refusal(a.id, "not_merged", "that is one of the two: choose kept_a or kept_b")
    if fresh.audience == _NOBODY:
        return Refusal(a.id, "audience", "nobody is in both audiences: change one of them first")
    in_force = {a.state, b.state} & DELIVERED
    joined = _approved(fresh, by) if in_force else fresh
    gone = [_replaced(item, fresh.id, by) for item in (a, b)]
    for result in (joined, *gone):
        if isinstance(result, Refusal):
            return result
    changed = tuple(item for item in gone if isinstance(item, Item))
    added = (joined,) if isinstance(joined, Item) else ()
    return Resolution(changed, added, tuple((item.id, fresh.id) for item in (a, b)))


_NOBODY = ("",)


def _both_audiences(a: Item, b: Item) -> tuple[str, ...]:
    if not a.audience or not b.audience:
        return a.audience or b.audience
    return tuple(sorted(set(a.audience) & set(b.audience))) or _NOBODY


def _both(a: Item, b: Item, by: Settlement) -> Resolution:
    """Both stay; with scopes each says where it holds. Their ids stay with their words."""
    if by.scopes is None:
        return Resolution()
    pairs = zip((a, b), by.scopes, strict=True)
    return Resolution(changed=tuple(replace(i, scope=s) for i, s in pairs if i.scope != s))


def _approved(item: Item, by: Settlement) -> Item | Refusal:
    return decided(item, Decision("approve", by.actor, by.at_us, reason=by.choice))


def _replaced(item: Item, by_id: str, by: Settlement) -> Item | Refusal:
    if item.state in DELIVERED:
        done = decided(item, Decision("revoke", by.actor, by.at_us, reason=by.choice))
    elif item.state in ("pending", "expired"):
        done = decided(item, Decision("reject", by.actor, by.at_us, reason=by.choice))
    else:
        done = item  # rejected or revoked already
    if isinstance(done, Refusal):
        return done
    return replace(done, superseded_by=by_id, valid_until_us=by.at_us)
