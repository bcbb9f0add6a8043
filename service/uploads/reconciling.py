"""Holds what came against what was read, file by file.

The rule: an upload and the ledger meet by key, never by file name or time window, so a file of the
same name elsewhere, a late upload or a slow one are each what they are.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from core.keys import SessionKey
from core.ledger import LedgerEntry
from core.uploads import STATES, State, state_of
from state.operations.uploads import DAY_US, Upload, Uploads, place_after
from state.times import iso_utc

SUMMARY_MAX = 100_000
FRESH_US = 5_000_000
"""For a gauge, which is asked twice a scrape."""
EntriesOf = Callable[[SessionKey], Iterable[LedgerEntry | None]]


class Summary(NamedTuple):
    """Of the files that came within 24 h. `oldest_behind_s`: since when the oldest one that is not
    read waits."""

    counts: Counter[State]
    oldest_behind_s: float

    @property
    def behind(self) -> int:
        return self.counts["arrived"] + self.counts["behind"]


class Reconciling:
    """`entries_of` gives what each processor that has to read a file knows of it."""

    def __init__(self, book: Uploads, entries_of: EntriesOf, now_us: Callable[[], int]) -> None:
        self._book = book
        self._entries_of = entries_of
        self._now_us = now_us
        self._last: tuple[int, Summary] | None = None

    def page(self, limit: int, after: str, user: str | None) -> dict[str, Any]:
        """The files that came, newest first, each with its state."""
        found = self._book.latest(limit, after=after, user=user)
        faulty = self._book.faulty([one.key for one in found])
        more = len(found) == limit
        return {
            "uploads": [self._shown(one, faulty) for one in found],
            "next": place_after(found[-1]) if more else None,
        }

    def summary(self, user: str | None = None) -> Summary:
        """How it stands with what came within 24 h."""
        now_us = self._now_us()
        found = self._book.latest(SUMMARY_MAX, user=user, since_us=now_us - DAY_US)
        faulty = self._book.faulty([one.key for one in found])
        states = [(self._state(one, faulty), one.at_us) for one in found]
        waiting = [at_us for state, at_us in states if state in ("arrived", "behind")]
        oldest_us = now_us - min(waiting, default=now_us)
        return Summary(Counter(state for state, _ in states), oldest_us / 1e6)

    def recent(self) -> Summary:
        """The summary of all, at most some seconds old."""
        now_us = self._now_us()
        if self._last is None or now_us - self._last[0] > FRESH_US:
            self._last = now_us, self.summary()
        return self._last[1]

    def _state(self, one: Upload, faulty: Collection[SessionKey]) -> State:
        return state_of(
            one.outcome, one.at_us, one.complete_bytes, self._entries_of(one.key),
            is_faulty=one.key in faulty,
        )  # fmt: skip

    def _shown(self, one: Upload, faulty: Collection[SessionKey]) -> dict[str, Any]:
        return {
            "source": one.source,
            "path": one.path,
            "user": one.user,
            "at": iso_utc(one.at_us),
            "actor": one.actor,
            "outcome": one.outcome,
            "size": one.size_bytes,
            "digest": one.digest,
            "state": self._state(one, faulty),
        }


def told(summary: Summary) -> dict[str, Any]:
    """As the API prints it."""
    return {
        "files": summary.counts.total(),
        **{state: summary.counts[state] for state in STATES},
        "oldest_behind_s": round(summary.oldest_behind_s, 3),
    }
