"""Every setting: its default and what is allowed.

The rule: a new setting is one line in `Settings` or in the class of a table of its own, and where
its value comes from is `service.loading`'s business.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from core.prices import OwnPrice
from service.collecting.settings import CollectorSettings
from service.limits import Limits
from service.memory_settings import MemorySettings
from service.modelling import ModelSettings
from service.pushing.settings import PushSettings
from service.retention import RetentionSettings
from service.rules import (
    Rule,
    choice,
    day,
    decimal,
    flag,
    integer,
    names,
    one_of,
    path,
    patterns,
    seconds,
    text,
)
from service.run_limits import RunLimits
from service.scheduling.settings import JobSettings, SchedulerSettings
from service.uploads.settings import UploadSettings

PREFIX = "SESSIONWATCH_"
_SIZE = re.compile(r"[1-9]\d{0,8}(\.\d+)? ?[KMGT]i?B")
_SOURCE_NAME = re.compile(r"[\w.-]{1,100}")


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One root of session files. Without a name it gets one from where it really lies."""

    name: str
    path: Path
    user: str | None = None
    agent: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def _agents() -> Collection[str]:
    from processors.dialects import DIALECTS, UNKNOWN

    return DIALECTS.keys() - {UNKNOWN}


SOURCE_RULES = {
    "path": path("the folder"),
    "name": text(_SOURCE_NAME, "letters, digits, '.', '_' and '-'", "stays the same if it moves"),
    "user": text(r".{1,200}", "a name", "whose files they are; else the first folder below says"),
    "agent": one_of(
        _agents, 'a dialect such as "claude"', "who wrote them; else the head of each file says"
    ),
    "include": patterns("only files whose path below the root fits one of these"),
    "exclude": patterns("no files whose path below the root fits one of these"),
}

_DOLLARS_MAX = 1_000_000
PRICE_RULES = {
    "model": text(r".{1,200}", 'a name or a pattern such as "claude-*"', "of an agent's messages"),
    "from": day("the first day it holds (UTC); without it from ever"),
    "until": day("the last day it holds (UTC); without it for ever"),
    "input": decimal(_DOLLARS_MAX, "dollars per million tokens"),
    "output": decimal(_DOLLARS_MAX, "dollars per million tokens"),
    "cache_write_5m": decimal(_DOLLARS_MAX, "dollars per million tokens"),
    "cache_write_1h": decimal(_DOLLARS_MAX, "dollars per million tokens"),
    "cache_read": decimal(_DOLLARS_MAX, "dollars per million tokens"),
    "web_search": decimal(_DOLLARS_MAX, "dollars per thousand searches"),
    "multiplier": decimal(
        1000, "of all of these and of what the price book says; 0.85 is 15 % off"
    ),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """All values are checked; units are last in the names."""

    sources: tuple[SourceSettings, ...] = ()
    prices: tuple[OwnPrice, ...] = ()
    db: Annotated[Path, path("the database file")] = Path("sessionwatch.duckdb")
    host: Annotated[str, text(r"\S+", "an address or a name", "where HTTP listens")] = "127.0.0.1"
    port: Annotated[int, integer(0, 65535, "0 takes a free one")] = 8787
    hosts: Annotated[tuple[str, ...], names("further names this service is called by")] = ()
    sweep_s: Annotated[float, seconds(1, 86_400, "between comparisons of all files")] = 30.0
    workers: Annotated[int, integer(1, 64, "threads for each processor")] = 3
    backfill_processes: Annotated[int, integer(0, 64, "children that read large amounts")] = 2
    observer: Annotated[
        str, choice("auto", "inotify", "polling", about="how changes are noticed")
    ] = "auto"
    poll_s: Annotated[float, seconds(0.1, 3600, "between looks where no event comes")] = 1.0
    canary: Annotated[bool, flag("a hidden file in each root proves that events come")] = True
    memory_limit: Annotated[str, text(_SIZE, 'a size such as "512MB"', "of DuckDB")] = "512MB"
    log_format: Annotated[str, choice("human", "json", about="of the lines on standard error")] = (
        "human"
    )
    log_level: Annotated[
        str, choice("debug", "info", "warning", "error", about="lines below it are left out")
    ] = "info"
    drain_s: Annotated[float, seconds(1, 3600, "for a stop to finish what is in hand")] = 25.0
    jobs: tuple[JobSettings, ...] = ()
    limits: Limits = field(default_factory=Limits)
    collector: CollectorSettings = field(default_factory=CollectorSettings)
    scheduler: SchedulerSettings = field(default_factory=SchedulerSettings)
    runs: RunLimits = field(default_factory=RunLimits)
    uploads: UploadSettings = field(default_factory=UploadSettings)
    push: PushSettings = field(default_factory=PushSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)


def value_of(settings: Settings, name: str) -> Any:
    """The value of a setting by its name, `table.name` for one of a table."""
    return attrgetter(name)(settings)


def with_values(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """The settings with other values, by the same names."""
    top = {name: value for name, value in values.items() if name in TOP_RULES}
    for table, rules in TABLE_RULES.items():
        inner = {name: values[f"{table}.{name}"] for name in rules if f"{table}.{name}" in values}
        if inner:
            top[table] = replace(getattr(settings, table), **inner)
    return replace(settings, **top)


def variable_of(name: str) -> str:
    """The environment's name of a setting. Limits are called as they are, without their table."""
    return PREFIX + name.removeprefix("limits.").replace(".", "_").upper()


def _rules_of(declared: type) -> dict[str, Rule]:
    return {
        name: hint.__metadata__[0]
        for name, hint in get_type_hints(declared, include_extras=True).items()
        if hasattr(hint, "__metadata__")
    }


TOP_RULES = _rules_of(Settings)
TABLE_RULES = {
    name: _rules_of(hint)
    for name, hint in get_type_hints(Settings).items()
    if isinstance(hint, type) and is_dataclass(hint)
}
RULES = TOP_RULES | {
    f"{table}.{name}": rule for table, rules in TABLE_RULES.items() for name, rule in rules.items()
}
