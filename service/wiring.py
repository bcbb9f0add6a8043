"""Builds the parts from the settings, the same way for the service and for one-shot commands."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from core.keys import NOTE_FILE, SessionKey, user_of
from core.rows import Command, Receipt
from core.seams import Clock
from metrics.instruments import Instruments
from processors.notes import holds_secret
from processors.registry import Registry
from service.backfill import Pool
from service.clock import SystemClock
from service.engine import Engine
from service.limits import Limits
from service.settings import Settings
from state.operations.desk import Desk
from state.store import Store
from watcher.disk import Disk, Source

if TYPE_CHECKING:
    from service.model_part import ModelPart

NOTES = "notes"
"""The source of the homes' notes."""


def sources_of(settings: Settings, registry: Registry) -> tuple[Source, ...]:
    """The configured roots as the watcher wants them, and the homes with notes."""
    configured = tuple(
        Source.at(
            s.path,
            s.name or "",
            user=s.user or None,
            agent=s.agent or "",
            patterns=registry.patterns,
            include=s.include,
            exclude=s.exclude,
        )
        for s in settings.sources
    )
    return (*configured, *_homes(settings.memory.homes))


def _homes(base: str) -> tuple[Source, ...]:
    """The note in each home and nothing else: no folder below a home is looked into."""
    if not base:
        return ()
    note = f"*/{NOTE_FILE}"
    return (Source.at(base, NOTES, patterns=(NOTE_FILE,), include=(note,), exclude=("*/*/*",)),)


def open_store(settings: Settings, registry: Registry) -> Store:
    """The database of these settings. Raises `ConfigurationError` if another process has it."""
    fixed = {source.name: source.user for source in sources_of(settings, registry) if source.user}

    def user(key: SessionKey) -> str:
        return fixed.get(key.source) or user_of(key.path)

    return Store.open(
        settings.db, registry.processors, memory_limit=settings.memory_limit, user=user
    )


def desk_over(store: Store, settings: Settings, clock: Clock | None = None) -> Desk:
    """The desk of a database, by the system's clock if none is given."""
    clock = clock or SystemClock()
    return Desk(
        store.cursor, clock.now_us, clock.monotonic_s, store.identity,
        settings.memory.budget_tokens, holds_secret,
    )  # fmt: skip


def build_engine(
    settings: Settings,
    registry: Registry,
    disk: Disk,
    store: Store,
    submit: Callable[[Command], Future[Receipt]],
    *,
    instruments: Instruments,
    limits: Limits,
    pool: Pool | None = None,
    stopping: Callable[[], bool] = lambda: False,
    at_once: bool = False,
    model: "ModelPart | None" = None,
) -> Engine:
    """An engine over the real file system and this store."""
    return Engine(
        sources=[source.name for source in sources_of(settings, registry)],
        registry=registry,
        files=disk,
        ledger=store.ledger,
        submit=submit,
        new_generation=store.new_generation,
        clock=SystemClock(),
        instruments=instruments,
        limits=limits,
        backfill=pool,
        user=disk.user_of,
        agent=disk.agent_of,
        stopping=stopping,
        at_once=at_once,
        toolbox=model.tools if model else None,
    )
