"""Processors that an operator has paused, kept over restarts.

The rule: a row is a pause, and it stays until somebody resumes, whether or not the processor loads.
"""

from collections.abc import Callable

from core.acting import Principal
from state.operations.book import Book


class Pauses:
    """The table of paused processors."""

    def __init__(self, book: Book, now_us: Callable[[], int]) -> None:
        self._book = book
        self._now_us = now_us

    def by_whom(self) -> dict[str, str]:
        """Who paused each processor that is."""
        return dict(self._book.rows("SELECT processor, by_whom FROM paused ORDER BY at_us"))

    def names(self) -> list[str]:
        rows = self._book.rows("SELECT DISTINCT processor FROM paused ORDER BY processor")
        return [name for (name,) in rows]

    def add(self, processor: str, who: Principal) -> None:
        """The first who paused it is who paused it."""
        with self._book.change() as cursor:
            cursor.execute(
                "INSERT INTO paused SELECT $1, $2, $3 "
                "WHERE NOT EXISTS (FROM paused WHERE processor = $1)",
                [processor, who.name, self._now_us()],
            )

    def remove(self, processor: str) -> None:
        with self._book.change() as cursor:
            cursor.execute("DELETE FROM paused WHERE processor = $1", [processor])
