"""What a statement sets aside in passing: "monthly, not weekly", "nicht A, sondern B", "a místo b".

The rule: words and punctuation only, in five languages. What is set aside is a few words without a
verb; anything longer is a statement of its own and is left where it stands.
"""

import re
from typing import NamedTuple

from knowledge.text import unaccented
from knowledge.words import VERBS

WORDS_MAX = 5
# Up to the end of the clause; a dot or comma inside a number or name does not end it.
_SHORT = r"(?:[^,;:!?().]|[.,](?=\w)){1,80}?"
_END = r"(?=\s*(?:[,;:!?)](?!\w)|\.?\s*$|\.\s))"
# A French "ne" before its verb sets nothing aside.
_NOT = r"(?:not|nicht|pas|non\s+pas|non|no|ne(?!\s+(?:pas|jamais|plus|rien)\b)|nikoliv?)"
_AND_NOT = r"(?:and\s+not|und\s+nicht|et\s+(?:pas|non)|y\s+no|a\s+(?:ne|nikoliv?))"
_INSTEAD = (
    r"(?:instead\s+of|rather\s+than|as\s+opposed\s+to|statt|anstatt|anstelle\s+von|au\s+lieu\s+de|"
    r"plutôt\s+que|en\s+lugar\s+de|en\s+vez\s+de|místo|namísto)"
)
_BUT = r"(?:but|sondern|mais|sino|ale|nýbrž)"
_BEHIND = re.compile(
    rf"(?i)(?:\s*(?:[,;(]|\s[-–—])\s*(?:{_AND_NOT}|{_NOT})\s+|\s+{_AND_NOT}\s+|"
    rf"\s*,?\s+{_INSTEAD}\s+)(?P<aside>{_SHORT})\)?{_END}"
)
_BEFORE = re.compile(
    rf"(?i)(?:\bn(?:e\s+|['’])(?P<verb>\w+)\s+)?\b{_NOT}\s+(?P<aside>{_SHORT})\s*,?\s+{_BUT}\s+"
)


class Contrast(NamedTuple):
    """What is said and what is set aside; `behind`: after it was said, and not before a "but"."""

    said: str
    aside: str
    behind: bool


def contrast(text: str) -> Contrast | None:
    """None for a statement that sets nothing aside."""
    for pattern in (_BEHIND, _BEFORE):
        for found in pattern.finditer(text):
            verb = found.groupdict().get("verb") or ""
            said = f"{text[: found.start()]} {verb} {text[found.end() :]}"
            if _is_aside(found["aside"]) and any(map(str.isalnum, said)):
                return Contrast(said, found["aside"], behind=pattern is _BEHIND)
    return None


def _is_aside(text: str) -> bool:
    words = unaccented(text).split()
    return 0 < len(words) <= WORDS_MAX and VERBS.isdisjoint(words)
