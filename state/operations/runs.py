"""Runs of jobs: what was started, by whom, and how it ended.

The rule: a run is written down before its work begins and once more when it ends; one that was
left without an end by a crash is `interrupted` as soon as the database is opened again.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from core.errors import ConfigurationError
from state.operations.audit import bounded
from state.operations.book import Book
from state.times import iso_utc

_COLUMNS = ("run_id", "job", "actor", "params", "started_at_us", "ended_at_us", "state", "details")
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM runs"


class RunRecords:
    """The table of runs. Ids begin with the time, so they sort by it."""

    def __init__(self, book: Book, now_us: Callable[[], int]) -> None:
        self._book = book
        self._now_us = now_us
        with book.change() as cursor:
            cursor.execute(
                "UPDATE runs SET state = 'interrupted', ended_at_us = ? WHERE state = 'running'",
                [now_us()],
            )

    def begin(self, job: str, actor: str, params: Mapping[str, Any]) -> str:
        """Write down that a run begins; its id."""
        now_us = self._now_us()
        run_id = f"{now_us:016d}-{uuid.uuid4().hex[:8]}"
        row = [run_id, job, actor, json.dumps(bounded(dict(params))), now_us, None, "running", "{}"]
        with self._book.change() as cursor:
            cursor.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return run_id

    def end(self, run_id: str, state: str, details: Mapping[str, Any]) -> None:
        """How it ended: ok, failed (it says so itself), error (it raised) or interrupted."""
        with self._book.change() as cursor:
            cursor.execute(
                "UPDATE runs SET state = ?, ended_at_us = ?, details = ? WHERE run_id = ?",
                [state, self._now_us(), json.dumps(bounded(dict(details))), run_id],
            )

    def page(
        self, limit: int = 100, after: str | None = None, job: str | None = None
    ) -> dict[str, Any]:
        """Runs, newest first; `next` is the id to continue after."""
        rows = self._book.rows(
            f"{_SELECT} WHERE (?::VARCHAR IS NULL OR run_id < ?)"
            " AND (?::VARCHAR IS NULL OR job = ?) ORDER BY run_id DESC LIMIT ?",
            [after, after, job, job, limit],
        )
        return {
            "runs": [_shown(row) for row in rows],
            "next": rows[-1][0] if len(rows) == limit else None,
        }

    def one(self, run_id: str) -> dict[str, Any]:
        """Raises `ConfigurationError` if there is none."""
        rows = self._book.rows(f"{_SELECT} WHERE run_id = ?", [run_id])
        if not rows:
            raise ConfigurationError(
                f"there is no run {run_id[:60]}", reason="not_found",
                hint="GET /api/v1/runs lists them",
            )  # fmt: skip
        return _shown(rows[0])

    def latest(self) -> list[dict[str, Any]]:
        """The last run of each job, as `page` shows it, with `started_at_us`."""
        newest = "run_id IN (SELECT max(run_id) FROM runs GROUP BY job)"
        rows = self._book.rows(f"{_SELECT} WHERE {newest} ORDER BY job")
        return [{**_shown(row), "started_at_us": row[_COLUMNS.index("started_at_us")]}
                for row in rows]  # fmt: skip


def _shown(row: tuple[Any, ...]) -> dict[str, Any]:
    found = dict(zip(_COLUMNS, row, strict=True))
    started_us, ended_us = found.pop("started_at_us"), found.pop("ended_at_us")
    return {
        **found,
        "params": json.loads(found["params"]),
        "details": json.loads(found["details"]),
        "started_at": iso_utc(started_us),
        "ended_at": iso_utc(ended_us),
    }
