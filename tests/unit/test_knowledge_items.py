"""Identity by content: what is the same statement, and what is another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.text import normalised, visible
from knowledge.values import evidence_id, item_id

SAME = [
    ("Churn is monthly.", "churn  is\nMONTHLY"),
    ("“Churn” is monthly!", "Churn is monthly"),
    ("Churn is **monthly**", "Churn is monthly"),
    ("Churn\u200b is monthly", "Churn is monthly"),
    ("Cafe\u0301 opens (daily)", "Café opens daily"),
    ("Straße gesperrt", "STRASSE gesperrt"),
    ("2020–2024 is closed", "2020-2024 is closed"),
]
OTHER = [
    ("Churn is monthly", "Churn is weekly"),
    ("The limit is 1.5", "The limit is 15"),
    ("Read .env first", "Read env first"),
    ("Use `userId` here", "Use `userid` here"),
    ("Check a != b", "Check a = b"),
    ("The delta is -5", "The delta is 5"),
    ("Write C++", "Write C"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_statement_has_one_id(one, other):
    assert item_id(one) == item_id(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_what_changes_the_meaning_changes_the_id(one, other):
    assert item_id(one) != item_id(other)


def test_scope_and_owner_belong_to_the_identity():
    ids = {
        item_id("Churn is monthly"),
        item_id("Churn is monthly", scope="repo:billing"),
        item_id("Churn is monthly", owner="ada"),
        item_id("Churn is monthly", owner="bob"),
    }

    assert len(ids) == 4


def test_parts_of_an_id_do_not_run_into_each_other():
    assert item_id("a", scope="b", owner="c") != item_id("a", scope="bc")
    assert evidence_id("s1", "2", "x") != evidence_id("s", "12", "x")


def test_the_same_quote_of_the_same_turn_is_evidence_once():
    assert evidence_id("s", "t", "It is monthly.") == evidence_id("s", "t", "it is  monthly")
    assert evidence_id("s", "t", "It is monthly.") != evidence_id("s", "t2", "It is monthly.")


@given(st.text(max_size=80))
def test_folding_twice_is_folding_once(text):
    assert normalised(normalised(text)) == normalised(text)
    assert visible(visible(text)) == visible(text)


@given(st.text(max_size=40))
def test_any_text_has_an_id(text):
    assert len(item_id(text)) == 19
