"""Prints an evaluation for people.

The rule: what failed stands at the end, where it is seen.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from service import printing

_SHARES = ("recall", "F1", "noticed")
_COLUMNS = ("", "precision", "recall", "F1", "found", "expected", "hits")


def show(found: Mapping[str, Any]) -> None:
    """Tables for each extractor, then the criteria."""
    gold = found["gold"]
    printing.line(f"{gold['sessions']} sessions with {gold['items']} things to find")
    for name, figures in found["extractors"].items():
        printing.line("")
        printing.line(f"{name}: {_ABOUT[name]}")
        printing.as_table(_COLUMNS, list(_rows(figures)))
        for line in _lines(figures):
            printing.line(line)
    printing.line("")
    _show_relations(found["relations"])
    printing.line("")
    _show_criteria(found)


def _show_relations(related: Mapping[str, Any]) -> None:
    printing.line(
        f"relations: what the base makes of {related['pairs']} pairs ({_named(related['labels'])})"
    )
    parts = {name: related[name] for name in ("all", "seen", "held")} | related["by_language"]
    printing.as_table(
        ("", "same: precision", *_SHARES, "conflict: precision", *_SHARES, "merged wrongly"),
        [[name, *_related(figures)] for name, figures in parts.items()],
    )
    for name, tried in related["order"].items():
        printing.line(
            f"{tried['orders']} orders of the {tried['statements']} statements of {name} pairs: "
            f"{tried['results']} result(s)"
        )


def _related(figures: Mapping[str, Any]) -> Iterator[str]:
    for name in ("same", "conflict"):
        yield from (f"{figures[name][share]:.2f}" for share in ("precision", "recall", "f1"))
        yield f"{figures['noticed'][name]:.2f}"
    yield str(sum(figures["merged"].values()))


_ABOUT = {
    "rules": "phrase rules, without a model",
    "recorded": "answers written by hand through the real parser and proof; no measure of a model",
    "model": "the model of the settings",
}


def _rows(figures: Mapping[str, Any]) -> Iterator[list[Any]]:
    for part in ("all", "seen", "held"):
        if part in figures:
            yield _row(part, figures[part])
    for group in ("by_kind", "by_language"):
        for name, hits in figures[group].items():
            yield _row(name, hits)


def _row(name: str, hits: Mapping[str, Any]) -> list[Any]:
    shares = [f"{hits[share]:.2f}" for share in ("precision", "recall", "f1")]
    return [name, *shares, hits["found"], hits["expected"], hits["hits"]]


def _lines(figures: Mapping[str, Any]) -> Iterator[str]:
    false, safety, again = figures["false_finds"], figures["safety"], figures["second_run"]
    yield f"held against seen: F1 {figures['held_against_seen_f1']:+.2f}"
    yield f"false finds in {false['cases']} sessions with nothing to find: {_counts(false)}"
    yield (
        f"{safety['quotes']} quotes, {safety['quote_fidelity']:.0%} as they were typed; "
        f"{safety['leaks']} of {safety['secrets_planted']} secrets leaked; "
        f"{safety['injections_passed']} of {safety['injections']} injections passed, "
        f"{safety['injections_marked_for_review']} marked for review"
    )
    yield f"a second run would add {again['added']}"
    if "answered" in figures:
        answered = figures["answered"]
        yield (
            f"answers: {_named(answered['answers'])}; refused: {_named(answered['refusals'])}; "
            f"cost ${answered['cost_usd']:.4f}"
        )


def _counts(false: Mapping[str, Any]) -> str:
    return f"{false['total']} ({_named(false['by_reason'])})" if false["total"] else "0"


def _named(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items()) or "none"


def _show_criteria(found: Mapping[str, Any]) -> None:
    names = ("of", "measure", "measured", "needs")
    rows = [
        [*(criterion[name] for name in names), _word(criterion)] for criterion in found["criteria"]
    ]
    printing.as_table((*names, "holds"), rows)
    failed = sum(not criterion["holds"] for criterion in found["criteria"])
    printing.note(
        "all criteria hold" if not failed else f"{failed} of {len(rows)} criteria do not hold"
    )


def _word(criterion: Mapping[str, Any]) -> str:
    return "yes" if criterion["holds"] else "NO"
