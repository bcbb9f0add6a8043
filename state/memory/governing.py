"""What reviewers and owners do to items: decided by `knowledge.governance`, written as one change.

The rule: an act on an item that the actor may not see is an act on an item that does not exist. A
refusal is raised and changes nothing; of several items each stands alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace

from core.errors import ConfigurationError
from knowledge.bundle import mandate_fits
from knowledge.governance import (
    UNSET,
    Decision,
    Edit,
    Refusal,
    decided,
    due,
    edited,
    outdated,
)
from knowledge.governance import personal as made_personal
from knowledge.labels import DOMAINS
from knowledge.rendering import told
from knowledge.scan import scan
from knowledge.values import Item, Viewer
from state.memory.base import Base
from state.memory.intake import derived
from state.memory.shelf import Shelf
from state.memory.values import Act, Changes, Kept, Move

TIME = "@time"
"""The actor of what happens by itself."""


@dataclass(frozen=True, slots=True)
class Contents:
    """An edit: that of `knowledge`, and the category that only we keep. None: as it is."""

    edit: Edit = field(default_factory=Edit)
    category: str | None = None

    def texts(self) -> Iterator[str]:
        """Whatever is given in words."""
        given = [getattr(self.edit, f.name) for f in fields(Edit)] + [self.category]
        for value in given:
            yield from (one for one in (value if isinstance(value, tuple) else [value])
                        if isinstance(one, str))  # fmt: skip


class Governing:
    """Every method raises `ConfigurationError`: `not_found`, or the word of a refusal."""

    def __init__(self, shelf: Shelf, budget_tokens: int) -> None:
        self._shelf = shelf
        self._budget_tokens = budget_tokens

    def decide(self, id_: str, viewer: Viewer, decision: Decision) -> Kept:
        """One act on one item."""
        self._shelf.refuse_secrets(decision.reason)
        with self._shelf.changing() as base:
            kept = require(base, id_, viewer)
            changed = replace(kept, item=self._decided(base, kept, decision))
            act = _act(
                kept, changed, decision.act, decision.actor, self._shelf.now_us(), decision.reason
            )
            return self._shelf.put([changed], [act])[0]

    def edit(self, id_: str, viewer: Viewer, contents: Contents, revision: str = "") -> Kept:
        """New contents for an item; other words or a wider audience send it to review again.
        `revision`: the item as they saw it, if they say."""
        require_domain(contents.edit.domain)
        self._shelf.refuse_secrets(*contents.texts())
        with self._shelf.changing() as base:
            kept = require(base, id_, viewer)
            result = outdated(kept.item, revision) or edited(kept.item, contents.edit, viewer.user)
            if isinstance(result, Refusal):
                raise refusal(result)
            category = kept.category if contents.category is None else contents.category
            changed = replace(kept, item=result, category=category, edited=True)
            named = [f.name for f in fields(Edit) if getattr(contents.edit, f.name) is not UNSET]
            named += ["category"] if contents.category is not None else []
            now_us = self._shelf.now_us()
            act = _act(kept, changed, "edit", viewer.user, now_us, fields=tuple(named))
            return self._shelf.put([changed], [act])[0]

    def make_personal(self, id_: str, viewer: Viewer, *, value: bool) -> Kept:
        """An item as its owner's alone, or shared. What others said of it stays shared."""
        with self._shelf.changing() as base:
            kept = require(base, id_, viewer)
            result = made_personal(kept.item, viewer, value=value)
            if isinstance(result, Refusal):
                raise refusal(result)
            if result == kept.item:
                return kept
            return self._moved(base, kept, result, viewer)

    def expire(self) -> int:
        """Do what time does: how many items have expired."""
        with self._shelf.changing() as base:
            now_us = self._shelf.now_us()
            decision = Decision("expire", TIME, now_us)
            past = [k for k in base.items.values() if due(k.item, now_us) == "expire"]
            done = [(k, decided(k.item, decision)) for k in past]
            changed = [(k, replace(k, item=i)) for k, i in done if isinstance(i, Item)]
            acts = [_act(old, new, "expire", TIME, now_us) for old, new in changed]
            if changed:
                self._shelf.put([new for _, new in changed], acts)
            return len(changed)

    def _decided(self, base: Base, kept: Kept, decision: Decision) -> Item:
        id_, item = kept.item.id, decided(kept.item, decision)
        if decision.act in ("approve", "mandate") and (found := findings(kept.item)):
            hint = f"change its words first: {', '.join(found)}"
            raise refusal(Refusal(id_, "directive", hint))
        if isinstance(item, Refusal):
            raise refusal(item)
        if item.state == "mandatory" and not self._fits(base, replace(kept, item=item)):
            hint = "the mandatory share of the bundle is full: unmandate or shorten another one"
            raise refusal(Refusal(id_, "no_room", hint))
        return item

    def _fits(self, base: Base, kept: Kept) -> bool:
        now_us = self._shelf.now_us()
        entry = replace(base.entry(kept.item.id, now_us), item=kept.item)
        others = (
            base.entry(id_, now_us)
            for id_, other in base.items.items()
            if other.item.state == "mandatory"
        )
        return mandate_fits(entry, others, budget_tokens=self._budget_tokens)

    def _moved(self, base: Base, kept: Kept, item: Item, viewer: Viewer) -> Kept:
        """The owner's evidence goes with the item; the rest, if any, keeps the old one."""
        old = kept.item.id
        rest = [p for p in base.proofs.get(old, ()) if p.evidence.user != viewer.user]
        if there := base.items.get(item.id):
            changed = there  # Others have said it already: one more who did.
        else:
            changed = replace(kept, item=item, edited=kept.edited)
        stays = [derived(replace(kept, edited=False), rest[0], rest)] if rest else []
        act = _act(
            kept, changed, "personal" if item.personal else "share", viewer.user,
            self._shelf.now_us(),
        )  # fmt: skip
        return self._shelf.put(
            [changed, *stays], [act],
            Changes(dropped=() if rest else (old,), moves=(Move(old, item.id, viewer.user),)),
        )[0]  # fmt: skip


def require(base: Base, id_: str, viewer: Viewer) -> Kept:
    """The item, if there is one for this viewer."""
    if not base.visible(id_, viewer):
        raise ConfigurationError(
            f"there is no item {id_[:60]}", reason="not_found", hint="GET /api/memory lists them"
        )
    return base.items[id_]


def findings(item: Item) -> list[str]:
    """Why an item is not delivered: reasons of the directive scan."""
    return list(dict.fromkeys(f.reason for f in scan(told(item))))


def refusal(found: Refusal) -> ConfigurationError:
    """A refusal as the error it is for whoever asked."""
    return ConfigurationError(
        f"{found.item_id[:60]} was not changed", reason=found.reason, hint=found.hint
    )


def _act(
    old: Kept, new: Kept, act: str, actor: str, at_us: int, reason: str = "",
    fields: tuple[str, ...] = (),
) -> Act:  # fmt: skip
    return Act(new.item.id, act, actor, old.item.state, new.item.state, at_us, reason, fields)


def require_domain(value: object) -> None:
    """Raises `ConfigurationError` for a text that names no domain."""
    if isinstance(value, str) and value and value not in DOMAINS:
        raise ConfigurationError(
            f"unknown domain {value[:60]!r}", reason="bad_parameter",
            hint=f"known: {', '.join(sorted(DOMAINS))}",
        )  # fmt: skip
