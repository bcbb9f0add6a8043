"""Starts the parts of the service, watches that they live, and stops them in order.

The rules: start downstream first, so that nothing is produced before someone takes it; stop
upstream first, all under one deadline; and a thread that died takes the service with it, because
recovery is the first sweep after a restart, while half a service only looks healthy.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from api.parts import Parts
from api.server import Server
from core.keys import SessionKey
from core.rows import Collect as CollectGarbage
from core.rows import Reassign, Receipt
from metrics.instruments import Instruments
from processors.registry import Registry
from service import gauges, logs, model_part
from service.backfill import Pool
from service.checkup import Checkup
from service.client import socket_path
from service.clock import SystemClock
from service.clocked import scheduler_of
from service.collecting import part as collecting
from service.control import ServiceControl
from service.engine import Engine, Swept
from service.gates import gate_of, keep_uses
from service.holding import Holding
from service.job_list import Collect, Work, jobs_of
from service.lanes import LaneThreads
from service.learning import Learning
from service.operator import Operator
from service.reload import attempt
from service.retaining import retention_job
from service.settings import Settings
from service.sweeping import Sweeping
from service.tallier import Tallier
from service.timer import Timer
from service.uploads.part import part_of
from service.wiring import build_engine, desk_over, open_store, sources_of
from state.queries import Queries
from state.store import Store
from state.writer import Writer
from watcher.disk import Disk
from watcher.source import Observer

log = logging.getLogger("sessionwatch.service")

CHECK_S = 1.0
COLLECT_S = 5.0
REST_S = 30.0


class Service:
    """One running service; what the API may ask of it is its `control`."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        *,
        collect: Collect | None = None,
        remember: Work | None = None,
    ) -> None:
        """`collect` and `remember` are the works of two jobs (`service.job_list`)."""
        self.settings = settings
        self._collect_sessions, self._remember = collect, remember
        self.registry = registry
        self.clock = SystemClock()
        self._stopping = threading.Event()
        self._reload_wanted = False
        self._collecting: Future[Receipt] | None = None
        self.instruments = Instruments()
        self.store: Store = open_store(settings, registry)
        try:
            self._build()
        except BaseException:
            self.store.close()
            raise

    def _build(self) -> None:
        settings, registry, limits = self.settings, self.registry, self.settings.limits
        sources = sources_of(settings, registry)
        self.disk = disk = Disk(sources, scratch=settings.db.absolute().parent)
        disk.refuse(self.store.identity.refuses)
        self.pool = Pool(sources, limits, processes=settings.backfill_processes)
        self.writer = Writer(
            self.store, clock=self.clock.monotonic_s, on_group=self._on_group,
            expecting=lambda: self.pool.busy, inbox_max=limits.inbox_max,
            group_commits_max=limits.group_commits_max, group_rows_max=limits.group_rows_max,
        )  # fmt: skip
        self.desk = desk_over(self.store, settings, self.clock)
        self.model = model_part.part_of(
            settings, registry, self.desk, self.clock, self.instruments,
            stopping=self._stopping, user_of=disk.user_of,
        )  # fmt: skip
        self.engine: Engine = build_engine(
            settings, registry, disk, self.store, self.writer.submit,
            instruments=self.instruments, limits=limits, pool=self.pool,
            stopping=self._stopping.is_set, model=self.model,
        )  # fmt: skip
        self.lanes = LaneThreads(self.engine, settings.workers)
        self.observer = Observer(
            disk, touch=self._event, sweep_wanted=self._sweep_wanted,
            observer=settings.observer, with_canary=settings.canary,  # type: ignore[arg-type]
            instruments=self.instruments, notes_max=limits.notes_max,
        )  # fmt: skip
        self.sweeping = Sweeping(
            self.engine, self.clock, on_swept=self._on_swept, on_refused=self.observer.unlisted
        )
        self.holding = Holding(
            self.store.holder, self.writer.submit, self.clock, self._stopping.wait
        )
        self.timer = Timer(
            {
                "sweep": lambda: self.sweeping.all(self.settings.sweep_s),
                "poll": self._poll,
                "collect": self._collect,
                "hold": self.holding.look,
                "rest": self._rest,
                "tokens": lambda: keep_uses(self.desk),
            },
            self.clock,
        )
        self.checks = Timer({"check": self._check}, self.clock, "timer-checks")
        self.queries = Queries(
            self.store, sql_s=limits.sql_s, sql_rows_max=limits.sql_rows_max,
            prices=settings.prices,
        )  # fmt: skip
        self.tallier = Tallier(self.queries, self.store, self.clock, self.instruments)
        self.uploads = part_of(self)
        self.gate = gate_of(settings, self.desk, self.clock)
        self.operator = Operator(
            self.engine, registry, self.writer.submit, self.desk.pauses,
            lambda: self.settings.runs, self._stopping.is_set,
        )  # fmt: skip
        self.collecting = collecting.part_of(
            settings, self.clock, self.instruments, self.store.identity.refuses
        )
        of_homes = self.collecting.job if self.collecting else None
        collect = self._collect_sessions or of_homes
        self.learning = Learning(
            settings, self.desk, self.store, self.engine, self.clock, self.model
        )
        remember = self._remember or self.learning.job
        self.jobs = jobs_of(self, self._stopping.is_set, collect, remember)
        self.control = ServiceControl(self)
        self.checkup = Checkup(self)
        self.jobs.add(
            retention_job(
                lambda: self.settings.retention, lambda: self.store.tables, self.control.amend,
                self.desk,
            )
        )  # fmt: skip
        self.scheduler = scheduler_of(
            settings, registry, self.jobs, self.desk.last_runs, self.clock, self.instruments
        )
        parts = Parts(self.control, self.jobs, self.queries, self.desk, self.instruments, self.gate)
        self.server = Server(
            parts, host=settings.host, port=settings.port,
            socket_path=socket_path(settings.db), hosts=settings.hosts,
            connections_max=limits.connections_max,
        )  # fmt: skip
        gauges.register(self)

    def start(self) -> None:
        """Downstream first; the observer before the first sweep, so nothing falls between."""
        self.operator.restore_pauses()
        self.writer.start()
        self.writer.submit(Reassign())  # Names may have changed while nobody ran.
        if self.model:
            self.model.resume(self.store.ledger, self.registry, self.writer.submit)
        self.lanes.start()
        self.server.start()
        self.observer.start()
        self.timer.start()
        self.checks.start()
        self.tallier.start()
        self.learning.start(self.control.reread)
        self.scheduler.start()
        if self.collecting:
            self.collecting.start()
        log.info(
            "started",
            extra={
                "url": self.server.url,
                "database": str(self.settings.db),
                "sources": [str(source.path) for source in self.settings.sources],
                "processors": [processor.name for processor in self.registry.processors],
            },
        )

    def wait(self, reread: Callable[[], Settings]) -> int:
        """Until a signal or a dead thread; the exit code. `reread` gives the settings anew."""
        while not self._stopping.wait(0.5):
            if self._reload_wanted:
                self._reload_wanted = False
                self._reload(reread)
            self.observer.mind_the_checks()
            dead = self.dead()
            if dead:
                log.error("thread_died", extra={"threads": dead})
                return 1
        return 0

    def ask_to_stop(self, *_: object) -> None:
        """For signal handlers: only sets a flag."""
        self._stopping.set()

    def ask_to_reload(self, *_: object) -> None:
        """The same for SIGHUP."""
        self._reload_wanted = True

    def stop(self) -> bool:
        """Upstream first, under one deadline. True if everything ended in time."""
        started_s, drain_s = self.clock.monotonic_s(), self.settings.drain_s

        def left_s() -> float:
            return max(0.1, drain_s - (self.clock.monotonic_s() - started_s))

        self._stopping.set()
        clean = self.collecting.stop(min(5.0, left_s())) if self.collecting else True
        clean &= self.scheduler.stop(left_s())
        self.observer.stop(min(5.0, left_s()))
        clean &= self.checks.stop(left_s())
        clean &= self.tallier.stop(left_s())
        clean &= self.learning.stop(left_s)
        clean &= self.timer.stop(left_s())
        clean &= self.lanes.stop(left_s())
        if self.model:
            self.model.close()
        self.pool.close()
        clean &= self.jobs.stop(left_s())
        clean &= self.server.stop(min(5.0, left_s()))
        keep_uses(self.desk)
        clean &= self.writer.stop(left_s())
        if clean:
            self.store.close()
        log.info("stopped", extra={"clean": clean, "seconds": round(drain_s - left_s(), 3)})
        return clean

    def dead(self) -> list[str]:
        """Parts whose thread has ended although nobody asked."""
        parts = {
            "writer": self.writer.alive,
            "workers": self.lanes.alive,
            "timer": self.timer.alive and self.checks.alive,
            "tallier": self.tallier.alive,
            **self.learning.alive(),
            "scheduler": self.scheduler.alive,
            "watcher": self.observer.alive(),
            "http": self.server.alive,
            "collector": not self.collecting or self.collecting.alive,
        }
        return [name for name, alive in parts.items() if not alive]

    # What the watcher and the clock ask.

    def _event(self, key: SessionKey) -> None:
        self.engine.touch(key, origin="event")

    def _sweep_wanted(self, reason: str) -> None:
        log.info("sweep_wanted", extra={"reason": reason})
        self.timer.hurry("sweep", self.sweeping.hurry_s())

    def _on_swept(self, swept: Swept) -> None:
        self.observer.swept(swept.source, swept.folders)

    def _poll(self) -> float:
        """Sweep what no event speaks for: shared file systems, and whatever is not watched now."""
        return self.sweeping.poll(self.observer.unheard, self.settings.poll_s)

    def _check(self) -> float:
        self.observer.check()
        return CHECK_S

    def _collect(self) -> float:
        """Drop the rows of replaced generations, a few at a time and only one at a time."""
        if self.store.garbage_count and (self._collecting is None or self._collecting.done()):
            self._collecting = self.writer.submit(CollectGarbage())
        return COLLECT_S

    def _rest(self) -> float:
        self.pool.rest()
        return REST_S

    def _reload(self, reread: Callable[[], Settings]) -> None:
        """Take up what can change now."""
        found = attempt(self.settings, reread)
        for fault in found.faults:
            log.error("reload_refused", extra={"fault": fault})
        if found.faults:
            return
        self.settings = settings = found.settings
        self.engine.world.limits = self.pool.limits = settings.limits
        self.queries.sql_s = settings.limits.sql_s
        self.queries.sql_rows_max = settings.limits.sql_rows_max
        self.queries.tally.own = settings.prices
        logs.configure(settings.log_format, None, settings.log_level)
        log.info("reloaded", extra={"changed": list(found.changed)})
        if found.needs_restart:
            log.warning("reload_needs_restart", extra={"settings": list(found.needs_restart)})
        if "sweep_s" in found.changed:
            self.timer.hurry("sweep")

    def _on_group(self, commands: int, rows: int, seconds: float) -> None:
        self.instruments.group_commands.observe(commands)
        self.instruments.group_rows.observe(rows)
        self.instruments.group_seconds.observe(seconds)
