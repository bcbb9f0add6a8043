"""What a statement sets aside in passing is not what it says."""

import pytest

from knowledge.contrast import contrast
from knowledge.qualifiers import reading
from knowledge.relations import Statement, relation
from knowledge.values import item_id


def said(text):
    return Statement(item_id(text), text)


@pytest.mark.parametrize(
    ("text", "aside"),
    [
        ("Costs are 3.5 EUR, not 4,500.25 EUR, a month", "4,500.25 EUR"),
        ("Reports use net_usd (not gross_usd)", "gross_usd"),
        ("Churn is calculated monthly", None),
        ("not weekly", None),
        ("We deploy, not because we must, but because we can", None),
    ],
)
def test_what_is_set_aside_ends_with_its_clause(text, aside):
    found = contrast(text)

    assert (found and found.aside) == aside


CONTRASTS = [
    ("Churn is calculated monthly, not weekly", "Churn is calculated weekly, not monthly"),
    ("Churn is calculated monthly, not weekly", "Churn is calculated weekly"),
    ("Churn is calculated not weekly but monthly", "Churn is calculated weekly"),
    ("Churn is calculated monthly instead of weekly", "Churn is calculated weekly"),
    ("Refunds need two approvals, not three", "Refunds need three approvals, not two"),
    ("Use `net_usd`, not `gross_usd`, in reports", "Use `gross_usd`, not `net_usd`, in reports"),
    ("Churn wird monatlich berechnet, nicht wöchentlich", "Churn wird wöchentlich berechnet"),
    (
        "Churn wird nicht wöchentlich, sondern monatlich berechnet",
        "Churn wird wöchentlich berechnet",
    ),
    ("Le churn est calculé par mois, pas par semaine", "Le churn est calculé par semaine"),
    ("El churn se calcula cada mes, no cada semana", "El churn se calcula cada semana"),
    ("Churn počítáme měsíčně, ne týdně", "Churn počítáme týdně, ne měsíčně"),
]


@pytest.mark.parametrize(("one", "other"), CONTRASTS)
def test_what_is_set_aside_is_not_what_is_said(one, other):
    assert relation(said(one), said(other)).kind == "conflict"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Churn is calculated monthly, not weekly", "Churn is calculated monthly"),
        ("Churn is not weekly but monthly", "Churn is monthly"),
        ("Refunds need two approvals, not three", "Refunds need 2 approvals"),
        (
            "Churn wird nicht wöchentlich, sondern monatlich berechnet",
            "Churn wird monatlich berechnet",
        ),
        ("Le churn n'est pas hebdomadaire mais mensuel", "Le churn est mensuel"),
        ("Churn počítáme měsíčně, ne týdně", "Churn počítáme měsíčně"),
    ],
)
def test_what_is_set_aside_of_the_same_kind_goes_without_saying(one, other):
    assert relation(said(one), said(other)).kind == "same"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Revenue comes from billing, not sales", "Revenue comes from sales, not billing"),
        ("Revenue comes from billing, not sales", "Revenue comes from billing"),
        ("Backups are kept for 30 days, not on tape", "Backups are kept for 30 days"),
    ],
)
def test_words_that_are_set_aside_are_words_of_their_own(one, other):
    assert relation(said(one), said(other)).kind == "similar"


@pytest.mark.parametrize(
    "text",
    [
        "This is a no deploy zone",
        "En prod, ne pas déployer le vendredi",
        "On a pas besoin de tests le vendredi",
        "On Fridays, no deploys",
        "Do not delete logs but archive them",
    ],
)
def test_what_forbids_something_sets_nothing_aside(text):
    assert ("not", "yes") in reading(text).qualifiers


def test_a_clause_with_a_verb_is_a_statement_and_not_set_aside():
    one = "Deploys happen on Fridays, not before the tests are green"

    assert ("not", "yes") in reading(one).qualifiers
