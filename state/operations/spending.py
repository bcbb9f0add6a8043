"""What is reserved and spent on language models, by UTC day: the purse that outlives the process.

The rule: whether something may be reserved is asked and written down in one transaction, so no
number of threads and no kill lets through more than the caller's caps.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from state.operations.book import Book

L = TypeVar("L")

_SPENT = (
    "SELECT coalesce(sum(amount_nano) FILTER (day = $1), 0)::BIGINT, "
    "coalesce(sum(amount_nano), 0)::BIGINT, count(*) FILTER (day = $1) "
    "FROM model_spending WHERE starts_with(day, $1[:7])"
)


class Sums(NamedTuple):
    """Nano-dollars of the day and of the month, and the calls of the day."""

    day_nano: int
    month_nano: int
    day_calls: int


class Spending:
    """Reservations by id."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def reserve(
        self, reservation_id: str, at_us: int, amount_nano: int, forbids: Callable[[Sums], L | None]
    ) -> L | None:
        """Kept for good before this returns None; else what forbids it, and nothing is kept."""
        day = _day(at_us)
        with self._book.change() as cursor:
            found = cursor.execute(_SPENT, [day]).fetchall()
            if limit := forbids(Sums(*found[0])):
                return limit
            row = [reservation_id, at_us, day, amount_nano]
            cursor.execute("INSERT INTO model_spending VALUES (?, ?, ?, ?)", row)
        return None

    def settle(self, reservation_id: str, amount_nano: int) -> None:
        """What it really cost, on the day on which it was reserved."""
        with self._book.change() as cursor:
            cursor.execute(
                "UPDATE model_spending SET amount_nano = ? WHERE reservation_id = ?",
                [amount_nano, reservation_id],
            )

    def spent(self, at_us: int) -> Sums:
        """Of the day and month of `at_us`."""
        return Sums(*self._book.rows(_SPENT, [_day(at_us)])[0])


def _day(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%d")
