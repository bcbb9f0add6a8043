"""The knowledge base as the desk has it: everything that may be asked of it or done to it.

The rule: it decides nothing itself. Whoever asks is a viewer, made here and nowhere else, and what
they get has passed `knowledge.visibility`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.acting import ADMIN, Principal
from core.errors import ConfigurationError
from core.identity import Identity
from knowledge.bundle import BUDGET_TOKENS, Bundle, bundle
from knowledge.judgements import Judgement
from knowledge.labels import sensitivity
from knowledge.text import is_blank
from knowledge.values import Viewer, item_id
from state.memory import finding, judging
from state.memory.base import Base
from state.memory.erasing import erase
from state.memory.governing import Governing, require, require_domain
from state.memory.intake import Taken, entered, take
from state.memory.judging import Judged, Question
from state.memory.shelf import Shelf
from state.memory.values import CONTRIBUTION, Act, Changes, Intake, Kept
from state.operations.book import Book

BATCH = 50
"""Intakes of one transaction: while it is written nobody reads the base."""
PENDING_MAX = 200
"""Items of one person that wait for review; who has more must wait for the reviewers."""
_LAST = 'SELECT item_id, "user", arg_max({value}, at_us) FROM {table} GROUP BY ALL'


@dataclass(frozen=True, slots=True)
class Contribution:
    """What somebody adds by hand."""

    statement: str
    title: str = ""
    category: str = ""
    domain: str = ""
    tags: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()


class Memory:
    """Safe from any thread."""

    def __init__(
        self, book: Book, now_us: Callable[[], int], identity: Identity,
        budget_tokens: int = BUDGET_TOKENS, holds_secret: Callable[[str], bool] = lambda _: False,
    ) -> None:  # fmt: skip
        self._book = book
        self._identity = identity
        self.budget_tokens = budget_tokens
        self.shelf = Shelf(book, now_us, identity, holds_secret)
        self.governing = Governing(self.shelf, budget_tokens)

    def base(self) -> Base:
        return self.shelf.base()

    def viewer(self, who: Principal, person: str | None = None) -> Viewer:
        """Who asks. Somebody without a person is told apart from all people by an `@`."""
        name = person or who.person
        user = self._identity.resolve(name) if name else f"@{who.name}"
        return Viewer(user, self._groups_of(user), reviewer=who.role == ADMIN and person is None)

    # What comes in.

    def take(self, intakes: Sequence[Intake]) -> Taken:
        """Enter what people said; nothing of it twice."""
        return take(self.shelf, intakes)

    def take_new(self, stopping: Callable[[], bool] = lambda: False) -> list[Taken]:
        """Enter everything that the processors have found and the base does not have."""
        done = []
        while not stopping() and (found := finding.new(self._book, BATCH)):
            taken = self.take(found)
            if not taken.evidence:
                break  # Of people who were erased, whose rows go just now.
            done.append(taken)
        return done

    def contribute(self, viewer: Viewer, given: Contribution) -> tuple[Kept, bool]:
        """An item by hand, and whether it is new. Said before, it is evidence for what is there."""
        self._require_sayable(given)
        with self.shelf.changing() as base:
            if there := _contributed(base, viewer, given.statement):
                return base.items[there], False
            _require_patience(base, viewer)
            now_us = self.shelf.now_us()
            intake = _intake(viewer, given, now_us)
            (kept,) = entered(base, [intake], now_us)
            new = intake.item_id not in base.items
            if new:
                kept = _as_given(kept, given)
            act = Act(kept.item.id, "create", viewer.user, "", kept.item.state, now_us)
            more = Changes(intakes=(intake,))
            return self.shelf.put([kept], [act] if new else [], more)[0], new

    def _require_sayable(self, given: Contribution) -> None:
        require_domain(given.domain)
        self.shelf.refuse_secrets(
            given.statement, given.title, given.category, *given.tags, *given.entities
        )
        if is_blank(given.statement):
            raise ConfigurationError(
                "that says nothing", reason="empty", hint="state a fact in words"
            )

    # What people make of it.

    def vote(self, viewer: Viewer, id_: str, vote: int) -> dict[str, int]:
        """Their vote from now on; 0 takes it back."""
        with self.shelf.changing() as base:
            require(base, id_, viewer)
            now_us = self.shelf.now_us()
            with self._book.change() as cursor:
                row = [id_, viewer.user, vote, now_us]
                cursor.execute("INSERT INTO knowledge_votes VALUES (?, ?, ?, ?)", row)
        return self.votes()[id_]

    def votes(self) -> dict[str, dict[str, int]]:
        """Upvotes, downvotes and their difference, of items that have any."""
        found: dict[str, dict[str, int]] = {}
        for (id_, _), vote in self._votes().items():
            one = found.setdefault(id_, {"upvotes": 0, "downvotes": 0, "score": 0})
            one["upvotes"] += vote > 0
            one["downvotes"] += vote < 0
            one["score"] += vote
        return found

    def votes_of(self, viewer: Viewer) -> dict[str, int]:
        """Their own, without those taken back."""
        found = self._votes().items()
        return {id_: vote for (id_, user), vote in found if user == viewer.user and vote}

    def dismiss(self, viewer: Viewer, id_: str, *, dismissed: bool) -> None:
        """Leave an item out of their bundle. A mandatory one cannot be."""
        with self.shelf.changing() as base:
            kept = require(base, id_, viewer)
            if dismissed and kept.item.state == "mandatory":
                raise ConfigurationError(
                    "a mandatory item cannot be dismissed", reason="mandatory",
                    hint="ask a reviewer to unmandate it",
                )  # fmt: skip
            now_us = self.shelf.now_us()
            with self._book.change() as cursor:
                row = [id_, viewer.user, dismissed, now_us]
                cursor.execute("INSERT INTO knowledge_dismissals VALUES (?, ?, ?, ?)", row)

    def dismissed_by(self, viewer: Viewer) -> frozenset[str]:
        rows = self._book.rows(_LAST.format(value="dismissed", table="knowledge_dismissals"))
        person = self._identity.resolve
        return frozenset(id_ for id_, user, gone in rows if gone and person(user) == viewer.user)

    def bundle(self, viewer: Viewer, *, receipt: bool = False) -> Bundle:
        """What this viewer's agent is told. With a `receipt` it counts as told from now on."""
        base, now_us = self.base(), self.shelf.now_us()
        told = base.told_to(viewer)
        here = frozenset(told)
        made = bundle(
            [base.entry(id_, now_us) for id_ in told], viewer, now_us,
            budget_tokens=self.budget_tokens, dismissed=self.dismissed_by(viewer),
            shown_instead={id_: base.shown(here.intersection(base.members[id_])) for id_ in told},
        )  # fmt: skip
        if receipt:
            self._deliver(viewer, [entry.item.id for entry in (*made.mandatory, *made.approved)])
        return made

    def forget(self, person: str) -> dict[str, int]:
        """Take what somebody said, voted and was told; how many rows, by table. They are refused
        before, and their names are forgotten after."""
        return erase(self.shelf, person)

    # What a model says of conflicts: advice, which changes nothing else.

    def judgements(self) -> Mapping[tuple[str, str, str], Judged]:
        """By the two ids and the digest of their words."""
        return judging.judgements(self._book)

    def questions(self) -> list[Question]:
        """Conflicts that wait for a judgement."""
        return judging.questions(self.base(), self.judgements())

    def record_judgements(self, given: Sequence[Judgement], model: str, request_hash: str) -> int:
        """Keep them beside their pairs; how many still hold."""
        return judging.record(self.shelf, given, model, request_hash)

    # Who is in which group.

    def groups(self) -> dict[str, list[str]]:
        """Everybody in each group."""
        found: dict[str, set[str]] = {}
        for name, person in self._book.rows("SELECT name, person FROM knowledge_groups"):
            found.setdefault(name, set()).add(self._identity.resolve(person))
        return {name: sorted(people) for name, people in sorted(found.items())}

    def set_group(self, name: str, people: Sequence[str]) -> list[str]:
        """A group has these people from now on; none: it is no more."""
        listed = sorted({self._identity.resolve(person) for person in people})
        with self._book.change() as cursor:
            cursor.execute("DELETE FROM knowledge_groups WHERE name = ?", [name])
            for person in listed:
                cursor.execute("INSERT INTO knowledge_groups VALUES (?, ?)", [name, person])
        return listed

    # What there is of one item.

    def evidence_rows(self, id_: str) -> list[Mapping[str, Any]]:
        """The evidence for every wording of the fact, with its quotes, the oldest first."""
        names = (
            "evidence_id", "item_id", "user", "session", "kind", "extractor", "quote", "source",
            "path", "line_offset", "quote_start", "quote_end", "observed_at_us", "recorded_at_us",
        )  # fmt: skip
        listed = ", ".join(f'"{name}"' for name in names)
        rows = self._book.rows(
            f"SELECT {listed} FROM knowledge_evidence WHERE item_id IN (SELECT unnest($1)) "
            "ORDER BY observed_at_us, evidence_id",
            [list(self.base().members[id_])],
        )
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return [{**one, "user": self._identity.resolve(one["user"])} for one in found]

    def history(self, id_: str) -> list[tuple[Any, ...]]:
        """Acts on the item, the oldest first: act, actor, before, after, reason, at_us."""
        return self._book.rows(
            "SELECT act, actor, before_state, after_state, reason, at_us FROM knowledge_decisions "
            "WHERE item_id = $1 ORDER BY at_us, rowid",
            [id_],
        )

    def _votes(self) -> dict[tuple[str, str], int]:
        rows = self._book.rows(_LAST.format(value="vote", table="knowledge_votes"))
        return {(id_, self._identity.resolve(user)): vote for id_, user, vote in rows}

    def _groups_of(self, user: str) -> frozenset[str]:
        return frozenset(name for name, people in self.groups().items() if user in people)

    def _deliver(self, viewer: Viewer, ids: Sequence[str]) -> None:
        if viewer.user.startswith("@") or not _untold(self.base(), viewer, ids):
            return
        with self.shelf.changing() as base:
            now_us = self.shelf.now_us()
            rows = tuple((id_, viewer.user, now_us) for id_ in _untold(base, viewer, ids))
            self.shelf.write(Changes(delivered=rows))


def labels_of(kept: Kept) -> list[str]:
    """Why a reviewer should look twice: labels of sensitivity."""
    return sorted(sensitivity(kept.item.statement))


def _intake(viewer: Viewer, given: Contribution, now_us: int) -> Intake:
    return Intake(
        viewer.user, "contribution", "contribution", given.statement, given.statement, "note",
        "person", now_us, title=given.title, domain=given.domain,
    )  # fmt: skip


def _untold(base: Base, viewer: Viewer, ids: Sequence[str]) -> list[str]:
    return [id_ for id_ in ids if (id_, viewer.user) not in base.delivered]


def _contributed(base: Base, viewer: Viewer, statement: str) -> str:
    """The item by which they said it by hand already, shared or kept to themselves since."""
    ids = (item_id(statement), item_id(statement, owner=viewer.user))
    mine = (
        id_
        for id_ in ids
        for proof in base.proofs.get(id_, ())
        if proof.source_type == CONTRIBUTION and proof.evidence.user == viewer.user
    )
    return next(mine, "")


def _require_patience(base: Base, viewer: Viewer) -> None:
    waiting = sum(
        kept.item.owner == viewer.user and kept.item.state == "pending" and not kept.item.personal
        for kept in base.items.values()
    )
    if waiting >= PENDING_MAX:
        raise ConfigurationError(
            f"{waiting} items of yours wait for review", reason="too_many",
            hint="wait until a reviewer has been through them",
        )  # fmt: skip


def _as_given(kept: Kept, given: Contribution) -> Kept:
    item = replace(
        kept.item, tags=given.tags or kept.item.tags, entities=given.entities or kept.item.entities
    )
    return replace(kept, item=item, category=given.category, edited=True)
