"""What was found in a session, whoever found it: phrase rules and models fill in the same value.

The rule: a candidate carries the words it rests on, each with its place in one human turn, and no
confidence: that is computed from the evidence (`knowledge.confidence`), whatever a model thinks of
itself.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

Extractor = Literal["rules", "model"]

TITLE_CHARS_MAX = 60
STATEMENT_CHARS_MAX = 500
ENTITIES_MAX = 12
ENTITY_CHARS_MAX = 80
EVIDENCE_MAX = 6


class Kind(StrEnum):
    """How a person verified something."""

    CORRECTION = "correction"
    CONFIRMATION = "confirmation"
    DEFINITION = "definition"


class Scope(StrEnum):
    """For whom it holds. What holds for one person or one task is no shared knowledge."""

    ORG = "org"
    TEAM = "team"
    REPO = "repo"
    PATH = "path"
    PERSON = "person"
    TASK = "task"


class Domain(StrEnum):
    """What it is about."""

    FINANCE = "finance"
    ENGINEERING = "engineering"
    PRODUCT = "product"
    DATA = "data"
    OPERATIONS = "operations"
    INFRASTRUCTURE = "infrastructure"


SHARED_SCOPES = frozenset({Scope.ORG, Scope.TEAM, Scope.REPO, Scope.PATH})


@dataclass(frozen=True, slots=True)
class Quote:
    """`turn.text[start:end] == text` of the human turn with this number, which is redacted.

    `line_offset` and `original_start`, `original_end` lead to the same words in the session file:
    the line, and the characters in the prompt of that line.
    """

    turn_number: int
    line_offset: int
    uuid: str | None
    start: int
    end: int
    original_start: int
    original_end: int
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing a person corrected, confirmed or defined.

    `statement` is one sentence that stands alone; `rejected` what it replaces, if it is a
    correction that says so. `domain` is a guess or None.
    """

    kind: Kind
    title: str
    statement: str
    rejected: str | None
    evidence: tuple[Quote, ...]
    extractor: Extractor
    scope: Scope = Scope.TEAM
    scope_hint: str | None = None
    domain: Domain | None = None
    entities: tuple[str, ...] = ()
    qualifiers: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None


def title_of(statement: str) -> str:
    """The beginning of a statement, at most `TITLE_CHARS_MAX` characters, cut between words."""
    if len(statement) <= TITLE_CHARS_MAX:
        return statement
    cut = statement[:TITLE_CHARS_MAX]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut[:-1]) + "…"
