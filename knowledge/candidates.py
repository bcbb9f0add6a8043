"""Which of many statements may be related to one, without comparing it with all of them.

The rule: exact and free of the corpus. Two statements are candidates if they share enough keys,
whatever else is known and in whatever order it came; the index only finds them quickly. That
is a set-similarity join with a prefix filter (Bayardo, Ma, Srikant, WWW 2007): of a set that
must share `n` keys with another, all but `n - 1` are enough to look under, the rarest first.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import ceil

from knowledge.qualifiers import reading
from knowledge.text import CACHED

SHARE_MIN = 0.4
"""Of the keys of the larger statement: below this none of the labelled pairs was related."""
KEY_CHARS = 4
"""Forms of one word share so many letters at their beginning."""


@lru_cache(maxsize=CACHED)
def keys(text: str) -> frozenset[str]:
    """What a statement is found under: the beginnings of its words that are no qualifiers."""
    said = reading(text)
    words = said.content or {name for kind, name in said.qualifiers if kind == "name"} or said.words
    return frozenset(word[:KEY_CHARS] for word in words)


def meets(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two statements with these keys are to be compared. Symmetric."""
    larger = max(len(one), len(other))
    return larger > 0 and len(one & other) >= _needed(larger)


def _needed(size: int) -> int:
    return max(1, ceil(SHARE_MIN * size - 1e-9))


class Index:
    """Statements by their keys; adding and asking cost no pass over what is in it."""

    def __init__(self, texts: Iterable[tuple[str, str]] = ()) -> None:
        """`texts`: pairs of id and text. Which keys are rare is learnt from these, for speed."""
        self._keys = {id_: keys(text) for id_, text in texts}
        self._counts = Counter(key for found in self._keys.values() for key in found)
        self._ids: defaultdict[str, list[str]] = defaultdict(list)
        for id_, found in self._keys.items():
            self._enter(id_, found)

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, id_: str, text: str) -> None:
        """Take up one more; a known id stays as it is."""
        if id_ not in self._keys:
            self._keys[id_] = keys(text)
            self._enter(id_, self._keys[id_])

    def candidates(self, text: str) -> Iterator[str]:
        """The ids of all statements to compare this text with, in order of id."""
        wanted = keys(text)
        near = {id_ for key in self._prefix(wanted) for id_ in self._ids[key]}
        yield from sorted(id_ for id_ in near if meets(wanted, self._keys[id_]))

    def _enter(self, id_: str, found: frozenset[str]) -> None:
        for key in self._prefix(found):
            self._ids[key].append(id_)

    def _prefix(self, found: frozenset[str]) -> list[str]:
        # Rare first, by counts that never change: both sides must order alike.
        ordered = sorted(found, key=lambda key: (self._counts[key], key))
        return ordered[: len(ordered) - _needed(len(ordered)) + 1]
