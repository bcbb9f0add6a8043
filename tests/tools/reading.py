"""One processor over bytes in memory, with the service's own readers and nothing around them."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from core.errors import SessionwatchError
from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from service.limits import Limits
from service.reading import LineReading, Step, WholeReading, prove
from service.world import plain_tools
from tests.tools.simulation import Inode, Opened

KEY = SessionKey("here", "u/one.jsonl")
NOW_US = 1_800_000_000_000_000
QUIET_NS = 10**15
Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(slots=True)
class Taken:
    """What of a file is in the tables: the rows, and the entry that says which bytes they are."""

    rows: Rows = field(default_factory=dict)
    committed_bytes: int = 0
    blocks: bytes = b""
    dialect: str = ""
    reasons: Counter[str] = field(default_factory=Counter)
    refused: str = ""
    """Why a document was not taken at all, which the engine notes beside its last good version."""

    def add(self, step: Step) -> None:
        for table, rows in step.rows.items():
            if len(rows):
                self.rows.setdefault(table, []).extend(rows)  # type: ignore[arg-type]
        self.committed_bytes, self.blocks = step.committed_bytes, step.blocks
        self.dialect = step.dialect
        self.reasons.update(step.faults)


def opened(data: bytes, *, quiet: bool = True) -> Opened:
    """The bytes as an open file; `quiet`: nobody wrote to it for a long time."""
    return Opened(Inode(1, data, 0, 0), FileStat(1, 1, len(data), 0, 0), QUIET_NS if quiet else 0)


def take(processor: Any, data: bytes, limits: Limits | None = None) -> Taken:
    """Everything the processor makes of a file that has gone quiet."""
    return grow(processor, Taken(), data, limits or Limits())


def grow(
    processor: Any, before: Taken, data: bytes, limits: Limits, *, quiet: bool = True
) -> Taken:
    """What is taken once the file says `data`, which begins with what was taken before.

    Like the worker: a file whose dialect was not known yet is read anew, and others go on behind
    the committed bytes, proved.
    """
    file = opened(data, quiet=quiet)
    if processor.kind != "line":
        return _whole(processor, file, limits)
    if not before.dialect:
        before = Taken()
    entry = LedgerEntry(
        "p", KEY, committed_bytes=before.committed_bytes, blocks=before.blocks, stat=file.stat
    )
    digester = prove(file, entry, "all")
    assert digester, "the bytes taken before must not have changed"
    for step in LineReading(
        file, processor, limits, offset=before.committed_bytes, digester=digester,
        dialect=before.dialect,
    ):  # fmt: skip
        assert step.committed_bytes == before.committed_bytes + step.size_bytes
        before.add(step)
    return before


def tried(
    processor: Any,
    data: bytes,
    limits: Limits | None = None,
    before: Taken | None = None,
    *,
    quiet: bool = True,
) -> Taken:
    """The same of a file that may be refused: then nothing is taken but the reason."""
    try:
        return grow(processor, before or Taken(), data, limits or Limits(), quiet=quiet)
    except SessionwatchError as error:
        return Taken(refused=error.reason)


def _whole(processor: Any, file: Opened, limits: Limits) -> Taken:
    taken = Taken()
    for step in WholeReading(file, processor, limits, key=KEY, tools=plain_tools(NOW_US)):
        taken.add(step)
    return taken
