"""Small items, evidence and entries for the tests of the knowledge base.

The rule: valid as they come, so a test names only what it is about.
"""

from dataclasses import replace
from typing import Any

from knowledge.rendering import Entry
from knowledge.values import Evidence, Item, evidence_id, item_id

DAY_US = 86_400 * 1_000_000
NOW_US = 20_000 * DAY_US


def item(statement: str = "Churn is calculated monthly", **fields: Any) -> Item:
    """A pending item of ada's, its id made of its words, changed as wanted."""
    scope, owner = fields.get("scope", "org"), fields.get("owner", "ada")
    id_ = item_id(statement, scope=scope, owner=owner if fields.get("personal") else "")
    made = Item(id=id_, statement=statement, owner=owner, observed_at_us=NOW_US)
    return replace(made, **fields)


def evidence(user: str = "ada", session: str = "s1", **fields: Any) -> Evidence:
    """A correction, observed now, changed as wanted."""
    quote = fields.pop("quote", "it is monthly, not weekly")
    made = Evidence(
        id=evidence_id(session, "t1", quote),
        item_id="ki_x",
        user=user,
        session=session,
        kind="correction",
        quote=quote,
        observed_at_us=NOW_US,
    )
    return replace(made, **fields)


def entry(statement: str, confidence: float = 0.8, **fields: Any) -> Entry:
    """An approved item as a bundle takes it."""
    return Entry(item(statement, **{"state": "approved", **fields}), confidence)
