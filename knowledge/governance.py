"""What may happen to an item, by whom, and what it is afterwards.

The rule: one table says which act leads from which state to which; whatever is not in it is
refused. Acts return the changed item or a refusal, never half of both, and a text that a person
approved is the text they saw: who changes it sends it back to review.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any, Literal

from knowledge.confidence import MONTH_US
from knowledge.text import is_blank, normalised
from knowledge.values import Item, State, Viewer, item_id, revision

Act = Literal["approve", "mandate", "unmandate", "reject", "revoke", "expire", "edit"]

TRANSITIONS: Mapping[tuple[State, Act], State] = {
    ("pending", "approve"): "approved",
    ("pending", "mandate"): "mandatory",
    ("pending", "reject"): "rejected",
    ("pending", "expire"): "expired",
    ("pending", "edit"): "pending",
    ("approved", "mandate"): "mandatory",
    ("approved", "reject"): "rejected",
    ("approved", "revoke"): "revoked",
    ("approved", "expire"): "expired",
    ("approved", "edit"): "pending",
    ("mandatory", "unmandate"): "approved",
    ("mandatory", "revoke"): "revoked",
    ("mandatory", "expire"): "expired",
    ("mandatory", "edit"): "pending",
    ("rejected", "approve"): "approved",
    ("rejected", "edit"): "pending",
    ("revoked", "approve"): "approved",
    ("revoked", "mandate"): "mandatory",
    ("revoked", "edit"): "pending",
    ("expired", "approve"): "approved",
    ("expired", "mandate"): "mandatory",
    ("expired", "reject"): "rejected",
    ("expired", "edit"): "pending",
}
WITH_REASON: frozenset[Act] = frozenset({"mandate", "reject", "revoke"})
"""Acts that somebody will ask about: why must all follow this, why is it gone."""

REVIEW_GRACE_US = MONTH_US
"""How long an item stays in force after its review was due."""
BATCH: frozenset[Act] = frozenset({"approve", "reject", "revoke", "mandate"})
"""What may be done to many items at once."""


class Unset(Enum):
    """The value of a field that an edit leaves alone; None and "" are values to set."""

    UNSET = "unset"


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was changed: a fixed word to count by, and what the person may do."""

    item_id: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody wants of an item. `audience` None: as it is. `revision`: the item as they saw
    it; "" if they do not say."""

    act: Act
    actor: str
    at_us: int
    reason: str = ""
    audience: tuple[str, ...] | None = None
    review_by_us: int | None = None
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """New contents. These fields and no others: none of governance can be slipped in."""

    title: str | Unset = UNSET
    statement: str | Unset = UNSET
    domain: str | Unset = UNSET
    tags: tuple[str, ...] | Unset = UNSET
    entities: tuple[str, ...] | Unset = UNSET
    audience: tuple[str, ...] | Unset = UNSET
    review_by_us: int | Unset | None = UNSET
    valid_until_us: int | Unset | None = UNSET


def decided(item: Item, decision: Decision) -> Item | Refusal:
    """The item after the decision, or why not.

    Mandating needs a second person: by whoever approved the item or by nobody before, it
    approves the item and asks for a mandate, which another reviewer then gives by the same act.
    """
    if stale := outdated(item, decision.revision):
        return stale
    act = decision.act
    target = TRANSITIONS.get((item.state, act))
    if target is None or act == "edit":
        return Refusal(item.id, "transition", f"a {item.state} item cannot be changed by {act}")
    if item.personal and act != "expire":
        return Refusal(item.id, "personal", "a personal item is its owner's; share it first")
    if act in WITH_REASON and not decision.reason.strip():
        return Refusal(item.id, "no_reason", f"say why: {act} needs a reason")
    if act == "mandate":
        return _mandated(item, decision)
    approver = decision.actor if act == "approve" else item.approved_by
    return replace(_decided(item, target, decision), approved_by=approver, mandate_asked_by="")


def outdated(item: Item, seen: str) -> Refusal | None:
    """Why nothing is done to an item that is not as somebody saw it; None if it is, or if they do
    not say."""
    if seen in ("", revision(item)):
        return None
    return Refusal(item.id, "changed", "somebody changed it meanwhile: look at it again")


def edited(item: Item, edit: Edit, actor: str) -> Item | Refusal:
    """The item with new contents; other words send it to review again. Its id stays.

    Somebody's wider audience is other people's instruction, so that goes to review as well.
    """
    values = {name: value for name, value in _fields(edit) if value is not UNSET}
    if any(is_blank(str(values.get(name, "x"))) for name in ("title", "statement")):
        return Refusal(item.id, "empty", "title and statement cannot be empty")
    changed = replace(item, **values)
    if item.personal and actor != item.owner:
        return Refusal(item.id, "personal", "a personal item is its owner's")
    if not _says_more(item, changed):
        return changed
    return replace(_anew(item), **values)


def personal(item: Item, viewer: Viewer, *, value: bool) -> Item | Refusal:
    """The item as its owner's alone, or shared; only the owner says so.

    It gets the id that its words have there, and starts anew: nobody approved it for others.
    """
    if viewer.user != item.owner:
        return Refusal(item.id, "not_owner", "only who contributed an item makes it personal")
    if item.personal == value:
        return item
    owner = item.owner if value else ""
    fresh = item_id(item.statement, scope=item.scope, owner=owner)
    return replace(_anew(item), id=fresh, personal=value)


def due(item: Item, now_us: int) -> Literal["review", "expire"] | None:
    """Whether it is time to look at the item again, or past it.

    A caller lists what is due for review and does `expire` to what is past: out of validity,
    or unreviewed for longer than `REVIEW_GRACE_US`.
    """
    if (item.state, "expire") not in TRANSITIONS:
        return None
    if item.valid_until_us is not None and now_us >= item.valid_until_us:
        return "expire"
    if item.review_by_us is None or now_us < item.review_by_us:
        return None
    return "expire" if now_us >= item.review_by_us + REVIEW_GRACE_US else "review"


def _mandated(item: Item, decision: Decision) -> Item:
    seconded = {item.approved_by, item.mandate_asked_by} - {"", decision.actor}
    in_force = item.state in ("approved", "mandatory")
    if in_force and seconded:
        done = _decided(item, "mandatory", decision)
        return replace(done, mandated_by=decision.actor, mandate_asked_by="")
    asked = _decided(item, "approved", decision)
    approver = item.approved_by if in_force else decision.actor
    return replace(asked, approved_by=approver, mandate_asked_by=decision.actor)


def _decided(item: Item, state: State, decision: Decision) -> Item:
    audience = item.audience if decision.audience is None else decision.audience
    in_force = state in ("approved", "mandatory")
    renewed = decision.act in ("approve", "mandate")
    return replace(
        item,
        state=state,
        reason=decision.reason,
        audience=audience,
        mandated_by="",
        confirmed_at_us=max(item.confirmed_at_us, decision.at_us)
        if renewed
        else item.confirmed_at_us,
        review_by_us=decision.review_by_us if renewed else item.review_by_us,
        valid_until_us=None if renewed and _over(item, decision.at_us) else item.valid_until_us,
        superseded_by="" if in_force else item.superseded_by,
    )


def _over(item: Item, now_us: int) -> bool:
    return item.valid_until_us is not None and item.valid_until_us <= now_us


def _anew(item: Item) -> Item:
    """Under review, as if nobody had decided; that it was replaced ends it no more."""
    return replace(
        item, state="pending", approved_by="", mandated_by="", mandate_asked_by="",
        superseded_by="", valid_until_us=None if item.superseded_by else item.valid_until_us,
    )  # fmt: skip


def _fields(edit: Edit) -> list[tuple[str, Any]]:
    return [(field.name, getattr(edit, field.name)) for field in fields(edit)]


def _says_more(before: Item, after: Item) -> bool:
    words = (normalised(before.title), normalised(before.statement))
    if words != (normalised(after.title), normalised(after.statement)):
        return True
    return before.audience != after.audience and not _within(after.audience, before.audience)


def _within(audience: tuple[str, ...], wider: tuple[str, ...]) -> bool:
    return not wider or (bool(audience) and set(audience) <= set(wider))
