"""The whole evaluation as one value: what each extractor makes of the gold set, and the criteria.

The rule: figures and nothing else. What a case says is in no result, so a report can be shown to
anybody and kept with a release.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from processors.llm.values import Model
from processors.verifying.candidates import Kind
from service.evaluating import figures
from service.evaluating.cases import Case, gold
from service.evaluating.criteria import weighed
from service.evaluating.extractors import Extractor, by_model, by_rules, extracted
from service.evaluating.judging import Judged, judged
from service.evaluating.pairs import Pair, labelled_pairs
from service.evaluating.recordings import replayed
from service.evaluating.relating import relating
from service.evaluating.second_run import run_twice
from service.evaluating.transcripts import transcript


def evaluation(
    model: Model | None = None,
    cases: Sequence[Case] | None = None,
    pairs: Sequence[Pair] | None = None,
) -> dict[str, Any]:
    """Figures of the rules and of the recorded answers, and those of `model` if there is one.

    Also what the base makes of the labelled pairs, which no model is asked about.
    """
    cases = gold() if cases is None else cases
    extractors: dict[str, Extractor] = {"rules": by_rules, "recorded": by_model(replayed(cases))}
    if model is not None:
        extractors["model"] = by_model(model)
    measured = {name: _figures(cases, one) for name, one in extractors.items()}
    measured["recorded"]["flaws"] = figures.flaws(judged_cases(cases, extractors["recorded"]))
    related = relating(labelled_pairs() if pairs is None else pairs)
    criteria = list(weighed({**measured, "relations": related}))
    return {
        "gold": _about(cases),
        "extractors": measured,
        "relations": related,
        "criteria": criteria,
        "passed": all(criterion["holds"] for criterion in criteria),
    }


def judged_cases(cases: Iterable[Case], extractor: Extractor) -> list[Judged]:
    """Each case, read from its bytes by this extractor."""
    return [judged(case, extracted(transcript(case), extractor)) for case in cases]


def _figures(cases: Sequence[Case], extractor: Extractor) -> dict[str, Any]:
    run = judged_cases(cases, extractor)
    operations, added = run_twice(run, judged_cases(cases, extractor))
    found: dict[str, Any] = {
        "all": figures.hits(run).as_json(),
        **{part: figures.hits(of).as_json() for part, of in figures.by(run, _part).items()},
        "held_against_seen_f1": _held_against_seen(run),
        "kind_accuracy": figures.rounded(figures.kind_accuracy(run)),
        "by_kind": {kind.value: figures.hits_of_kind(run, kind).as_json() for kind in Kind},
        "by_language": _hits_by(figures.by(run, lambda one: one.case.language)),
        "false_finds": _false_finds(run),
        "safety": figures.safety(run),
        "second_run": {"first": dict(sorted(operations.items())), "added": added},
    }
    if any(one.found.answers for one in run):
        found["answered"] = figures.answered(run)
    return found


def _part(one: Judged) -> str:
    return one.case.part


def _held_against_seen(run: Sequence[Judged]) -> float:
    """Below 0: the rules have learnt their lessons by heart."""
    parts = figures.by(run, _part)
    seen, held = (figures.hits(parts.get(name, [])).f1 for name in ("seen", "held"))
    return figures.rounded(held - seen)


def _hits_by(groups: Mapping[str, Iterable[Judged]]) -> dict[str, Any]:
    return {name: figures.hits(of).as_json() for name, of in groups.items()}


def _false_finds(run: Sequence[Judged]) -> dict[str, Any]:
    found = figures.false_finds(run)
    cases = sum(not one.case.expected for one in run)
    return {"cases": cases, "total": found.total(), "by_reason": dict(sorted(found.items()))}


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _about(cases: Sequence[Case]) -> dict[str, Any]:
    return {
        "sessions": len(cases),
        "items": sum(len(case.expected) for case in cases),
        "parts": _count(case.part for case in cases),
        "languages": _count(case.language for case in cases),
        "kinds": _count(item.kind.value for case in cases for item in case.expected),
        "dialects": _count(case.written.dialect for case in cases),
        "about": _count(case.written.about for case in cases),
    }
