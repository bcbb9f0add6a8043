"""The request about a window in the words of `processors.llm`, which knows answers as types.

The rule: the schema that is sent is strict, and what is read is not: an answer with one bad item
still has its others, which `answers.read_answer` judges one by one.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from processors.llm.values import Request, Turn
from processors.verifying.candidates import Domain, Kind, Scope
from processors.verifying.redaction import Redactor
from processors.verifying.requests import request_of
from processors.verifying.windows import Window

PURPOSE = "verification"
MAX_TOKENS = 2048
"""Room for some twelve items; an answer that is cut off gets twice of it."""


def _one_of(words: Any) -> dict[str, Any]:
    return {"enum": [word.value for word in words]}


class FoundQuote(Struct):
    turn_id: str
    quote: str


class FoundItem(Struct):
    kind: Annotated[str, Meta(extra_json_schema=_one_of(Kind))]
    title: str
    statement: str
    rejected_statement: str | None
    evidence: list[FoundQuote]
    scope: Annotated[str, Meta(extra_json_schema=_one_of(Scope))]
    scope_hint: str | None
    domain: Annotated[str, Meta(extra_json_schema=_one_of(Domain))]
    entities: list[str]
    qualifiers: list[str]
    valid_from: Annotated[str, Meta(extra_json_schema={"format": "date"})] | None
    valid_until: Annotated[str, Meta(extra_json_schema={"format": "date"})] | None
    durable: bool


class FoundItems(Struct):
    """An answer; the API holds it to this schema, a gateway may not."""

    items: list[FoundItem]


def question(window: Window, redactor: Redactor) -> Request:
    """What a model is asked about a window: the same window, the same hash."""
    asked = request_of(window, redactor)
    return Request(
        purpose=PURPOSE,
        system=asked.system,
        messages=(Turn("user", asked.user),),
        output=FoundItems,
        max_tokens=MAX_TOKENS,
    )
