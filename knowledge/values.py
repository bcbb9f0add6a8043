"""The values that the rules speak of: items, evidence, viewers.

The rule: values only, and every identity is computed here from content, so that the same fact
seen twice, by two machines or in another order, has one id. Times are whole microseconds UTC.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Literal

from knowledge.text import normalised

State = Literal["pending", "approved", "mandatory", "rejected", "revoked", "expired"]
EvidenceKind = Literal["correction", "definition", "confirmation", "note"]
Extractor = Literal["rules", "model", "person"]

ORG = "org"
"""The scope of a fact that holds everywhere; others are `repo:x`, `team:x`, `path:x`."""

EVERYONE: tuple[str, ...] = ()
"""The audience of an item that is for all; otherwise the groups it is for."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One place where a person said it. `exposed`: they had been shown the item before."""

    id: str
    item_id: str
    user: str
    session: str
    kind: EvidenceKind
    quote: str = ""
    extractor: Extractor = "model"
    observed_at_us: int = 0
    exposed: bool = False
    supports: bool = True


@dataclass(frozen=True, slots=True)
class Item:
    """A fact of the team with where it stands. `owner`: who contributed it."""

    id: str
    statement: str
    owner: str
    title: str = ""
    scope: str = ORG
    domain: str = ""
    tags: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    personal: bool = False
    audience: tuple[str, ...] = EVERYONE
    state: State = "pending"
    approved_by: str = ""
    mandate_asked_by: str = ""
    mandated_by: str = ""
    reason: str = ""
    observed_at_us: int = 0
    confirmed_at_us: int = 0
    review_by_us: int | None = None
    valid_until_us: int | None = None
    superseded_by: str = ""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: a user, the groups they are in, and whether they review."""

    user: str
    groups: frozenset[str] = field(default_factory=frozenset)
    reviewer: bool = False


def item_id(statement: str, *, scope: str = ORG, owner: str = "") -> str:
    """`ki_` and 16 hex digits of the normalised statement and its scope.

    What kind of utterance it came from is left out: a correction and a confirmation of the same
    words are one item. `owner` is given for a personal item only, so that nobody else's words
    ever land on it.
    """
    return _digest("ki_", normalised(statement), scope, owner)


def revision(item: Item) -> str:
    """Names the item as a person sees it who decides: what it says, for whom, where it stands."""
    return _digest(
        "", item.statement, item.title, item.scope, *item.audience, item.state, item.approved_by,
        item.mandate_asked_by, item.mandated_by,
    )  # fmt: skip


def evidence_id(session: str, turn: str, quote: str) -> str:
    """`ev_` and 16 hex digits: the same words of the same turn are evidence once."""
    return _digest("ev_", session, turn, normalised(quote))


def _digest(prefix: str, *parts: str) -> str:
    # As JSON, so that no two lists of parts are the same text.
    text = json.dumps(parts, ensure_ascii=False)
    return prefix + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
