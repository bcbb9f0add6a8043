"""Pairs of statements, and what people say they are to each other (`gold/pairs.jsonl`).

The rule: a label is what holds, not what the rules can tell. Rules may be tuned on `seen` pairs
only; of the `held` ones nobody looks at more than sums.
"""

from functools import lru_cache
from importlib import resources
from typing import Literal

import msgspec

from knowledge.relations import Statement
from knowledge.values import ORG, item_id

Label = Literal["same", "contradiction", "compatible", "different"]


class Pair(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`same`: one says what the other says. `contradiction`: both cannot hold.

    `compatible`: much alike, and both can hold. `different`: of two things. `about`: what makes
    it hard, or what it turns on. `left` was said before `right`.
    """

    language: str
    label: Label
    about: str
    left: str
    right: str
    split: Literal["seen", "held"]
    scopes: tuple[str, str] = (ORG, ORG)

    def statements(self) -> tuple[Statement, Statement]:
        """Both as the base would have them."""
        left, right = self.scopes
        return _statement(self.left, left, 1), _statement(self.right, right, 2)


@lru_cache(maxsize=1)
def labelled_pairs() -> tuple[Pair, ...]:
    """All pairs, in order of what is written."""
    text = (resources.files("service.evaluating") / "gold" / "pairs.jsonl").read_bytes()
    return tuple(msgspec.json.decode(line, type=Pair) for line in text.splitlines())


def _statement(text: str, scope: str, observed_at_us: int) -> Statement:
    return Statement(item_id(text, scope=scope), text, scope=scope, observed_at_us=observed_at_us)
