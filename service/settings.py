"""Every setting: its default, what is allowed, and where it may come from.

The rule: a new setting is one line in `Settings` (or `Limits`). A TOML file is overridden by the
environment (`SESSIONWATCH_<NAME>`), that by the command line, and all faults of all three are told
at once, each with the place to change.
"""

import difflib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

from core.errors import ConfigurationError
from core.prices import OwnPrice
from service import settings_file
from service.limits import Limits
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
from service.settings_file import Entry, Given

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
    limits: Limits = field(default_factory=Limits)


class Origin(NamedTuple):
    """Where a value came from: `kind` is file, environment, flag or default."""

    kind: str
    place: str = ""


class Loaded(NamedTuple):
    """The settings, where each value came from by name, and the same for each source and each
    price of one's own, in order."""

    settings: Settings
    origins: Mapping[str, Origin]
    source_origins: Sequence[Origin]
    price_origins: Sequence[Origin]


def load(
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    roots: Sequence[Path] = (),
) -> Settings:
    """Settings from a file, the environment, flags by name and roots of the command line.

    A root that the file also names keeps what the file says of it. Raises `ConfigurationError`
    that lists every fault.
    """
    return read(config, environ, flags, roots).settings


def read(
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    roots: Sequence[Path] = (),
    *,
    look: bool = False,
) -> Loaded:
    """`load`, and where everything came from; with `look`, roots that exclude each other are
    faults as well, which otherwise only the start of the service tells."""
    environ = os.environ if environ is None else environ
    faults: list[str] = []
    file = settings_file.read(config, _KNOWN, faults) if config else settings_file.NOTHING
    given = dict(file.values)
    origins = {name: Origin("file", one.place) for name, one in given.items()}
    for kind, found in (
        ("environment", _from_environment(environ, faults)),
        ("flag", _from_flags(flags or {})),
    ):
        given |= found
        origins |= {name: Origin(kind, one.place) for name, one in found.items()}
    values = dict(_checked(RULES, given, faults))
    named = [Path(root) for root in environ.get(PREFIX + "ROOTS", "").split(os.pathsep) if root]
    named_by = Origin("flag", "ROOT") if roots else Origin("environment", PREFIX + "ROOTS")
    sources = _sources(file, list(roots) or named, named_by, faults)
    prices = list(_prices(_priced_by(file, environ, faults), faults))
    if look:
        faults += _excluding_each_other(sources)
    if faults:
        raise ConfigurationError(
            "\n  ".join(["the settings are wrong:", *faults]), reason="settings"
        )
    limits = {name: values.pop(name) for name in LIMIT_RULES if name in values}
    chosen = tuple(source for source, _ in sources)
    own = tuple(price for price, _ in prices)
    settings = Settings(sources=chosen, prices=own, limits=replace(Limits(), **limits), **values)
    origins_of = ([origin for _, origin in placed] for placed in (sources, prices))
    return Loaded(settings, origins, *origins_of)


def value_of(settings: Settings, name: str) -> Any:
    """The value of a setting or limit by its name."""
    return getattr(settings.limits if name in LIMIT_RULES else settings, name)


def _rules_of(declared: type) -> dict[str, Rule]:
    return {
        name: hint.__metadata__[0]
        for name, hint in get_type_hints(declared, include_extras=True).items()
        if hasattr(hint, "__metadata__")
    }


TOP_RULES = _rules_of(Settings)
LIMIT_RULES = _rules_of(Limits)
RULES = TOP_RULES | LIMIT_RULES
_KNOWN = settings_file.Known(TOP_RULES, LIMIT_RULES, SOURCE_RULES, PRICE_RULES)
_KNOWN_PRICES = settings_file.Known((), (), (), PRICE_RULES)


def _checked(
    rules: Mapping[str, Rule], given: Mapping[str, Given], faults: list[str]
) -> Iterator[tuple[str, Any]]:
    for name, (place, raw, base) in given.items():
        try:
            value = rules[name].read(raw)
        except (ValueError, TypeError, RuntimeError):
            shown = json.dumps(raw, default=str)[:60]
            faults.append(f"{place}: {name} is {shown}, allowed is {rules[name].allowed}")
            continue
        yield name, base / value if isinstance(value, Path) else value


def _from_environment(environ: Mapping[str, str], faults: list[str]) -> dict[str, Given]:
    found = {}
    for variable, value in environ.items():
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or not value:  # Empty is how compose files say unset.
            continue
        if name in RULES:
            found[name] = Given(variable, value, Path())
        # Others may share the prefix (Kubernetes sets such variables), so only a near miss counts.
        elif near := difflib.get_close_matches(name, RULES, 1, cutoff=0.75):
            faults.append(f"{variable} is no setting: did you mean {PREFIX}{near[0].upper()}?")
    return found


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Given]:
    return {
        name: Given(f"--{name.replace('_', '-')}", value, Path())
        for name, value in flags.items()
        if value is not None
    }


_Placed = tuple[SourceSettings, Origin]


def _sources(
    file: settings_file.FileContent, roots: Sequence[Path], named_by: Origin, faults: list[str]
) -> list[_Placed]:
    found: list[_Placed] = []
    for given, place in file.sources:
        values = dict(_checked(SOURCE_RULES, given, faults))
        if "path" in values:
            found.append((SourceSettings(**({"name": ""} | values)), Origin("file", place)))
    if not roots:
        return found
    by_place = {os.path.realpath(source.path): source for source, _ in found}
    folders = [root.expanduser() for root in roots]
    chosen = (by_place.get(os.path.realpath(f)) or SourceSettings("", f) for f in folders)
    return [(source, named_by) for source in chosen]


def _priced_by(
    file: settings_file.FileContent, environ: Mapping[str, str], faults: list[str]
) -> list[Entry]:
    """The prices of the settings file, or those of a file of their own that a variable names."""
    named = environ.get(PREFIX + "PRICES")
    if not named:
        return file.prices
    return settings_file.read(Path(named).expanduser(), _KNOWN_PRICES, faults).prices


def _prices(entries: Sequence[Entry], faults: list[str]) -> Iterator[tuple[OwnPrice, Origin]]:
    for given, place in entries:
        found = dict(_checked(PRICE_RULES, given, faults))
        since, until = found.pop("from", None), found.get("until")
        if not given.keys() - {"model", "from", "until"}:
            faults.append(f"{place}: no price is given: write input, output, … or multiplier")
        elif since and until and since > until:
            faults.append(f"{place}: it ends on {until}, before it begins on {since}")
        elif "model" in found:
            yield OwnPrice(**found, since=since), Origin("file", place)


def _excluding_each_other(sources: Sequence[_Placed]) -> Iterator[str]:
    for (one, _), (other, origin) in combinations(sources, 2):
        if one.name and one.name == other.name:
            yield f"{origin.place}: two sources are called {one.name}"
        ours, theirs = (os.path.join(os.path.realpath(s.path), "") for s in (one, other))
        if ours.startswith(theirs) or theirs.startswith(ours):
            yield (
                f"{origin.place}: {other.path} and {one.path} lie one within the other, "
                "so files would be counted twice"
            )
