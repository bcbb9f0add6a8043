"""An operator's rescan: every matching file loses its version, and somebody follows how it gets
another.

The rule: what is marked is in the ledger before anybody is answered, so it is built anew whatever
happens to the service; who follows only counts.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Literal, NamedTuple

from core.keys import SessionKey
from core.ledger import LedgerEntry
from core.rows import Command, Commit, Receipt
from core.seams import Ledger

LOOK_S = 0.2

Became = Literal["rebuilt", "failed", "gone", "waiting"]


class Marked(NamedTuple):
    """One file of one processor whose rows are to be built anew."""

    processor: str
    key: SessionKey
    generation: int
    """The one that is to be replaced; 0 if nothing was loaded yet."""


def change(
    ledger: Ledger,
    submit: Callable[[Command], "Future[Receipt]"],
    entries: Iterable[LedgerEntry],
    altered: Callable[[LedgerEntry], LedgerEntry],
) -> list[LedgerEntry]:
    """Write these entries `altered`, whatever is committed meanwhile; those of vanished files are
    left alone. What was written. Raises what the writer raises."""
    written: list[LedgerEntry] = []
    waiting = [Commit(entry, altered(entry)) for entry in entries if not entry.source_gone]
    while waiting:
        answers = [(commit, submit(commit)) for commit in waiting]
        fenced = [commit.after for commit, future in answers if future.result().fenced]
        written += [commit.after for commit, future in answers if not future.result().fenced]
        # A file that grew meanwhile has another entry now: that one is to be altered.
        found = (ledger.get(after.processor, after.key) for after in fenced)
        waiting = [
            Commit(entry, altered(entry)) for entry in found if entry and not entry.source_gone
        ]
    return written


def became(ledger: Ledger, marked: Marked) -> tuple[Became, LedgerEntry | None]:
    """How far a marked file has come, and its entry."""
    entry = ledger.get(marked.processor, marked.key)
    if entry is None or entry.source_gone:
        return "gone", entry
    if entry.status == "parked":
        return "failed", entry
    new = entry.generation != marked.generation and entry.processor_version
    return ("rebuilt" if new and entry.status == "ok" else "waiting"), entry


def follow(
    ledger: Ledger,
    marked: Iterable[Marked],
    stopping: Callable[[], bool],
    tell: Callable[[Mapping[str, Any]], None],
) -> dict[str, Any]:
    """Wait until each is of a new generation, was given up or vanished; `tell` how far it is."""
    waiting, ended = list(marked), Counter[str]()
    matched, pause = len(waiting), threading.Event()

    def told() -> dict[str, Any]:
        counts = {name: ended[name] for name in ("rebuilt", "failed", "gone")}
        return {"matched": matched, **counts}

    while True:
        states = [(one, became(ledger, one)[0]) for one in waiting]
        ended.update(state for _, state in states if state != "waiting")
        waiting = [one for one, state in states if state == "waiting"]
        tell(told())
        if not waiting:
            return {**told(), "errors": ended["failed"]}
        if stopping():
            return {**told(), "errors": ended["failed"], "stopped": True}
        pause.wait(LOOK_S)
