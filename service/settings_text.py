"""Settings as text for people: a TOML file that gives them again, with what is allowed beside
each, and where each came from.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from service.settings import (
    LIMIT_RULES,
    RULES,
    SOURCE_RULES,
    TOP_RULES,
    Loaded,
    Origin,
    Settings,
    value_of,
)


def describe(settings: Settings) -> str:
    """The settings as a TOML file that gives them again, with what is allowed beside each."""
    return _text(settings, _about)


def show(loaded: Loaded) -> str:
    """The same, with where each value came from beside it."""
    origins = loaded.origins

    def came_from(name: str) -> str:
        return _told(origins.get(name, Origin("default")))

    return _text(loaded.settings, came_from, [_told(one) for one in loaded.source_origins])


def as_json(loaded: Loaded) -> dict[str, Any]:
    """`{"settings": {name: {"value", "from", "place"}}, "sources": [...]}`."""
    settings = loaded.settings

    def one(value: Any, origin: Origin) -> dict[str, Any]:
        return {"value": _plain(value), "from": origin.kind, "place": origin.place}

    return {
        "settings": {
            name: one(value_of(settings, name), loaded.origins.get(name, Origin("default")))
            for name in RULES
        },
        "sources": [
            {name: _plain(getattr(source, name)) for name in SOURCE_RULES}
            | {"from": origin.kind, "place": origin.place}
            for source, origin in zip(settings.sources, loaded.source_origins, strict=True)
        ],
    }


def _text(
    settings: Settings, beside: Callable[[str], str], sources_beside: Sequence[str] = ()
) -> str:
    def lines(names: Iterable[str]) -> Iterator[str]:
        for name in names:
            yield f"{name} = {toml(value_of(settings, name))}  # {beside(name)}"

    found = [*lines(TOP_RULES), "", "[limits]", *lines(LIMIT_RULES)]
    for number, source in enumerate(settings.sources):
        note = f"  # {sources_beside[number]}" if sources_beside else ""
        found += ["", f"[[source]]{note}"]
        values = ((name, getattr(source, name)) for name in SOURCE_RULES)
        found += [f"{name} = {toml(value)}" for name, value in values if value]
    return "\n".join(found) + "\n"


def _about(name: str) -> str:
    rule = RULES[name]
    return f"{rule.allowed}; {rule.about}" if rule.about else rule.allowed


def _told(origin: Origin) -> str:
    return f"{origin.kind}: {origin.place}" if origin.place else origin.kind


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    return json.dumps(_plain(value), ensure_ascii=False).replace("\x7f", "\\u007f")
