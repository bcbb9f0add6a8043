"""One sweep, everything drained, a summary: `sessionwatch ingest`.

The rule: it is the service's own engine with all quiet times set to zero, never a second way to
read files, so its rows are those the service would have written.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from core.errors import ConfigurationError, TransientError
from core.keys import SessionKey
from core.ledger import LedgerEntry
from core.seams import Ledger
from metrics.instruments import Instruments
from processors.registry import Registry
from service.backfill import Pool
from service.clock import SystemClock
from service.engine import Engine
from service.lanes import LaneThreads
from service.model_part import outdate, part_of
from service.settings import Settings
from service.wiring import build_engine, desk_over, open_store, sources_of
from state.writer import Writer
from watcher.disk import Disk

_POLL_S = 0.02
Progress = Callable[[int, int], None]
Entries = Mapping[tuple[str, SessionKey], LedgerEntry]


def ingest(
    settings: Settings,
    registry: Registry,
    *,
    include_sessions: bool = False,
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """Bring the database up to date with the roots; `progress(done, total)` counts runs.

    Returns files, changed, unchanged, bytes, lines, rows, quarantined, failed, seconds. Raises
    `ConfigurationError` if a root cannot be listed or the database is in use.
    """
    started_s = time.monotonic()
    kinds = ("line", "document", *(("session",) if include_sessions else ()))
    chosen = replace(registry, processors=tuple(p for p in registry.processors if p.kind in kinds))
    store = open_store(settings, registry)
    instruments = Instruments()
    limits = replace(settings.limits, tail_quiet_s=0.0)
    sources = sources_of(settings, registry)
    pool = Pool(sources, limits, processes=settings.backfill_processes)
    writer = Writer(
        store, clock=time.monotonic, patient=True,
        expecting=lambda: pool.busy or any(lane.queue.depth for lane in engine.lanes),
        inbox_max=limits.inbox_max, group_commits_max=limits.group_commits_max,
        group_rows_max=limits.group_rows_max,
    )  # fmt: skip
    disk, clock = Disk(sources), SystemClock()
    desk = desk_over(store, settings)
    disk.refuse(store.identity.refuses)  # Known once the desk has learned who was erased.
    model = part_of(settings, chosen, desk, clock, instruments, user_of=disk.user_of)
    engine = build_engine(
        settings, chosen, disk, store, writer.submit,
        instruments=instruments, limits=limits, pool=pool, at_once=True, model=model,
    )  # fmt: skip
    before = _entries(store.ledger, engine)

    def more() -> bool:
        """Send what waits for a batch, and find the files with more of it than went into one."""
        keys = model.batching.left() if model and model.batching.send() else []
        outdate(store.ledger, chosen, writer.submit, keys)
        return bool(keys and _sweep(engine))

    writer.start()
    try:
        if model:
            model.batching.collect()
            model.resume(store.ledger, chosen, writer.submit)
        files = _sweep(engine)
        _run(engine, settings.workers, writer, progress, more)
        desk.memory.take_new()
    finally:
        pool.close()
        if model:
            model.close()
        writer.stop(settings.drain_s)
        after = _entries(store.ledger, engine)
        store.close()
    summary = _summary(files, before, after, instruments)
    return {**summary, "seconds": round(time.monotonic() - started_s, 3)}


def _sweep(engine: Engine) -> int:
    files = 0
    for source in engine.sources:
        try:
            files += engine.sweep(source).files
        except OSError as error:
            raise ConfigurationError(
                f"{source}: {error.strerror or error}: {error.filename}", reason="root_unreadable",
                hint="name an existing folder that you may read",
            ) from error  # fmt: skip
    return files


def _run(
    engine: Engine,
    workers: int,
    writer: Writer,
    progress: Progress,
    more: Callable[[], bool],
) -> None:
    """Until nothing is left, and `more` finds nothing more."""
    threads = LaneThreads(engine, workers)
    threads.start()
    while _drained(engine, threads, writer, progress) and more():
        pass
    threads.stop(60.0)
    if not writer.alive:
        raise TransientError(
            "the database stopped taking rows; what was committed is kept",
            hint="look at the space on its disk, then run the command again",
        )


def _drained(engine: Engine, threads: LaneThreads, writer: Writer, progress: Progress) -> bool:
    """False if something that is needed for it has ended."""
    total = sum(lane.queue.depth for lane in engine.lanes)
    paused = threading.Event()
    while not engine.idle and threads.alive and writer.alive:
        progress(total - min(total, sum(lane.queue.depth for lane in engine.lanes)), total)
        paused.wait(_POLL_S)
    progress(total, total)
    return threads.alive and writer.alive


def _entries(ledger: Ledger, engine: Engine) -> Entries:
    names = [lane.processor.name for lane in engine.lanes]
    return {(name, entry.key): entry for name in names for entry in ledger.entries(name)}


def _summary(
    files: int, before: Entries, after: Entries, instruments: Instruments
) -> dict[str, Any]:
    changed: set[SessionKey] = set()
    size_bytes = 0
    for place, entry in after.items():
        old = before.get(place)
        same = old is not None and old.generation == entry.generation
        grown = entry.committed_bytes - (old.committed_bytes if old and same else 0)
        if grown or (not same and old is not None):
            changed.add(entry.key)
            size_bytes += grown
    failed = {place for place, entry in after.items() if entry.failed}
    newly_failed = sum(after[place] != before.get(place) for place in failed)
    return {
        "files": files,
        "changed": len(changed),
        "unchanged": files - len(changed),
        "bytes": size_bytes,
        "lines": _total(instruments, "lines"),
        "rows": _total(instruments, "rows"),
        "quarantined": _total(instruments, "quarantined") + newly_failed,
        "failed": len(failed),
    }


def _total(instruments: Instruments, name: str) -> int:
    """The sum of a counter over all its labels."""
    return int(
        sum(
            sample.value
            for family in getattr(instruments, name).collect()
            for sample in family.samples
            if sample.name.endswith("_total")
        )
    )
