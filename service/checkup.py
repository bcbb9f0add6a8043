"""Gathers what the rules of `metrics.health` need to know of a running service.

The rule: nothing is judged here. Values are read from the parts themselves when somebody asks, so
no thread keeps them up to date, and a part that does not answer is a fact like any other.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import SessionwatchError
from core.ledger import FileStat, LedgerEntry
from metrics import health, job_health, model_health
from metrics.checks import Check
from service import shield
from service.batching import under_way
from state.connecting import WAL_BYTES_MAX

if TYPE_CHECKING:
    from core.keys import SessionKey
    from service.engine import Lane
    from service.supervisor import Service

CADENCES = 2
"""A file may wait twice as long as its processor takes at most between two runs."""


class Checkup:
    """Over a service whose parts are all made. Safe from any thread."""

    def __init__(self, service: "Service") -> None:
        self._service = service

    def checks(self) -> list[Check]:
        """One check for each part."""
        return [
            health.threads(self._service.dead()),
            *(health.processor(self.processor(lane)) for lane in self._service.engine.lanes),
            *(health.unavailable(one.name, one.reason)
              for one in self._service.registry.unavailable),
            *(health.source(self._source(name)) for name in self._service.engine.sources),
            *(health.shield(one) for one in self.shields()),
            health.writer(self._writer()),
            health.database(self._database()),
            self._disk(),
            *(job_health.job(one) for one in self._jobs()),
            job_health.scheduler(list(self._slots())),
            *self._batches(),
            health.tally(alive=self._service.tallier.alive, failed=self._service.tallier.failed),
        ]  # fmt: skip

    def processor(self, lane: "Lane") -> health.ProcessorFacts:
        """What one processor has read and what not."""
        service, name, now_us = self._service, lane.processor.name, self._service.clock.now_us()
        entries = list(service.store.ledger.entries(name))
        behind = lane.unread.behind()
        success_us = last_success_us(entries)
        grace_s = CADENCES * self._cadence_s(lane.processor)
        return health.ProcessorFacts(
            name=name,
            listed=lane.unread.sources >= set(service.engine.sources),
            files=len(entries),
            behind_files=behind.files,
            behind_bytes=behind.size_bytes,
            oldest=str(behind.oldest or ""),
            waiting_s=behind.waiting_s(now_us),
            lag_s=behind.lag_s(now_us),
            parked=sum(one.status == "parked" for one in entries),
            retrying=sum(one.status == "retrying" for one in entries),
            attempts=max((e.attempts for e in entries if e.status == "retrying"), default=0),
            success_s=None if success_us is None else max(0.0, (now_us - success_us) / 1e6),
            grace_s=grace_s,
            stuck_s=service.settings.limits.stuck_file_s or health.GRACES * grace_s,
            paused_by=service.desk.pauses.by_whom().get(name),
        )

    def shields(self) -> Iterator[health.ShieldFacts]:
        """What agents are about to delete unread, by source."""
        settings, now_us = self._service.settings.retention, self._service.clock.now_us()
        unread = list(self._unread())
        for source in self._service.disk.sources:
            if not settings.shield_days:
                yield health.ShieldFacts(source.name, None)
                continue
            yield shield.facts(
                source.name,
                shield.of_source(source.name, unread),
                days=shield.days_of(source.root, settings.shield_days),
                warn_days=settings.shield_warn_days,
                now_us=now_us,
            )

    def _unread(self) -> "Iterator[tuple[SessionKey, FileStat]]":
        """What some line processor has not committed: it waits, or its last try failed."""
        for lane in self._service.engine.lanes:
            if lane.processor.kind != "line":
                continue
            for key, waiting in lane.unread.now():
                yield key, waiting.stat
            for entry in self._service.store.ledger.entries(lane.processor.name):
                if entry.status != "ok" and entry.stat and not entry.source_gone:
                    yield entry.key, entry.stat

    def _cadence_s(self, processor: Any) -> float:
        """How long a change may take to be noticed and then to settle."""
        settings, sweeping = self._service.settings, self._service.sweeping
        settles_s = processor.wait_max_s if processor.kind == "session" else processor.pace_s
        wanted_s = getattr(processor, "cadence_s", 0.0) or 0.0
        return float(max(sweeping.every_s(settings.sweep_s), settles_s, wanted_s))

    def _source(self, name: str) -> health.SourceFacts:
        sweeping = self._service.sweeping
        return health.SourceFacts(
            name,
            listed=sweeping.listed(name),
            swept_s=sweeping.rested_s(name),
            every_s=sweeping.every_s(self._service.settings.sweep_s),
            blind=self._service.observer.remedies().get(name),
        )

    def _writer(self) -> health.WriterFacts:
        writer, inbox_max = self._service.writer, self._service.settings.limits.inbox_max
        return health.WriterFacts(
            writer.alive, writer.depth, inbox_max, writer.writing_s, writer.rested_s
        )

    def _database(self) -> health.DatabaseFacts:
        service, db = self._service, self._service.settings.db
        have, need = None, service.store.schema_version
        with suppress(SessionwatchError):
            have, need = service.queries.schema()
        erased_us = service.desk.people.uncompacted_since_us()
        return health.DatabaseFacts(
            schema=have,
            schema_known=need,
            size_bytes=_size_bytes(db),
            log_bytes=_size_bytes(db.with_name(f"{db.name}.wal")),
            log_bytes_max=WAL_BYTES_MAX,
            erased_s=None if erased_us is None else (service.clock.now_us() - erased_us) / 1e6,
        )

    def _disk(self) -> Check:
        usage = shutil.disk_usage(self._service.settings.db.absolute().parent)
        return health.disk(usage.free, usage.total)

    def _batches(self) -> Iterator[Check]:
        """Where batches are wanted, or still under way."""
        service = self._service
        if service.model:
            found = under_way(service.model.stack, service.clock)
            if found.batches or service.model.config.batches:
                yield model_health.batches(model_health.BatchFacts(*found))

    def _jobs(self) -> Iterator[job_health.JobFacts]:
        """The last run of each job; one that never ran says nothing."""
        now_us = self._service.clock.now_us()
        for run in self._service.desk.runs.latest():
            details, started_us = run["details"], run["started_at_us"]
            error = details.get("error") or details.get("errors") or ""
            told = "; ".join(map(str, error)) if isinstance(error, list) else str(error)
            yield job_health.JobFacts(run["job"], run["state"], (now_us - started_us) / 1e6, told)

    def _slots(self) -> Iterator[job_health.SlotFacts]:
        """The scheduler's jobs against its clock."""
        now_us = self._service.clock.now_us()
        for one in self._service.scheduler.jobs():
            late_s = max(0.0, (now_us - one.next_due) / 1e6)
            yield job_health.SlotFacts(one.name, late_s, one.in_flight, one.last_outcome)


def last_success_us(entries: Sequence[LedgerEntry]) -> int | None:
    """When a processor last committed something of a file."""
    return max((one.committed_at_us for one in entries if one.generation), default=None)


def _size_bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # The log goes with every checkpoint.
        return 0
