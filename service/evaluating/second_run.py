"""What the base makes of what was found, and what reading everything again would add to it.

The rule: the same operations as in the service. A second run that adds anything is a defect.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from knowledge.operations import Known, operation
from knowledge.relations import Statement
from knowledge.values import evidence_id, item_id
from processors.verifying.candidates import Candidate
from service.evaluating.judging import Judged
from service.evaluating.transcripts import session_id


def run_twice(first: Iterable[Judged], second: Iterable[Judged]) -> tuple[Counter[str], int]:
    """How often each operation was decided in the first run, and what the second would add."""
    known = Known()
    done = Counter(_operations(first, known))
    again = Counter(_operations(second, known))
    return done, again.total() - again["NOOP"]


def _operations(run: Iterable[Judged], known: Known) -> Iterator[str]:
    for one in run:
        for candidate in one.found.candidates:
            statement = _statement(candidate)
            for quote in candidate.evidence:
                turn = quote.uuid or str(quote.line_offset)
                evidence = evidence_id(session_id(one.case), turn, quote.text)
                yield operation(statement, evidence, known=known).name
                known.take(statement, evidence)


def _statement(candidate: Candidate) -> Statement:
    return Statement(
        id=item_id(candidate.statement),
        text=candidate.statement,
        entities=frozenset(name.casefold() for name in candidate.entities),
        rejected=candidate.rejected or "",
    )
