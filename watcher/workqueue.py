"""Hands touched keys to workers, once they are due: one key never in two hands, fair to users.

The rule: every scheduling decision is made in `_take`, under the lock and without I/O. A key is
in at most one place: waiting (in the settler), due (in its user's line), aside (due, but in hand)
or nowhere. A busy key is set aside rather than left in a line, where it would delay the others.
Whoever wants to know what became of a key asks for a look and waits; nobody runs a key himself.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from math import inf

from core.keys import SessionKey
from watcher.settle import Settler


class WorkQueue:
    """Threads that touch on one side, workers that `get`, run and say `done` on the other.

    With `get(timeout_s=0)` it never waits, so it also runs in one thread on a simulated clock.
    """

    def __init__(
        self, settler: Settler, clock: Callable[[], float], user_of: Callable[[SessionKey], str]
    ) -> None:
        self._settler = settler
        self._clock = clock
        self._user_of = user_of
        self._changed = threading.Condition()
        self._lines: OrderedDict[str, OrderedDict[SessionKey, float]] = OrderedDict()
        self._aside: dict[SessionKey, float] = {}
        self._in_hand: set[SessionKey] = set()
        self._asked: dict[SessionKey, list[Future[None]]] = {}
        self._looking: dict[SessionKey, list[Future[None]]] = {}
        self._paused = False
        self._closed = False

    def touch(self, key: SessionKey, *, after_s: float | None = None, urgent: bool = False) -> None:
        """Look at this file: when it settles, `after_s` from now, or (`urgent`) now.

        A touch of a key in hand leads to one more run after it. Ignored once closed.
        """
        with self._changed:
            if not self._closed:
                self._touch(key, after_s=after_s, urgent=urgent)

    def look(self, key: SessionKey) -> "Future[None]":
        """Touch a key urgently; the future is done once a run that began after this has ended.

        It is running while the key is in hand, and cancelled if the queue is closed before. Whoever
        gives up may cancel it until then; the touch stays.
        """
        future: Future[None] = Future()
        with self._changed:
            if self._closed:
                _give_up(future)
            else:
                self._asked.setdefault(key, []).append(future)
                self._touch(key, after_s=None, urgent=True)
        return future

    def get(self, timeout_s: float) -> SessionKey | None:
        """The next key, in hand until `done`; None after `timeout_s`, or at once when closed."""
        with self._changed:
            deadline_s = self._clock() + timeout_s
            while not self._closed:
                now_s = self._clock()
                key = self._take(now_s)
                if key is not None or now_s >= deadline_s:
                    return key
                self._changed.wait(self._wait_s(now_s, deadline_s))
            return None

    def done(self, key: SessionKey) -> None:
        """The run of a key has ended, however it ended."""
        with self._changed:
            self._in_hand.remove(key)
            due_s = self._aside.pop(key, None)
            if due_s is not None:
                self._line_up(key, due_s)
            answered = self._looking.pop(key, ())
            self._changed.notify()
        for future in answered:
            future.set_result(None)

    def pause(self) -> None:
        """Hand out nothing; touches are remembered."""
        self._paused = True

    def resume(self) -> None:
        """Hand out again."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def close(self) -> None:
        """Hand out nothing any more. What waits is dropped on purpose: the ledger knows."""
        with self._changed:
            self._closed = True
            for futures in self._asked.values():
                for future in futures:
                    _give_up(future)
            self._asked.clear()
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Does a None from `get` mean the end?"""
        return self._closed

    @property
    def paused(self) -> bool:
        """Is nothing handed out for now?"""
        return self._paused

    @property
    def depth(self) -> int:
        """Keys that were touched and not taken since, due or not."""
        with self._changed:
            return len(self._settler)

    def waiting(self, limit: int) -> list[SessionKey]:
        """Keys that were touched and not taken since, at most so many."""
        with self._changed:
            return self._settler.keys(limit)

    @property
    def due_count(self) -> int:
        """Keys that a worker could take now."""
        with self._changed:
            self._end_waits(self._clock())
            return sum(map(len, self._lines.values()))

    def pending_s(self, now_s: float) -> float:
        """For how long the longest waiting key has been touched, due or not; 0 if none waits."""
        with self._changed:
            first_s = self._settler.first_s()
        return 0.0 if first_s is None else max(0.0, now_s - first_s)

    def oldest_s(self, now_s: float) -> float:
        """For how long the longest waiting key has been due; 0 if none is."""
        with self._changed:
            self._end_waits(now_s)
            firsts = (next(iter(line.values())) for line in self._lines.values())
            return max(0.0, now_s - min(firsts, default=now_s))

    def now_s(self) -> float:
        """By the clock that waits are measured with."""
        return self._clock()

    def idle(self) -> bool:
        """Is nothing due and nothing in hand? Keys may still wait for their time."""
        with self._changed:
            self._end_waits(self._clock())
            return not self._lines and not self._in_hand

    def next_due_s(self) -> float | None:
        """When to call `get` next (a time in the past: now); None if nothing waits or is due."""
        with self._changed:
            firsts = (next(iter(line.values())) for line in self._lines.values())
            first_s = min(firsts, default=inf)
            waits_s = self._settler.next_due_s()
            due_s = first_s if waits_s is None else min(first_s, waits_s)
            return None if due_s == inf else due_s

    def __repr__(self) -> str:
        with self._changed:
            due = sum(map(len, self._lines.values()))
            waiting = len(self._settler) - due - len(self._aside)
            state = " closed" if self._closed else " paused" if self._paused else ""
            return (
                f"<WorkQueue waiting={waiting} due={due} in_hand={len(self._in_hand)}"
                f" aside={len(self._aside)}{state}>"
            )

    # Everything below is called with the lock held.

    def _touch(self, key: SessionKey, *, after_s: float | None, urgent: bool) -> None:
        now_s = self._clock()
        due_s = self._settler.touch(key, now_s, after_s=after_s, urgent=urgent)
        if due_s > now_s:
            self._step_back(key)
        else:
            self._line_up(key, due_s)
        self._changed.notify()

    def _take(self, now_s: float) -> SessionKey | None:
        """Decide which key is next: the longest due one of the user whose turn it is."""
        self._end_waits(now_s)
        if self._paused or not self._lines:
            return None
        user, line = next(iter(self._lines.items()))
        key, _ = line.popitem(last=False)
        if line:
            self._lines.move_to_end(user)
        else:
            del self._lines[user]
        self._in_hand.add(key)
        self._settler.take(key, now_s)
        asked = self._asked.pop(key, ())
        if wanted := [future for future in asked if future.set_running_or_notify_cancel()]:
            self._looking[key] = wanted
        return key

    def _end_waits(self, now_s: float) -> None:
        for key, due_s in self._settler.pop_due(now_s):
            self._line_up(key, due_s)

    def _line_up(self, key: SessionKey, due_s: float) -> None:
        """The key is due: aside while it is in hand, else in its user's line (once)."""
        if key in self._in_hand:
            self._aside.setdefault(key, due_s)
        else:
            line = self._lines.setdefault(self._user_of(key), OrderedDict())
            line.setdefault(key, due_s)

    def _step_back(self, key: SessionKey) -> None:
        """The key is not due after all: a touch broke its quiet."""
        self._aside.pop(key, None)
        user = self._user_of(key)
        line = self._lines.get(user)
        if line is not None and line.pop(key, None) is not None and not line:
            del self._lines[user]

    def _wait_s(self, now_s: float, deadline_s: float) -> float | None:
        """Until when a worker may sleep; touches wake it."""
        next_s = None if self._paused else self._settler.next_due_s()
        until_s = deadline_s if next_s is None else min(deadline_s, next_s)
        return None if until_s == inf else min(until_s - now_s, threading.TIMEOUT_MAX)


def _give_up(future: "Future[None]") -> None:
    """Cancel it and tell whoever waits."""
    if future.cancel():
        future.set_running_or_notify_cancel()
