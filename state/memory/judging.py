"""Which conflicts a language model may be asked about, and what it said.

The rule: what it says stands in a table of its own, which the base does not read. So items, states,
relations and confidence are the same with or without it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from knowledge.judgements import Judgement, said_digest
from knowledge.labels import sensitivity
from knowledge.operations import worth_judging
from knowledge.scan import scan
from knowledge.values import Viewer
from state.memory.base import Base
from state.memory.settling import Pair, conflicts
from state.memory.shelf import Shelf
from state.memory.tables import insert
from state.operations.book import Book

_REVIEWERS = Viewer("@", reviewer=True)
_COLUMNS = ("left_id", "right_id", "said", "verdict", "newer", "reason")
_SOURCE = ("model", "request_hash", "at_us")


@dataclass(frozen=True, slots=True)
class Question:
    """Two statements to be judged; `earlier` and `later` are texts, in the order they were said.

    `people`: everybody whose words these are.
    """

    left: str
    right: str
    said: str
    newer: str
    earlier: str
    later: str
    people: frozenset[str]


@dataclass(frozen=True, slots=True)
class Judged:
    """A judgement, by which model and when."""

    judgement: Judgement
    model: str
    at_us: int


def judgements(book: Book) -> Mapping[tuple[str, str, str], Judged]:
    """The last of each pair and its words."""
    listed = ", ".join((*_COLUMNS, "model", "at_us"))
    rows = book.rows(f"SELECT {listed} FROM knowledge_judgements ORDER BY at_us, rowid")
    return {row[:3]: Judged(Judgement(*row[:6]), *row[6:]) for row in rows}


def questions(base: Base, judged: Iterable[tuple[str, str, str]]) -> list[Question]:
    """Conflicts that wait for a judgement, the clearest first: those that reviewers are shown, that
    nobody has named or settled, at most eight of a statement."""
    known = frozenset(judged)
    pairs = {
        (one.left, one.right): one
        for one in conflicts(base, _REVIEWERS)
        if one.named is None and _may_be_sent(base, one.left) and _may_be_sent(base, one.right)
    }
    relations = worth_judging(one.relation for one in pairs.values() if one.relation)
    asked = (_question(base, pairs[one.left, one.right]) for one in relations)
    return [one for one in asked if (one.left, one.right, one.said) not in known]


def record(shelf: Shelf, given: Sequence[Judgement], model: str, request_hash: str) -> int:
    """Keep what was said of pairs that are still there in the same words; how many."""
    with shelf.changing() as base:
        holding = [one for one in given if _holds(base, one)]
        now_us = shelf.now_us()
        rows = [
            (one.left, one.right, one.said, one.verdict, one.newer, one.reason, model,
             request_hash, now_us)
            for one in holding
        ]  # fmt: skip
        with shelf.book.change() as cursor:
            insert(cursor, "knowledge_judgements", (*_COLUMNS, *_SOURCE), rows)
        return len(rows)


def digest_of(base: Base, left: str, right: str) -> str:
    """Of the words of two items as they are now."""
    return said_digest(base.items[left].item.statement, base.items[right].item.statement)


def _holds(base: Base, one: Judgement) -> bool:
    there = {one.left, one.right} <= base.items.keys()
    return there and digest_of(base, one.left, one.right) == one.said


def _may_be_sent(base: Base, id_: str) -> bool:
    """Neither somebody's own nor held back, whatever its state."""
    item = base.items[id_].item
    return not (item.personal or _is_held_back(item.title, item.statement))


@lru_cache(maxsize=16384)
def _is_held_back(title: str, statement: str) -> bool:
    return bool(scan(f"{title}\n{statement}") or sensitivity(statement))


def _question(base: Base, one: Pair) -> Question:
    order = sorted(
        (one.left, one.right), key=lambda id_: (base.items[id_].item.observed_at_us, id_)
    )
    earlier, later = (base.items[id_].item.statement for id_ in order)
    return Question(
        one.left, one.right, digest_of(base, one.left, one.right), order[1], earlier, later,
        _people(base, one.left) | _people(base, one.right),
    )  # fmt: skip


def _people(base: Base, id_: str) -> frozenset[str]:
    said = {proof.evidence.user for proof in base.proofs.get(id_, ())}
    return frozenset(name for name in {*said, base.items[id_].item.owner} if name)
