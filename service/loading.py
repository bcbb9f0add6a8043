"""Where settings come from: a TOML file is overridden by the environment, that by the command line.

The rule: all faults of all three are told at once, each with the place to change.
"""

import difflib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import ConfigurationError
from core.prices import OwnPrice
from service import settings_file
from service.rules import Rule
from service.scheduling import predecessor
from service.scheduling.settings import JOB_NEEDED, JOB_RULES, JobSettings
from service.scheduling.settings import faults as job_faults
from service.settings import (
    PREFIX,
    PRICE_RULES,
    RULES,
    SOURCE_RULES,
    TABLE_RULES,
    TOP_RULES,
    Settings,
    SourceSettings,
    variable_of,
    with_values,
)
from service.settings_file import Entry, Given

_OTHER_VARIABLES = (
    f"{PREFIX}ROOTS",
    f"{PREFIX}PRICES",
    f"{PREFIX}CONFIG",
    f"{PREFIX}METRICS_TOKEN",
    f"{PREFIX}TOKEN",  # of whoever pulls rules
)
_NAMES = {variable_of(name): name for name in RULES}
_PRICES = settings_file.KnownList(PRICE_RULES, ("model",), "model")
_KNOWN = settings_file.Known(
    TOP_RULES,
    TABLE_RULES,
    {
        "source": settings_file.KnownList(SOURCE_RULES, ("path",), "root"),
        "prices": _PRICES,
        "job": settings_file.KnownList(JOB_RULES, JOB_NEEDED, "call"),
    },
)
_KNOWN_PRICES = settings_file.Known((), {}, {"prices": _PRICES})


class Origin(NamedTuple):
    """Where a value came from: `kind` is file, environment, flag or default."""

    kind: str
    place: str = ""


class Loaded(NamedTuple):
    """The settings, where each value came from by name, and the same for each source, each
    price of one's own and each call, in order."""

    settings: Settings
    origins: Mapping[str, Origin]
    source_origins: Sequence[Origin]
    price_origins: Sequence[Origin]
    job_origins: Sequence[Origin]


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
    before = predecessor.mapped(environ)
    given: dict[str, Given] = {}
    origins: dict[str, Origin] = {}
    for kind, found in (
        ("environment", {name: one for name, one in before.values.items() if name in RULES}),
        ("file", file.values),
        ("environment", _from_environment(environ, faults)),
        ("flag", _from_flags(flags or {})),
    ):
        given |= found
        origins |= {name: Origin(kind, one.place) for name, one in found.items()}
    values = dict(_checked(RULES, given, faults))
    named = [Path(root) for root in environ.get(PREFIX + "ROOTS", "").split(os.pathsep) if root]
    named_by = Origin("flag", "ROOT") if roots else Origin("environment", PREFIX + "ROOTS")
    listed = file.lists.get("source", ()) or (() if roots or named else before.sources)
    sources = _sources(listed, list(roots) or named, named_by, faults)
    jobs = list(_jobs([*before.jobs, *file.lists.get("job", ())], faults))
    prices = list(_prices(_priced_by(file, environ, faults), faults))
    faults += predecessor.faults(environ)
    if not faults:
        planned = with_values(Settings(), values).scheduler
        faults += job_faults(planned, [job for job, _ in jobs], [o.place for _, o in jobs])
    if look:
        faults += _excluding_each_other(sources)
    if faults:
        raise ConfigurationError(
            "\n  ".join(["the settings are wrong:", *faults]), reason="settings"
        )
    chosen = tuple(source for source, _ in sources)
    own = tuple(price for price, _ in prices)
    settings = with_values(
        Settings(sources=chosen, prices=own, jobs=tuple(job for job, _ in jobs)), values
    )
    origins_of = ([origin for _, origin in placed] for placed in (sources, prices, jobs))
    return Loaded(settings, origins, *origins_of)


def _checked(
    rules: Mapping[str, Rule], given: Mapping[str, Given], faults: list[str]
) -> Iterator[tuple[str, Any]]:
    for name, (place, raw, base) in given.items():
        try:
            value = rules[name].read(raw)
        except (ValueError, TypeError, RuntimeError):
            shown = json.dumps(raw, default=str)[:60]
            told = name.rpartition(".")[2]
            faults.append(f"{place}: {told} is {shown}, allowed is {rules[name].allowed}")
            continue
        yield name, base / value if isinstance(value, Path) else value


def _from_environment(environ: Mapping[str, str], faults: list[str]) -> dict[str, Given]:
    found = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or not value:  # Empty is how compose files say unset.
            continue
        if variable in _NAMES:
            found[_NAMES[variable]] = Given(variable, value, Path())
        # Others may share the prefix (Kubernetes sets such variables), so only a near miss counts.
        elif variable not in _OTHER_VARIABLES and (near := _near(variable)):
            faults.append(f"{variable} is no setting: did you mean {near}?")
    return found


def _near(variable: str) -> str | None:
    """The setting somebody may have meant: without the prefix, which would make all alike."""
    short = {known.removeprefix(PREFIX): known for known in _NAMES}
    near = difflib.get_close_matches(variable.removeprefix(PREFIX), short, 1, cutoff=0.75)
    return short[near[0]] if near else None


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Given]:
    return {
        name: Given(f"--{name.replace('_', '-')}", value, Path())
        for name, value in flags.items()
        if value is not None
    }


_Placed = tuple[SourceSettings, Origin]


def _sources(
    entries: Sequence[Entry], roots: Sequence[Path], named_by: Origin, faults: list[str]
) -> list[_Placed]:
    found: list[_Placed] = []
    for given, place in entries:
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
        return file.lists.get("prices", [])
    found = settings_file.read(Path(named).expanduser(), _KNOWN_PRICES, faults)
    return found.lists.get("prices", [])


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


def _jobs(entries: Sequence[Entry], faults: list[str]) -> Iterator[tuple[JobSettings, Origin]]:
    """Of two with one name the later holds: the file may say otherwise than the environment."""
    by_name: dict[str, tuple[JobSettings, Origin]] = {}
    for given, place in entries:
        found = dict(_checked(JOB_RULES, given, faults))
        if found.keys() >= set(JOB_NEEDED):
            kind = "environment" if place.isupper() else "file"
            by_name[found["name"]] = (JobSettings(**found), Origin(kind, place))
    yield from by_name.values()


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
