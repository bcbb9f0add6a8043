"""What is kept how long: the table `[retention]` of the settings.

The rule: 0 days are for ever, and that is the default of everything; of several patterns that fit a
table the first one holds.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, NamedTuple

from service.rules import Rule, integer

DAYS_MAX = 36_500
DAY_US = 86_400 * 10**6
_ENTRY = re.compile(r"([\w*?\[\]-]{1,100})=([0-9]{1,5})")


class Kept(NamedTuple):
    """Rows of the tables that fit `pattern` are kept so many days after a file's last change."""

    pattern: str
    days: int


def _tables(about: str) -> Rule:
    def read(value: Any) -> tuple[str, ...]:
        given = value.split(",") if isinstance(value, str) else value
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            raise TypeError
        texts = tuple(one.strip() for one in given if one.strip())
        kept(texts)
        return texts

    return Rule(read, 'a list of TABLE=DAYS such as ["usage_prompts=90", "mood*=365"]', about)


def _days(about: str) -> Rule:
    return integer(0, DAYS_MAX, about)


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """Every value is a setting of the table `[retention]`."""

    tables: Annotated[
        tuple[str, ...], _tables("rows are taken so many days after their file last changed")
    ] = ()
    audit_days: Annotated[int, _days("the audit is kept; 0 is for ever, also below")] = 0
    runs_days: Annotated[int, _days("runs of jobs are kept, the last of each for ever")] = 0
    uploads_days: Annotated[int, _days("it is known what came over HTTP")] = 0
    shield_days: Annotated[
        int, _days("after which agents delete their sessions, where their own settings do not say")
    ] = 30
    shield_warn_days: Annotated[
        int, _days("before that it is said that a session was not read yet")
    ] = 5


def kept(texts: Sequence[str]) -> list[Kept]:
    """The entries of the setting. Raises `ValueError` for what is none."""
    found = [_ENTRY.fullmatch(text) for text in texts]
    entries = [Kept(one[1], int(one[2])) for one in found if one]
    if len(entries) != len(texts) or any(one.days > DAYS_MAX for one in entries):
        raise ValueError
    return entries


def days_by_table(entries: Sequence[Kept], tables: Collection[str]) -> Mapping[str, int]:
    """How long the rows of each table are kept, without those that are kept for ever."""
    first = (
        (table, next((one.days for one in entries if fnmatchcase(table, one.pattern)), 0))
        for table in sorted(tables)
    )
    return {table: days for table, days in first if days}


def strays(entries: Sequence[Kept], tables: Collection[str]) -> list[str]:
    """Patterns that fit no table: most often a slip of the pen."""
    return [
        one.pattern
        for one in entries
        if not any(fnmatchcase(table, one.pattern) for table in tables)
    ]
