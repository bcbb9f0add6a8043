"""Laws of the knowledge base: whatever comes, in whatever order."""

from dataclasses import replace
from itertools import combinations
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.bundle import MANDATORY_SHARE, bundle, mandatory_tokens
from knowledge.candidates import Index, keys, meets
from knowledge.clusters import clusters, relations_among, shown_first
from knowledge.confidence import confidence
from knowledge.governance import TRANSITIONS, Act, Decision, decided, due
from knowledge.operations import Known, operation
from knowledge.packing import Parcel, packed, tokens_of
from knowledge.pull import (
    MANIFEST_FILE,
    Blocked,
    Manifest,
    Remove,
    SetAside,
    Write,
    manifest_of,
    plan,
)
from knowledge.qualifiers import diff
from knowledge.relations import Statement, relation
from knowledge.rendering import Entry, digest
from knowledge.values import Item, State, Viewer, item_id
from knowledge.visibility import delivered, visible
from tests.tools.knowledge import DAY_US, NOW_US, evidence, item

STATES = get_args(State)
ACTS = get_args(Act)
PEOPLE = ("ada", "bob", "cy")
GROUPS = ("dev", "ops")


@st.composite
def texts(draw):
    """Statements that say the same, nearly the same and the opposite."""
    subject = draw(st.sampled_from(["Churn", "The invoice export", "Die Sicherung", "Záloha dat"]))
    verb = draw(
        st.sampled_from(["is calculated", "gets computed", "runs", "is not calculated", "běží"])
    )
    when = draw(
        st.sampled_from(["monthly", "every month", "weekly", "every 7 days", "at 5 pm", ""])
    )
    where = draw(st.sampled_from(["", "in `crm_v1`", "in `crm_v2`", "without tests", "in the EU"]))
    return " ".join(part for part in (subject, verb, when, where) if part)


@st.composite
def statements(draw):
    text = draw(texts())
    scope = draw(st.sampled_from(["org", "org", "org", "repo:a"]))
    owner = draw(st.sampled_from(["", "", "", "ada"]))
    id_ = item_id(text, scope=scope, owner=owner)
    return Statement(id_, text, scope, owner, observed_at_us=len(text))


def one_each(found):
    return list({statement.id: statement for statement in found}.values())


histories = st.lists(statements(), min_size=1, max_size=12).map(one_each)


def arrived(history):
    """The relations and operations of statements that come one by one."""
    known, relations, names = Known(), {}, {}
    for n, statement in enumerate(history):
        done = operation(statement, f"ev{n}", known=known)
        known.take(statement, f"ev{n}")
        relations |= {(r.left, r.right): r for r in done.relations}
        names[statement.id] = done.name
    return relations, names


@given(histories, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_neither_relations_nor_clusters(history, random):
    shuffled = random.sample(history, len(history))
    one, _ = arrived(history)
    other, _ = arrived(shuffled)
    ids = [s.id for s in history]

    assert one == other
    assert clusters(ids, one.values()) == clusters(ids[::-1], list(other.values())[::-1])
    assert tuple(one[pair] for pair in sorted(one)) == tuple(
        sorted(relations_among(history), key=lambda r: (r.left, r.right))
    )


@given(histories)
def test_each_arrival_adds_confirms_or_asks_and_a_replay_does_nothing(history):
    known = Known()
    for n, statement in enumerate(history):
        done = operation(statement, f"ev{n}", known=known)
        known.take(statement, f"ev{n}")

        assert (done.name == "ADD") == (not done.relations)
        assert (done.target == "") == (done.name == "ADD")
    again = [operation(s, f"ev{n}", known=known).name for n, s in enumerate(history)]

    assert set(again) == {"NOOP"}


@given(histories)
def test_no_cluster_holds_a_contradiction(history):
    by_id = {s.id: s for s in history}
    for cluster in clusters(by_id, relations_among(history)):
        for left, right in combinations(cluster.members, 2):
            found = relation(by_id[left], by_id[right])

            assert found is None or found.kind not in ("conflict", "supersedes")
            assert all(d.weight == "refines" for d in diff(by_id[left].text, by_id[right].text))


@given(statements(), statements())
def test_relations_and_differences_are_symmetric(one, other):
    turned = {(d.kind, d.right, d.left, d.weight) for d in diff(other.text, one.text)}

    assert relation(one, other) == relation(other, one)
    assert {(d.kind, d.left, d.right, d.weight) for d in diff(one.text, other.text)} == turned


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_can_be_compared(one, other):
    left, right = Statement("a", one), Statement("b", other)

    assert relation(left, right) == relation(right, left)
    assert diff(one, one) == ()


words = st.lists(
    st.sampled_from([f"word{c}{d}" for c in "abcdef" for d in "xyz"]), min_size=1, max_size=8
)


@given(st.lists(words.map(" ".join), max_size=15), words.map(" ".join), st.integers(0, 15))
def test_the_index_finds_exactly_what_a_look_at_all_finds(known, text, at_first):
    pairs = [(f"id{n:02}", other) for n, other in enumerate(known)]
    index = Index(pairs[:at_first])
    for id_, other in pairs[at_first:]:
        index.add(id_, other)

    assert list(index.candidates(text)) == [id_ for id_, o in pairs if meets(keys(text), keys(o))]
    assert len(index) == len(pairs)


items = st.builds(
    item,
    state=st.sampled_from(STATES),
    approved_by=st.sampled_from(["", *PEOPLE]),
    owner=st.sampled_from(PEOPLE),
    personal=st.booleans(),
    audience=st.sampled_from([(), ("dev",), ("ops",), ("dev", "ops")]),
    valid_until_us=st.sampled_from([None, NOW_US - 1, NOW_US + 1]),
    review_by_us=st.sampled_from([None, NOW_US - 1, NOW_US - 40 * DAY_US]),
)
decisions = st.builds(
    Decision,
    act=st.sampled_from(ACTS),
    actor=st.sampled_from(PEOPLE),
    at_us=st.just(NOW_US),
    reason=st.sampled_from(["", "so it is"]),
)
viewers = st.builds(
    Viewer,
    user=st.sampled_from(PEOPLE),
    groups=st.frozensets(st.sampled_from(GROUPS)),
    reviewer=st.booleans(),
)


@given(items, st.lists(decisions, max_size=12))
def test_whatever_is_decided_only_the_table_is_walked(given_item, many):
    now = given_item
    for decision in many:
        after = decided(now, decision)
        if not isinstance(after, Item):
            continue
        allowed = {TRANSITIONS.get((now.state, decision.act))}
        allowed |= {"approved"} if decision.act == "mandate" else set()

        assert after.state in allowed
        if after.state == "mandatory":
            assert {after.approved_by, now.mandate_asked_by} - {"", after.mandated_by}
        assert (after.id, after.statement, after.owner) == (now.id, now.statement, now.owner)
        now = after


@given(items)
def test_what_is_due_to_expire_can_expire(given_item):
    if due(given_item, NOW_US) == "expire":
        after = decided(given_item, Decision("expire", "", NOW_US))

        assert after.state == "expired"
        assert due(after, NOW_US) is None


@given(items, viewers)
def test_what_is_delivered_is_visible_and_what_is_personal_is_seen_by_its_owner_only(found, viewer):
    assert visible(found, viewer) or not delivered(found, viewer)
    if found.personal:
        assert visible(found, viewer) == (viewer.user == found.owner)


proofs = st.lists(
    st.builds(
        evidence,
        user=st.sampled_from(PEOPLE),
        session=st.sampled_from(["s1", "s2", "s3"]),
        kind=st.sampled_from(["correction", "definition", "confirmation", "note"]),
        extractor=st.sampled_from(["rules", "model"]),
        exposed=st.booleans(),
        supports=st.booleans(),
        observed_at_us=st.integers(NOW_US - 900 * DAY_US, NOW_US),
    ),
    max_size=8,
)


@given(items, proofs, st.data())
def test_independent_support_never_lowers_confidence_and_doubt_never_raises_it(found, said, data):
    before = confidence(found, said, NOW_US).value
    more = data.draw(proofs.filter(bool))
    for_it = [replace(e, supports=True) for e in more]
    against = [replace(e, supports=False) for e in more]

    assert 0 <= before <= 1
    assert confidence(found, said + for_it, NOW_US).value >= before - 1e-12
    assert confidence(found, said + against, NOW_US).value <= before + 1e-12
    assert confidence(found, said, NOW_US + 30 * DAY_US).value <= before + 1e-12


@given(items, proofs, st.randoms(use_true_random=False))
def test_confidence_depends_on_neither_order_nor_repetition(found, said, random):
    shuffled = random.sample(said, len(said)) + said[:1]

    assert confidence(found, shuffled, NOW_US) == confidence(found, said, NOW_US)


parcels = st.lists(
    st.tuples(st.floats(0, 1, allow_subnormal=False), st.integers(1, 30)), max_size=9
).map(lambda found: [Parcel(f"p{n}", value, tokens) for n, (value, tokens) in enumerate(found)])


@given(parcels, st.integers(0, 80))
def test_packing_keeps_the_budget_and_is_at_least_half_of_the_best(found, budget):
    chosen = packed(found, budget)
    best = max(
        sum(p.value for p in subset)
        for size in range(len(found) + 1)
        for subset in combinations(found, size)
        if sum(p.tokens for p in subset) <= budget
    )

    assert sum(p.tokens for p in chosen) <= budget
    assert sum(p.value for p in chosen) >= best / 2 - 1e-9
    assert packed(found[::-1], budget) == chosen
    assert len({p.id for p in chosen}) == len(chosen)


entries = st.lists(
    st.builds(
        lambda made, n, words, sure: Entry(
            replace(made, id=f"ki_{n}", statement="fact " * words), sure
        ),
        items,
        st.integers(0, 10_000),
        st.integers(1, 120),
        st.floats(0, 1),
    ),
    max_size=12,
    unique_by=lambda entry: entry.item.id,
)


@given(entries, viewers, st.integers(0, 1500))
def test_a_bundle_keeps_its_budget_and_accounts_for_every_item(found, viewer, budget):
    made = bundle(found, viewer, NOW_US, budget_tokens=budget)
    told = [e.item.id for e in (*made.mandatory, *made.approved)]
    mine = {e.item.id for e in found if delivered(e.item, viewer)}

    assert made.tokens == sum(tokens_of(text) for text in made.files.values()) <= budget
    assert sum(map(mandatory_tokens, made.mandatory)) <= budget * MANDATORY_SHARE
    assert sorted([*told, *(left.item_id for left in made.left_out)]) == sorted(mine)
    assert all(visible(e.item, viewer) for e in (*made.mandatory, *made.approved))
    assert bundle(found[::-1], viewer, NOW_US, budget_tokens=budget) == made


NAMES = ("km_a.md", "km_b.md", "km_c.md")
bundles = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["A", "B"]))


def carried_out(folder, step):
    match step:
        case Remove(name):
            del folder[name]
        case SetAside(name, to):
            assert to not in folder
            folder[to] = folder.pop(name)
        case Write(name, text):
            folder[name] = text
        case Blocked(name):
            assert name in folder


def pulled(folder, files, stop=None):
    """Carry out a plan, as far as `stop`, as if the machine had gone down there."""
    manifest = manifest_of(folder.get(MANIFEST_FILE))
    assert manifest is not None
    present = {n: digest(text) for n, text in folder.items() if n != MANIFEST_FILE}
    for step in plan(manifest, present, files)[:stop]:
        carried_out(folder, step)


@given(st.lists(st.tuples(bundles, st.integers(0, 8)), max_size=4), bundles, st.booleans())
def test_after_any_crashes_a_pull_ends_with_the_bundle_and_foreign_files_untouched(
    crashes, files, foreign
):
    folder = {"own.md": "mine", **({"km_a.md": "foreign"} if foreign else {})}
    for before, stop in crashes:
        pulled(folder, before, stop)
    pulled(folder, files)
    wanted = {n: t for n, t in files.items() if not (foreign and n == "km_a.md")}
    left = {n: t for n, t in folder.items() if n not in (MANIFEST_FILE, "own.md")}

    assert folder["own.md"] == "mine"
    assert left == wanted | ({"km_a.md": "foreign"} if foreign else {})
    settled = dict(folder)
    pulled(folder, files)
    assert folder == settled


@given(bundles, bundles, st.sampled_from(NAMES))
def test_words_that_somebody_wrote_into_our_files_are_never_lost(before, after, name):
    folder = {}
    pulled(folder, before)
    if name in folder:
        folder[name] = "words of a person"
        pulled(folder, after)

        assert "words of a person" in folder.values()
        assert folder.get(name) == after.get(name)


@pytest.mark.parametrize("state", STATES)
def test_of_a_cluster_what_is_in_force_is_shown(state):
    shown, other = (
        item("Churn is monthly", state="mandatory"),
        item("Churn is monthly now", state=state),
    )
    both = {i.id: i for i in (shown, other)}
    same = relation(
        Statement("a", "Churn is calculated monthly"), Statement("b", "Churn is computed monthly")
    )
    pair = sorted(both)
    (cluster,) = clusters(
        both, [replace(same, left=pair[0], right=pair[1])], rank=shown_first(both)
    )

    assert both[cluster.shown].state == "mandatory"


def test_a_manifest_survives_being_written():
    manifest = Manifest("b", {"km_a.md": (digest("x"), digest("y"))})

    assert manifest_of(manifest.text(b"k"), key=b"k") == manifest
