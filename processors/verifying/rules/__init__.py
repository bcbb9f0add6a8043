"""Finds what people corrected, confirmed or defined by their phrases alone: no model, no network.

The rules:
- precise rather than many: a sentence counts only if a phrase says so and nothing speaks against
  it; a question, guess, wish, report or talk about the work at hand states nothing;
- a correction must meet the agent's words: what is rejected stands in what the agent had just said,
  or the sentence names its own subject and the two speak of the same thing;
- nothing is worded anew: a statement is the person's sentence, so none can be invented.

Results say that they are of rules (`extractor`), which counts less than a model's reading. Phrases
are known in English, German, French, Spanish and Czech.
"""

from collections.abc import Iterator

from processors.verifying.candidates import Candidate
from processors.verifying.rules.czech import CZECH
from processors.verifying.rules.english import ENGLISH
from processors.verifying.rules.french import FRENCH
from processors.verifying.rules.german import GERMAN
from processors.verifying.rules.language import languages_of
from processors.verifying.rules.reading import Reader
from processors.verifying.rules.spanish import SPANISH
from processors.verifying.windows import Window

__all__ = ["LANGUAGES", "VERSION", "found_by_rules"]

VERSION = 2
LANGUAGES = (ENGLISH, GERMAN, FRENCH, SPANISH, CZECH)


def found_by_rules(window: Window) -> Iterator[Candidate]:
    """Candidates of the window's turns, in order; at most one for each sentence."""
    for turn in window.turns:
        read = (Reader(turn, one).candidates() for one in languages_of(turn.text, LANGUAGES))
        yield from next(filter(None, map(list, read)), [])
