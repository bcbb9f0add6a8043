"""What ccusage 20.0.24 charges for a model: its built-in prices and its way of finding a name.

The rule: these are ccusage's figures, right or wrong, and serve its compatibility reports alone.
The table (`ccusage_prices.json`) says where it is from; nothing is fetched.

LiteLLM's part is asked first. A name that it does not have is looked for among keys that it
contains or that contain it, between characters that are no letters or digits; `.` and `@` count
as `-`; the longest key wins. Then models.dev's part is asked in the same way, except for keys
there that only their own name may use (`exact_only`), such as dearer tiers of a model.
"""

import functools
import json
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any, NamedTuple

_ALIASES = {"gpt-5.6": "gpt-5.6-sol", "gpt-5.3-spark": "gpt-5.3-codex-spark"}
_SEPARATORS = str.maketrans(".@", "--")
_VERSION = re.compile(r"[-.](\d+)(.?)", re.ASCII | re.DOTALL)
_DATE_DIGITS = 8
_PER_MILLION = 1_000_000.0
_COLUMNS = 11


class Price(NamedTuple):
    """Dollars a token. `threshold`: above so many tokens of context, all of the request costs
    the `…_above` prices; without it each class costs them only above 200,000 tokens."""

    input: float
    output: float
    cache_write: float
    cache_read: float
    input_above: float | None = None
    output_above: float | None = None
    cache_write_above: float | None = None
    cache_read_above: float | None = None
    threshold: int | None = None
    fast: float = 1.0


class _Table(NamedTuple):
    prices: Mapping[str, Price]
    exact_only: frozenset[str]
    ordered: tuple[tuple[str, str], ...]
    """Keys that names may resemble, with their spelling, in the order in which one wins."""

    def named(self, model: str, barred: frozenset[str]) -> Price | None:
        """`barred`: spellings that may not be taken for something similar."""
        alias = _ALIASES.get(model)
        return (
            self.prices.get(model)
            or (self._similar(alias, barred) if alias else None)
            or self._similar(model, barred)
        )

    def _similar(self, model: str, barred: frozenset[str]) -> Price | None:
        if model in self.prices:
            return self.prices[model]
        spelling = _spelling(model)
        same = [key for key in self.exact_only if _spelling(key) == spelling]
        if len(same) == 1:
            return self.prices[same[0]]
        if spelling in barred:
            return None
        alike = (
            key
            for key, spelt in self.ordered
            if _holds(model, key)
            or _holds(key, model)
            or _holds(spelling, spelt)
            or _holds(spelt, spelling)
        )
        best = next(alike, None)
        return None if best is None else self.prices[best]


@functools.lru_cache(4096)
def price(model: str) -> Price | None:
    """What the model costs, None if ccusage does not know it and charges nothing."""
    litellm, models_dev, barred = _tables()
    return litellm.named(model, barred) or models_dev.named(model, barred)


@functools.cache
def _tables() -> tuple[_Table, _Table, frozenset[str]]:
    text = files(__package__).joinpath("ccusage_prices.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, list[float | None]]] = json.loads(text)
    litellm = {key: _price(row, 1.0) for key, row in found["litellm"].items()}
    models_dev = {key: _price(row, _PER_MILLION) for key, row in found["models_dev"].items()}
    exact_only = frozenset(key for key, row in found["models_dev"].items() if len(row) > 10)
    barred = frozenset(map(_spelling, exact_only))
    return _table(litellm, frozenset()), _table(models_dev, exact_only), barred


def _table(prices: Mapping[str, Price], exact_only: frozenset[str]) -> _Table:
    keys = sorted(prices.keys() - exact_only, key=lambda key: (-len(key.encode()), key))
    return _Table(prices, exact_only, tuple((key, _spelling(key)) for key in keys))


def _price(row: list[Any], unit: float) -> Price:
    """Cache prices that nobody published follow from the input's, as everywhere at Anthropic."""
    padded = [*row, *[None] * (_COLUMNS - len(row))]
    known = {
        name: figure / unit
        for name, figure in zip(Price._fields[:8], padded, strict=False)
        if figure is not None
    }
    base = known["input"]
    written, read = {"cache_write": base * 1.25}, {"cache_read": base * 0.1}
    return Price(**{**written, **read, **known}, threshold=padded[8], fast=padded[9] or 1.0)


def _spelling(name: str) -> str:
    return name.translate(_SEPARATORS)


def _holds(text: str, key: str) -> bool:
    return any(
        (at == 0 or not _is_word(text[at - 1])) and _may_follow(key, text[at + len(key) :])
        for at in _places(text, key)
    )


def _places(text: str, key: str) -> Iterable[int]:
    at = text.find(key) if key else -1
    while at >= 0:
        yield at
        at = text.find(key, at + len(key))


def _may_follow(key: str, rest: str) -> bool:
    """Not another letter or digit, nor a further digit of a version, unless it is a date."""
    if not rest:
        return True
    if _is_word(rest[0]):
        return False
    if not (key[-1].isascii() and key[-1].isdigit()):
        return True
    version = _VERSION.match(rest)
    return version is None or (len(version[1]) == _DATE_DIGITS and not _is_word(version[2]))


def _is_word(character: str) -> bool:
    return character.isascii() and character.isalnum()
