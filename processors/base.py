"""What a processor is: a pure map from what a file says to rows.

The rule: same input, same rows. A processor sees no path on disk, no connection, no clock and no
state from earlier calls; what needs two lines is computed by SQL over the rows. That is what
makes steps equal the whole, a crash harmless and a process pool possible.

Three kinds, each one class in one file with the attributes below; `processors.registry` finds it:

- `LineProcessor`: `rows(line)` for each record of a session; an append costs the appended bytes.
- `DocumentProcessor`: `rows(document)` of a whole file that is rewritten, not appended to.
- `SessionProcessor`: `rows(session, tools)` of a whole session once it has gone quiet.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from logging import Logger
from typing import Any, Literal, NamedTuple, Protocol

from core.keys import SessionKey
from core.lines import Line
from core.record import Record
from processors.llm.values import Model

Kind = Literal["line", "document", "session"]

Row = NamedTuple
"""A row is an instance of one of the processor's row types, a `NamedTuple` class whose annotations
are `int`, `str`, `bool` or `float`, optionally `| None`. Integers must fit 64 bits; time is integer
microseconds since 1970 UTC and money integer nano-dollars, since float sums differ between runs."""

SESSION_FILES = ("*.jsonl", "*.jsonl.gz", "*.jsonl.zst")

_KEY_OF_NOWHERE = secrets.token_bytes(32)
"""For looks at a file without a database: another one in each process."""


class Processor(Protocol):
    """The attributes every kind declares."""

    name: str
    version: int
    """Raise it when the rows change: the sweep then rebuilds them from files that still exist."""
    kind: Kind
    tables: Mapping[str, type]
    """Table name → row type. A table belongs to one processor."""
    match: Sequence[str]
    """File name patterns (`fnmatch`) this processor wants."""


class LineProcessor(Processor, Protocol):
    """`process(a + b) = process(a) + process(b)`, for any cut between lines."""

    pace_s: float
    """While touches go on, run at most this often."""

    def rows(self, line: Line[Record]) -> Iterable[Any]: ...


@dataclass(frozen=True, slots=True)
class Document:
    """A whole file as it was at one instant."""

    key: SessionKey
    data: bytes


class DocumentProcessor(Processor, Protocol):
    """A pure function of the whole file; `pace_s` as for lines.

    What is half written it refuses with `TransientError`, and for good with `PermanentError`: the
    rows of the last state that was taken stay, and the file is listed in the quarantine.
    """

    pace_s: float

    def rows(self, document: Document) -> Iterable[Any]: ...


@dataclass(frozen=True, slots=True)
class Session:
    """Every record of one session file, in order."""

    key: SessionKey
    lines: Sequence[Line[Record]]


@dataclass(frozen=True, slots=True)
class Tools:
    """All a session processor may touch of the world.

    `llm` answers what was answered before, or asks; None: there is no model here. `redaction_key`
    is the installation's: with it equal secrets get equal placeholders.
    """

    now: datetime
    log: Logger
    llm: Model | None = field(default=None, repr=False)
    redaction_key: bytes = field(default=_KEY_OF_NOWHERE, repr=False)


@dataclass(frozen=True, slots=True)
class Later:
    """Yielded among the rows: they are committed, and the file is wanted again.

    Not a failure: what the rows lack, the world did not give yet. `after_s`: not before that, where
    somebody said so. `reason` is a short word that operators count by, `text` is for people.
    """

    reason: str
    text: str = ""
    after_s: float | None = None


class SessionProcessor(Processor, Protocol):
    """A pure function of the session and what its tools recorded.

    Beside rows it may yield `Later`. With an attribute `asks_model = True` it gets the tool `llm`.
    """

    quiet_s: float
    """Run once nobody touched the file for this long …"""
    wait_max_s: float
    """… but no later than this after the first touch."""

    def rows(self, session: Session, tools: Tools) -> Iterable[Any]: ...
