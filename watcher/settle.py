"""Decides when a touched key is due. Pure: the caller brings the clock.

The rule: a key that was touched becomes due, whatever else happens, within a bound. Paced keys
are due at once and then at most every `pace_s`; quiet keys are due once nobody touched them for
`quiet_s`, and no later than `wait_max_s` after the first touch, so a file that is written to
without pause is still read. A delayed look is due at its own time, an urgent one now.
"""

import heapq
from collections import deque
from dataclasses import dataclass, field
from itertools import count, islice
from math import inf

from core.keys import SessionKey


@dataclass(frozen=True, slots=True)
class Pace:
    """Due on the first touch, then at most this often."""

    pace_s: float

    def __post_init__(self) -> None:
        assert self.pace_s >= 0

    def settles_s(self, first_s: float, last_s: float) -> float:
        """When a key touched from `first_s` to `last_s` has settled."""
        return first_s


@dataclass(frozen=True, slots=True)
class Quiet:
    """Due after a time without touches, however long at most."""

    quiet_s: float
    wait_max_s: float
    pace_s: float = 0.0

    def __post_init__(self) -> None:
        assert 0 <= self.quiet_s <= self.wait_max_s

    def settles_s(self, first_s: float, last_s: float) -> float:
        """When a key touched from `first_s` to `last_s` has settled."""
        return min(last_s + self.quiet_s, first_s + self.wait_max_s)


@dataclass(slots=True)
class _Wish:
    """What is wanted of one key. `queued_s`: its place in the heap; other places are void."""

    first_s: float = inf
    settles_s: float = inf
    look_s: float = inf
    urgent_s: float = inf
    queued_s: float = inf


@dataclass(slots=True)
class Settler:
    """Keys that were touched and not yet taken. Every operation is O(log n) or better."""

    rule: Pace | Quiet
    _wishes: dict[SessionKey, _Wish] = field(default_factory=dict)
    _heap: list[tuple[float, int, SessionKey]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)
    _taken_s: dict[SessionKey, float] = field(default_factory=dict)
    _resting: deque[tuple[float, SessionKey]] = field(default_factory=deque)

    def __len__(self) -> int:
        """Keys touched and not taken, due or not."""
        return len(self._wishes)

    def touch(
        self, key: SessionKey, now_s: float, *, after_s: float | None = None, urgent: bool = False
    ) -> float:
        """Something may have happened to the file; returns when the key is due.

        `after_s` asks for a look that much later instead, `urgent` for one now, whatever the
        rule says. A key that is due already is the caller's: only one that must wait comes out
        of `pop_due`. A touch can make a due key wait again, when it was due for being quiet.
        """
        wish = self._wishes.setdefault(key, _Wish())
        if urgent:
            wish.urgent_s = min(wish.urgent_s, now_s)
        elif after_s is not None:
            wish.look_s = min(wish.look_s, now_s + max(0.0, after_s))
        else:
            wish.first_s = min(wish.first_s, now_s)
            wish.settles_s = self.rule.settles_s(wish.first_s, now_s)
        due_s = self._due_s(key, wish)
        if now_s < due_s < wish.queued_s:
            self._queue(key, wish, due_s)
        return due_s

    def pop_due(self, now_s: float) -> list[tuple[SessionKey, float]]:
        """The keys whose waiting has ended, and since when, in that order."""
        popped = []
        while self._heap and self._heap[0][0] <= now_s:
            queued_s, _, key = heapq.heappop(self._heap)
            wish = self._wishes.get(key)
            if wish is None or wish.queued_s != queued_s:
                continue
            wish.queued_s = inf
            due_s = self._due_s(key, wish)
            if due_s > queued_s:  # Touched meanwhile, which does not move it in the heap.
                self._queue(key, wish, due_s)
            else:
                popped.append((key, due_s))
        return popped

    def take(self, key: SessionKey, now_s: float) -> None:
        """Somebody starts on the key: all its wishes are met, and its pace counts from here."""
        self._wishes.pop(key, None)
        while self._resting and self._resting[0][0] + self.rule.pace_s <= now_s:
            taken_s, rested = self._resting.popleft()
            if self._taken_s.get(rested) == taken_s:
                del self._taken_s[rested]
        if self.rule.pace_s:
            self._taken_s[key] = now_s
            self._resting.append((now_s, key))

    def next_due_s(self) -> float | None:
        """When `pop_due` should be called next; None if nothing waits. It may then be too early."""
        while self._heap:
            queued_s, _, key = self._heap[0]
            wish = self._wishes.get(key)
            if wish is not None and wish.queued_s == queued_s:
                return queued_s
            heapq.heappop(self._heap)
        return None

    def keys(self, limit: int) -> list[SessionKey]:
        """Keys touched and not taken, at most so many."""
        return list(islice(self._wishes, limit))

    def first_s(self) -> float | None:
        """Since when the longest waiting of all touched keys waits; None if none does. Looks that
        were asked for later (`after_s`) do not wait for anybody."""
        firsts = (min(wish.first_s, wish.urgent_s) for wish in self._wishes.values())
        first_s = min(firsts, default=inf)
        return None if first_s == inf else first_s

    def _due_s(self, key: SessionKey, wish: _Wish) -> float:
        rested_s = self._taken_s.get(key, -inf) + self.rule.pace_s
        return min(wish.urgent_s, max(rested_s, min(wish.settles_s, wish.look_s)))

    def _queue(self, key: SessionKey, wish: _Wish, due_s: float) -> None:
        wish.queued_s = due_s
        heapq.heappush(self._heap, (due_s, next(self._numbers), key))
