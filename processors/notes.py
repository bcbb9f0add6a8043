"""The `notes` processor: what people wrote down for their agent in `CLAUDE.local.md`.

The rule: nothing secret leaves the file. The document is redacted before it is taken apart, a
statement with something redacted in it or with a label of sensitivity is marked as its owner's
alone, and a note that cannot be read is refused, so that what was taken from it before stays.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from core.errors import PermanentError, TransientError
from core.keys import NOTE_FILE
from knowledge.notes import NoteStatement, statements
from processors.base import Document
from processors.verifying.redaction import PLACEHOLDER, Redactor

BYTES_MAX = 256 << 10
"""A larger note is no note: an agent is told all of it at each start."""
STATEMENTS_MAX = 300
"""All of them wait for a reviewer, and each is compared with all others."""
_NO_CODE = "000000000000"
# Codes tell equal secrets by a key; here they are left out, so any key will do.
_REDACTOR = Redactor(b"\0" * 16)


def holds_secret(text: str) -> bool:
    """Whether something in a text is to be redacted."""
    return bool(_REDACTOR.redact(text).findings)


class NoteStatements(NamedTuple):
    """One statement of a note. `line` counts from 1; `line_offset` is in bytes of the file;
    `labels` say, separated by commas, why it is kept from others."""

    statement: str
    title: str
    headings: str
    line: int
    line_offset: int
    domain: str
    tags: str
    entities: str
    labels: str


class Notes:
    """Takes a note apart, offline and by rules."""

    name = "notes"
    version = 1
    kind: Literal["document"] = "document"
    pace_s = 1.0
    match = (NOTE_FILE,)
    tables: Mapping[str, type] = MappingProxyType({"note_statements": NoteStatements})

    def rows(self, document: Document) -> Iterator[NoteStatements]:
        """Its statements in their order. Raises `TransientError` for what is no text, and
        `PermanentError` for what is too much of it."""
        if document.key.path.count("/") > 1:
            return  # Of a project, and not written for all colleagues.
        if len(document.data) > BYTES_MAX:
            raise _too_much(f"the note has more than {BYTES_MAX >> 10} KiB")
        try:
            original = document.data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise TransientError(
                "the note is not UTF-8", reason="not_utf8",
                hint="save it as UTF-8; it is read again when it changes",
            ) from error  # fmt: skip
        redacted = _REDACTOR.redact(original)
        found = statements(PLACEHOLDER.sub(_without_code, redacted.text))
        if len(found) > STATEMENTS_MAX:
            raise _too_much(f"the note has {len(found)} statements")
        starts, places = _line_starts(redacted.text), _Places(original)
        for said in found:
            place, _ = redacted.original(starts[said.line - 1], starts[said.line - 1])
            yield _row(said, places.offset(place))


def _too_much(what: str) -> PermanentError:
    return PermanentError(
        what, reason="too_large",
        hint=f"up to {BYTES_MAX >> 10} KiB and {STATEMENTS_MAX} statements are read",
    )  # fmt: skip


class _Places:
    """Places in a text as offsets in its bytes; asked in order it takes one pass."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = self._offset = 0

    def offset(self, place: int) -> int:
        if place < self._place:
            self._place = self._offset = 0
        self._offset += len(self._text[self._place : place].encode())
        self._place = place
        return self._offset


def _row(said: NoteStatement, offset: int) -> NoteStatements:
    redacted = PLACEHOLDER.search(" ".join((*said.headings, said.text)))
    labels = {*said.sensitivity, *(("credentials",) if redacted else ())}
    return NoteStatements(
        said.text, said.title, " / ".join(said.headings), said.line, offset, said.domain,
        ",".join(said.tags), ",".join(said.entities), ",".join(sorted(labels)),
    )  # fmt: skip


def _line_starts(text: str) -> list[int]:
    return [0, *(place + 1 for place, c in enumerate(text) if c == "\n")]


def _without_code(found: re.Match[str]) -> str:
    """As long as before, so that places stay."""
    return f"{found[0].partition(':')[0]}:{_NO_CODE}›"
