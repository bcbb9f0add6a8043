"""Proves a quote: verbatim in one human turn of the window, in the person's own words.

The rule: what cannot be proved is dropped and counted, never repaired. The one liberty is white
space and Unicode composition, which models fold; the quote kept is the turn's text, not theirs.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum
from itertools import accumulate

from processors.verifying.candidates import Quote
from processors.verifying.redaction import PLACEHOLDER
from processors.verifying.turns import Turn
from processors.verifying.windows import Window

QUOTE_CHARS_MIN = 12
QUOTE_CHARS_MAX = 2_000
_LETTERS_MIN = 6
_TOKEN = re.compile(r"\S+")


class Refusal(StrEnum):
    """Why a quote, or an item, was dropped."""

    NO_SUCH_TURN = "no_such_turn"
    CONTEXT_TURN = "context_turn"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NOT_VERBATIM = "not_verbatim"
    NOT_OWN_WORDS = "not_own_words"
    PLACEHOLDERS_ONLY = "placeholders_only"
    MALFORMED = "malformed"
    NO_EVIDENCE = "no_evidence"
    NOT_SHARED = "not_shared"
    NOT_DURABLE = "not_durable"
    UNSUPPORTED = "unsupported"
    REDACTED = "redacted"


def proved(window: Window, turn_id: str, quote: str) -> Quote | Refusal:
    """The quote with its true offsets, or why it does not count."""
    turn = next((turn for turn in window.turns if turn.turn_id == turn_id), None)
    if turn is None:
        known = any(turn.turn_id == turn_id for turn in window.context)
        return Refusal.CONTEXT_TURN if known else Refusal.NO_SUCH_TURN
    words = quote.strip()
    if len(words) > QUOTE_CHARS_MAX:
        return Refusal.TOO_LONG
    if refusal := _refusal(words):
        return refusal
    places = list(_places(turn.text, words))
    if not places:
        return Refusal.NOT_VERBATIM
    own = next((place for place in places if turn.is_own(*place)), None)
    return quote_at(turn, *own) if own else Refusal.NOT_OWN_WORDS


def quote_at(turn: Turn, start: int, end: int) -> Quote:
    """A quote whose place is known."""
    assert turn.is_own(start, end)
    original_start, original_end = turn.redacted.original(start, end)
    return Quote(
        turn_number=turn.number,
        line_offset=turn.offset,
        uuid=turn.uuid,
        start=start,
        end=end,
        original_start=original_start,
        original_end=original_end,
        text=turn.text[start:end],
    )


def _refusal(words: str) -> Refusal | None:
    if len(words) < QUOTE_CHARS_MIN:
        return Refusal.TOO_SHORT
    plain = PLACEHOLDER.sub("", words)
    if sum(map(str.isalpha, plain)) < _LETTERS_MIN:
        return Refusal.PLACEHOLDERS_ONLY if plain != words else Refusal.TOO_SHORT
    return None


def _places(text: str, words: str) -> Iterator[tuple[int, int]]:
    """Where the words stand, with any white space between them, composed or not."""
    tokens = list(_TOKEN.finditer(text))
    folded = " ".join([token[0] for token in tokens])
    starts = list(accumulate((len(token[0]) + 1 for token in tokens), initial=0))

    def place(at: int) -> int:
        index = bisect_right(starts, at, hi=len(tokens)) - 1
        return tokens[index].start() + at - starts[index]

    for form in dict.fromkeys((words, *(unicodedata.normalize(f, words) for f in ("NFC", "NFD")))):
        sought = " ".join(form.split())
        at = folded.find(sought)
        while at >= 0:
            last = at + len(sought) - 1
            yield place(at), place(last) + 1
            at = folded.find(sought, last + 1)
