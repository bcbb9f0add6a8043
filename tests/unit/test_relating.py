"""The labelled pairs, what is counted of them, and that every defence of the base is worth it."""

from collections import Counter

import pytest

from knowledge import relations
from knowledge.candidates import Index
from service.evaluating import relating
from service.evaluating.criteria import weighed
from service.evaluating.pairs import Pair, labelled_pairs

LANGUAGES = {"en", "de", "fr", "es", "cs"}


@pytest.fixture(scope="module")
def figured():
    return relating.relating(labelled_pairs())


def pair(label, left, right, split="seen"):
    return Pair("en", label, "wording", left, right, split)


def test_there_are_enough_pairs_of_every_label_and_language():
    counts = Counter((p.label, p.split) for p in labelled_pairs())
    languages = Counter((p.label, p.language) for p in labelled_pairs())

    for label in ("same", "contradiction", "compatible"):
        assert counts[label, "seen"] + counts[label, "held"] >= 70
        assert counts[label, "held"] >= 30
        assert min(languages[label, name] for name in LANGUAGES) >= 10


def test_no_pair_is_there_twice_nor_as_two_things():
    labels = Counter(frozenset((p.left, p.right, *p.scopes)) for p in labelled_pairs())

    assert labels.most_common(1)[0][1] == 1
    assert all(len({s.id for s in p.statements()}) == 2 for p in labelled_pairs())


def test_what_is_merged_proposed_and_overlooked_is_counted():
    found = relating.relating(
        [
            pair("same", "Churn is calculated monthly", "Churn is computed every month"),
            pair("same", "Holidays are in the portal", "Time off is asked for online"),
            pair("contradiction", "Sessions expire after 30 days", "Sessions expire after 60 days"),
            pair("compatible", "Backups are kept 30 days", "Backups are kept 90 days"),
            pair("contradiction", "The export is free", "Nobody pays for an import"),
        ]
    )["all"]

    assert (found["same"]["hits"], found["same"]["found"], found["same"]["expected"]) == (1, 1, 2)
    assert (found["conflict"]["hits"], found["conflict"]["found"]) == (1, 2)
    assert found["noticed"] == {"same": 0.5, "conflict": 0.5}
    assert found["merged"] == {"contradictions": 0, "compatible": 0, "different": 0}


def test_what_is_merged_by_way_of_others_is_merged():
    one, two, three = (
        "Churn is calculated monthly", "Churn is computed every month", "Churn is measured monthly",
    )  # fmt: skip
    found = relating.relating(
        [pair("same", one, two), pair("same", two, three), pair("compatible", one, three)]
    )

    assert found["all"]["merged"]["compatible"] == 1


def test_no_pair_that_is_not_the_same_is_merged_in_any_language(figured):
    for figures in (figured["all"], figured["held"], *figured["by_language"].values()):
        assert figures["merged"] == {"contradictions": 0, "compatible": 0, "different": 0}


def test_figures_hold_no_statement(figured):
    text = repr(figured)

    assert not any(p.left in text or p.right in text for p in labelled_pairs())


def test_every_gate_holds(figured):
    assert _fallen(figured) == []


# What every defence is worth: without it, a criterion falls.


def newest(index, _text):
    """What one looks at who keeps a list of the last few."""
    return list(index._keys)[-1:]


LAX = {
    "qualifiers": (relations, "diff", lambda *_: (), "all.merged.contradictions"),
    "words and their order": (relations, "says_same", lambda *_: True, "all.merged.compatible"),
    "two cases": (relations, "_two_cases", lambda *_: False, "all.conflict.precision"),
    "all candidates": (Index, "candidates", newest, "order.all.results"),
}


@pytest.mark.parametrize("defence", LAX)
def test_without_a_defence_a_gate_falls(defence, monkeypatch):
    place, name, lax, measure = LAX[defence]
    monkeypatch.setattr(place, name, lax)

    assert measure in _fallen(relating.relating(labelled_pairs()))


def _fallen(figures):
    return [c["measure"] for c in weighed({"relations": figures}) if not c["holds"]]
