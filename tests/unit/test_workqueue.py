import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future, wait

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.keys import SessionKey, user_of
from tests.tools.waiting import wait_for
from watcher.settle import Pace, Quiet, Settler
from watcher.workqueue import WorkQueue


class HandClock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def key(path: str) -> SessionKey:
    return SessionKey("s", path)


def new_queue(rule=Pace(0.0), clock=None) -> WorkQueue:
    return WorkQueue(Settler(rule), clock or HandClock(), lambda key: user_of(key.path))


A, B = key("ann/a.jsonl"), key("ann/b.jsonl")


def test_a_touched_key_is_handed_out_once():
    queue = new_queue()
    queue.touch(A)
    queue.touch(A)

    assert queue.get(0) == A
    assert queue.get(0) is None
    assert repr(queue) == "<WorkQueue waiting=0 due=0 in_hand=1 aside=0>"


def test_a_touch_while_in_hand_runs_once_more():
    queue = new_queue()
    queue.touch(A)
    queue.get(0)
    queue.touch(A)
    queue.touch(A)

    assert queue.get(0) is None
    assert repr(queue) == "<WorkQueue waiting=0 due=0 in_hand=1 aside=1>"
    queue.done(A)
    assert queue.get(0) == A
    queue.done(A)
    assert queue.get(0) is None
    assert queue.idle()


def test_a_look_is_over_once_a_run_that_began_after_it_has_ended():
    queue = new_queue(Quiet(10.0, 60.0))
    queue.touch(A, urgent=True)
    queue.get(0)
    look = queue.look(A)

    queue.done(A)  # Of the run that had begun before.
    assert not look.done()
    assert queue.get(0) == A
    assert look.running()
    assert not look.cancel()
    queue.done(A)
    assert look.done()
    assert queue.get(0) is None


def test_one_run_answers_everybody_who_asked_before_it():
    queue = new_queue()
    looks = [queue.look(A), queue.look(A)]
    queue.get(0)
    late = queue.look(A)
    queue.done(A)

    assert [look.done() for look in (*looks, late)] == [True, True, False]
    queue.get(0)
    queue.done(A)
    assert late.done()


def test_who_gives_up_leaves_the_touch():
    queue = new_queue()
    assert queue.look(A).cancel()

    assert queue.get(0) == A
    queue.done(A)
    assert queue.idle()


def test_a_look_is_cancelled_by_a_close_and_waiting_for_it_ends():
    queue = new_queue()
    before = queue.look(A)
    queue.close()
    after = queue.look(B)

    done, _ = wait([before, after], 10.0)
    assert done == {before, after}
    assert before.cancelled()
    assert after.cancelled()


def test_the_queue_tells_how_much_is_due_and_for_how_long_something_waits():
    clock = HandClock()
    queue = new_queue(Quiet(10.0, 60.0), clock)
    queue.touch(A)
    clock.now_s += 4.0
    queue.touch(A)
    queue.touch(B, after_s=100.0)

    assert (queue.depth, queue.due_count, queue.pending_s(clock())) == (2, 0, 4.0)
    assert (queue.waiting(1), queue.waiting(9)) == ([A], [A, B])
    clock.now_s += 10.0
    assert (queue.due_count, queue.pending_s(clock())) == (1, 14.0)
    queue.get(0)
    assert queue.pending_s(clock()) == 0.0


def test_a_busy_key_delays_nobody():
    queue = new_queue()
    queue.touch(A)
    queue.get(0)
    queue.touch(A)
    queue.touch(B)

    assert queue.get(0) == B


def test_a_key_in_hand_that_settles_meanwhile_waits_aside():
    clock = HandClock()
    queue = new_queue(Quiet(10.0, 60.0), clock)
    queue.touch(A, urgent=True)
    queue.get(0)
    queue.touch(A)
    clock.now_s += 10.0
    queue.touch(B, urgent=True)

    assert queue.get(0) == B
    assert repr(queue) == "<WorkQueue waiting=0 due=0 in_hand=2 aside=1>"
    queue.done(A)
    assert queue.get(0) == A


def test_a_touch_takes_a_quiet_key_out_of_the_line_again():
    clock = HandClock()
    queue = new_queue(Quiet(10.0, 60.0), clock)
    queue.touch(A)
    clock.now_s += 10.0
    assert not queue.idle()  # due, and nobody takes it
    queue.touch(A)

    assert repr(queue) == "<WorkQueue waiting=1 due=0 in_hand=0 aside=0>"
    assert queue.get(0) is None
    clock.now_s += 10.0
    assert queue.get(0) == A


def test_users_take_turns_whatever_the_length_of_their_lines():
    queue = new_queue()
    for number in range(1000):
        queue.touch(key(f"busy/{number}.jsonl"))
    for user in ("ann", "bob"):
        queue.touch(key(f"{user}/1.jsonl"))
        queue.touch(key(f"{user}/2.jsonl"))

    users = [one and user_of(one.path) for one in (queue.get(0) for _ in range(8))]

    assert users == ["busy", "ann", "bob", "busy", "ann", "bob", "busy", "busy"]


def test_one_users_keys_come_in_the_order_they_were_due():
    queue = new_queue()
    keys = [key(f"ann/{number}.jsonl") for number in range(50)]
    for one in keys:
        queue.touch(one)

    assert [queue.get(0) for _ in keys] == keys


def test_a_paced_key_comes_back_after_its_pace():
    clock = HandClock()
    queue = new_queue(Pace(0.1), clock)
    queue.touch(A)
    queue.get(0)
    queue.touch(A)
    queue.done(A)

    assert queue.get(0) is None
    assert queue.next_due_s() == pytest.approx(1000.1)
    clock.now_s = queue.next_due_s() or 0.0
    assert queue.get(0) == A


def test_a_paused_queue_remembers_and_hands_out_nothing():
    queue = new_queue()
    queue.pause()
    queue.touch(A)

    assert queue.get(0) is None
    assert repr(queue) == "<WorkQueue waiting=0 due=1 in_hand=0 aside=0 paused>"
    queue.resume()
    assert queue.get(0) == A


def test_a_closed_queue_ends_the_waiting_of_its_workers():
    queue = new_queue(clock=time.monotonic)
    worker = threading.Thread(target=queue.get, args=(60.0,), daemon=True)
    worker.start()

    queue.close()

    worker.join(10.0)
    assert not worker.is_alive()
    queue.touch(A)
    assert queue.closed
    assert queue.depth == 0


def test_a_queue_tells_how_far_behind_it_is():
    clock = HandClock()
    queue = new_queue(Quiet(10.0, 60.0), clock)
    queue.touch(A)
    queue.touch(B)
    assert (queue.depth, queue.oldest_s(clock.now_s), queue.idle()) == (2, 0.0, True)
    clock.now_s += 14.0

    assert (queue.depth, queue.oldest_s(clock.now_s), queue.idle()) == (2, 4.0, False)
    queue.get(0)
    assert queue.depth == 1
    assert queue.next_due_s() == 1010.0


def test_a_waiting_worker_gets_a_key_when_it_falls_due():
    queue = new_queue(Quiet(0.05, 10.0), time.monotonic)
    queue.touch(A)
    touched_s = time.monotonic()

    assert queue.get(30.0) == A
    assert 0.04 < time.monotonic() - touched_s < 15.0


def test_a_touch_wakes_a_waiting_worker():
    queue = new_queue(clock=time.monotonic)
    got = []
    worker = threading.Thread(target=lambda: got.append(queue.get(60.0)), daemon=True)
    worker.start()
    queue.touch(A)

    assert wait_for(lambda: got) == [A]


def test_get_gives_up_after_its_time():
    assert new_queue(clock=time.monotonic).get(0.01) is None


def test_many_threads_never_hold_one_key_twice_and_lose_no_touch():
    queue = new_queue(Pace(0.0), time.monotonic)
    keys = [key(f"user{n % 3}/{n}.jsonl") for n in range(20)]
    written: Counter[SessionKey] = Counter()
    seen: Counter[SessionKey] = Counter()
    in_hand: set[SessionKey] = set()
    faults: list[SessionKey] = []

    def work() -> None:
        while not queue.closed:
            one = queue.get(0.05)
            if one is None:
                continue
            if one in in_hand:
                faults.append(one)
            in_hand.add(one)
            seen[one] = written[one]
            in_hand.discard(one)
            queue.done(one)

    def write(number: int) -> None:
        for step in range(2000):
            one = keys[(step * 7 + number) % len(keys)]
            written[one] += 1
            queue.touch(one)

    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        workers = [threading.Thread(target=work) for _ in range(4)]
        writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
        for thread in workers + writers:
            thread.start()
        for thread in writers:
            thread.join()
        wait_for(queue.idle)
    finally:
        sys.setswitchinterval(switch_s)
        queue.close()
        for thread in workers:
            thread.join()

    assert faults == []
    assert seen == written


KEYS = [key(f"{user}/{name}.jsonl") for user in ("ann", "bob") for name in "xyz"]


class Schedules(RuleBasedStateMachine):
    """Any schedule of touches, takes and time: nothing is held twice and nothing is forgotten."""

    @initialize(settling=st.sampled_from([Pace(0.0), Pace(2.0), Quiet(3.0, 10.0)]))
    def begin(self, settling):
        self.clock = HandClock()
        self.queue = new_queue(settling, self.clock)
        self.in_hand: list[SessionKey] = []
        self.owed: set[SessionKey] = set()
        self.asked: list[tuple[SessionKey, Future[None]]] = []
        self.looking: list[tuple[SessionKey, Future[None]]] = []

    @rule(one=st.sampled_from(KEYS))
    def look(self, one):
        self.asked.append((one, self.queue.look(one)))
        self.owed.add(one)

    @rule(one=st.sampled_from(KEYS), after_s=st.none() | st.floats(0, 5), urgent=st.booleans())
    def touch(self, one, after_s, urgent):
        self.queue.touch(one, after_s=after_s, urgent=urgent)
        self.owed.add(one)

    @rule(by_s=st.floats(0, 4))
    def wait(self, by_s):
        self.clock.now_s += by_s

    @rule()
    def get(self):
        one = self.queue.get(0)
        if one is not None:
            assert one not in self.in_hand
            assert one in self.owed
            self.in_hand.append(one)
            self.owed.discard(one)
            self.looking += [ask for ask in self.asked if ask[0] == one]
            self.asked = [ask for ask in self.asked if ask[0] != one]

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data())
    def done(self, data):
        one = data.draw(st.sampled_from(self.in_hand))
        self.in_hand.remove(one)
        self.queue.done(one)
        assert all(future.done() for key, future in self.looking if key == one)
        self.looking = [ask for ask in self.looking if ask[0] != one]

    @invariant()
    def a_look_is_over_only_once_its_run_is(self):
        assert not any(future.running() or future.done() for _, future in self.asked)
        assert all(future.running() for _, future in self.looking)

    @invariant()
    def counts_agree(self):
        assert self.queue.depth == len(self.owed)
        assert f"in_hand={len(self.in_hand)} " in repr(self.queue)

    def teardown(self):
        for held in self.in_hand:
            self.queue.done(held)
        self.clock.now_s += 20.0
        while (one := self.queue.get(0)) is not None:
            self.owed.remove(one)
            self.queue.done(one)

        assert self.owed == set()
        assert self.queue.idle()
        assert all(future.done() for _, future in (*self.asked, *self.looking))


TestSchedules = Schedules.TestCase
TestSchedules.settings = settings(max_examples=100, stateful_step_count=40)
