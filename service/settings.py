"""Every setting: its default, what is allowed, and where it may come from.

The rule: a new setting is one line in `Settings`. A TOML file is overridden by the environment
(`SESSIONWATCH_<NAME>`), that by the command line, and all faults of all three are told at once,
each with the place to change.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

from core.errors import ConfigurationError
from service.limits import Limits
from service.rules import Rule, choice, integer, names, path, seconds, text

PREFIX = "SESSIONWATCH_"
_HEADER = re.compile(r"\s*\[(\[)?\s*([\w.-]+)\s*\]")
_KEY = re.compile(r"\s*([\w.-]+)\s*=")
_SYNTAX_LINE = re.compile(r"at line (\d+)")
_SIZE = re.compile(r"[1-9]\d{0,8}(\.\d+)? ?[KMGT]i?B")
_SOURCE_NAME = re.compile(r"[\w.-]{1,100}")


class _Given(NamedTuple):
    """A value before it is checked: where it stands, how it is written, what relative means."""

    place: str
    value: Any
    base: Path


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One root of session files. Without a name it gets one from where it really lies."""

    name: str
    path: Path
    user: str | None = None


_SOURCE_RULES = {
    "path": path("the folder"),
    "name": text(_SOURCE_NAME, "letters, digits, '.', '_' and '-'", "stays the same if it moves"),
    "user": text(r".{1,200}", "a name", "whose files they are; else the first folder below says"),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """All values are checked; units are last in the names."""

    sources: tuple[SourceSettings, ...] = ()
    db: Annotated[Path, path("the database file")] = Path("sessionwatch.duckdb")
    host: Annotated[str, text(r"\S+", "an address or a name", "where HTTP listens")] = "127.0.0.1"
    port: Annotated[int, integer(0, 65535, "0 takes a free one")] = 8787
    hosts: Annotated[tuple[str, ...], names("further names this service is called by")] = ()
    sweep_s: Annotated[float, seconds(1, 86_400, "between comparisons of all files")] = 30.0
    workers: Annotated[int, integer(1, 64, "threads for each processor")] = 3
    backfill_processes: Annotated[int, integer(0, 64, "children that read large amounts")] = 2
    observer: Annotated[str, choice("auto", "inotify", "polling")] = "auto"
    poll_s: Annotated[float, seconds(0.1, 3600, "how often a polling observer looks")] = 1.0
    memory_limit: Annotated[str, text(_SIZE, 'a size such as "512MB"', "of DuckDB")] = "512MB"
    log_format: Annotated[str, choice("human", "json")] = "human"
    drain_s: Annotated[float, seconds(1, 3600, "for a stop to finish what is in hand")] = 25.0
    limits: Limits = field(default_factory=Limits)


def load(
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    roots: Sequence[Path] = (),
) -> Settings:
    """Settings from a file, the environment, flags by name and roots of the command line.

    A root that the file also names keeps the name and user it has there. Raises
    `ConfigurationError` that lists every fault.
    """
    environ = os.environ if environ is None else environ
    faults: list[str] = []
    given, sources = _from_file(config, faults) if config else ({}, [])
    given.update(_from_environment(environ, faults))
    given.update(
        (name, _Given(f"--{name.replace('_', '-')}", value, Path()))
        for name, value in (flags or {}).items()
        if value is not None
    )
    values = dict(_checked(RULES, given, faults))
    named = [Path(root) for root in environ.get(PREFIX + "ROOTS", "").split(os.pathsep) if root]
    chosen = _sources(sources, list(roots) or named, faults)
    if faults:
        raise ConfigurationError(
            "\n  ".join(["the settings are wrong:", *faults]), reason="settings"
        )
    limits = {name: values.pop(name) for name in _LIMIT_RULES if name in values}
    return Settings(sources=chosen, limits=replace(Limits(), **limits), **values)


def describe(settings: Settings) -> str:
    """The settings as a TOML file that gives them again, with what is allowed beside each."""
    lines = [_line(name, getattr(settings, name)) for name in _TOP_RULES]
    lines += ["", "[limits]", *(_line(n, getattr(settings.limits, n)) for n in _LIMIT_RULES)]
    for source in settings.sources:
        lines += ["", "[[source]]"]
        values = ((name, getattr(source, name)) for name in _SOURCE_RULES)
        lines += [f"{name} = {_toml(value)}" for name, value in values if value]
    return "\n".join(lines) + "\n"


def _limit_rule(limit: Field[Any]) -> Rule:
    """Limits say by the end of their names what they are."""
    if limit.name.endswith("_bytes"):
        return integer(4096, 1 << 34)
    if limit.name.endswith("_s"):
        return seconds(0, 86_400)
    return integer(1, 1000)


_LIMIT_RULES = {limit.name: _limit_rule(limit) for limit in fields(Limits)}
_TOP_RULES: dict[str, Rule] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(Settings, include_extras=True).items()
    if hasattr(hint, "__metadata__")
}
RULES = _TOP_RULES | _LIMIT_RULES


def _checked(
    rules: Mapping[str, Rule], given: Mapping[str, _Given], faults: list[str]
) -> Iterator[tuple[str, Any]]:
    for name, (place, raw, base) in given.items():
        try:
            value = rules[name].read(raw)
        except (ValueError, TypeError, RuntimeError):
            shown = json.dumps(raw, default=str)[:60]
            faults.append(f"{place}: {name} is {shown}, allowed is {rules[name].allowed}")
            continue
        yield name, base / value if isinstance(value, Path) else value


def _from_environment(environ: Mapping[str, str], faults: list[str]) -> dict[str, _Given]:
    found = {}
    for variable, value in environ.items():
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or not value:  # Empty is how compose files say unset.
            continue
        if name in RULES:
            found[name] = _Given(variable, value, Path())
        # Others may share the prefix (Kubernetes sets such variables), so only a near miss counts.
        elif near := difflib.get_close_matches(name, RULES, 1, cutoff=0.75):
            faults.append(f"{variable} is no setting: did you mean {PREFIX}{near[0].upper()}?")
    return found


def _from_file(
    config: Path, faults: list[str]
) -> tuple[dict[str, _Given], list[dict[str, _Given]]]:
    """What the file says: settings by name, and the sources one by one."""
    try:
        content = config.read_text("utf-8")
        values = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        line = _SYNTAX_LINE.search(str(error))
        faults.append(f"{config}:{line[1] if line else content.count(chr(10)) + 1}: {error}")
        return {}, []
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{config}: cannot be read: {getattr(error, 'strerror', error)}")
        return {}, []
    file = _File(config, _lines(content), faults)
    sources, limits = values.pop("source", []), values.pop("limits", {})
    found = file.members(values, _TOP_RULES, ())
    found |= file.members(limits, _LIMIT_RULES, ("limits",))
    if not isinstance(sources, list):
        faults.append(f"{file.place(('source',))}: source: write [[source]] for each root")
        sources = []
    parts = []
    for number, source in enumerate(sources):
        where = ("source", str(number))
        part = file.members(source, _SOURCE_RULES, where)
        if "path" in part:
            parts.append(part)
        elif isinstance(source, dict):
            faults.append(f"{file.place(where)}: path is missing")
    return found, parts


class _File(NamedTuple):
    config: Path
    line_by_key: Mapping[tuple[str, ...], int]
    faults: list[str]

    def place(self, key: tuple[str, ...]) -> str:
        """`file:line` of a key, or of the table it is in."""
        while key and key not in self.line_by_key:
            key = key[:-1]
        return f"{self.config}:{self.line_by_key.get(key, 1)}"

    def members(
        self, table: Any, rules: Mapping[str, Rule], where: tuple[str, ...]
    ) -> dict[str, _Given]:
        """The known keys of a table; the others are faults."""
        if not isinstance(table, dict):
            self.faults.append(f"{self.place(where)}: {where[0]} is not a table")
            return {}
        for name in table.keys() - rules.keys():
            near = difflib.get_close_matches(name, [*RULES, *_SOURCE_RULES, "source", "limits"], 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(rules)}"
            self.faults.append(f"{self.place((*where, name))}: unknown setting {name}: {hint}")
        base = self.config.absolute().parent
        return {
            name: _Given(self.place((*where, name)), value, base)
            for name, value in table.items()
            if name in rules
        }


def _lines(content: str) -> dict[tuple[str, ...], int]:
    """Line numbers by key, as well as they can be told without a parser of one's own."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(content.splitlines(), 1):
        if header := _HEADER.match(line):
            table = tuple(header[2].split("."))
            if header[1]:
                table += (str(sum(key[:-1] == table for key in found)),)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *key[1].split(".")), number)
    return found


def _sources(
    configured: Sequence[Mapping[str, _Given]], roots: Sequence[Path], faults: list[str]
) -> tuple[SourceSettings, ...]:
    found = []
    for given in configured:
        values = dict(_checked(_SOURCE_RULES, given, faults))
        if "path" in values:
            found.append(SourceSettings(values.get("name", ""), values["path"], values.get("user")))
    if not roots:
        return tuple(found)
    by_place = {os.path.realpath(source.path): source for source in found}
    folders = [root.expanduser() for root in roots]
    return tuple(by_place.get(os.path.realpath(f)) or SourceSettings("", f) for f in folders)


def _line(name: str, value: Any) -> str:
    rule = RULES[name]
    about = f"{rule.allowed}; {rule.about}" if rule.about else rule.allowed
    return f"{name} = {_toml(value)}  # {about}"


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return json.dumps(value)
    return json.dumps(str(value) if isinstance(value, Path) else value)
