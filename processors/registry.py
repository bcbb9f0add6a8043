"""Finds the processors: modules of this folder and installed plug-ins, through the same door.

The rule: adding a processor is adding one file. What fails to load is listed with its reason,
never silently absent, and never stops the others.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

import processors
from core.errors import ConfigurationError
from core.tables import checked_name, columns

GROUP = "sessionwatch.processors"
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
        except Exception as error:  # A plug-in is foreign code: whatever it does, we go on.
            failed.append(Unavailable(name, f"{type(error).__name__}: {error}"))
    return checked(found, failed)


def checked(candidates: Iterable[Any], failed: Iterable[Unavailable] = ()) -> Registry:
    """A registry of the candidates that keep the contract; the others are listed with the fault."""
    good: list[Any] = []
    bad = list(failed)
    for candidate in sorted(candidates, key=lambda c: str(getattr(c, "name", ""))):
        fault = _fault(candidate, good)
        if fault:
            bad.append(Unavailable(str(getattr(candidate, "name", candidate)), fault))
        else:
            good.append(candidate)
    return Registry(tuple(good), tuple(bad))


def _built_in() -> Iterator[tuple[str, Any]]:
    for module in pkgutil.iter_modules(processors.__path__, "processors."):
        if not module.ispkg and not module.name.rpartition(".")[2].startswith("_"):
            yield module.name, lambda name=module.name: _in_module(name)


def _installed() -> Iterator[tuple[str, Any]]:
    for point in entry_points(group=GROUP):
        yield point.name, lambda point=point: [point.load()()]


def _in_module(name: str) -> list[Any]:
    module = importlib.import_module(name)
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    return [
        cls()
        for cls in classes
        if cls.__module__ == name and all(hasattr(cls, attribute) for attribute in _ATTRIBUTES)
    ]


def _fault(candidate: Any, accepted: list[Any]) -> str:
    """What is wrong with a candidate, empty if nothing is."""
    missing = [name for name in _ATTRIBUTES if not hasattr(candidate, name)]
    if missing:
        return f"lacks {', '.join(missing)}"
    times = [
        name for name in _TIMES.get(candidate.kind, ("kind",)) if not _is_time(candidate, name)
    ]
    if times:
        return f"kind {candidate.kind!r} needs {', '.join(times)} in seconds"
    if not isinstance(candidate.version, int) or candidate.version < 1:
        return "version must be an integer from 1"
    try:
        checked_name(candidate.name)
        for table, row_type in candidate.tables.items():
            checked_name(table)
            columns(row_type)
    except ConfigurationError as error:
        return str(error)
    taken = {name for p in accepted for name in (p.name, *p.tables)}
    clash = taken & {candidate.name, *candidate.tables}
    return f"already taken: {', '.join(sorted(clash))}" if clash else ""


def _is_time(candidate: Any, name: str) -> bool:
    value = getattr(candidate, name, None)
    return isinstance(value, int | float) and value >= 0
