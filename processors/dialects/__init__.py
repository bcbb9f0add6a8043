"""One file per agent: how its session lines become the normalised `core.record.Record`.

The rule: a dialect is recognised by content, never by name or folder, and the first line that
one of them recognises decides for the whole file, so a longer head never changes the answer.

A module of this package that has a `DIALECT` is one; there is no list to edit.
"""

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from core.lines import Line, Shape, complete_length, read_lines
from core.record import Record

HEAD_BYTES = 64 * 1024
UNKNOWN = "unknown"


class Dialect(Shape[Record], Protocol):
    """One agent's way of writing sessions."""

    name: str

    def recognises(self, head: Mapping[str, Any]) -> bool:
        """Is this JSON object, from the head of a file, this agent's and nobody else's?"""

    def knows(self, kind: str) -> bool:
        """Is this a type of lines that was seen before? Others are counted as unknown."""


class _Head:
    """The shape that leaves a line as it is."""

    raw: Any = dict[str, Any]

    def __init__(self) -> None:
        self.decode = msgspec.json.Decoder(dict[str, Any]).decode

    def record(self, raw: dict[str, Any]) -> dict[str, Any]:
        return raw


def _found() -> dict[str, Dialect]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    dialects = [module.DIALECT for module in modules if hasattr(module, "DIALECT")]
    return {dialect.name: dialect for dialect in dialects}


DIALECTS: Mapping[str, Dialect] = _found()
_HEAD = _Head()


def detect(head: bytes) -> str:
    """The dialect of a file that begins with `head`; empty while nothing in it decides.

    Looks at the complete lines that start in the first 64 KiB, so pass at least that much, and
    the end of a longer first line if you have it. "unknown" is final: 64 KiB decided nothing.
    After "" the file may still turn out to be anything, also if rows were taken as `by_name("")`.
    """
    complete = head[: complete_length(head)]
    for line in read_lines(complete, 0, _HEAD):
        if line.offset >= HEAD_BYTES:
            return UNKNOWN
        if isinstance(line, Line) and (name := _recognised(line.record)):
            return name
    return UNKNOWN if len(complete) >= HEAD_BYTES else ""


def by_name(name: str) -> Dialect:
    """The dialect of that name; the unknown one for "" and for names of retired dialects."""
    return DIALECTS.get(name) or DIALECTS[UNKNOWN]


@functools.lru_cache(maxsize=1024)
def is_known(agent: str, kind: str) -> bool:
    """Does the agent's dialect know lines of this type? Without a dialect none is unknown."""
    dialect = DIALECTS.get(agent)
    return dialect is None or dialect.knows(kind)


def _recognised(head: Mapping[str, Any]) -> str:
    return next((d.name for d in DIALECTS.values() if d.recognises(head)), "")
