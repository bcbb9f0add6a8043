from math import inf

from hypothesis import given
from hypothesis import strategies as st

from core.keys import SessionKey
from watcher.settle import Pace, Quiet, Settler

A = SessionKey("s", "a.jsonl")
B = SessionKey("s", "b.jsonl")


def popped(settler: Settler, now_s: float) -> list[SessionKey]:
    return [key for key, _ in settler.pop_due(now_s)]


def test_a_paced_key_is_due_on_its_first_touch():
    settler = Settler(Pace(0.5))

    assert settler.touch(A, 100.0) == 100.0
    assert settler.pop_due(100.0) == []  # it is the caller's already


def test_a_paced_key_is_due_again_one_pace_after_it_was_taken():
    settler = Settler(Pace(0.5))
    settler.touch(A, 100.0)
    settler.take(A, 100.2)

    assert settler.touch(A, 100.3) == 100.7
    assert settler.touch(A, 100.4) == 100.7
    assert popped(settler, 100.69) == []
    assert settler.pop_due(100.7) == [(A, 100.7)]


def test_a_paced_key_that_rested_is_due_at_once_again():
    settler = Settler(Pace(0.5))
    settler.touch(A, 100.0)
    settler.take(A, 100.0)

    assert settler.touch(A, 100.6) == 100.6


def test_a_settler_forgets_when_keys_were_taken_after_their_pace():
    settler = Settler(Pace(0.5))
    for number in range(10):
        settler.take(SessionKey("s", str(number)), 100.0)
    settler.take(A, 101.0)

    assert list(settler._taken_s) == [A]


def test_a_quiet_key_is_due_once_nobody_touched_it_for_that_long():
    settler = Settler(Quiet(10.0, 100.0))
    settler.touch(A, 0.0)
    settler.touch(A, 8.0)

    assert popped(settler, 10.0) == []
    assert settler.next_due_s() == 18.0
    assert popped(settler, 18.0) == [A]


def test_a_key_touched_without_pause_is_due_after_the_longest_wait():
    settler = Settler(Quiet(10.0, 35.0))
    for second in range(0, 100, 5):
        due_s = settler.touch(A, float(second))
        if due_s <= second:
            break

    assert due_s == 35.0


def test_a_touch_makes_a_quiet_due_key_wait_again():
    settler = Settler(Quiet(10.0, 35.0))
    settler.touch(A, 0.0)

    assert popped(settler, 10.0) == [A]
    assert settler.touch(A, 12.0) == 22.0
    assert popped(settler, 22.0) == [A]
    assert settler.touch(A, 30.0) == 35.0  # the longest wait still counts from the first touch


def test_a_delayed_look_comes_at_its_time_and_not_later():
    settler = Settler(Quiet(120.0, 900.0))
    settler.touch(A, 0.0, after_s=30.0)
    settler.touch(A, 20.0)

    assert popped(settler, 29.9) == []
    assert popped(settler, 30.0) == [A]


def test_a_touch_before_a_delayed_look_is_met_first():
    settler = Settler(Pace(0.1))
    settler.touch(A, 0.0, after_s=30.0)

    assert settler.touch(A, 5.0) == 5.0
    settler.take(A, 5.0)
    assert settler.next_due_s() is None
    assert popped(settler, 30.0) == []


def test_a_delayed_look_in_the_past_is_due_now():
    assert Settler(Pace(0.1)).touch(A, 50.0, after_s=-3.0) == 50.0


def test_urgent_waits_for_neither_quiet_nor_pace():
    quiet, paced = Settler(Quiet(120.0, 900.0)), Settler(Pace(5.0))
    quiet.touch(A, 0.0)
    paced.take(A, 0.0)

    assert quiet.touch(A, 1.0, urgent=True) == 1.0
    assert paced.touch(A, 1.0, urgent=True) == 1.0


def test_what_was_taken_is_not_due_until_it_is_touched():
    settler = Settler(Quiet(10.0, 100.0))
    settler.touch(A, 0.0)
    settler.take(A, 3.0)

    assert len(settler) == 0
    assert settler.next_due_s() is None
    assert popped(settler, inf) == []


def test_keys_come_out_in_the_order_they_are_due():
    settler = Settler(Quiet(10.0, 100.0))
    settler.touch(A, 0.0)
    settler.touch(B, 1.0)
    settler.touch(A, 2.0)

    assert settler.pop_due(50.0) == [(B, 11.0), (A, 12.0)]


def test_touches_of_one_key_do_not_grow_the_heap():
    settler = Settler(Quiet(10.0, 1000.0))
    for step in range(500):
        settler.touch(A, step / 100)

    assert len(settler._heap) == 1


steps = st.lists(
    st.tuples(
        st.sampled_from(["touch", "look", "urgent", "take", "pop"]),
        st.sampled_from([A, B]),
        st.floats(0, 20),
    ),
    max_size=60,
)


@given(rule=st.sampled_from([Pace(0.0), Pace(3.0), Quiet(5.0, 12.0)]), steps=steps)
def test_every_touched_key_is_due_within_its_bound(rule, steps):
    """Against the obvious model: per key, the first thing wanted since it was taken."""
    settler, now_s = Settler(rule), 0.0
    due_at_most: dict[SessionKey, float] = {}
    taken_s: dict[SessionKey, float] = {}
    due: set[SessionKey] = set()
    for what, key, by_s in steps:
        now_s += by_s
        if what == "take":
            settler.take(key, now_s)
            taken_s[key] = now_s
            due_at_most.pop(key, None)
            due.discard(key)
        elif what != "pop":
            after_s = by_s if what == "look" else None
            due_s = settler.touch(key, now_s, after_s=after_s, urgent=what == "urgent")
            due.add(key) if due_s <= now_s else due.discard(key)
            longest_s = {"urgent": 0.0, "look": by_s}.get(what, getattr(rule, "wait_max_s", 0.0))
            rested_s = taken_s.get(key, -inf) + rule.pace_s
            bound_s = now_s if what == "urgent" else max(rested_s, now_s + longest_s)
            due_at_most[key] = min(due_at_most.get(key, inf), bound_s)
        due.update(popped(settler, now_s))
        overdue = {key for key, bound_s in due_at_most.items() if bound_s <= now_s}

        assert overdue <= due <= set(due_at_most)
        assert len(settler) == len(due_at_most)
        assert (settler.next_due_s() is None) <= (due == set(due_at_most))
