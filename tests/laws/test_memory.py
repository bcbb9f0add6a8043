"""Laws of the team's knowledge base over a real database.

Whatever order evidence comes in, however it is cut into transactions and how often it comes, the
base is the same; and what is in memory is at any time what the tables say.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigurationError
from core.identity import Identity
from core.tables import ENGINE_TABLES
from knowledge.governance import Decision
from knowledge.judgements import VERDICTS, Judgement
from knowledge.resolutions import Settlement
from knowledge.values import Viewer
from state.memory import tables
from state.memory.base import Base
from state.memory.judging import digest_of
from state.memory.memory import Contribution, Memory
from state.memory.settling import conflicts, duplicates, settle
from state.memory.showing_pairs import ShowingPairs
from state.memory.values import Intake
from state.operations.book import Book
from state.store import Store
from tests.tools.examples import fewer

STATEMENTS = (
    "Churn is calculated monthly",
    "Churn is computed monthly",
    "Monthly, churn is calculated.",
    "Churn is calculated weekly",
    "From now on churn is calculated weekly",
    "Deploys to production need two approvals",
    "Deploys to production need three approvals",
    "The orders table is partitioned by day",
    "My salary is paid on Fridays",
)
PEOPLE = ("ada", "bob", "cid")

said = st.builds(
    lambda user, number, statement, kind, at: Intake(
        user, f"s{number}", f"{user}-s{number}-t{at}", statement, statement, kind, "model", at,
        rejected="churn is calculated monthly" if at % 3 == 0 else "",
        labels=frozenset({"pay"}) if "salary" in statement else frozenset(),
    ),
    st.sampled_from(PEOPLE), st.integers(1, 2), st.sampled_from(STATEMENTS),
    st.sampled_from(["correction", "confirmation", "definition"]), st.integers(1, 9),
)  # fmt: skip


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    store = Store.open(":memory:", [])
    yield store
    store.close()


def fresh(store: Store) -> Memory:
    """An empty base; making a database for each example would take most of the time."""
    book = Book(store.cursor)
    with book.change() as cursor:
        for table in sorted(one for one in ENGINE_TABLES if one.startswith("knowledge_")):
            cursor.execute(f"DELETE FROM {table}")
    return Memory(book, iter(range(100, 10**9)).__next__, Identity())


def timeless(base: Base) -> Any:
    """What a base says, without when it was written down."""
    items = {k: replace(v, created_at_us=0, updated_at_us=0) for k, v in base.items.items()}
    relations = {place: one.relation for place, one in base.found.items()}
    return items, base.proofs, relations, base.members


@fewer(0.15)
@given(intakes=st.lists(said, max_size=12), data=st.data())
def test_the_order_and_the_cuts_of_intake_change_nothing(
    store: Store, intakes: list[Intake], data: st.DataObject
) -> None:
    once = fresh(store)
    once.take(intakes)
    wanted = timeless(once.base())

    other = fresh(store)
    shuffled: Sequence[Intake] = data.draw(st.permutations(intakes + intakes[:3]))
    cut = data.draw(st.integers(0, len(shuffled)))
    for part in (shuffled[:cut], shuffled[cut:]):
        other.take(part)

    assert timeless(other.base()) == wanted
    assert timeless(tables.read(other.shelf.book.rows, str)) == wanted


acts = st.one_of(
    st.tuples(st.just("take"), st.lists(said, max_size=3)),
    st.tuples(
        st.sampled_from(["approve", "mandate", "unmandate", "reject", "revoke", "expire"]),
        st.integers(0, 20), st.sampled_from(["rae", "sam"]),
    ),
    st.tuples(st.just("personal"), st.integers(0, 20), st.booleans()),
    st.tuples(st.just("settle"), st.sampled_from(["kept_a", "kept_b", "merged", "both_valid"])),
    st.tuples(st.just("duplicate"), st.sampled_from(["duplicate", "different", "dismissed"])),
    st.tuples(st.just("contribute"), st.sampled_from(PEOPLE), st.sampled_from(STATEMENTS)),
    st.tuples(st.just("bundle"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("forget"), st.sampled_from(PEOPLE)),
)  # fmt: skip


verdicts = st.lists(
    st.tuples(
        st.integers(0, 20), st.integers(0, 20), st.sampled_from(VERDICTS), st.text(max_size=9)
    ),
    max_size=6,
)


def perform(memory: Memory, act: tuple[Any, ...]) -> None:
    rae = Viewer("rae", reviewer=True)
    ids = sorted(memory.base().items)
    match act:
        case ("take", intakes):
            memory.take(intakes)
        case ("contribute", person, text):
            memory.contribute(Viewer(person), Contribution(text))
        case ("bundle", person):
            memory.bundle(Viewer(person), receipt=True)
        case ("forget", person):
            memory.forget(person)
        case ("personal", number, value) if ids:
            id_ = ids[number % len(ids)]
            owner = Viewer(memory.base().items[id_].item.owner)
            memory.governing.make_personal(id_, owner, value=value)
        case ("settle", choice):
            for one in conflicts(memory.base(), rae)[:1]:
                by = Settlement(choice, "rae", memory.shelf.now_us(), "Churn has two periods")
                settle(memory.shelf, rae, "conflict", (one.left, one.right), by)
        case ("duplicate", choice):
            for one in duplicates(memory.base(), rae)[:1]:
                by = Settlement(choice, "rae", memory.shelf.now_us())
                settle(memory.shelf, rae, "duplicate", (one.left, one.right), by)
        case (verb, int(number), str(actor)) if ids:
            decision = Decision(verb, actor, memory.shelf.now_us(), reason="because")
            memory.governing.decide(ids[number % len(ids)], replace(rae, user=actor), decision)


@fewer(0.15)
@given(steps=st.lists(acts, max_size=10))
def test_what_is_in_memory_is_what_the_tables_say(
    store: Store, steps: list[tuple[Any, ...]]
) -> None:
    memory = fresh(store)
    for step in steps:
        with suppress(ConfigurationError):
            perform(memory, step)
        assert tables.read(memory.shelf.book.rows, str) == memory.base()

    base = memory.base()
    everybody = [Viewer(person) for person in PEOPLE] + [Viewer("rae", reviewer=True)]
    for viewer in everybody:
        for wordings in base.facts(viewer):
            for id_ in wordings:
                item = base.items[id_].item
                assert not item.personal or item.owner == viewer.user
                assert 0 <= base.confidence(id_, 10**9).value <= 1
        for id_ in base.told_to(viewer):
            assert base.items[id_].item.state in ("approved", "mandatory")
    for kept in base.items.values():
        if kept.item.state == "mandatory":
            assert kept.item.mandated_by not in ("", kept.item.approved_by)


@fewer(0.15)
@given(intakes=st.lists(said, max_size=10), person=st.sampled_from(PEOPLE))
def test_an_erasure_leaves_what_would_be_there_without_them(
    store: Store, intakes: list[Intake], person: str
) -> None:
    erased = fresh(store)
    erased.take(intakes)
    erased.forget(person)
    found = timeless(erased.base())

    without = fresh(store)
    without.take([one for one in intakes if one.user != person])

    assert found == timeless(without.base())


@fewer(0.15)
@given(steps=st.lists(acts, max_size=8), given_verdicts=verdicts, later=st.lists(acts, max_size=4))
def test_whatever_a_model_says_of_pairs_everything_is_as_without_it(
    store: Store,
    steps: list[tuple[Any, ...]],
    given_verdicts: list[tuple[int, int, Any, str]],
    later: list[tuple[Any, ...]],
) -> None:
    silent, advised = (
        history(fresh(store), steps, given_verdicts, later, said=said) for said in (False, True)
    )

    assert advised == silent


def history(
    memory: Memory,
    steps: list[tuple[Any, ...]],
    given_verdicts: list[tuple[int, int, Any, str]],
    later: list[tuple[Any, ...]],
    *,
    said: bool,
) -> Any:
    """What is there and what everybody is shown and told, but for the advice itself."""
    for step in steps:
        with suppress(ConfigurationError):
            perform(memory, step)
    ids = sorted(memory.base().items)
    for one, other, *judged in given_verdicts if len(ids) > 1 else ():
        pair = sorted((ids[one % len(ids)], ids[other % len(ids)]))
        if said:
            judge(memory, *pair, *judged)
        else:
            memory.shelf.now_us()  # The clock of these tests moves with each look at it.
    for step in later:
        with suppress(ConfigurationError):
            perform(memory, step)
    return memory.base(), [shown(memory, viewer) for viewer in VIEWERS]


def judge(memory: Memory, left: str, right: str, verdict: Any, reason: str) -> None:
    before = memory.base()
    newer = right if verdict == "supersedes" else ""
    judged = Judgement(left, right, digest_of(before, left, right), verdict, newer, reason)

    assert memory.record_judgements([judged], "model", "hash") == 1
    assert memory.base() is before
    assert tables.read(memory.shelf.book.rows, str) == before


VIEWERS = (*map(Viewer, PEOPLE), Viewer("rae", reviewer=True))
ADVICE = ("judgement", "severity", "suggested_resolution")


def shown(memory: Memory, viewer: Viewer) -> Any:
    showing = ShowingPairs(memory, viewer)
    pairs = [
        {name: value for name, value in one.items() if name not in ADVICE}
        for one in showing.contradictions()
    ]
    found = [pairs, showing.duplicates(), showing.pending(None, 1, 50), showing.own(1, 50)]
    return found, memory.bundle(viewer)
