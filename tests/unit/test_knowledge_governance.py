"""What may happen to an item, by whom, and what follows."""

from dataclasses import fields, replace

import pytest

from knowledge.confidence import MONTH_US, confidence
from knowledge.governance import (
    REVIEW_GRACE_US,
    TRANSITIONS,
    UNSET,
    Decision,
    Edit,
    Refusal,
    decided,
    due,
    edited,
    personal,
)
from knowledge.resolutions import Settlement, conflict_resolved, duplicate_resolved
from knowledge.values import Item, Viewer
from knowledge.visibility import addressed, comparable, delivered, visible
from tests.tools.knowledge import NOW_US, evidence, item

ADA, BOB, REVIEWER = Viewer("ada"), Viewer("bob"), Viewer("rae", reviewer=True)


def decide(given, act, actor="rae", reason="because", **more):
    return decided(given, Decision(act, actor, NOW_US, reason=reason, **more))


def mandatory(statement="Deploys need two approvals"):
    return decide(decide(item(statement), "approve", "rae"), "mandate", "sam")


def test_an_item_is_approved_mandated_by_a_second_person_and_revoked():
    approved = decide(item(), "approve", "rae")
    asked = decide(approved, "mandate", "rae")
    given = decide(asked, "mandate", "sam")
    gone = decide(given, "revoke", "rae")

    assert (approved.state, approved.approved_by) == ("approved", "rae")
    assert (asked.state, asked.mandate_asked_by, asked.mandated_by) == ("approved", "rae", "")
    assert (given.state, given.mandated_by, given.mandate_asked_by) == ("mandatory", "sam", "")
    assert gone.state == "revoked"


def test_one_person_alone_never_mandates():
    asked = decide(item(), "mandate", "rae")
    again = decide(asked, "mandate", "rae")

    assert asked.state == again.state == "approved"
    assert decide(again, "mandate", "sam").state == "mandatory"


def test_a_mandate_that_was_withdrawn_needs_two_again():
    again = decide(decide(mandatory(), "revoke"), "mandate", "sam")

    assert again.state == "approved"


@pytest.mark.parametrize("act", ["mandate", "reject", "revoke"])
def test_some_acts_need_a_reason(act):
    given = item(state="approved", approved_by="rae")

    assert decide(given, act, "sam", reason="  ").reason == "no_reason"
    assert isinstance(decide(given, act, "sam"), Item)


@pytest.mark.parametrize(
    ("state", "act"),
    [
        ("rejected", "mandate"),
        ("pending", "revoke"),
        ("mandatory", "approve"),
        ("expired", "revoke"),
    ],
)
def test_what_the_table_does_not_have_is_refused(state, act):
    refused = decide(item(state=state), act)

    assert isinstance(refused, Refusal)
    assert refused.reason == "transition"


def test_nothing_is_done_to_a_personal_item_by_others():
    assert decide(item(personal=True), "approve").reason == "personal"
    assert decide(item(personal=True), "expire").state == "expired"


def test_other_words_go_back_to_review_and_the_id_stays():
    given = mandatory()
    changed = edited(given, Edit(statement="Deploys need three approvals"), "rae")

    assert (changed.id, changed.state, changed.approved_by) == (given.id, "pending", "")


def test_what_says_nothing_new_stays_in_force():
    given = mandatory()

    assert edited(given, Edit(tags=("deploy",), domain="engineering"), "rae").state == "mandatory"
    assert edited(given, Edit(statement="deploys need two approvals."), "rae").state == "mandatory"
    assert edited(given, Edit(audience=("ops",)), "rae").state == "mandatory"


def test_a_wider_audience_goes_back_to_review():
    given = replace(mandatory(), audience=("ops",))

    assert edited(given, Edit(audience=("ops", "dev")), "rae").state == "pending"
    assert edited(given, Edit(audience=()), "rae").state == "pending"


def test_none_is_a_value_and_unset_is_not():
    given = item(review_by_us=5, domain="data")

    assert edited(given, Edit(review_by_us=None), "rae").review_by_us is None
    assert edited(given, Edit(domain=""), "rae").review_by_us == 5
    assert edited(given, Edit(statement=" "), "rae").reason == "empty"


def test_an_edit_cannot_name_a_field_of_governance():
    governed = {
        "state",
        "approved_by",
        "mandated_by",
        "mandate_asked_by",
        "personal",
        "owner",
        "id",
    }

    assert not governed & {field.name for field in fields(Edit)}
    assert all(field.default is UNSET for field in fields(Edit))


def test_an_item_is_due_for_review_then_expires():
    given = item(state="approved", review_by_us=NOW_US)

    assert due(given, NOW_US - 1) is None
    assert due(given, NOW_US) == "review"
    assert due(given, NOW_US + REVIEW_GRACE_US) == "expire"
    assert due(replace(given, valid_until_us=NOW_US - 1), NOW_US - 1) == "expire"
    assert due(replace(given, state="rejected"), NOW_US * 2) is None


def test_approving_what_expired_puts_it_in_force_again():
    given = item(state="expired", valid_until_us=NOW_US - 1, review_by_us=NOW_US - 1)
    again = decide(given, "approve")

    assert again.state == "approved"
    assert due(again, NOW_US) is None


def test_only_the_owner_makes_an_item_personal_and_it_leaves_the_team():
    given = mandatory()
    mine = personal(given, ADA, value=True)

    assert personal(given, REVIEWER, value=True).reason == "not_owner"
    assert (mine.personal, mine.state, mine.approved_by) == (True, "pending", "")
    assert mine.id != given.id
    assert personal(mine, ADA, value=False).id == given.id


@pytest.mark.parametrize(
    ("fields_", "ada", "bob", "rae"),
    [
        ({"state": "pending"}, True, False, True),
        ({"state": "rejected"}, True, False, True),
        ({"state": "approved"}, True, True, True),
        ({"state": "approved", "audience": ("ops",)}, True, False, True),
        ({"state": "mandatory", "audience": ("dev", "ops")}, True, False, True),
        ({"state": "approved", "personal": True}, True, False, False),
        ({"state": "pending", "personal": True}, True, False, False),
    ],
)
def test_who_sees_what(fields_, ada, bob, rae):
    given = item(**fields_)

    assert [visible(given, viewer) for viewer in (ADA, BOB, REVIEWER)] == [ada, bob, rae]


def test_an_audience_is_a_group_not_a_rank():
    given = item(state="approved", audience=("ops",))
    in_ops = Viewer("bob", frozenset({"ops"}))

    assert [addressed(given, v) for v in (in_ops, BOB, REVIEWER, ADA)] == [
        True,
        False,
        False,
        False,
    ]
    assert visible(given, in_ops)
    assert delivered(given, in_ops)
    assert not delivered(given, REVIEWER)
    assert not delivered(item(state="pending"), in_ops)
    assert not delivered(item(state="approved", personal=True), ADA)


def test_personal_items_are_compared_with_the_owners_only():
    assert comparable(item(), item(owner="bob"))
    assert not comparable(item(), item(personal=True))
    assert not comparable(item(personal=True), item(personal=True, owner="bob"))


def test_keeping_the_new_side_of_a_conflict_replaces_the_old_one_in_force():
    new, old = (
        item("Churn is monthly"),
        item("Churn is weekly", state="approved", approved_by="rae"),
    )
    done = conflict_resolved(new, old, Settlement("kept_a", "sam", NOW_US))
    by_id = {i.id: i for i in done.changed}

    assert by_id[new.id].state == "approved"
    assert (by_id[old.id].state, by_id[old.id].superseded_by) == ("revoked", new.id)
    assert by_id[old.id].valid_until_us == NOW_US


def test_keeping_the_old_side_rejects_the_new_one_and_leaves_the_old_alone():
    new, old = (
        item("Churn is monthly"),
        item("Churn is weekly", state="approved", approved_by="rae"),
    )
    done = conflict_resolved(new, old, Settlement("kept_b", "sam", NOW_US))

    assert [(i.id, i.state) for i in done.changed] == [(new.id, "rejected")]


def test_a_merge_makes_a_third_item_of_both():
    one, other = (
        item("Churn is monthly", tags=("a",)),
        item("Churn is weekly", state="approved", tags=("b",)),
    )
    text = "Churn is monthly for the board and weekly for sales"
    done = conflict_resolved(one, other, Settlement("merged", "sam", NOW_US, merged_statement=text))
    (fresh,) = done.added

    assert (fresh.statement, fresh.state, fresh.tags) == (text, "approved", ("a", "b"))
    assert {i.superseded_by for i in done.changed} == {fresh.id}
    assert {i.state for i in done.changed} == {"rejected", "revoked"}
    assert done.evidence_for == ((one.id, fresh.id), (other.id, fresh.id))


def test_a_merge_is_read_by_those_who_could_read_both():
    one, other = (
        item("Churn is monthly", audience=("a", "b")),
        item("Churn is weekly", audience=("b", "c")),
    )
    by = Settlement("merged", "sam", NOW_US, merged_statement="Churn is monthly and weekly")

    assert conflict_resolved(one, other, by).added[0].audience == ("b",)
    assert conflict_resolved(one, replace(other, audience=()), by).added[0].audience == ("a", "b")
    assert conflict_resolved(one, replace(other, audience=("c",)), by).reason == "audience"


def test_a_merge_needs_words_of_its_own():
    one, other = item("Churn is monthly"), item("Churn is weekly")

    assert (
        conflict_resolved(one, other, Settlement("merged", "sam", NOW_US)).reason == "no_statement"
    )
    same = Settlement("merged", "sam", NOW_US, merged_statement="churn is weekly")
    assert conflict_resolved(one, other, same).reason == "not_merged"


def test_both_may_hold_each_in_its_scope():
    one, other = item("Churn is monthly"), item("Churn is weekly")
    done = conflict_resolved(
        one, other, Settlement("both_valid", "sam", NOW_US, scopes=("org", "team:sales"))
    )

    assert [(i.id, i.scope) for i in done.changed] == [(other.id, "team:sales")]
    assert done.settled


def test_a_duplicate_hands_its_evidence_over():
    one, other = item("Churn is monthly"), item("Churn is computed monthly")
    done = duplicate_resolved(one, other, Settlement("duplicate", "sam", NOW_US))

    assert done.evidence_for == ((other.id, one.id),)
    assert [(i.id, i.state) for i in done.changed] == [(other.id, "rejected")]
    assert duplicate_resolved(one, other, Settlement("different", "sam", NOW_US)).settled
    assert not duplicate_resolved(one, other, Settlement("dismissed", "sam", NOW_US)).settled
    assert duplicate_resolved(one, other, Settlement("kept_a", "sam", NOW_US)).reason == "choice"


@pytest.mark.parametrize("choice", ["kept_a", "kept_b", "merged"])
def test_a_resolution_of_a_conflict_always_changes_an_item(choice):
    for a in ("pending", "approved", "mandatory"):
        for b in ("pending", "approved", "mandatory"):
            by = Settlement(choice, "sam", NOW_US, merged_statement="Churn is both")
            done = conflict_resolved(item("Churn is a", state=a), item("Churn is b", state=b), by)

            assert done.changed
            assert done.settled


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ([evidence()], 0.55),
        ([evidence(extractor="rules")], 0.385),
        ([evidence(kind="confirmation")], 0.30),
        ([evidence(kind="note")], 0.50),
        ([evidence(), evidence()], 0.55),
        ([evidence(), evidence(session="s2")], 1 - 0.45 * (1 - 0.275)),
        ([evidence(), evidence("bob", "s2")], 1 - 0.45 * 0.45),
        ([evidence(session=f"s{n}") for n in range(9)], 0.755),
        ([evidence(user=f"u{n}") for n in range(9)], 0.95),
        ([evidence(exposed=True)], 0.0),
        ([evidence(), evidence("bob", supports=False, kind="confirmation")], 0.55 * 0.7),
        ([], 0.0),
    ],
)
def test_confidence_of_evidence(said, value):
    assert confidence(item(), said, NOW_US).value == pytest.approx(value, abs=0.01)


def test_who_approves_their_own_statement_stays_one_person():
    said = [evidence(session=f"s{n}") for n in range(9)]

    assert confidence(item(state="approved", approved_by="ada"), said, NOW_US).value == 0.85
    assert confidence(item(state="approved", approved_by="rae"), said, NOW_US).value > 0.85


def test_an_approval_counts_only_while_it_holds():
    said = [evidence(kind="confirmation"), evidence("bob", kind="confirmation")]
    approved = confidence(item(state="approved", approved_by="rae"), said, NOW_US)

    assert approved.value > confidence(item(), said, NOW_US).value
    assert confidence(item(state="revoked", approved_by="rae"), said, NOW_US).value < approved.value


def test_age_halves_in_a_year_down_to_a_floor():
    said = [evidence(f"u{n}") for n in range(4)]
    year = confidence(item(), said, NOW_US + 12 * MONTH_US)
    ages = confidence(item(), said, NOW_US + 120 * MONTH_US)
    must = confidence(item(state="mandatory"), said, NOW_US + 120 * MONTH_US)
    note = confidence(item(), [evidence(kind="note")], NOW_US + 120 * MONTH_US)

    assert year.age == pytest.approx(0.5)
    assert (ages.value, must.value) == (0.40, 0.50)
    assert note.value < 0.01


def test_a_floor_lifts_nothing():
    weak = [evidence(kind="confirmation", extractor="rules")]

    assert confidence(item(), weak, NOW_US + 120 * MONTH_US).value == pytest.approx(0.21)


def test_every_transition_ends_in_a_state_that_has_a_way_on():
    assert {state for state, _ in TRANSITIONS} >= set(TRANSITIONS.values())
