"""Where something was found, and the map from a redacted text back to its original.

The rule: findings that overlap become one, and each is replaced once. Replacing one after the
other would let a later rule find the text of an earlier placeholder.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Finding(NamedTuple):
    """`text[start:end]` is of this kind: a word of `[a-z0-9-]`, at most 31 characters."""

    kind: str
    start: int
    end: int


Detector = Callable[[str], Iterable[Finding]]
"""A pure function from a text to what it finds there, in time linear in the text."""


class Edit(NamedTuple):
    """`redacted[start:end]` stands for `seen[seen_start:seen_end]`."""

    start: int
    end: int
    seen_start: int
    seen_end: int


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without secrets. It holds nothing of the original but places.

    `findings` have their places in the original without its invisible characters; `places` is
    where each of its characters stands in the original, None if it had no invisible ones.
    """

    text: str
    findings: tuple[Finding, ...]
    edits: tuple[Edit, ...]
    places: Sequence[int] | None
    original_size: int

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Start and end in the original of `text[start:end]`.

        A placeholder stands for the whole of its secret, also where the range cuts into it.
        """
        assert 0 <= start <= end <= len(self.text)
        if start == end:
            return self._place(self._seen(start)[0]), self._place(self._seen(start)[0])
        first, last = self._seen(start)[0], self._seen(end - 1)[1]
        return self._place(first), self._place(last - 1) + 1

    def _seen(self, place: int) -> tuple[int, int]:
        """Start and end of what the character at this place stands for."""
        index = bisect_right(self.edits, place, key=lambda edit: edit.start) - 1
        if index < 0:
            return place, place + 1
        edit = self.edits[index]
        if place < edit.end:
            return edit.seen_start, edit.seen_end
        seen = place - edit.end + edit.seen_end
        return seen, seen + 1

    def _place(self, seen: int) -> int:
        if self.places is None:
            return seen
        return self.places[seen] if seen < len(self.places) else self.original_size


def merged(ranked: Sequence[Iterable[Finding]]) -> list[Finding]:
    """Findings that overlap as one, in order; the first list's kind goes before the next one's."""
    flat = [(f.start, f.end, rank, f.kind) for rank, found in enumerate(ranked) for f in found]
    result: list[tuple[int, int, int, str]] = []
    for start, end, rank, kind in sorted(flat):
        assert start < end
        if not result or start >= result[-1][1]:
            result.append((start, end, rank, kind))
            continue
        first, last, known_rank, known = result[-1]
        best = min((known_rank, known), (rank, kind), key=lambda one: one[0])
        result[-1] = (first, max(last, end), *best)
    return [Finding(kind, start, end) for start, end, _, kind in result]
