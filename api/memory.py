"""Endpoints of the team's knowledge base for everybody: read it, add to it, say what one thinks.

The rule: who asks is a viewer (`Memory.viewer`), and what a viewer may not see does not exist for
them: 404, in every list, figure and vote alike. The paths are those the predecessor's clients know.
"""

from typing import Annotated, Any

from msgspec import Meta, field
from starlette.responses import Response

from api.editing import Statement, Title, Word, Words
from api.endpoints import READERS, Ask, Endpoint, Fields
from api.gate import Forbidden
from api.parts import Parts
from core.acting import ADMIN
from core.errors import ConfigurationError
from knowledge.bundle import Bundle
from knowledge.rendering import Entry
from knowledge.values import Viewer
from state.memory.memory import Contribution
from state.memory.showing import Showing, Wanted

PAGE_ITEMS_MAX = 200
Page = Annotated[int, Meta(ge=1, le=1_000_000)]
PerPage = Annotated[int, Meta(ge=1, le=PAGE_ITEMS_MAX)]
PERSONAL = "personal"
"""What the audit calls an item that nobody but its owner knows of."""
_AUDITED = frozenset({
    "action", "audience", "is_personal", "item_id", "item_ids", "item_a_id", "item_b_id", "people",
    "resolution", "review_by", "revision", "valid_until", "vote",
})  # fmt: skip
"""Parameters that say nothing of what is known."""


class ListQuery(Fields):
    status_filter: str | None = None
    category: str | None = None
    domain: str | None = None
    source_type: str | None = None
    search: str | None = None
    is_required: bool | None = None
    upvoted_by_me: bool = False
    hide_dismissed: bool = False
    exclude_personal: bool = False
    page: Page = 1
    per_page: PerPage = 50


class PageQuery(Fields):
    page: Page = 1
    per_page: PerPage = 50


class CreateBody(Fields):
    content: Statement
    title: Title | None = None
    category: Word = ""
    tags: Words = field(default_factory=list)
    domain: Word | None = None
    entities: Words = field(default_factory=list)
    source_type: Word | None = None


class VoteBody(Fields):
    vote: int


class PersonalBody(Fields):
    is_personal: bool


class BundleQuery(Fields):
    person: str | None = None


def endpoints(parts: Parts) -> list[Endpoint]:
    """What is audited names the act and the item, and never what it says."""
    here = _Reading(parts)
    item = "/api/memory/{item_id}"
    return [
        _get("/api/memory", here.listing, "Facts one may see.", query=ListQuery),
        _get("/api/memory/stats", here.stats, "How many of which kind."),
        _get("/api/memory/my-votes", here.my_votes, "One's own votes."),
        _get("/api/memory/my-contributions", here.mine, "One's own items.", query=PageQuery),
        _get("/api/memory/bundle", here.bundle, "What one's agent is told.", query=BundleQuery),
        _get(item, here.item, "One item.", errors=(404,)),
        _get(f"{item}/provenance", here.provenance, "Where it comes from.", errors=(404,)),
        _post(
            "/api/memory", here.create, "Add an item; it waits for review.", "create", "items",
            body=CreateBody, status=201,
        ),
        _post(f"{item}/vote", here.vote, "1, -1, or 0 to take it back.", "vote", body=VoteBody),
        _post(
            f"{item}/personal", here.personal, "Keep an item to oneself, or share it.",
            "toggle_personal", body=PersonalBody,
        ),
        _post(f"{item}/dismiss", here.dismiss, "Leave it out of one's bundle.", "dismiss"),
        Endpoint(
            "DELETE", f"{item}/dismiss", here.undismiss, "Have it in one's bundle again.", READERS,
            action="corporate_memory.undismiss", resource="{item_id}", status=204, errors=(404,),
            legacy=True,
        ),
    ]  # fmt: skip


def _get(path: str, handle: Any, about: str, **more: Any) -> Endpoint:
    return Endpoint("GET", path, handle, about, READERS, legacy=True, **more)


def _post(
    path: str, handle: Any, about: str, verb: str, resource: str = "{item_id}", **more: Any
) -> Endpoint:
    return Endpoint(
        "POST", path, handle, about, READERS, **{"body": Fields, **more}, legacy=True,
        action=f"corporate_memory.{verb}", resource=resource, errors=(404, 409),
    )  # fmt: skip


class _Reading:
    def __init__(self, parts: Parts) -> None:
        self._desk = parts.desk

    def listing(self, ask: Ask) -> dict[str, Any]:
        query: ListQuery = ask.query
        wanted = Wanted(
            query.status_filter, query.category, query.domain, query.source_type, query.search,
            query.is_required, query.upvoted_by_me, query.hide_dismissed,
            False if query.exclude_personal else None,
        )  # fmt: skip
        return self._shown(ask).page(wanted, query.page, query.per_page)

    def stats(self, ask: Ask) -> dict[str, Any]:
        return self._shown(ask).stats()

    def item(self, ask: Ask) -> dict[str, Any]:
        return self._shown(ask).item(ask.path["item_id"])

    def provenance(self, ask: Ask) -> dict[str, Any]:
        return self._shown(ask).provenance(ask.path["item_id"])

    def my_votes(self, ask: Ask) -> dict[str, Any]:
        base, viewer = self._desk.memory.base(), self._viewer(ask)
        votes = self._desk.memory.votes_of(viewer)
        return {"votes": {id_: vote for id_, vote in votes.items() if base.visible(id_, viewer)}}

    def mine(self, ask: Ask) -> dict[str, Any]:
        return self._shown(ask).own(ask.query.page, ask.query.per_page)

    def bundle(self, ask: Ask) -> dict[str, Any]:
        """An administrator may look at somebody's; only one's own counts as told."""
        person = ask.query.person
        if person and ask.who.role != ADMIN:
            raise Forbidden(
                "of others only an administrator sees the bundle", reason="forbidden",
                hint="leave out person",
            )  # fmt: skip
        memory = self._desk.memory
        viewer = memory.viewer(ask.who, person)
        return _bundle(memory.bundle(viewer, receipt=person is None))

    def create(self, ask: Ask) -> dict[str, Any]:
        body: CreateBody = ask.body
        discreet(ask)
        kept, new = self._desk.memory.contribute(
            self._viewer(ask),
            Contribution(
                body.content, body.title or "", body.category, body.domain or "",
                tuple(body.tags), tuple(body.entities),
            ),
        )  # fmt: skip
        self._tell(ask, kept.item.id)
        # That somebody else has said it, and what became of that, is not for everybody.
        shown = self._shown(ask)
        seen = shown.base.visible(kept.item.id, shown.viewer)
        return {
            "id": kept.item.id,
            "status": kept.item.state if seen else "pending",
            "new": new,
            "confidence": round(shown.base.confidence(kept.item.id, 0).value, 4) if seen else None,
        }

    def vote(self, ask: Ask) -> dict[str, Any]:
        if ask.body.vote not in (-1, 0, 1):
            raise ConfigurationError(
                "a vote is 1, -1 or 0", reason="bad_parameter", hint="0 takes it back"
            )
        id_ = ask.path["item_id"]
        self._tell(ask, id_)
        return {"id": id_, **self._desk.memory.vote(self._viewer(ask), id_, ask.body.vote)}

    def personal(self, ask: Ask) -> dict[str, Any]:
        """The answer has the id the item has from now on."""
        value: bool = ask.body.is_personal
        self._tell(ask, ask.path["item_id"])
        kept = self._desk.memory.governing.make_personal(
            ask.path["item_id"], self._viewer(ask), value=value
        )
        return {"id": kept.item.id, "is_personal": kept.item.personal, "status": kept.item.state}

    def dismiss(self, ask: Ask) -> dict[str, Any]:
        self._tell(ask, ask.path["item_id"])
        self._desk.memory.dismiss(self._viewer(ask), ask.path["item_id"], dismissed=True)
        return {"id": ask.path["item_id"], "dismissed": True}

    def undismiss(self, ask: Ask) -> Response:
        self._tell(ask, ask.path["item_id"])
        self._desk.memory.dismiss(self._viewer(ask), ask.path["item_id"], dismissed=False)
        return Response(status_code=204)

    def _tell(self, ask: Ask, id_: str) -> None:
        """Which item it is about. Reviewers read the audit, so a personal one has no name there."""
        kept = self._desk.memory.base().items.get(id_)
        mine = kept is not None and kept.item.personal and kept.item.owner == self._viewer(ask).user
        ask.note.resource = PERSONAL if mine else id_

    def _viewer(self, ask: Ask) -> Viewer:
        return self._desk.memory.viewer(ask.who)

    def _shown(self, ask: Ask) -> Showing:
        return Showing(self._desk.memory, self._viewer(ask))


def discreet(ask: Ask) -> None:
    """What people write is in their tables, from which it can be erased, and not in the audit."""
    ask.note.params = {k: v for k, v in ask.note.params.items() if k in _AUDITED}


def _bundle(made: Bundle) -> dict[str, Any]:
    return {
        "mandatory": [_entry(entry) for entry in made.mandatory],
        "approved": [_entry(entry) for entry in made.approved],
        "left_out": [
            {"id": left.item_id, "why": left.why, "detail": left.detail or None}
            for left in made.left_out
        ],
        "token_estimate": made.tokens,
        "token_budget": made.budget_tokens,
        "digest": made.digest,
        "files": dict(made.files),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    item = entry.item
    return {
        "id": item.id, "title": item.title, "content": item.statement, "scope": item.scope,
        "domain": item.domain or None, "confidence": round(entry.confidence, 4),
        "people": entry.people,
    }  # fmt: skip
