"""Items as JSON for one viewer: lists, figures, where an item comes from.

The rule: everything starts from what the viewer may see, and what colleagues said in their sessions
is shown to reviewers and to whoever said it; to all others only how many they are.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from knowledge.bundle import mandatory_tokens
from knowledge.governance import due
from knowledge.text import normalised, unaccented
from knowledge.values import EVERYONE, Viewer, revision
from state.memory.base import Base
from state.memory.governing import findings, require
from state.memory.memory import Memory, labels_of
from state.memory.values import Kept
from state.times import iso_utc


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items a list is to have; None asks for nothing."""

    status: str | None = None
    category: str | None = None
    domain: str | None = None
    source_type: str | None = None
    search: str | None = None
    is_required: bool | None = None
    upvoted_by_me: bool = False
    hide_dismissed: bool = False
    personal: bool | None = None


class Showing:
    """The base as one viewer sees it at this moment."""

    def __init__(self, memory: Memory, viewer: Viewer) -> None:
        self._memory = memory
        self.viewer = viewer
        self.base: Base = memory.base()
        self._now_us = memory.shelf.now_us()
        self._votes = memory.votes()
        self._dismissed = memory.dismissed_by(viewer)

    def page(self, wanted: Wanted, page: int, per_page: int) -> dict[str, Any]:
        """Facts, one wording each; those in force first, then the latest."""
        shown = (self.base.shown(wordings) for wordings in self.base.facts(self.viewer))
        fits = self._filter(wanted)
        return self._paged([id_ for id_ in shown if fits(self.base.items[id_])], page, per_page)

    def pending(self, search: str | None, page: int, per_page: int) -> dict[str, Any]:
        """What waits for a reviewer: facts nobody has decided on, the surest first, and items
        whose mandate or review is due."""
        fits = self._filter(Wanted(search=search))
        waiting = [
            id_
            for wordings in self.base.facts(self.viewer)
            if fits(self.base.items[id_ := self.base.shown(wordings)]) and self._waits(id_)
        ]
        sure = {id_: self.base.confidence(id_, self._now_us).value for id_ in waiting}
        waiting.sort(key=lambda id_: (-sure[id_], -self._score(id_), id_))
        return self._paged(waiting, page, per_page, ordered=True)

    def own(self, page: int, per_page: int) -> dict[str, Any]:
        """What the viewer contributed or gave evidence for, personal items included."""
        user = self.viewer.user
        mine = [
            id_
            for id_, kept in self.base.items.items()
            if self.base.visible(id_, self.viewer)
            and (kept.item.owner == user or self._said(id_, user))
        ]
        return self._paged(mine, page, per_page)

    def stats(self) -> dict[str, Any]:
        """Figures of the facts a viewer may see."""
        kept = [self.base.items[self.base.shown(ids)] for ids in self.base.facts(self.viewer)]
        return {
            "total": len(kept),
            "by_status": _counted(one.item.state for one in kept),
            "categories": _counted(one.category for one in kept if one.category),
            "by_domain": _counted(one.item.domain for one in kept if one.item.domain),
            "by_source_type": _counted(one.source_type for one in kept),
            "by_tag": _counted(tag for one in kept for tag in one.item.tags),
            "by_audience": _counted(_audience(one.item.audience) or "all" for one in kept),
        }

    def item(self, id_: str) -> dict[str, Any]:
        """One item. Raises `ConfigurationError` (`not_found`) if this viewer has none."""
        kept = require(self.base, id_, self.viewer)
        item, sure = kept.item, self.base.confidence(id_, self._now_us)
        votes = self._votes.get(id_, {"upvotes": 0, "downvotes": 0, "score": 0})
        return {
            "id": id_, "title": item.title, "content": item.statement, "scope": item.scope,
            "category": kept.category, "domain": item.domain or None, "tags": list(item.tags),
            "entities": list(item.entities), "status": item.state,
            "is_required": item.state == "mandatory", "is_personal": item.personal,
            "audience": _audience(item.audience), "source_type": kept.source_type,
            "source_user": self._name(item.owner), "contributors": self._contributors(id_),
            "people": sure.people, "sessions": sure.sessions,
            "confidence": round(sure.value, 4), "wordings": self._wordings(id_),
            "created_at": iso_utc(kept.created_at_us), "updated_at": iso_utc(kept.updated_at_us),
            "observed_at": iso_utc(item.observed_at_us),
            "review_by": iso_utc(item.review_by_us), "valid_until": iso_utc(item.valid_until_us),
            "superseded_by": item.superseded_by or None,
            **votes, "dismissed_by_me": id_ in self._dismissed, **self._for_reviewers(id_, kept),
        }  # fmt: skip

    def provenance(self, id_: str) -> dict[str, Any]:
        """Where an item comes from and what was done about it."""
        kept = require(self.base, id_, self.viewer)
        sure = self.base.confidence(id_, self._now_us)
        rows = self._memory.evidence_rows(id_)
        mine = [one for one in rows if self.base.visible(one["item_id"], self.viewer)]
        names = [f for f in sure.__slots__ if f not in ("people", "sessions")]
        return {
            "item_id": id_,
            "people": sure.people,
            "sessions": sure.sessions,
            "confidence": {name: round(getattr(sure, name), 4) for name in names},
            "evidence": [self._evidence(one) for one in mine if self._may_read(one["user"])],
            "evidence_count": len(mine),
            "history": [self._act(*row) for row in self._memory.history(kept.item.id)],
        }

    def _paged(
        self, ids: list[str], page: int, per_page: int, *, ordered: bool = False
    ) -> dict[str, Any]:
        if not ordered:
            ids = sorted(ids, key=self._place)
        here = ids[(page - 1) * per_page : page * per_page]
        return {
            "items": [self.item(id_) for id_ in here],
            "count": len(here),
            "page": page,
            "per_page": per_page,
            "total_count": len(ids),
            "total_pages": -(-len(ids) // per_page),
        }

    def _place(self, id_: str) -> tuple[bool, int, str]:
        kept = self.base.items[id_]
        return kept.item.state not in ("approved", "mandatory"), -kept.updated_at_us, id_

    def _filter(self, wanted: Wanted) -> Callable[[Kept], bool]:
        words = _words(wanted.search or "")
        mine = self._memory.votes_of(self.viewer) if wanted.upvoted_by_me else {}

        def fits(kept: Kept) -> bool:
            item = kept.item
            return (
                wanted.status in (None, item.state)
                and wanted.category in (None, kept.category)
                and wanted.domain in (None, item.domain)
                and wanted.source_type in (None, kept.source_type)
                and wanted.is_required in (None, item.state == "mandatory")
                and wanted.personal in (None, item.personal)
                and (not wanted.upvoted_by_me or mine.get(item.id, 0) > 0)
                and not (
                    wanted.hide_dismissed
                    and item.state != "mandatory"
                    and item.id in self._dismissed
                )
                and all(word in _text(kept) for word in words)
            )

        return fits

    def _waits(self, id_: str) -> bool:
        item = self.base.items[id_].item
        if item.personal:
            return False
        asked = item.state == "approved" and bool(item.mandate_asked_by)
        return self.base.standing(id_) == "pending" or asked or due(item, self._now_us) == "review"

    def _for_reviewers(self, id_: str, kept: Kept) -> dict[str, Any]:
        if not self.viewer.reviewer:
            return {}
        item = kept.item
        return {
            "warnings": findings(item), "sensitivity": labels_of(kept), "reason": item.reason,
            "approved_by": item.approved_by or None,
            "mandate_asked_by": item.mandate_asked_by or None,
            "mandated_by": item.mandated_by or None, "revision": revision(item),
            "mandatory_tokens": mandatory_tokens(self.base.entry(id_, self._now_us)),
            "contradicted_by": [
                o for o in self.base.opponents(id_) if self.base.visible(o, self.viewer)
            ],
        }  # fmt: skip

    def _wordings(self, id_: str) -> list[dict[str, str]]:
        return [
            {"id": other, "content": self.base.items[other].item.statement}
            for other in self.base.members[id_]
            if other != id_ and self.base.visible(other, self.viewer)
        ]

    def _contributors(self, id_: str) -> list[str]:
        people = {evidence.user for evidence in self.base.evidence(id_)}
        return sorted(person for person in people if self._may_read(person))

    def _may_read(self, person: str) -> bool:
        return self.viewer.reviewer or person == self.viewer.user

    def _name(self, person: str) -> str | None:
        return person if self._may_read(person) else None

    def _said(self, id_: str, user: str) -> bool:
        return any(proof.evidence.user == user for proof in self.base.proofs.get(id_, ()))

    def _score(self, id_: str) -> int:
        return self._votes.get(id_, {}).get("score", 0)

    def _evidence(self, row: Mapping[str, Any]) -> dict[str, Any]:
        times = {name: iso_utc(row[f"{name}_us"]) for name in ("observed_at", "recorded_at")}
        return {**{k: v for k, v in row.items() if not k.endswith("_us")}, **times}

    def _act(
        self, act: str, actor: str, before: str, after: str, reason: str, at_us: int
    ) -> dict[str, Any]:
        return {
            "act": act, "actor": self._name(actor), "before": before or None, "after": after,
            "reason": reason or None, "at": iso_utc(at_us),
        }  # fmt: skip


def _audience(groups: tuple[str, ...]) -> str | None:
    return None if groups == EVERYONE else ",".join(f"group:{name}" for name in groups)


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0])))


def _words(text: str) -> list[str]:
    return unaccented(normalised(text)).split()


def _text(kept: Kept) -> str:
    item = kept.item
    return unaccented(
        normalised(" ".join((item.title, item.statement, *item.tags, *item.entities)))
    )
