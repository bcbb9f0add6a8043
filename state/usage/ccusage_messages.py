"""The messages ccusage counts: asks `ccusage.sql`, with the prices and the verdicts it needs.

The rule: SQL counts; decided here is only what depends on the order in which ccusage reads copies,
for the few messages that have copies of a sidechain under several keys.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NamedTuple

from state.sql import load
from state.usage.asking import Cursor, Row
from state.usage.ccusage_prices import Price, price

_QUERIES = load("usage/ccusage.sql")
_WRITE_1H = 2.0  # times the input price, whatever the price list says


class Copy(NamedTuple):
    """One copy of a tangled message."""

    message_id: str
    place: int
    request_id: str | None
    session: str
    at_ms: int
    side: bool
    total_tokens: int
    cost: float
    has_speed: bool


class Kept(NamedTuple):
    """Where a message's first copy stands, and the one that counts."""

    first_place: int
    place: int


def grouped(
    cursor: Cursor, parameters: Mapping[str, Any], asked: Mapping[str, str | None]
) -> Sequence[Row]:
    """Sums by key and model. Asked for are `by` (day, instance, which is day and project, session,
    model or user), the `timezone` that cuts days, and the days `since` and `until`, included."""
    return _counted(cursor, parameters, "grouped", asked)


def timed(cursor: Cursor, parameters: Mapping[str, Any]) -> Sequence[Row]:
    """One row per message, in the order of time."""
    return _counted(cursor, parameters, "timed", {})


def _counted(
    cursor: Cursor, given: Mapping[str, Any], name: str, more: Mapping[str, Any]
) -> Sequence[Row]:
    # Two questions about the same places: nothing may be committed between them.
    with _snapshot(cursor):
        parameters = {**given, **_prices(cursor)}
        tangled = f"{_QUERIES['seen']}\n{_QUERIES['tangled']}"
        copies = [Copy(*row) for row in cursor.execute(tangled, dict(parameters)).fetchall()]
        kept = [one for copies_of_one in _by_message(copies)
                for one in untangled(copies_of_one, daily=bool(given["daily"]))]  # fmt: skip
        verdicts = {
            "tangled_ids": sorted({copy.message_id for copy in copies}),
            "first_places": [one.first_place for one in kept],
            "places": [one.place for one in kept],
        }
        query = f"{_QUERIES['seen']}\n{_QUERIES['counted']}\n{_QUERIES[name]}"
        return cursor.execute(query, {**parameters, **verdicts, **more}).fetchall()


@contextmanager
def _snapshot(cursor: Cursor) -> Iterator[None]:
    cursor.execute("BEGIN")
    try:
        yield
    finally:
        cursor.execute("ROLLBACK")


def _prices(cursor: Cursor) -> dict[str, list[Any]]:
    """The prices of all models as columns; those ccusage does not know are left out."""
    names = sorted(str(name) for (name,) in cursor.execute(_QUERIES["models"]).fetchall())
    found = {name: known for name in names if (known := price(name)) is not None}
    columns = {column: [getattr(one, column) for one in found.values()] for column in Price._fields}
    return columns | {
        "models": list(found),
        "cache_write_1h": [one.input * _WRITE_1H for one in found.values()],
        "cache_write_1h_above": [
            None if one.input_above is None else one.input_above * _WRITE_1H
            for one in found.values()
        ],
    }


def _by_message(copies: Sequence[Copy]) -> Iterator[list[Copy]]:
    for _, of_one in groupby(copies, lambda copy: copy.message_id):
        yield list(of_one)


def untangled(copies: Sequence[Copy], *, daily: bool) -> list[Kept]:
    """What ccusage keeps of one message's copies, which come in the order it reads them.

    A copy belongs to the message of its key. Without one, a sidechain's belongs to the first
    message of its session, and any other to the first of its session that is a sidechain's so far
    (for all but the daily report: of the same millisecond). A message that was found in several
    sessions is known in each of them.
    """
    book = _Book(daily)
    for copy in copies:
        found = book.of_key(copy) or book.of_session(copy)
        if found is None:
            book.open(copy)
        else:
            book.take(copy, found)
    return [Kept(one.first_place, one.best.place) for one in book.messages]


class _Message:
    """A message so far."""

    def __init__(self, copy: Copy) -> None:
        self.best = copy
        self.first_place = copy.place


_Index = dict[str, list[tuple[_Message, bool]]]
"""Messages by session, in the order they became known there; True for one that stays so."""


class _Book:
    """The messages read so far and where they can be found."""

    def __init__(self, daily: bool) -> None:
        self.messages: list[_Message] = []
        self._daily = daily
        self._keyed: dict[tuple[Any, ...], _Message] = {}
        self._any: _Index = {}
        self._side: _Index = {}

    def of_key(self, copy: Copy) -> _Message | None:
        """A message is known by the key of its best copy alone."""
        key = self._key(copy)
        found = self._keyed.get(key)
        return found if found is not None and self._key(found.best) == key else None

    def of_session(self, copy: Copy) -> _Message | None:
        index = self._any if copy.side else self._side
        for one, stays in index.get(copy.session, ()):
            best = one.best
            if (
                (stays or best.session == copy.session)
                and (copy.side or best.side)
                and (self._daily or best.at_ms == copy.at_ms)
            ):
                return one
        return None

    def open(self, copy: Copy) -> None:
        message = _Message(copy)
        self.messages.append(message)
        self._list(message)

    def take(self, copy: Copy, message: _Message) -> None:
        if copy.session != message.best.session:
            for session in (copy.session, message.best.session):
                _add(self._any, session, (message, True))
                _add(self._side, session, (message, True))
        if self._rank(copy) > self._rank(message.best):
            message.best = copy
            self._list(message)

    def _list(self, message: _Message) -> None:
        self._keyed[self._key(message.best)] = message
        _add(self._any, message.best.session, (message, False))
        if message.best.side:
            _add(self._side, message.best.session, (message, False))

    def _key(self, copy: Copy) -> tuple[Any, ...]:
        if copy.request_id is not None:
            return (copy.request_id,)
        return (None, copy.session, copy.at_ms if self._daily else 0)

    def _rank(self, copy: Copy) -> tuple[bool, int, float, bool]:
        return (
            not copy.side,
            copy.total_tokens,
            copy.cost if self._daily else 0.0,
            copy.has_speed,
        )


def _add(index: _Index, session: str, entry: tuple[_Message, bool]) -> None:
    known = index.setdefault(session, [])
    if entry not in known:
        known.append(entry)
