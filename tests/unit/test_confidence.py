"""How far an item found in sessions is believed, by its evidence alone."""

import random
from itertools import pairwise

import pytest

from processors.verifying.candidates import Kind
from processors.verifying.confidence import Support, Weights, confidence_bp


def by(user: str, kind: Kind = Kind.CORRECTION, **more) -> Support:
    return Support(kind, more.pop("extractor", "model"), user, **more)


@pytest.mark.parametrize(
    ("support", "bp"),
    [
        (by("ann"), 5_500),
        (by("ann", Kind.DEFINITION), 5_500),
        (by("ann", Kind.CONFIRMATION), 3_000),
        (by("ann", extractor="rules"), 3_850),
        (by("ann", exposed=True), 0),
    ],
)
def test_one_piece_of_evidence_counts_by_its_kind_and_finder(support, bp):
    assert confidence_bp([support]) == bp


def test_another_person_counts_more_than_the_same_one_again():
    again = confidence_bp([by("ann"), by("ann")])
    another = confidence_bp([by("ann"), by("bob")])

    assert 5_500 < again < another == 7_975


def test_one_person_alone_never_gets_beyond_the_limit():
    assert confidence_bp([by("ann")] * 50) <= 8_500
    assert confidence_bp([by("ann")] * 50) == confidence_bp([by("ann")] * 51)


def test_only_an_approval_makes_it_certain():
    many = [by(f"user{number}") for number in range(50)]

    assert confidence_bp(many) == 9_500
    assert confidence_bp(many, approved=True) == 10_000


def test_evidence_against_lowers_it():
    assert confidence_bp([by("ann"), by("bob", against=True)]) == round(5_500 * 0.45)


def test_the_order_of_the_evidence_does_not_matter():
    some = [
        by(user, kind, against=against)
        for user in "abcd"
        for kind in Kind
        for against in (False, True)
    ]
    expected = confidence_bp(some)

    for seed in range(20):
        shuffled = random.Random(seed).sample(some, len(some))
        assert confidence_bp(shuffled) == expected


def test_it_fades_with_age_down_to_the_floor():
    supports = [by("ann"), by("bob")]
    faded = [confidence_bp(supports, age_days=days) for days in (0, 100, 200, 365.25, 4_000)]

    assert all(older <= younger for younger, older in pairwise(faded))
    assert faded[3:] == [4_000, 4_000]


def test_what_is_below_the_floor_does_not_rise_to_it():
    supports = [by("ann", Kind.CONFIRMATION)]

    assert confidence_bp(supports, age_days=4_000) == 3_000


def test_no_evidence_is_no_confidence():
    assert confidence_bp([]) == 0


def test_weights_can_be_calibrated():
    assert confidence_bp([by("ann")], weights=Weights(by_kind=dict.fromkeys(Kind, 0.2))) == 2_000
