"""When the scheduler last started each job, kept over restarts.

The rule: written when a run has ended, so one that a crash cut short is due again.
"""

from state.operations.book import Book


class LastRuns:
    """See `service.scheduling.jobs.LastRuns`."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def load(self) -> dict[str, int]:
        """Microseconds since 1970 UTC by the name of the job."""
        return dict(self._book.rows("SELECT job, max(at_us) FROM last_runs GROUP BY job"))

    def save(self, name: str, started_us: int) -> None:
        with self._book.change() as cursor:
            cursor.execute("DELETE FROM last_runs WHERE job = ?", [name])
            cursor.execute("INSERT INTO last_runs VALUES (?, ?)", [name, started_us])
