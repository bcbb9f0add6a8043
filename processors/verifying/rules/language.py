"""The shape in which a language's phrases are written down, and how a text's language is told.

The rule: phrases are data. A language is one module with one value, and a pattern in it is matched
against one sentence of bounded length.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

Pattern = re.Pattern[str]
_LOOK_CHARS_MAX = 2_000
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Language:
    """Phrases of one language.

    `openings_*` match at the beginning and end where the statement starts. `contrasts` have the
    groups `right` and `wrong`, `definitions` may have a group `subject`. `never` are sentences that
    state nothing: questions, wishes, guesses, reports of what others say, and talk about the
    work at hand. `vague` are subjects that only this conversation can resolve.
    """

    name: str
    common: frozenset[str]
    openings_correcting: Pattern
    openings_confirming: Pattern
    openings_remarking: Pattern
    contrasts: tuple[Pattern, ...]
    definitions: tuple[Pattern, ...]
    verb: Pattern
    never: Pattern
    vague: Pattern


def pattern(text: str) -> Pattern:
    """Case does not matter; a blank stands for any white space, `blank ?` for any or none."""
    return re.compile(text.replace(" ?", r"\s*").replace(" ", r"\s+"), re.IGNORECASE)


def words(text: str) -> frozenset[str]:
    """The words of a list."""
    return frozenset(text.split())


def languages_of(text: str, languages: Sequence[Language]) -> list[Language]:
    """Those with most of their common words in the text: all of them if it has no such word."""
    found = [word.lower() for word in _WORD.findall(text[:_LOOK_CHARS_MAX])]
    counts = [sum(word in language.common for word in found) for language in languages]
    return [one for one, count in zip(languages, counts, strict=True) if count == max(counts)]
