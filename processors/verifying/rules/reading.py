"""Reads one turn, sentence by sentence, in one language.

The rule: a sentence is tried as correction, confirmation and definition in this order, and the
first that fits is it.
"""

import re
from collections.abc import Iterator

from processors.verifying.candidates import Candidate, Kind, title_of
from processors.verifying.quotes import QUOTE_CHARS_MIN, quote_at
from processors.verifying.redaction import PLACEHOLDER
from processors.verifying.rules.language import Language
from processors.verifying.rules.naming import content_words, domain_of, entities_of, qualifiers_of
from processors.verifying.rules.sentences import Sentence, sentences_of
from processors.verifying.turns import Turn

_WORDS_MIN, _CONTENT_WORDS_MIN = 4, 2
_SHARED_WORDS_MIN = {Kind.CORRECTION: 1, Kind.CONFIRMATION: 2}
_QUOTED_SHARE_MAX = 0.5
_QUOTED = re.compile(r"[\"“„«][^\"”“»]{8,}[\"”“»]")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_REJECTED_CHARS_MAX = 300
_WORD = re.compile(r"[^\W\d_]+")


class Reader:
    """One turn and what the agent had said before it."""

    def __init__(self, turn: Turn, language: Language) -> None:
        self._turn, self._language = turn, language
        self._reply_words = content_words(turn.reply)

    def candidates(self) -> Iterator[Candidate]:
        """In order of the sentences. An opening without more (`No.`) speaks for the next one."""
        opened: Kind | None = None
        for sentence in sentences_of(self._turn):
            opening, body_at = self._opening(sentence.text)
            kind = opening or opened
            opened = kind if body_at >= len(sentence.text) else None
            found = self._read(sentence, sentence.text[body_at:], kind)
            if found:
                yield found

    def _opening(self, text: str) -> tuple[Kind | None, int]:
        """What the sentence opens as, and where its statement begins: `No, that's wrong. …`"""
        padded, kind, at = text + " ", None, 0
        openings = {
            Kind.CORRECTION: self._language.openings_correcting,
            Kind.CONFIRMATION: self._language.openings_confirming,
        }
        for opens_as, opening in openings.items():
            while (match := opening.match(padded, at)) and kind in (None, opens_as):
                kind, at = opens_as, match.end()
        return kind, min(at, len(text))

    def _read(self, sentence: Sentence, text: str, opening: Kind | None) -> Candidate | None:
        remark = self._language.openings_remarking.match(text)
        body = text[remark.end() :] if remark else text
        if not self._states(sentence.text, body):
            return None
        if opening is not Kind.CONFIRMATION and (rejected := self._rejected(body, opening)):
            return self._candidate(Kind.CORRECTION, sentence, body, rejected)
        if self._language.vague.match(body):
            return None
        if opening and self._language.verb.search(body) and self._is_shared(body, opening):
            return self._candidate(opening, sentence, body, None)
        if any(pattern.match(body) for pattern in self._language.definitions):
            kind = opening if opening is Kind.CORRECTION else Kind.DEFINITION
            return self._candidate(kind, sentence, body, None)
        return None

    def _states(self, text: str, body: str) -> bool:
        """Could the sentence be a statement at all?"""
        quoted_chars = sum(len(match[0]) for match in _QUOTED.finditer(text))
        return not (
            text.rstrip("\"')”»").endswith(("?", ":", "…", "..."))
            or len(text) < QUOTE_CHARS_MIN
            or len(body.split()) < _WORDS_MIN
            or quoted_chars > len(text) * _QUOTED_SHARE_MAX
            or PLACEHOLDER.search(text)
            or self._language.never.search(body)
        )

    def _rejected(self, body: str, opening: Kind | None) -> str | None:
        """What a contrast says is wrong, if it is about what the agent said or names a subject."""
        for pattern in self._language.contrasts:
            match = pattern.match(body)
            if match is None or not self._language.verb.search(body):
                continue
            claimed = self._claim(match["wrong"])
            if claimed:
                return claimed
            named = not self._language.vague.match(body) and len(content_words(body)) > 2
            if named and self._is_shared(body, Kind.CORRECTION):
                return match["wrong"].strip(" .!")
            if named and opening:
                return match["wrong"].strip(" .!")
        return None

    def _claim(self, wrong: str) -> str | None:
        """The agent's sentence with the rejected words in it."""
        words_of = content_words if content_words(wrong) else _short_words
        words = words_of(wrong)
        if not words:
            return None
        for claim in _SENTENCE_END.split(self._turn.reply):
            if words <= words_of(claim):
                return claim.strip()[:_REJECTED_CHARS_MAX]
        return None

    def _is_shared(self, body: str, kind: Kind) -> bool:
        """Do the person and the agent speak of the same thing?"""
        words = content_words(body)
        shared = len(words & self._reply_words)
        return len(words) >= _CONTENT_WORDS_MIN and shared >= _SHARED_WORDS_MIN[kind]

    def _candidate(
        self, kind: Kind, sentence: Sentence, statement: str, rejected: str | None
    ) -> Candidate | None:
        statement = statement.strip()
        if len(content_words(statement)) < _CONTENT_WORDS_MIN:
            return None
        return Candidate(
            kind=kind,
            title=title_of(statement),
            statement=statement,
            rejected=rejected,
            evidence=(quote_at(self._turn, sentence.start, sentence.end),),
            extractor="rules",
            domain=domain_of(statement),
            entities=entities_of(statement),
            qualifiers=qualifiers_of(statement),
        )


def _short_words(text: str) -> frozenset[str]:
    """Words of three letters, such as names of tools; they tell where there are no longer ones."""
    return frozenset(word.lower() for word in _WORD.findall(text) if len(word) == 3)
