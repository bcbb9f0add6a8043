"""Small processors of every kind, for tests of the engine."""

import threading
from collections.abc import Iterator
from typing import NamedTuple

from core.lines import Line
from core.record import Record
from processors.base import SESSION_FILES, Document, Session, Tools


class Seen(NamedTuple):
    """One record and its type."""

    type: str


class Whole(NamedTuple):
    """What a whole session amounts to."""

    lines: int
    last_offset: int


class Note(NamedTuple):
    """One line of a note."""

    text: str


class SeenLines:
    """A line processor: one row per record."""

    name, version, kind, pace_s = "seen", 1, "line", 0.1
    tables = {"seen": Seen}
    match = SESSION_FILES

    def rows(self, line: Line[Record]) -> Iterator[Seen]:
        yield Seen(line.record.type)


class WholeSession:
    """A session processor: one row per session that has gone quiet."""

    name, version, kind, quiet_s, wait_max_s = "whole", 1, "session", 120.0, 900.0
    tables = {"whole": Whole}
    match = SESSION_FILES

    def rows(self, session: Session, tools: Tools) -> Iterator[Whole]:
        if session.lines:
            yield Whole(len(session.lines), session.lines[-1].offset)


class Notes:
    """A document processor: one row per line of the whole file."""

    name, version, kind, pace_s = "notes", 1, "document", 0.1
    tables = {"notes": Note}
    match = ("*.jsonl", "NOTES.md")

    def rows(self, document: Document) -> Iterator[Note]:
        for line in document.data.decode("utf-8", "replace").splitlines():
            yield Note(line.replace("\x00", ""))


class Verification(WholeSession):
    """A session processor under the predecessor's name that never finds a session quiet by itself,
    can be held up (`gate`) and cannot take a session with a record of the type `poison`."""

    name, quiet_s, wait_max_s = "verification", 3600.0, 7200.0
    tables = {"verified": Whole}

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.poison = "poison"

    def rows(self, session: Session, tools: Tools) -> Iterator[Whole]:
        self.entered.set()
        self.gate.wait(60.0)
        if any(line.record.type == self.poison for line in session.lines):
            raise ValueError("secret words of the session")
        yield from super().rows(session, tools)
