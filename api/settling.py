"""Endpoints for pairs of items, conflicts and possible duplicates, and for groups.

The rule: a pair is shown to whoever may see both items, and settling it changes them
(`state.memory.settling`).
"""

from typing import Annotated, Any, cast

from msgspec import Meta

from api.editing import Statement, Word
from api.endpoints import Ask, Endpoint, Fields
from api.governing import Id, reads, writes
from api.memory import discreet
from api.parts import Parts
from core.errors import ConfigurationError
from knowledge.resolutions import ConflictChoice, DuplicateChoice, Settlement
from knowledge.values import Viewer
from state.memory.settling import conflicts, name_contradiction, settle
from state.memory.showing_pairs import ShowingPairs

Person = Annotated[str, Meta(min_length=1, max_length=200)]


class PairsQuery(Fields):
    resolved: bool = False


class ContradictionBody(Fields):
    item_a_id: Id
    item_b_id: Id
    explanation: Annotated[str, Meta(min_length=1, max_length=1000)]
    severity: Word | None = None
    suggested_resolution: Word | None = None


class ResolveBody(Fields):
    resolution: str
    merged_content: Statement | None = None
    scope_a: Word | None = None
    scope_b: Word | None = None


class PairQuery(Fields):
    item_a_id: Id
    item_b_id: Id


class DuplicateBody(Fields):
    resolution: str


class GroupBody(Fields):
    people: Annotated[list[Person], Meta(max_length=10000)]


def endpoints(parts: Parts) -> list[Endpoint]:
    """For administrators, who are the reviewers."""
    here = _Settling(parts)
    admin = "/api/memory/admin"
    return [
        reads(f"{admin}/contradictions", here.contradictions, "Conflicts.", PairsQuery),
        writes(
            f"{admin}/contradictions", here.contradict, "Say that two items contradict each other.",
            "contradiction_create", body=ContradictionBody, status=201,
        ),
        writes(
            f"{admin}/contradictions/{{contradiction_id}}/resolve", here.resolve,
            "Settle a conflict.", "contradiction_resolve", "{contradiction_id}", body=ResolveBody,
        ),
        reads(f"{admin}/duplicate-candidates", here.duplicates, "Possible duplicates.", PairsQuery),
        writes(
            f"{admin}/duplicate-candidates/resolve", here.resolve_duplicate, "Settle a duplicate.",
            "duplicate_resolve", query=PairQuery, body=DuplicateBody,
        ),
        reads(f"{admin}/groups", here.groups, "Everybody in each group.", Fields),
        Endpoint(
            "PUT", f"{admin}/groups/{{group}}", here.set_group, "Who is in a group from now on.",
            body=GroupBody, action="corporate_memory.group", resource="group:{group}", legacy=True,
        ),
    ]  # fmt: skip


class _Settling:
    def __init__(self, parts: Parts) -> None:
        self._desk = parts.desk

    def contradictions(self, ask: Ask) -> dict[str, Any]:
        shown = self._shown(ask)
        found = shown.settled("conflict") if ask.query.resolved else shown.contradictions()
        return {"contradictions": found, "count": len(found)}

    def contradict(self, ask: Ask) -> dict[str, Any]:
        discreet(ask)
        body: ContradictionBody = ask.body
        ids = (body.item_a_id, body.item_b_id)
        named = name_contradiction(
            self._desk.memory.shelf, self._viewer(ask), ids, body.explanation, body.severity,
            body.suggested_resolution,
        )  # fmt: skip
        ask.note.resource = named.id
        return {"id": named.id, "item_a_id": named.left, "item_b_id": named.right}

    def resolve(self, ask: Ask) -> dict[str, Any]:
        discreet(ask)
        body: ResolveBody = ask.body
        memory, viewer = self._desk.memory, self._viewer(ask)
        ids = self._pair_of(ask.path["contradiction_id"], viewer)
        scopes = (body.scope_a, body.scope_b) if body.scope_a and body.scope_b else None
        by = Settlement(
            cast("ConflictChoice", body.resolution), viewer.user, memory.shelf.now_us(),
            body.merged_content or "", scopes,
        )  # fmt: skip
        result = settle(memory.shelf, viewer, "conflict", ids, by)
        changed = [item.id for item in (*result.changed, *result.added)]
        ask.note.params["changed"] = changed
        return {"resolved": True, "resolution": body.resolution, "changed": changed}

    def duplicates(self, ask: Ask) -> dict[str, Any]:
        shown = self._shown(ask)
        found = shown.settled("duplicate") if ask.query.resolved else shown.duplicates()
        return {"candidates": found, "count": len(found)}

    def resolve_duplicate(self, ask: Ask) -> dict[str, Any]:
        ids = (ask.query.item_a_id, ask.query.item_b_id)
        ask.note.resource = "::".join(sorted(ids))
        memory, viewer = self._desk.memory, self._viewer(ask)
        choice = cast("DuplicateChoice", ask.body.resolution)
        by = Settlement(choice, viewer.user, memory.shelf.now_us())
        result = settle(memory.shelf, viewer, "duplicate", ids, by)
        changed = [item.id for item in result.changed]
        return {"resolved": True, "resolution": choice, "changed": changed}

    def groups(self, _: Ask) -> dict[str, Any]:
        return {"groups": self._desk.memory.groups()}

    def set_group(self, ask: Ask) -> dict[str, Any]:
        name = ask.path["group"]
        if not name.strip() or "," in name or not name.isprintable() or len(name) > 100:
            raise ConfigurationError(
                "that is no name for a group", reason="bad_parameter",
                hint="printable, without commas, up to 100 characters",
            )  # fmt: skip
        return {"group": name, "people": self._desk.memory.set_group(name, ask.body.people)}

    def _pair_of(self, id_: str, viewer: Viewer) -> tuple[str, str]:
        base = self._desk.memory.base()
        for one in conflicts(base, viewer):
            if one.id == id_:
                return one.left, one.right
        if any(one.about == "conflict" and one.id == id_ for one in base.settled):
            raise ConfigurationError(
                "this conflict is resolved",
                reason="already_resolved",
                hint="edit the items instead",
            )
        raise ConfigurationError(
            f"there is no conflict {id_[:60]}", reason="not_found",
            hint="GET /api/memory/admin/contradictions lists them",
        )  # fmt: skip

    def _viewer(self, ask: Ask) -> Viewer:
        return self._desk.memory.viewer(ask.who)

    def _shown(self, ask: Ask) -> ShowingPairs:
        return ShowingPairs(self._desk.memory, self._viewer(ask))
