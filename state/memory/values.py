"""What the knowledge base keeps beside what `knowledge` speaks of: values only.

The rule: a change of the base is a value, complete before anything of it is written.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from knowledge.relations import Relation, Statement, entities_of
from knowledge.values import Evidence, EvidenceKind, Extractor, Item, evidence_id, item_id

SESSIONS = "user_verification"
NOTES = "claude_local_md"
CONTRIBUTION = "contribution"
SOURCE_TYPES = (SESSIONS, NOTES, CONTRIBUTION)
About = Literal["conflict", "duplicate"]


@dataclass(frozen=True, slots=True)
class Kept:
    """An item with what is kept beside it. `edited`: its contents are a person's."""

    item: Item
    category: str = ""
    rejected: str = ""
    source_type: str = SESSIONS
    edited: bool = False
    created_at_us: int = 0
    updated_at_us: int = 0

    def statement(self) -> Statement:
        """What is compared with others."""
        item = self.item
        return Statement(
            item.id, item.statement, item.scope, item.owner if item.personal else "",
            entities_of(item.entities), self.rejected, item.observed_at_us,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quote stands: in which file, line and characters of the prompt."""

    source: str = ""
    path: str = ""
    line_offset: int | None = None
    quote_start: int | None = None
    quote_end: int | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """Something a person said, before the base has it. `turn` names the prompt for good; `labels`:
    why it is to stay its owner's."""

    user: str
    session: str
    turn: str
    statement: str
    quote: str
    kind: EvidenceKind
    extractor: Extractor
    observed_at_us: int
    scope: str = "org"
    title: str = ""
    domain: str = ""
    rejected: str = ""
    valid_until_us: int | None = None
    labels: frozenset[str] = frozenset()
    exposed: bool = False
    place: Place = Place()

    @property
    def personal(self) -> bool:
        return bool(self.labels)

    @property
    def item_id(self) -> str:
        return item_id(self.statement, scope=self.scope, owner=self.user if self.personal else "")

    @property
    def evidence_id(self) -> str:
        """Of exactly these words of this turn, as evidence of this kind for exactly this statement:
        what `finding` compares, so that what was taken is found no more."""
        exact = "\n".join((self.turn, self.item_id, self.kind, self.statement, self.quote))
        return evidence_id(self.user, exact, self.quote)


@dataclass(frozen=True, slots=True)
class Proof:
    """Evidence as the base has it in memory: without its quote, with what its item is made of."""

    evidence: Evidence
    said: str
    title: str = ""
    domain: str = ""
    rejected: str = ""
    valid_until_us: int | None = None

    @property
    def source_type(self) -> str:
        if self.evidence.extractor == "person":
            return CONTRIBUTION
        return NOTES if self.evidence.kind == "note" else SESSIONS

    @property
    def order(self) -> tuple[int, str]:
        """What came first is the item's author, whatever was read first."""
        return self.evidence.observed_at_us, self.evidence.id


@dataclass(frozen=True, slots=True)
class Act:
    """One row of the history of an item."""

    item_id: str
    act: str
    actor: str
    before: str
    after: str
    at_us: int
    reason: str = ""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """A person's decision about a pair, the smaller id first."""

    left: str
    right: str
    about: About
    choice: str
    settled: bool
    by_whom: str
    at_us: int
    counts_for: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        return contradiction_id(self.left, self.right)


@dataclass(frozen=True, slots=True)
class Named:
    """A contradiction that a person has named, the smaller id first."""

    left: str
    right: str
    explanation: str
    severity: str | None
    suggested: str | None
    by_whom: str
    at_us: int

    @property
    def id(self) -> str:
        return contradiction_id(self.left, self.right)


@dataclass(frozen=True, slots=True)
class Found:
    """A relation, and since when it is known."""

    relation: Relation
    at_us: int


@dataclass(frozen=True, slots=True)
class Move:
    """Evidence that belongs to another item from now on; of one person's only, if one is named."""

    old: str
    new: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything one transaction does. `related`: the items whose relations are now these."""

    put: tuple[Kept, ...] = ()
    dropped: tuple[str, ...] = ()
    intakes: tuple[Intake, ...] = ()
    moves: tuple[Move, ...] = ()
    related: frozenset[str] = frozenset()
    relations: tuple[Found, ...] = ()
    acts: tuple[Act, ...] = ()
    settled: tuple[Settled, ...] = ()
    named: tuple[Named, ...] = ()
    delivered: tuple[tuple[str, str, int], ...] = field(default=())
    """Item, person, since when."""


def contradiction_id(one: str, other: str) -> str:
    """`kc_` and 16 hex digits of the two ids, whatever their order."""
    return "kc_" + hashlib.sha256("\n".join(pair(one, other)).encode()).hexdigest()[:16]


def pair(one: str, other: str) -> tuple[str, str]:
    """Two ids in the order in which pairs are kept."""
    return (one, other) if one < other else (other, one)
