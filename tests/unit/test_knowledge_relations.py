"""Qualifiers and relations, and what they do to the labelled pairs."""

import pytest

from knowledge.operations import Known, operation
from knowledge.qualifiers import diff, reading
from knowledge.relations import Statement, entities_of, relation
from knowledge.values import item_id

EQUAL = [
    ("60 minutes", "1 hour"),
    ("1,000 rows", "1 000 rows"),
    ("1.000 Zeilen", "1000 Zeilen"),
    ("at 5 pm", "at 17:00"),
    ("um 17 Uhr", "um 17:00"),
    ("two approvals", "2 approvals"),
    ("1 May 2026", "May 1, 2026"),
    ("1. Mai 2026", "2026-05-01"),
    ("1.5 GB", "1500 MB"),
    ("$5", "5 USD"),
    ("10%", "10 percent"),
    ("not included", "excluded"),
    ("nicht erlaubt", "verboten"),
    ("is not enabled", "is disabled"),
    ("must not be stored", "storing is forbidden"),
    ("the ratio is 0.5", "the ratio is 50%"),
    ("we don't log", "we never log"),
    ("neukládáme hesla", "hesla nikdy ukládáme"),
    ("on ne déploie pas", "jamais on déploie"),
    ("daily", "every day"),
    ("use `orders`", "use orders"),
    ("Mondays", "on Monday"),
    ("n <= 5", "n at most 5"),
    ("24 months", "two years"),
    ("six months", "šesti měsících"),
    ("not public", "private"),
    ("twenty retries", "20 retries"),
]
UNEQUAL = [
    ("30 minutes", "30 days", "conflict"),
    ("0.125 shares", "125 shares", "conflict"),
    ("use v1.2.3", "use v1.2.4", "conflict"),
    ("costs 5 EUR", "costs 5 USD", "conflict"),
    ("Q1 2025", "Q2 2025", "conflict"),
    ("monthly", "weekly", "conflict"),
    ("gross", "net", "conflict"),
    ("we log bodies", "we never log bodies", "conflict"),
    ("deploys with tests", "deploys without tests", "conflict"),
    ("vor dem Import", "nach dem Import", "conflict"),
    ("v pátek", "v pondělí", "conflict"),
    ("is taken from the CRM", "is taken from the DWH", "conflict"),
    ("`orders` has an index", "`users` has an index", "subject"),
    ("n < 5", "n > 5", "conflict"),
    ("see `a/b.py` lines", "see `a/c.py` lines", "subject"),
    ("uses `a` and `b`", "uses `a` and `c` or `d`", "refines"),
    ("kept for 30 days", "kept", "refines"),
    ("kept for 30 days", "kept for 1 month", "conflict"),
    ("is thirteen", "is twelve", "conflict"),
    ("stored in cents", "stored in euros", "conflict"),
    ("Disabled users must not be deleted", "Enabled users must be deleted", "conflict"),
    ("Los campos obligatorios no quedan vacíos", "Los campos opcionales quedan vacíos", "conflict"),
    ("taken from the CRM", "taken", "refines"),
]


def said(text, **fields):
    return Statement(item_id(text, scope=fields.get("scope", "org")), text, **fields)


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_notations_of_one_qualifier_do_not_differ(one, other):
    assert diff(one, other) == ()


@pytest.mark.parametrize(("one", "other", "weight"), UNEQUAL)
def test_a_qualifier_that_differs_is_found_with_its_weight(one, other, weight):
    assert {d.weight for d in diff(one, other)} == {weight}
    assert {d.weight for d in diff(other, one)} == {weight}


def test_a_difference_can_be_shown():
    (found,) = diff("Churn is monthly", "Churn is weekly")

    assert str(found) == "period: month → week"


def test_nouns_of_german_are_no_names():
    assert not {
        n for k, n in reading("Der Umsatz wird in der Kasse gezählt").qualifiers if k == "name"
    }


def test_items_of_other_repositories_do_not_meet():
    one, other = "Retries are limited to 3", "Retries are limited to 5"

    assert relation(said(one, scope="repo:a"), said(other, scope="repo:a")).kind == "conflict"
    assert relation(said(one, scope="repo:a"), said(other, scope="repo:b")) is None
    assert relation(said(one, scope="repo:a"), said(other)) is None


def test_the_same_words_in_a_narrower_scope_are_similar_only():
    text = "Retries are limited to 3"

    assert relation(said(text), said(text, scope="repo:a")).kind == "similar"


def test_personal_statements_never_meet_those_of_others():
    text = "Retries are limited to 3"

    assert relation(Statement("a", text, owner="ada"), Statement("b", text)) is None
    assert relation(Statement("a", text, owner="ada"), Statement("b", text, owner="bob")) is None


def test_a_word_in_place_of_another_is_no_confirmation():
    one, other = (
        "Revenue is taken from the billing system",
        "Revenue is taken from the sales system",
    )

    assert relation(said(one), said(other)).kind == "similar"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The import runs before the export", "The export runs before the import"),
        (
            "The billing service calls the mail service",
            "The mail service calls the billing service",
        ),
        ("Reports go from Alice to Bob", "Reports go from Bob to Alice"),
        ("Only admins can delete users", "Admins can delete users"),
        ("The failure is in tests/test_export.py:20", "The failure is in tests/test_export.py:19"),
    ],
)
def test_the_same_words_in_other_roles_are_no_confirmation(one, other):
    assert relation(said(one), said(other)).kind == "similar"


@pytest.mark.parametrize(
    ("active", "passive", "turned"),
    [
        (
            "Finance closes the books on day three",
            "The books are closed by finance on day three",
            "Finance is closed by the books on day three",
        ),
        (
            "The CRM updates the ERP",
            "The ERP is updated by the CRM",
            "The CRM is updated by the ERP",
        ),
        (
            "Das Portal aktualisiert das Lager",
            "Das Lager wird vom Portal aktualisiert",
            "Das Portal wird vom Lager aktualisiert",
        ),
        (
            "Le service valide les budgets",
            "Les budgets sont validés par le service",
            "Le service est validé par les budgets",
        ),
        (
            "El portal actualiza el almacén",
            "El almacén es actualizado por el portal",
            "El portal es actualizado por el almacén",
        ),
    ],
)
def test_the_passive_confirms_if_the_same_one_does_it(active, passive, turned):
    kinds = [
        getattr(relation(said(active), said(other)), "kind", None) for other in (passive, turned)
    ]

    assert kinds[0] == "same"
    assert kinds[1] != "same"


def test_what_we_do_is_done():
    assert relation(said("We report revenue net"), said("Revenue is reported net")).kind == "same"
    assert relation(said("On affiche les prix"), said("Les prix sont affichés")).kind == "same"
    assert relation(said("We bill by hand"), said("Partners are billed by hand")).kind != "same"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The nightly load starts at 02:00", "The nightly load ends at 04:00"),
        ("Read access is automatic", "Write access is manual"),
        ("Inbound calls are recorded", "Outbound calls are not recorded"),
        ("Churn is reported monthly to the board", "Churn is reported weekly to support"),
    ],
)
def test_two_cases_that_differ_in_two_ways_are_no_conflict(one, other):
    found = relation(said(one), said(other))

    assert found is None or found.kind == "similar"


def test_a_phrase_moved_to_the_front_confirms():
    one, other = "Use `net_usd` for the board report", "For the board report use net_usd"

    assert relation(said(one), said(other)).kind == "same"


def test_shared_entities_lower_the_bar_for_a_conflict():
    one = "Refund tickets of premium members are closed by headquarters within 3 days"
    other = "Refund tickets of premium members stay open for 9 days"
    names = entities_of(["Premium Members", "refund tickets"])

    assert relation(said(one), said(other)) is None
    assert relation(said(one, entities=names), said(other, entities=names)).kind == "conflict"


def test_who_says_that_it_has_ended_supersedes():
    old = said("Churn is calculated weekly", observed_at_us=1)
    new = said("From now on churn is calculated monthly", observed_at_us=2)
    found = relation(old, new)

    assert (found.kind, found.newer) == ("supersedes", new.id)


def test_who_rejects_a_claim_supersedes_it():
    old = said("Churn is calculated weekly", observed_at_us=1)
    new = said(
        "Churn is calculated monthly", observed_at_us=2, rejected="churn is weekly calculated"
    )

    assert relation(old, new).newer == new.id
    assert relation(said(old.text, observed_at_us=3), new).kind == "conflict"


def test_operations_of_a_short_history():
    known = Known()
    done = []
    for turn, text in enumerate(
        [
            "Churn is calculated monthly",
            "churn is calculated monthly.",
            "Churn is computed every month",
            "Churn is calculated monthly from the CRM snapshot",
            "Churn is calculated weekly",
            "The invoice export runs at 5 pm",
        ]
    ):
        statement = said(text, observed_at_us=turn)
        done.append(operation(statement, f"ev{turn}", known=known).name)
        known.take(statement, f"ev{turn}")
    again = operation(said("Churn is calculated weekly"), "ev4", known=known)

    assert done == ["ADD", "CONFIRM", "CONFIRM", "SIMILAR", "CONFLICT?", "ADD"]
    assert again.name == "NOOP"


def test_what_a_person_called_different_is_not_related_again():
    one, other = said("Churn is calculated monthly"), said("Churn is calculated weekly")
    known = Known([one])

    assert operation(other, "e", known=known).name == "CONFLICT?"
    settled = {frozenset((one.id, other.id))}
    assert operation(other, "e", known=known, settled=settled).name == "ADD"


def test_at_most_eight_conflicts_are_judged():
    known = Known(said(f"The retry limit is {n} attempts") for n in range(20))
    found = operation(said("The retry limit is 99 attempts"), "e", known=known)

    assert len(found.relations) == 20
    assert len(found.to_judge) == 8
