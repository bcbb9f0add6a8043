"""Settings as text for people: a TOML file that gives them again, with what is allowed beside
each, and where each came from.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

from core.prices import OwnPrice
from service.loading import Loaded, Origin
from service.scheduling.settings import JOB_RULES
from service.settings import (
    PRICE_RULES,
    RULES,
    SOURCE_RULES,
    TABLE_RULES,
    TOP_RULES,
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

    lists = (loaded.source_origins, loaded.price_origins, loaded.job_origins)
    return _text(loaded.settings, came_from, *([_told(one) for one in found] for found in lists))


def as_json(loaded: Loaded) -> dict[str, Any]:
    """`{"settings": {name: {"value", "from", "place"}}, "sources": [...], "prices": [...],
    "jobs": [...]}`."""
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
        "prices": [
            {name: _plain(value) for name, value in _price_values(price)} | {"place": origin.place}
            for price, origin in zip(settings.prices, loaded.price_origins, strict=True)
        ],
        "jobs": [
            {name: getattr(job, name) for name in JOB_RULES} | {"place": origin.place}
            for job, origin in zip(settings.jobs, loaded.job_origins, strict=True)
        ],
    }


def _text(
    settings: Settings,
    beside: Callable[[str], str],
    sources_beside: Sequence[str] = (),
    prices_beside: Sequence[str] = (),
    jobs_beside: Sequence[str] = (),
) -> str:
    def lines(names: Iterable[str]) -> Iterator[str]:
        for name in names:
            line = f"{name.rpartition('.')[2]} = {toml(value_of(settings, name))}"
            yield f"{line}  # {beside(name)}"

    found = [*lines(TOP_RULES)]
    for table, rules in TABLE_RULES.items():
        found += ["", f"[{table}]", *lines(f"{table}.{name}" for name in rules)]
    for source, note in zip_longest(settings.sources, sources_beside):
        values = ((name, getattr(source, name)) for name in SOURCE_RULES)
        found += _entry("source", note, ((name, value) for name, value in values if value))
    for price, note in zip_longest(settings.prices, prices_beside):
        found += _entry("prices", note, _price_values(price))
    for job, note in zip_longest(settings.jobs, jobs_beside):
        found += _entry("job", note, ((name, getattr(job, name)) for name in JOB_RULES))
    return "\n".join(found) + "\n"


def _entry(table: str, note: str | None, values: Iterable[tuple[str, Any]]) -> list[str]:
    head = f"[[{table}]]  # {note}" if note else f"[[{table}]]"
    return ["", head, *(f"{name} = {toml(value)}" for name, value in values)]


def _price_values(price: OwnPrice) -> Iterator[tuple[str, Any]]:
    """What an entry says, by the names of the file."""
    for name in PRICE_RULES:
        value = getattr(price, "since" if name == "from" else name)
        if value is not None:
            yield name, value


def _about(name: str) -> str:
    rule = RULES[name]
    return f"{rule.allowed}; {rule.about}" if rule.about else rule.allowed


def _told(origin: Origin) -> str:
    return f"{origin.kind}: {origin.place}" if origin.place else origin.kind


def _plain(value: Any) -> Any:
    if isinstance(value, Path | Decimal | date):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    return json.dumps(_plain(value), ensure_ascii=False).replace("\x7f", "\\u007f")
