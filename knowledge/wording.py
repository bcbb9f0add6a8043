"""Whether two statements say the same in other words: forms of words, their order, the voice.

The rule: pure and symmetric, and in doubt they do not. A merged contradiction is worse than a
paraphrase that a person has to look at.
"""

from rapidfuzz import fuzz

from knowledge.qualifiers import Reading
from knowledge.words import AGENT

SAME_WORD_MIN = 75.0
"""Letters that two spellings or forms of one word share, in percent (`rapidfuzz.fuzz.ratio`)."""
WORD_PREFIX = 4

Order = tuple[str, ...]


def says_same(one: Reading, other: Reading) -> bool:
    """Whether every word that is no qualifier is there again, in another form perhaps, in order.

    A word put in place of another ("from billing", "from sales") is a difference that no list
    of qualifiers knows; letting a person look costs less than evidence on the wrong fact.
    """
    new = strange(one.content, other.content) or strange(other.content, one.content)
    return not new and _does_the_same(one, other)


def strange(words: frozenset[str], known: frozenset[str]) -> frozenset[str]:
    """The words that are not among the known ones in any form."""
    return frozenset(w for w in words - known if not any(_one_word(w, k) for k in known))


def _one_word(one: str, other: str) -> bool:
    if one == other:
        return True
    if one[:WORD_PREFIX] != other[:WORD_PREFIX] or any(map(str.isdigit, one + other)):
        return False
    return fuzz.ratio(min(one, other), max(one, other)) >= SAME_WORD_MIN


def _does_the_same(one: Reading, other: Reading) -> bool:
    """Whether who does what to whom is the same, whichever of the two is in the passive."""
    pairs = ((one, other), (other, one))
    return _turned(one.order, other.order) or any(
        _active_of_passive(a, b) or _we_of_passive(a, b) for a, b in pairs
    )


def _turned(one: Order, other: Order) -> bool:
    """Whether one is the other, begun at another place.

    Moving a phrase to the front turns the words round like a wheel ("use a for b", "for b use a");
    changing the roles does not ("a calls b", "b calls a").
    """
    turns = (other[n:] + other[:n] for n in range(max(1, len(other))))
    return any(_equal(one, turn) for turn in turns)


def _active_of_passive(active: Reading, passive: Reading) -> bool:
    """ "A builds B at night" and "B is built by A at night", "B wird von A nachts gebaut".

    Where A ends is plain only if it is one word or the last thing that is said.
    """
    order = passive.order
    marks = [at for at, word in enumerate(order) if word in AGENT]
    if active.passive or len(marks) != 1:
        return False
    at = marks[0]
    before, after = order[:at], order[at + 1 :]
    if order[at] == "von":
        objects, verb, after = before, after[-1:], after[:-1]
    else:
        objects, verb = before[:-1], before[-1:]
    if not (objects and verb and after):
        return False
    return any(
        _equal(active.order, after[:end] + verb + objects + after[end:])
        for end in {1, len(after)}
    )  # fmt: skip


def _we_of_passive(ours: Reading, passive: Reading) -> bool:
    """ "We report revenue net" and "Revenue is reported net": there is one verb and it moves."""
    if not ours.by_us or passive.by_us or not passive.passive or AGENT.keys() & {*passive.order}:
        return False
    verb, rest = ours.order[:1], ours.order[1:]
    order = passive.order
    return any(
        _equal(verb, order[at : at + 1]) and _equal(rest, order[:at] + order[at + 1 :])
        for at in range(len(order))
    )


def _equal(one: Order, other: Order) -> bool:
    return len(one) == len(other) and all(map(_one_word, one, other))
