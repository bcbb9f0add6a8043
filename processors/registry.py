"""Finds the processors: modules of this folder and installed plug-ins, through the same door.

The rule: adding a processor is adding one file. What fails to load is listed with its reason,
never silently absent, and never stops the others.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from typing import Any, NoReturn

import processors
from core.errors import ConfigurationError
from core.tables import ENGINE_TABLES, checked_name, columns

GROUP = "sessionwatch.processors"
VERSION_MAX = 2**31 - 1
_ATTRIBUTES = ("name", "version", "kind", "tables", "match", "rows")
_TIMES = {"line": ("pace_s",), "document": ("pace_s",), "session": ("quiet_s", "wait_max_s")}


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A processor that did not load, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Registry:
    """The processors of this installation, by name, and those that could not be had."""

    processors: tuple[Any, ...]
    unavailable: tuple[Unavailable, ...] = ()

    def by_name(self, name: str) -> Any:
        """Raises `ConfigurationError` that names the known ones."""
        for processor in self.processors:
            if processor.name == name:
                return processor
        known = ", ".join(processor.name for processor in self.processors)
        raise ConfigurationError(
            f"unknown processor {name!r}", reason="unknown_processor", hint=f"known: {known}"
        )

    @property
    def patterns(self) -> tuple[str, ...]:
        """File name patterns that some processor wants."""
        return tuple(sorted({pattern for p in self.processors for pattern in p.match}))


def load() -> Registry:
    """Load every built-in and every installed processor."""
    found: list[Any] = []
    failed: list[Unavailable] = []
    for name, candidates in (*_built_in(), *_installed()):
        try:
            found.extend(candidates())
        except (Exception, SystemExit) as error:  # Foreign code: whatever it does, we go on.
            failed.append(Unavailable(name, f"{type(error).__name__}: {error}"))
    return checked(found, failed)


def checked(candidates: Iterable[Any], failed: Iterable[Unavailable] = ()) -> Registry:
    """A registry of the candidates that keep the contract; the others are listed with the fault."""
    good: list[Any] = []
    bad = list(failed)
    for name, candidate in sorted(((_name(c), c) for c in candidates), key=lambda pair: pair[0]):
        try:
            fault = _fault(candidate) or _clash(candidate, good)
        except Exception as error:  # Its attributes are foreign code, too.
            fault = f"{type(error).__name__}: {error}"
        if fault:
            bad.append(Unavailable(name, fault))
        else:
            good.append(candidate)
    return Registry(tuple(good), tuple(bad))


def _built_in() -> Iterator[tuple[str, Any]]:
    for module in pkgutil.iter_modules(processors.__path__, "processors."):
        if not module.ispkg and not module.name.rpartition(".")[2].startswith("_"):
            yield module.name, lambda name=module.name: _in_module(name)


def _installed() -> Iterator[tuple[str, Any]]:
    try:
        points = tuple(entry_points(group=GROUP))
    except Exception as error:  # Anybody's broken metadata ends here, whatever it announces.
        yield GROUP, partial(_raise, error)
    else:
        for point in points:
            yield point.name, lambda point=point: [point.load()()]


def _raise(error: Exception) -> NoReturn:
    raise error


def _in_module(name: str) -> list[Any]:
    module = importlib.import_module(name)
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    return [
        cls()
        for cls in classes
        if cls.__module__ == name and all(hasattr(cls, attribute) for attribute in _ATTRIBUTES)
    ]


def _name(candidate: Any) -> str:
    try:
        return str(getattr(candidate, "name", candidate))
    except Exception:  # As above; what is wrong with it is found when it is checked.
        return type(candidate).__name__


def _fault(candidate: Any) -> str:
    """What is wrong with a candidate by itself, empty if nothing is."""
    missing = [name for name in _ATTRIBUTES if not hasattr(candidate, name)]
    if missing:
        return f"lacks {', '.join(missing)}"
    if candidate.kind not in list(_TIMES):
        return f"kind {candidate.kind!r} is not one of {', '.join(_TIMES)}"
    times = [name for name in _TIMES[candidate.kind] if not _is_time(candidate, name)]
    if times:
        return f"kind {candidate.kind!r} needs {', '.join(times)} in seconds"
    if candidate.kind == "session" and candidate.quiet_s > candidate.wait_max_s:
        return "wait_max_s must not be shorter than quiet_s"
    if type(candidate.version) is not int or not 1 <= candidate.version <= VERSION_MAX:
        return f"version must be an integer from 1 to {VERSION_MAX}"
    if not callable(candidate.rows):
        return "rows cannot be called"
    if isinstance(candidate.match, str) or not candidate.match:
        return "match must be a sequence of file name patterns"
    if not all(isinstance(pattern, str) for pattern in candidate.match):
        return "match must hold nothing but text"
    if not isinstance(candidate.name, str):
        return f"name {candidate.name!r} is not text"
    try:
        checked_name(candidate.name)
        return _table_fault(candidate.tables)
    except ConfigurationError as error:
        return str(error)


def _table_fault(tables: Any) -> str:
    if not isinstance(tables, Mapping):
        return "tables must map names to row types"
    for table, row_type in tables.items():
        columns(row_type)
        if checked_name(table) in ENGINE_TABLES:
            return f"table {table} is the engine's own"
        if list(tables.values()).count(row_type) > 1:
            return f"{row_type.__name__} is the row type of two tables, so a row names neither"
    return ""


def _clash(candidate: Any, accepted: Sequence[Any]) -> str:
    """What it would share with one that came first by name."""
    taken = {name for p in accepted for name in (p.name, *p.tables)}
    clash = taken & {candidate.name, *candidate.tables}
    return f"already taken: {', '.join(sorted(clash))}" if clash else ""


def _is_time(candidate: Any, name: str) -> bool:
    value = getattr(candidate, name, None)
    return isinstance(value, int | float) and value >= 0
