"""What a new statement does to the base: decided here, in code, and by no model.

The rule: nothing is overwritten and nothing goes away. An operation says where evidence belongs
and what a person should look at; only governance changes what stands.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from knowledge.candidates import Index
from knowledge.relations import Kind, Relation, Statement, relation

Name = Literal["NOOP", "ADD", "CONFIRM", "SIMILAR", "CONFLICT?", "SUPERSEDE"]

JUDGED_MAX = 8
"""So many conflicts of one statement are put to a person or a model, the most similar first."""

_NAMES: dict[Kind, Name] = {
    "same": "CONFIRM",
    "supersedes": "SUPERSEDE",
    "conflict": "CONFLICT?",
    "similar": "SIMILAR",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """NOOP: this evidence is known. ADD: a fact of its own. CONFIRM: evidence for `target`.

    SIMILAR: a hint, nothing more. CONFLICT?: to be judged. SUPERSEDE: a proposal, by the words
    of the newer one. Except for NOOP, and for CONFIRM of the very same words, the statement is
    added with all its `relations`, whatever the name says.
    """

    name: Name
    target: str = ""
    relations: tuple[Relation, ...] = ()

    @property
    def to_judge(self) -> tuple[Relation, ...]:
        """The conflicts worth a look, at most `JUDGED_MAX`."""
        return worth_judging(self.relations)


def worth_judging(relations: Iterable[Relation]) -> tuple[Relation, ...]:
    """Conflicts, the most similar first, at most `JUDGED_MAX` of each statement."""
    conflicts = [r for r in relations if r.kind in ("conflict", "supersedes")]
    taken: Counter[str] = Counter()
    found = []
    for one in sorted(conflicts, key=lambda r: (-r.score, r.left, r.right)):
        if max(taken[one.left], taken[one.right]) < JUDGED_MAX:
            taken.update((one.left, one.right))
            found.append(one)
    return tuple(found)


def operation(
    statement: Statement,
    evidence: str,
    *,
    known: "Known",
    settled: Collection[frozenset[str]] = (),
) -> Operation:
    """What this statement with this evidence id does.

    `settled`: pairs that a person has judged to be different; they are never related again.
    """
    if evidence in known.evidence:
        return Operation("NOOP", statement.id)
    if statement.id in known.statements:
        return Operation("CONFIRM", statement.id)
    relations = tuple(
        found
        for found in known.relations(statement)
        if frozenset((found.left, found.right)) not in settled
    )
    for kind, name in _NAMES.items():
        of_kind = [found for found in relations if found.kind == kind]
        if of_kind:
            best = min(of_kind, key=lambda r: (-r.score, r.left, r.right))
            return Operation(name, _other(best, statement.id), relations)
    return Operation("ADD", "", relations)


class Known:
    """What the base has: statements in an index, and ids of evidence. Grows by `take`."""

    def __init__(self, statements: Iterable[Statement] = (), evidence: Iterable[str] = ()) -> None:
        self.statements = {statement.id: statement for statement in statements}
        self.evidence = set(evidence)
        self._index = Index((id_, s.text) for id_, s in sorted(self.statements.items()))

    def take(self, statement: Statement, evidence: str) -> None:
        """Enter what an operation was decided for. Taking it again changes nothing."""
        self.evidence.add(evidence)
        self.statements.setdefault(statement.id, statement)
        self._index.add(statement.id, statement.text)

    def relations(self, statement: Statement) -> tuple[Relation, ...]:
        """How it stands to all that is known, in order of ids."""
        found = (
            relation(statement, self.statements[id_])
            for id_ in self._index.candidates(statement.text)
        )
        return tuple(r for r in found if r)


def _other(found: Relation, id_: str) -> str:
    return found.right if found.left == id_ else found.left
