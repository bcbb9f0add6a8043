"""Takes old rows out of the tables of operations.

The rule: a run that goes on stays, and so does the last one of each job that ended in its way,
because what is asked of it is when that was.
"""

from state.operations.book import Book

_DELETE = {
    "audit": "DELETE FROM audit WHERE at_us < $1",
    "runs": (
        "DELETE FROM runs WHERE ended_at_us < $1 AND run_id NOT IN "
        "(SELECT max(run_id) FROM runs GROUP BY job, state)"
    ),
    "uploads": "DELETE FROM uploads WHERE at_us < $1",
}


class Expiry:
    """Over one book."""

    TABLES = tuple(_DELETE)

    def __init__(self, book: Book) -> None:
        self._book = book

    def expire(self, table: str, before_us: int) -> int:
        """Take the rows of one of `TABLES` that are older; how many there were."""
        with self._book.change() as cursor:
            return int(cursor.execute(_DELETE[table], [before_us]).fetchall()[0][0])
