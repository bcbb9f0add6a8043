"""Every gauge of a running service: what is a state and not a count.

The rule: a gauge is read from the part itself when somebody scrapes, so no thread keeps it; what
costs a pass over all files or rows is read no more often than a tenth of a core allows (`Lately`).
"""

import math
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from metrics.usage import UsageCollector
from processors.verifying.quotes import Refusal
from processors.verifying.rows import STATES
from service.checkup import last_success_us
from service.lately import Lately
from service.unread import Behind
from state.usage.ccusage import COUNTINGS
from state.usage.exposition import Exposition

if TYPE_CHECKING:
    from service.engine import Lane
    from service.supervisor import Service
    from watcher.source import Observer


def register(service: "Service") -> None:
    """Put the gauges of this service on its registry."""
    watch, observer, writer = service.instruments.watch, service.observer, service.writer
    watch("ready", "1 while /readyz says yes", lambda: float(not service.control.readiness()))
    watch("writer_alive", "1 while the writer runs", lambda: float(writer.alive))
    watch("writer_inbox_depth", "Commands waiting", lambda: float(writer.depth))
    watch("watched_directories", "Folders under watch", observer.watched_directories)
    watch("wanted_directories", "Folders seen by the last walks", observer.wanted_directories)
    watch("unwatched_directories", "Folders not watched", observer.refused_directories)
    watch("watch_blind_seconds", "Since a source became blind", observer.blind_seconds)
    watch("uploads_behind", "Files of a day's uploads not read", partial(_behind, service))
    watch("uploads_behind_seconds", "Wait of the oldest of these", partial(_behind_s, service))
    for source in service.engine.sources:
        blind = partial(_blind, observer, source)
        watch("watch_blind", "1 while the source is not watched as a whole", blind, source=source)
    watch("watch_events", "Paths named by events", lambda: float(observer.event_count))
    watch("watch_renewals", "Watches made anew", lambda: float(observer.renewed_count))
    watch(
        "watch_faults", "Faults of the watcher", lambda: float(sum(observer.fault_counts.values()))
    )
    watch(
        "garbage_generations", "Generations to collect", lambda: float(service.store.garbage_count)
    )
    running = partial(_running, service)
    watch("jobs_running", "Runs of jobs that go on", running)
    db = service.settings.db
    watch("database_bytes", "Size of the database and its log", lambda: _size_bytes(db))
    watch("disk_free_bytes", "Free space beside the database", lambda: _free_bytes(db))
    watch("build_info", "1, with the version", lambda: 1.0, version=version("sessionwatch"))
    for lane in service.engine.lanes:
        name = lane.processor.name
        watch("queue_depth", "Keys waiting", partial(_depth, lane), processor=name)
        waited = partial(_oldest_s, lane)
        watch("queue_oldest_seconds", "Wait of the oldest due key", waited, processor=name)
        paused = partial(_paused, lane)
        watch("paused", "1 while an operator has paused the processor", paused, processor=name)
        _unread(service, lane)
    _shield(service)
    if service.model:
        _verified(service)
    service.instruments.watch_process()
    for counting in COUNTINGS:
        beyond = partial(service.tallier.beyond_ccusage, counting)
        text = "Tokens we count and ccusage, counting so, does not"
        watch("usage_beyond_ccusage_tokens", text, beyond, counting=counting)
    exposition = Exposition(service.store.cursor, partial(_news, service))
    service.instruments.registry.register(UsageCollector(exposition.series))


def _behind(service: "Service") -> float:
    return float(service.uploads.reconciling.recent().behind if service.uploads else 0)


def _behind_s(service: "Service") -> float:
    return service.uploads.reconciling.recent().oldest_behind_s if service.uploads else 0.0


class _Files(NamedTuple):
    """What the ledger and the last sweeps say of one processor's files."""

    behind: Behind
    by_status: Mapping[str, int]
    success_us: int | None


def _unread(service: "Service", lane: "Lane") -> None:
    """What lies in the sources and in the tables: files compared with the ledger."""
    watch, name = service.instruments.watch, lane.processor.name

    def read() -> _Files:
        entries = list(service.store.ledger.entries(name))
        by_status = Counter[str](entry.status for entry in entries)
        return _Files(lane.unread.behind(), by_status, last_success_us(entries))

    found = Lately(read)

    def files() -> float:
        return float(found().behind.files)

    def size_bytes() -> float:
        return float(found().behind.size_bytes)

    def waiting_s() -> float:
        return found().behind.waiting_s(service.clock.now_us())

    def success_s() -> float:
        at_us = found().success_us
        return math.nan if at_us is None else at_us / 1e6

    watch("unread_files", "Files that wait for the processor", files, processor=name)
    watch("unread_bytes", "Bytes of theirs that are not committed", size_bytes, processor=name)
    watch("oldest_pending_seconds", "How long the first of them waits", waiting_s, processor=name)
    text = "When the processor last committed; NaN before it did"
    watch("last_success_timestamp_seconds", text, success_s, processor=name)
    for status in ("ok", "waiting", "retrying", "parked"):
        of_status = partial(_named, lambda: found().by_status, status)
        watch("files", "Known files by state", of_status, processor=name, status=status)


def _shield(service: "Service") -> None:
    """What agents are about to delete unread."""

    found = Lately(lambda: list(service.checkup.shields()))

    def files() -> float:
        return float(sum(one.files for one in found()))

    def left_s() -> float:
        ends = [one.left_s for one in found() if one.files]
        return min(ends, default=math.nan)

    watch = service.instruments.watch
    watch("shield_files", "Unread sessions that their agent deletes soon", files)
    watch("shield_left_seconds", "Until the first of them goes; NaN if there is none", left_s)


def _verified(service: "Service") -> None:
    """What became of the windows of sessions."""
    watch, findings = service.instruments.watch, service.desk.findings
    windows, refused = Lately(findings.windows_by_state), Lately(findings.refused_by_reason)
    for state in STATES:
        of_state = partial(_named, windows, state)
        watch("model_windows", "Windows of sessions", of_state, state=state)
    text = "Quotes and items of a model that could not be proved, or were not to be kept"
    for reason in Refusal:
        watch("model_refused", text, partial(_named, refused, reason), reason=reason.value)
    redactions = Lately(findings.redactions)
    text = "Secrets and personal data taken out of what is read and asked"
    watch("model_redactions", text, lambda: float(redactions()))


def _named(found: Callable[[], Mapping[str, int]], name: str) -> float:
    return float(found().get(name, 0))


def _blind(observer: "Observer", source: str) -> float:
    return float(source in observer.blind)


def _depth(lane: "Lane") -> float:
    return float(lane.queue.depth)


def _oldest_s(lane: "Lane") -> float:
    return lane.queue.oldest_s(time.monotonic())


def _paused(lane: "Lane") -> float:
    return float(lane.queue.paused)


def _running(service: "Service") -> float:
    return float(service.jobs.running_count)


def _news(service: "Service") -> int:
    """Grows with rows and with what is counted of them, which comes later."""
    return service.store.revision + service.queries.tally.revision


def _size_bytes(db: Path) -> float:
    size_bytes = 0
    for file in (db, db.with_name(f"{db.name}.wal")):
        with suppress(FileNotFoundError):  # The log goes whenever the database is checkpointed.
            size_bytes += file.stat().st_size
    return float(size_bytes)


def _free_bytes(db: Path) -> float:
    return float(shutil.disk_usage(db.absolute().parent).free)
