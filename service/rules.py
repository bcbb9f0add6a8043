"""What a setting may be: each rule reads a value and says in words what is allowed.

The rule: a value comes typed from TOML or as text from a variable, and both are read alike.
"""

import os
import re
from collections.abc import Callable, Collection
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple


class Rule(NamedTuple):
    """`read` takes a TOML value or the text of a variable; `ValueError` or `TypeError` if it
    is not allowed."""

    read: Callable[[Any], Any]
    allowed: str
    about: str = ""


def integer(low: int, high: int, about: str = "") -> Rule:
    def read(value: Any) -> int:
        number = int(value) if isinstance(value, str) else value
        if type(number) is not int or not low <= number <= high:
            raise ValueError
        return number

    return Rule(read, f"an integer from {low} to {high}", about)


def seconds(low: float, high: float, about: str = "") -> Rule:
    def read(value: Any) -> float:
        number = float(value) if isinstance(value, str | int) and value is not True else value
        if type(number) is not float or not low <= number <= high:
            raise ValueError
        return number

    return Rule(read, f"seconds from {low:g} to {high:g}", about)


def decimal(high: int, about: str = "") -> Rule:
    """Not binary: a number of TOML has the digits it was written with, as long as a price is."""

    def read(value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            raise TypeError
        try:
            number = Decimal(str(value))
        except InvalidOperation as error:
            raise ValueError from error
        if not number.is_finite() or not 0 <= number <= high or number != round(number, 6):
            raise ValueError
        return number

    return Rule(read, f"a number or its text from 0 to {high}, with at most 6 decimals", about)


def day(about: str = "") -> Rule:
    """A day of this era, so that the days beside it are days as well."""

    def read(value: Any) -> date:
        found = date.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(found, date) or isinstance(found, datetime):
            raise TypeError
        if not 2000 <= found.year < 3000:
            raise ValueError
        return found

    return Rule(read, "a day such as 2026-01-31", about)


def flag(about: str = "") -> Rule:
    def read(value: Any) -> bool:
        word = str(value).lower() if isinstance(value, str | bool) else ""
        if word not in ("true", "false"):
            raise ValueError
        return word == "true"

    return Rule(read, "true or false", about)


def choice(*words: str, about: str = "") -> Rule:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError
        return str(value)

    return Rule(read, " or ".join(f'"{word}"' for word in words), about)


def one_of(words: Callable[[], Collection[str]], allowed: str, about: str = "") -> Rule:
    """`words` are looked up with the first value, so that who sets none does not wait for them."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in words():
            raise ValueError
        return value

    return Rule(read, allowed, about)


def text(pattern: str | re.Pattern[str], allowed: str, about: str = "") -> Rule:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError
        return value

    return Rule(read, allowed, about)


def path_below(folder: str, about: str = "") -> Rule:
    """No step of it leads up again; empty for none."""
    pattern = r"(?!(.*/)?\.\.?(/|$))([^/\0]+(/[^/\0]+)*)?"
    return text(pattern, f"a path below {folder}", about)


def mode_of_files(about: str = "") -> Rule:
    """Its owner reads and writes, everybody else reads at most, but for a group that may write."""
    return text(r"0?6[046][04]", 'octal digits such as "0640"', about)


def list_of(allowed: str, about: str = "") -> Rule:
    def read(value: Any) -> tuple[str, ...]:
        return _texts(value.split(os.pathsep) if isinstance(value, str) else value)

    return Rule(read, f"a list of {allowed} (separated by {os.pathsep} in a variable)", about)


def names(about: str = "") -> Rule:
    def read(value: Any) -> tuple[str, ...]:
        found = _texts(value.split(",") if isinstance(value, str) else value)
        return _texts([name.strip().lower() for name in found])

    return Rule(read, "a list of names (separated by commas in a variable)", about)


def patterns(about: str = "") -> Rule:
    return Rule(_texts, 'a list of patterns such as ["amara/*", "*/drafts/*"]', about)


def path(about: str = "") -> Rule:
    def read(value: Any) -> Path:
        if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
            raise ValueError
        return Path(value).expanduser()

    return Rule(read, "a path", about)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise ValueError
    return tuple(value)
