"""Sentences of a turn, in the person's own words, with their true offsets.

The rule: a sentence that touches foreign text is none, and one that is longer than people type at
once is none either, so that every pattern looks at a bounded piece of text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from processors.verifying.turns import Turn

SENTENCE_CHARS_MAX = 300
# A full stop ends a sentence before a blank: `v1.2`, `e.g. this` and `main.py` have none or go on.
_END = re.compile(
    r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bz\.B\.)(?<!\bbzw\.)(?<!\bvs\.)(?<=[.!?…])[)\"'”»“]*\s+|\s*\n\s*"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """`turn.text[start:end] == text`, without white space around it."""

    start: int
    end: int
    text: str


def sentences_of(turn: Turn) -> Iterator[Sentence]:
    """In order. What directly follows or precedes a foreign part on its line is left out."""
    for start, end in turn.own_parts():
        at = start
        for boundary in _END.finditer(turn.text, start, end):
            yield from _sentence(turn.text, at, boundary.start())
            at = boundary.end()
        yield from _sentence(turn.text, at, end)


def _sentence(text: str, start: int, end: int) -> Iterator[Sentence]:
    words = text[start:end]
    start += len(words) - len(words.lstrip(" \t-*•"))
    words = text[start:end].rstrip()
    if words and len(words) <= SENTENCE_CHARS_MAX:
        yield Sentence(start, start + len(words), words)
