"""What changes the meaning of a statement while hardly changing its letters, and the diff of it.

No measure of similarity tells a paraphrase from a contradiction: "monthly" and "weekly" score
higher than most rewordings. So the qualifiers of two statements (numbers, units, periods, dates,
negation, opposites, identifiers, names) are compared as sets, by rules that read five languages.

The rule: pure and symmetric, and each statement is read without looking at the other, so that
having the same qualifiers is transitive and no chain of rewordings ends in a contradiction.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from knowledge.contrast import contrast
from knowledge.opposites import FLIPPED_BY_NOT, POLES, VERBS_OF_POLES
from knowledge.quantities import Found, calendar, quantities
from knowledge.text import CACHED, unaccented, visible
from knowledge.words import (
    AGENT,
    CZECH_NEGATED,
    NOT,
    ONLY,
    OUR_ENDING,
    PASSIVE,
    PHRASES,
    STOP_WORDS,
    SYNONYMS,
    US,
    VERBS,
    WITHOUT,
    language,
)

Weight = Literal["conflict", "refines", "subject"]

_CODE = re.compile(r"`([^`]+)`")
_TOKEN = re.compile(r"[^\s\"'’“”„«»()\[\]{}<>,;!?…]+")
_SHAPED = re.compile(
    r"[A-Z]{2,}[A-Z0-9]*s?|\w*[a-z]\w*[A-Z]\w*|\w+_\w*|_\w+|--?[a-zA-Z][\w-]*|\w*[a-zA-Z]\w*\d\w*|"
    r"\d+[a-zA-Z]\w*|v?\d+(?:\.\d+){2,}|[\w@~.-]*/[\w./@~-]+|\.?\w{2,}(?:[.:]\w+)+|\.\w+|[#@]\w+"
)
_PHRASE = re.compile(
    r"(?<!\w)(?:"
    + "|".join(re.escape(unaccented(p)) for p in sorted(PHRASES, key=len, reverse=True))
    + r")(?!\w)"
)
_PHRASES = {unaccented(phrase): word for phrase, word in PHRASES.items()}
_CONTRACTED = re.compile(r"(?i)(?:(?<=\w)n['’]t\b|\bcan['’]t\b)")
_ELIDED = re.compile(r"(?i)(?<!\w)(?:l|d|n|s|j|c|m|t|qu)['’](?=\w)")
# Characters that stand for a name while the words around it are read; `visible` drops them from
# what people write.
_MARK_FIRST, _MARKS = 0xE000, 6400
_NUMBER_BEFORE = re.compile(r"\d[\s-]?$")
STATEMENT_WORDS_MIN = 2
"""With fewer words that are no qualifiers nothing is said from which something is set aside."""
_NEGATION_REACH = 4
"""Words between a negator and the word it turns round, at most."""
_FRENCH_NOT = frozenset({"pas", "jamais", "plus", "aucun", "aucune", "rien"})


@dataclass(frozen=True, slots=True)
class Reading:
    """A statement taken apart. `content`: the words that are no qualifiers, by their roots.

    `order`: content, names and opposites as they follow each other, which tells who does what,
    with one of `AGENT` before who does it in a passive. `by_us`: "we" or "one" does it.
    `subject`: identifiers and names before the first verb.
    """

    qualifiers: frozenset[Found]
    words: frozenset[str]
    content: frozenset[str]
    order: tuple[str, ...]
    subject: frozenset[Found]
    by_us: bool
    passive: bool


@dataclass(frozen=True, slots=True)
class _Name:
    found: Found
    place: int
    mark: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One kind of qualifier in which two statements differ, and what each of them says.

    "conflict": both cannot hold. "refines": one says more. "subject": they speak of two things.
    """

    kind: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    weight: Weight

    def __str__(self) -> str:
        return f"{self.kind}: {' '.join(self.left) or '–'} → {' '.join(self.right) or '–'}"


@lru_cache(maxsize=CACHED)
def reading(text: str) -> Reading:
    """What a statement says in qualifiers and in other words.

    What it sets aside goes without saying if it is of the kinds that are said ("monthly, not
    weekly"); else its words are words of their own ("from billing, ≠sales").
    """
    if not (parts := contrast(visible(text))):
        return _read(text)
    said, aside = _read(parts.said), _read(parts.aside)
    if _values(aside).keys() <= _values(said).keys() and aside.qualifiers - said.qualifiers:
        return said
    if not parts.behind or len(said.content) < STATEMENT_WORDS_MIN:
        return _read(text)  # "On Fridays, no deploys" forbids something.
    marked = tuple(
        f"≠{word}" for word in sorted({*aside.content, *map(" ".join, aside.qualifiers)})
    )
    return replace(said, content=said.content | {*marked}, order=(*said.order, *marked))


def _read(text: str) -> Reading:
    text = _ELIDED.sub("", _CONTRACTED.sub(" not", visible(text)))
    names, plain = _identifiers(text)
    amounts, rest = quantities(_PHRASE.sub(lambda m: _PHRASES[m[0]], unaccented(plain)))
    tokens = [part for token in _TOKEN.findall(rest) for part in _parts(token)]
    polarity = _polarity(tokens)
    dated = {found for token in tokens if (found := calendar(token))}
    by_mark = {name.mark: name.found[1] for name in names}
    plain_words = [t for t in tokens if _is_content(t) and t not in by_mark]
    verb_at = _verb_at(text)
    return Reading(
        qualifiers=frozenset(name.found for name in names) | amounts | polarity | dated,
        words=frozenset(unaccented(t.strip(".:`")) for t in _TOKEN.findall(text)),
        content=frozenset(_root(t) for t in plain_words),
        order=_order(tokens, by_mark),
        subject=frozenset(name.found for name in names if name.place < verb_at),
        by_us=_by_us(tokens),
        passive=any(token in PASSIVE for token in tokens),
    )


def _values(said: Reading) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for kind, value in said.qualifiers:
        found.setdefault(kind, set()).add(value)
    return found


def diff(left: str, right: str) -> tuple[Difference, ...]:
    """In which kinds of qualifiers two statements differ; () if in none."""
    one, other = reading(left), reading(right)
    only_one = _unsaid(one.qualifiers - other.qualifiers, other)
    only_other = _unsaid(other.qualifiers - one.qualifiers, one)
    kinds = sorted({kind for kind, _ in only_one | only_other})
    return tuple(
        _difference(kind, _of(kind, only_one), _of(kind, only_other), one, other) for kind in kinds
    )


def _difference(
    kind: str, left: tuple[str, ...], right: tuple[str, ...], one: Reading, other: Reading
) -> Difference:
    both = bool(left and right)
    if kind in ("not", "without"):
        return Difference(kind, left, right, "conflict")
    if kind == "name" and both and _is_subject(left, one) and _is_subject(right, other):
        return Difference(kind, left, right, "subject")
    if kind == "name" and len(left) + len(right) > 2:
        # Lists of names overlap, grow and shrink; one name in place of another is a claim.
        return Difference(kind, left, right, "refines")
    return Difference(kind, left, right, "conflict" if both else "refines")


def _is_subject(names: tuple[str, ...], said: Reading) -> bool:
    return any(("name", name) in said.subject for name in names)


def _of(kind: str, found: frozenset[Found]) -> tuple[str, ...]:
    return tuple(sorted(value for name, value in found if name == kind))


def _unsaid(found: frozenset[Found], other: Reading) -> frozenset[Found]:
    """Without names that the other statement says as plain words: `orders` and orders are one."""
    return frozenset(f for f in found if not (f[0] == "name" and f[1] in other.words))


def _identifiers(text: str) -> tuple[list[_Name], str]:
    """Identifiers and proper names, and the text with a mark in the place of each."""
    found: list[_Name] = []
    kept = list(text)

    def take(start: int, end: int, name: str) -> None:
        mark = chr(_MARK_FIRST + len(found) % _MARKS)
        found.append(_Name(("name", unaccented(name)), start, mark))
        kept[start:end] = mark.ljust(end - start)

    for match in _CODE.finditer(text):
        take(match.start(), match.end(), match[1])
    plain = "".join(kept)
    german = language(unaccented(t) for t in _TOKEN.findall(plain)) == "de"
    for match in _TOKEN.finditer(plain):
        word = match[0].strip(".:*")
        if _is_name(word, plain[: match.start()], german):
            take(match.start(), match.end(), word)
    return found, "".join(kept)


def _is_name(word: str, before: str, german: bool) -> bool:
    """Whether a word is shaped like an identifier, or written like a name inside a sentence."""
    if not _SHAPED.fullmatch(word):
        opens = not before.strip(" \"'“„«(*#-") or before.rstrip()[-1:] in ".:!?"
        if opens or german or not (word[:1].isupper() and word[1:].islower()):
            return False
    folded = unaccented(word)
    if folded in POLES or folded in NOT or folded in WITHOUT or folded in STOP_WORDS:
        return False
    if calendar(folded) or quantities(folded)[0]:
        return False
    is_unit = quantities(f"1 {folded}")[0] != {("number", "1")}
    return not (is_unit and _NUMBER_BEFORE.search(before))


def _verb_at(text: str) -> int:
    """Where the first verb stands; the end if none is known: what is only named is the subject."""
    for match in _TOKEN.finditer(text):
        if unaccented(match[0].strip(".:`")) in VERBS:
            return match.start()
    return len(text)


def _polarity(tokens: list[str]) -> frozenset[Found]:
    """Negation, exclusiveness and opposites."""
    negators = [i for i in range(len(tokens)) if _negates(tokens, i)]
    poles = {i: pole for i, token in enumerate(tokens) if (pole := POLES.get(token))}
    found: set[Found] = {("without", "yes") for token in tokens if token in WITHOUT}
    found |= {("only", "yes") for token in tokens if token in ONLY}
    for i, (axis, sign) in poles.items():
        near = [n for n in negators if _turns_round(tokens, n, i)]
        if axis in FLIPPED_BY_NOT and near:
            negators.remove(min(near, key=lambda n: abs(n - i)))
            sign = 1 - sign
        # To forbid is to say "not".
        found.add(("not", "yes") if (axis, sign) == ("permission", 1) else (axis, "+-"[sign]))
    return frozenset(found | {("not", "yes") for _ in negators})


def _turns_round(tokens: list[str], negator: int, at: int) -> bool:
    """Whether a "not" is about this word: nothing but small words stands between the two.

    "Disabled users must not be deleted" says "not" of deleting, and disabled they stay. What
    stands behind a word turns it round only if the word is the verb ("darf nicht", "inclut pas").
    """
    if negator > at and tokens[at] not in VERBS_OF_POLES:
        return False
    first, last = sorted((negator, at))
    near = last - first <= _NEGATION_REACH
    return near and all(token in STOP_WORDS for token in tokens[first + 1 : last])


def _parts(token: str) -> list[str]:
    """The words of a token: a Czech verb with its prefix is two, the "not" and the verb."""
    word = token.strip(".:-–—*_'’")
    if word in CZECH_NEGATED:
        return ["not", word.removeprefix("ne")]
    return [word] if word else []


def _negates(tokens: list[str], at: int) -> bool:
    if tokens[at] == "ne":
        # French says it again behind the verb.
        return not _FRENCH_NOT.intersection(tokens[at + 1 : at + _NEGATION_REACH + 1])
    if tokens[at] == "plus":
        return "ne" in tokens[max(0, at - _NEGATION_REACH) : at]
    return tokens[at] in NOT


def _is_content(token: str) -> bool:
    return (
        len(token) > 1
        and token not in STOP_WORDS
        and token not in NOT
        and token not in WITHOUT
        and token not in ONLY
        and token not in POLES
        and not calendar(token)
    )


def _order(tokens: list[str], by_mark: dict[str, str]) -> tuple[str, ...]:
    found: list[str] = []
    for at, word in enumerate(tokens):
        if word in AGENT and AGENT[word].intersection(tokens[:at]):
            found.append(word.replace("vom", "von"))
        elif step := by_mark.get(word) or _step(word):
            found.append(step)
    while found and found[-1] in AGENT:  # "by 5 pm" names nobody.
        found.pop()
    return tuple(found)


def _by_us(tokens: list[str]) -> bool:
    first = tokens[0] if tokens else ""
    if first == "on":
        return language(tokens) == "fr"
    return first in US or first.endswith(OUR_ENDING)


def _step(token: str) -> str:
    """What a word is in the order of a statement; "" for words whose place says nothing."""
    if pole := POLES.get(token):
        return "" if pole[0] == "permission" else pole[0]
    return _root(token) if _is_content(token) else ""


def _root(token: str) -> str:
    """A word as far as its endings do not matter; words that mean the same have one root."""
    return SYNONYMS.get(token) or token
