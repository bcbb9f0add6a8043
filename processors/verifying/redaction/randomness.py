"""Does a word look random? The last resort for secrets without a format or a name.

The rule: what people and programs name has runs of one class of characters (lower-case letters,
then a digit, then a dash); what a generator made changes class at every other character. A share of
changes tells them apart better than entropy does, which is high for any long name. Hex is left
alone: commits, digests and ids are hex, and a session is full of them.
"""

import itertools
import re
from collections.abc import Iterator

from processors.verifying.redaction.spans import Finding

_WORD = re.compile(r"(?<![\w+/.:@-])[\w+/][\w+/-]{23,4000}+={0,2}")
_HEX = re.compile(r"[0-9a-fA-F_=-]+$")
# Ids of agents, APIs and content-addressed stores: random, public, and everywhere in sessions.
_PUBLIC = re.compile(
    r"(?:toolu|msg|req|srvtoolu|call|fc|rs|chatcmpl|resp|run|thread|asst|file|batch|wf|ses|prt|cus|evt)_"
    r"|Qm[1-9A-HJ-NP-Za-km-z]{44}|baf[ky]|k51|[A-Z]{1,4}_kw|sha\d{3}-|did:|0x"
)
_CHANGES_SHARE_MIN = 0.42
_CHANGES_SHARE_NAMED_MIN, _CHANGES_SHARE_LONG_MIN, _LONG_CHARS = 0.3, 0.2, 20
_UPPER, _LOWER, _DIGIT = range(3)


def random_looking(text: str) -> Iterator[Finding]:
    """Words of 24 or more characters that look made by a generator."""
    for match in _WORD.finditer(text):
        word = match[0]
        if not _HEX.match(word) and not _PUBLIC.match(word) and _is_random(word):
            yield Finding("random", match.start(), match.end())


def varied(value: str) -> bool:
    """The weaker question, for what is already called a token."""
    digits = sum(c.isdigit() for c in value)
    if _HEX.match(value) and len(value) >= 16:
        return digits > 0
    letters = sum(c.isalpha() for c in value)
    # A long name with dots is a call in code more often than a secret.
    long = len(value) >= _LONG_CHARS and not any(c in value for c in ".:")
    share = _CHANGES_SHARE_LONG_MIN if long else _CHANGES_SHARE_NAMED_MIN
    return digits > 0 and letters > 0 and _changes_share(value) >= share


def _is_random(word: str) -> bool:
    classes = {_class(c) for c in word if c.isalnum()}
    return len(classes) == 3 and _changes_share(word) >= _CHANGES_SHARE_MIN


def _changes_share(word: str) -> float:
    """Changes of class between neighbours; separators are left out, as words have them too."""
    classes = [_class(c) for c in word if c.isalnum()]
    changes = sum(a != b for a, b in itertools.pairwise(classes))
    return changes / max(1, len(classes) - 1)


def _class(c: str) -> int:
    if c.isdigit():
        return _DIGIT
    return _UPPER if c.isupper() else _LOWER
