"""Documents as records: files that an agent rewrites as a whole, told apart by what they say.

The rule: a document of no agent that is known has no records and is no fault, but one that is not
whole is refused with an error, so that the rows of its last whole state stay and it is read again.

A module of `processors.dialects` that has a `DOCUMENT` knows one; there is no list to edit.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from core.errors import PermanentError, SessionwatchError, TransientError
from core.lines import Line, read_document
from core.record import Record
from processors import dialects

_FOR_GOOD = ("too_deep", "too_long_to_repair", "unexpected_shape")
"""Faults that waiting for the agent to write the rest cannot cure."""


class DocumentDialect(Protocol):
    """One agent's way of rewriting a session, or a piece of one, as one JSON object."""

    name: str
    raw: Any
    """The msgspec type of the object; every field accepts every JSON type."""

    def decode(self, data: bytes, /) -> Any: ...

    def records(self, raw: Any, /) -> Iterable[Record]:
        """Its records; none if it is not this agent's. Never raises."""


class _Whole:
    """The shape whose record is all records of a document."""

    def __init__(self, dialect: DocumentDialect) -> None:
        self.raw = dialect.raw
        self.decode = dialect.decode
        self._records = dialect.records

    def record(self, raw: Any) -> list[Record]:
        return list(self._records(raw))


def _found() -> dict[str, DocumentDialect]:
    names = sorted(module.name for module in pkgutil.iter_modules(dialects.__path__))
    modules = [importlib.import_module(f"{dialects.__name__}.{name}") for name in names]
    known = [module.DOCUMENT for module in modules if hasattr(module, "DOCUMENT")]
    return {dialect.name: dialect for dialect in known}


DOCUMENTS: Mapping[str, DocumentDialect] = _found()


def document_records(data: bytes) -> list[Record]:
    """What the document says, if an agent that is known wrote it.

    Raises `TransientError` for what is half written and `PermanentError` for what cannot be read.
    """
    for dialect in DOCUMENTS.values():
        if records := _records(data, dialect):
            return records
    return []


def _records(data: bytes, dialect: DocumentDialect) -> list[Record]:
    lines: list[list[Record]] = []
    lost: list[str] = []
    for item in read_document(data, _Whole(dialect)):
        if isinstance(item, Line):
            lines.append(item.record)
        elif not item.kept:
            lost.append(item.reason)
    if len(lines) == 1 and not lost:
        return lines[0]
    if lost == ["not_an_object"] and not lines:
        return []
    raise _refusal(lost[0] if lost else "invalid_json")


def _refusal(reason: str) -> SessionwatchError:
    """The reason alone: what the document says stays in it."""
    if reason in _FOR_GOOD:
        return PermanentError(
            "the document cannot be read", reason=reason,
            hint="`python3 -m json.tool FILE` says where it is unusual",
        )  # fmt: skip
    return TransientError(
        "the document is not one whole JSON object", reason="invalid_json",
        hint="it is read again when it changes; `python3 -m json.tool FILE` says where it breaks",
    )  # fmt: skip
