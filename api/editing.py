"""What a change of an item's contents may hold, and what is meant by it.

The rule: left out is left alone, and null empties; nothing of governance can be named here.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, field

from api.endpoints import Fields
from core.errors import ConfigurationError
from knowledge.governance import Edit
from state.memory.governing import Contents
from state.times import midnight_us

Statement = Annotated[str, Meta(min_length=1, max_length=1000)]
Title = Annotated[str, Meta(min_length=1, max_length=200)]
Word = Annotated[str, Meta(max_length=100)]
Words = Annotated[list[Word], Meta(max_length=50)]
Revision = Annotated[str, Meta(max_length=100)]
"""The item as somebody saw it; what was changed since is refused (`changed`). "": not asked."""
Audience = Annotated[str, Meta(max_length=1000)]
BULK = ("category", "domain", "tags", "tags_add", "tags_remove", "audience", "title", "content")
"""What may be changed for many items at once."""


class PatchBody(Fields):
    revision: Revision = ""
    title: Title | UnsetType | None = UNSET
    content: Statement | UnsetType | None = UNSET
    category: Word | UnsetType | None = UNSET
    domain: Word | UnsetType | None = UNSET
    tags: Words | UnsetType | None = UNSET
    audience: Audience | UnsetType | None = UNSET
    review_by: date | UnsetType | None = UNSET
    valid_until: date | UnsetType | None = UNSET


class BulkUpdates(PatchBody):
    tags_add: Words = field(default_factory=list)
    tags_remove: Words = field(default_factory=list)


def said(body: PatchBody) -> dict[str, Any]:
    """What was given, null as None."""
    names = [name for name in body.__struct_fields__ if name != "revision"]
    given = {name: getattr(body, name) for name in names if getattr(body, name) is not UNSET}
    return {name: value for name, value in given.items() if name[:5] != "tags_" or value}


def contents(given: Mapping[str, Any], tags: tuple[str, ...]) -> Contents:
    """An edit. Null empties what may be empty, and is refused where something has to stand."""
    values = dict(given)
    for name in ("title", "content"):
        if name in values and values[name] is None:
            raise ConfigurationError(
                f"{name} cannot be empty", reason="bad_parameter", hint="leave it out to keep it"
            )
    more, less = values.pop("tags_add", []), values.pop("tags_remove", [])
    wanted = dict.fromkeys([*(values.get("tags", tags) or ()), *more])
    if more or less or "tags" in values:
        values["tags"] = tuple(tag for tag in wanted if tag not in less)
    if "audience" in values:
        values["audience"] = audience(values["audience"] or "")
    if "domain" in values:
        values["domain"] = values["domain"] or ""
    for name in ("review_by", "valid_until"):
        if name in values:
            day = values.pop(name)
            values[f"{name}_us"] = midnight_us(day) if day else None
    if "content" in values:
        values["statement"] = values.pop("content")
    category = values.pop("category") or "" if "category" in values else None
    return Contents(Edit(**values), category)


def audience(text: str) -> tuple[str, ...]:
    """The groups of `group:a,group:b`; none for everyone."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words in ([], ["all"]):
        return ()
    if not all(word.startswith("group:") and word[6:] for word in words):
        raise ConfigurationError(
            f"unknown audience {text[:60]!r}", reason="bad_parameter",
            hint="all, or group:NAME, several separated by commas",
        )  # fmt: skip
    return tuple(sorted({word.removeprefix("group:") for word in words}))
