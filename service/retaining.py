"""The job `retention`: takes what was kept long enough.

The rule: a step is one transaction that takes all rows of some files out of one table or none, and
what is left is found by the next step, so a run may end anywhere and the next one goes on.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from core.rows import QUARANTINE, Amendment, Receipt, Retire
from service.jobs import Job, Run
from service.retention import DAY_US, RetentionSettings, days_by_table, kept, strays
from state.operations.desk import Desk

log = logging.getLogger("sessionwatch.jobs")


def retention_job(
    settings: Callable[[], RetentionSettings],
    tables: Callable[[], Collection[str]],
    amend: Callable[[Amendment], Receipt],
    desk: Desk,
) -> Job:
    """`settings` gives those of now; `tables` are all tables of processors."""
    work = _Retaining(settings, tables, amend, desk).work
    return Job("retention", work, "run_retention", "job:retention", audited=("rows", "errors"))


class _Retaining:
    def __init__(
        self,
        settings: Callable[[], RetentionSettings],
        tables: Callable[[], Collection[str]],
        amend: Callable[[Amendment], Receipt],
        desk: Desk,
    ) -> None:
        self._settings = settings
        self._tables = tables
        self._amend = amend
        self._desk = desk

    def work(self, run: Run) -> Mapping[str, Any]:
        """`rows` by table that were taken, and the `errors` of the settings."""
        settings, now_us = self._settings(), self._desk.now_us()
        tables = [table for table in self._tables() if table != QUARANTINE]
        entries = kept(settings.tables)
        rows: dict[str, int] = {}
        run.progress["rows"] = rows
        for table, days in days_by_table(entries, tables).items():
            rows[table] = self._retired(run, table, now_us - days * DAY_US)
        for table in self._desk.expiry.TABLES:
            if days := getattr(settings, f"{table}_days"):
                rows[table] = self._desk.expiry.expire(table, now_us - days * DAY_US)
        errors = [f"{pattern} fits no table" for pattern in strays(entries, tables)]
        log.info("retained", extra={"rows": sum(rows.values()), "tables": len(rows)})
        return {"rows": {name: n for name, n in rows.items() if n}, "errors": errors}

    def _retired(self, run: Run, table: str, before_us: int) -> int:
        rows = 0
        while not run.stopping():
            taken = self._amend(Retire(table, before_us)).report[table]
            if not taken:
                break
            rows += taken
        return rows
