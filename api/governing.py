"""Endpoints of the team's knowledge base for reviewers: decide, edit, settle.

The rule: what an act does to an item is `knowledge.governance`'s business, and every item that is
acted on has a row of its own in the audit, also in a batch.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from api.editing import (
    BULK,
    Audience,
    BulkUpdates,
    PatchBody,
    Revision,
    Statement,
    Title,
    audience,
    contents,
    said,
)
from api.endpoints import Ask, Endpoint, Fields
from api.memory import PageQuery, discreet
from api.parts import Parts
from core.errors import ConfigurationError
from knowledge.governance import BATCH, Act, Decision
from knowledge.values import Viewer, revision
from state.memory.governing import findings
from state.memory.showing import Showing
from state.memory.values import Kept
from state.times import midnight_us

BATCH_ITEMS_MAX = 500
Id = Annotated[str, Meta(min_length=1, max_length=100)]
Ids = Annotated[list[Id], Meta(min_length=1, max_length=BATCH_ITEMS_MAX)]
Reason = Annotated[str, Meta(max_length=1000)]


class ItemQuery(Fields):
    item_id: Id


class ActBody(Fields):
    reason: Reason = ""
    audience: Audience | None = None
    review_by: date | None = None
    revision: Revision = ""


class EditBody(Fields):
    revision: Revision = ""
    title: Title | None = None
    content: Statement | None = None


class BulkBody(Fields):
    item_ids: Ids
    updates: dict[str, Any]


class BatchBody(Fields):
    item_ids: Ids
    action: str
    reason: Reason = ""
    audience: Audience | None = None


class PendingQuery(PageQuery):
    search: str | None = None


class AuditQuery(Fields):
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    after: str = ""
    actor: str | None = None


def endpoints(parts: Parts) -> list[Endpoint]:
    """For administrators, who are the reviewers."""
    here = _Governing(parts)
    admin = "/api/memory/admin"
    return [
        *[
            writes(f"{admin}/{verb}", here.act(verb), about, verb, query=ItemQuery, body=ActBody)
            for verb, about in _ACTS.items()
        ],
        writes(
            f"{admin}/edit", here.edit, "Other words; they are reviewed anew.", "edit",
            query=ItemQuery, body=EditBody,
        ),
        writes(f"{admin}/batch", here.batch, "One act on many items.", "batch", body=BatchBody),
        writes(
            f"{admin}/bulk-update", here.bulk, "New contents for many items.", "bulk_update",
            body=BulkBody,
        ),
        Endpoint(
            "PATCH", f"{admin}/{{item_id}}", here.patch, "New contents; null empties a field.",
            body=PatchBody, action="corporate_memory.edit", resource="{item_id}",
            errors=(404, 409), legacy=True,
        ),
        reads(f"{admin}/pending", here.pending, "What waits for a decision.", PendingQuery),
        reads(f"{admin}/audit", here.audit, "Who did what.", AuditQuery),
    ]  # fmt: skip


_ACTS: Mapping[Act, str] = {
    "approve": "Put an item in force.",
    "reject": "Say no to an item.",
    "mandate": "Make an item binding; it takes two people.",
    "unmandate": "Binding no more, still in force.",
    "revoke": "Take an item out of force.",
}


def reads(path: str, handle: Any, about: str, query: type[Fields]) -> Endpoint:
    return Endpoint("GET", path, handle, about, query=query, legacy=True)


def writes(
    path: str, handle: Any, about: str, verb: str, resource: str = "items", **more: Any
) -> Endpoint:
    return Endpoint(
        "POST", path, handle, about, **more, action=f"corporate_memory.{verb}", resource=resource,
        errors=(404, 409), legacy=True,
    )  # fmt: skip


class _Governing:
    def __init__(self, parts: Parts) -> None:
        self._desk = parts.desk

    def act(self, act: Act) -> Callable[[Ask], dict[str, Any]]:
        def perform(ask: Ask) -> dict[str, Any]:
            discreet(ask)
            ask.note.resource = ask.query.item_id
            viewer = self._viewer(ask)
            decision = self._decision(act, viewer, ask.body)
            kept = self._desk.memory.governing.decide(ask.query.item_id, viewer, decision)
            return _changed(kept)

        return perform

    def edit(self, ask: Ask) -> dict[str, Any]:
        discreet(ask)
        body: EditBody = ask.body
        given = {name: value for name, value in (("title", body.title), ("content", body.content))
                 if value is not None}  # fmt: skip
        return self._edit(ask, ask.query.item_id, given, body.revision)

    def patch(self, ask: Ask) -> dict[str, Any]:
        discreet(ask)
        return self._edit(ask, ask.path["item_id"], said(ask.body), ask.body.revision)

    def batch(self, ask: Ask) -> dict[str, Any]:
        discreet(ask)
        body: BatchBody = ask.body
        if body.action not in BATCH:
            raise ConfigurationError(
                f"unknown action {body.action[:60]!r}", reason="bad_parameter",
                hint=f"known: {', '.join(sorted(BATCH))}",
            )  # fmt: skip
        viewer = self._viewer(ask)
        decision = self._decision(body.action, viewer, body)
        results = self._each(
            ask, body.action, body.item_ids,
            lambda id_: self._desk.memory.governing.decide(id_, viewer, decision),
        )  # fmt: skip
        return {
            "success": [id_ for id_, one in results.items() if one["ok"]],
            "not_found": [i for i, one in results.items() if one.get("reason") == "not_found"],
            "results": results,
        }

    def bulk(self, ask: Ask) -> dict[str, Any]:
        discreet(ask)
        body: BulkBody = ask.body
        if strange := sorted(body.updates.keys() - {*BULK}):
            raise ConfigurationError(
                f"{strange[0][:60]} is not changed in bulk", reason="bad_parameter",
                hint=f"allowed: {', '.join(BULK)}",
            )  # fmt: skip
        try:
            updates = msgspec.convert(body.updates, BulkUpdates)
        except msgspec.ValidationError as error:
            raise ConfigurationError(
                str(error)[:200], reason="bad_parameter", hint="as for PATCH of one item"
            ) from error
        results = self._each(
            ask, "edit", body.item_ids, lambda id_: self._apply(ask, id_, said(updates))
        )
        return {"results": results}

    def pending(self, ask: Ask) -> dict[str, Any]:
        return self._shown(ask).pending(ask.query.search, ask.query.page, ask.query.per_page)

    def audit(self, ask: Ask) -> dict[str, Any]:
        query: AuditQuery = ask.query
        return self._desk.audit.page(query.limit, query.after, "corporate_memory", query.actor)

    def _edit(self, ask: Ask, id_: str, given: Mapping[str, Any], revision: str) -> dict[str, Any]:
        ask.note.resource = id_
        ask.note.params["fields"] = sorted(given)
        return _changed(self._apply(ask, id_, given, revision))

    def _apply(self, ask: Ask, id_: str, given: Mapping[str, Any], revision: str = "") -> Kept:
        memory, viewer = self._desk.memory, self._viewer(ask)
        with memory.shelf.changing() as base:
            tags = base.items[id_].item.tags if base.visible(id_, viewer) else ()
            return memory.governing.edit(id_, viewer, contents(given, tags), revision)

    def _each(
        self, ask: Ask, verb: str, ids: Iterable[str], act: Callable[[str], Kept]
    ) -> dict[str, dict[str, Any]]:
        """Each item by itself, with a row of its own in the audit."""
        results: dict[str, dict[str, Any]] = {}
        for id_ in dict.fromkeys(ids):
            try:
                with self._desk.audit.acting(ask.who, f"corporate_memory.{verb}", id_):
                    results[id_] = {"ok": True, **_changed(act(id_))}
            except ConfigurationError as error:
                results[id_] = {"ok": False, "reason": error.reason, "hint": error.hint}
        ask.note.failed = not all(one["ok"] for one in results.values())
        return results

    def _decision(self, act: Act, viewer: Viewer, body: ActBody | BatchBody) -> Decision:
        groups = None if body.audience is None else audience(body.audience)
        one = body if isinstance(body, ActBody) else ActBody()
        review_by_us = midnight_us(one.review_by) if one.review_by else None
        now_us = self._desk.memory.shelf.now_us()
        return Decision(act, viewer.user, now_us, body.reason, groups, review_by_us, one.revision)

    def _viewer(self, ask: Ask) -> Viewer:
        return self._desk.memory.viewer(ask.who)

    def _shown(self, ask: Ask) -> Showing:
        return Showing(self._desk.memory, self._viewer(ask))


def _changed(kept: Kept) -> dict[str, Any]:
    item = kept.item
    return {
        "id": item.id, "status": item.state, "approved_by": item.approved_by or None,
        "mandate_asked_by": item.mandate_asked_by or None,
        "mandated_by": item.mandated_by or None, "warnings": findings(item),
        "revision": revision(item),
    }  # fmt: skip
