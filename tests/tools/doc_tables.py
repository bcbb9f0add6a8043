"""The tables of docs/operations.md that follow from the code: `make docs` writes them again.

The rule: what is between `<!-- NAME: make docs -->` and `<!-- end -->` is generated and nothing
else is touched; `tests/test_docs.py` compares, so a new setting or metric cannot be forgotten.
"""

import functools
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from processors import registry
from service.limits import MIB
from service.reload import LIVE
from service.rules import Rule
from service.scheduling.settings import JOB_RULES, SCHEDULER_RULES, SchedulerSettings
from service.scheduling.variables import VARIABLES
from service.settings import (
    PRICE_RULES,
    SOURCE_RULES,
    TABLE_RULES,
    TOP_RULES,
    Settings,
    SourceSettings,
    value_of,
)
from service.settings_text import toml
from service.supervisor import Service

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/operations.md"
_PART = re.compile(r"(<!-- (\w+): make docs -->\n).*?(<!-- end -->)", re.DOTALL)


def settings_table() -> str:
    return _settings(TOP_RULES)


def table_of(name: str) -> str:
    """The settings of one TOML table."""
    return _settings({f"{name}.{key}": rule for key, rule in TABLE_RULES[name].items()})


def source_table() -> str:
    return _entries("source", SOURCE_RULES)


def prices_table() -> str:
    return _entries("prices", PRICE_RULES)


def scheduler_table() -> str:
    rows = (
        (
            f"`{name}`",
            f"`{toml(getattr(SchedulerSettings(), name))}`",
            rule.allowed.replace("*", r"\*"),
            rule.about,
        )
        for name, rule in SCHEDULER_RULES.items()
    )
    return _table(("in `[scheduler]`", "default", "allowed", "what it is"), rows)


def job_table() -> str:
    return _entries("job", JOB_RULES)


def predecessor_table() -> str:
    """Every environment variable of the predecessor."""
    rows = (
        (f"`{one.name}`", one.fate, f"`{one.setting}`" if one.setting else "", one.text)
        for one in VARIABLES
    )
    return _table(("variable", "here", "setting", "what that means, or what to do"), rows)


def metrics_table() -> str:
    """Every metric of a real service (of one that has a source and is not started)."""
    return _table(
        ("metric", "kind", "labels", "what it is"),
        (
            (f"`{name}`", kind, ", ".join(f"`{label}`" for label in labels), text)
            for name, kind, labels, text in metrics()
        ),
    )


@functools.cache
def metrics() -> list[tuple[str, str, Sequence[str], str]]:
    """Name as it is scraped, kind, labels and help of each of our metrics."""
    with TemporaryDirectory() as folder:
        sources = (SourceSettings("team", Path(folder)),)
        settings = Settings(sources=sources, db=Path(folder) / "t.duckdb", port=0)
        service = Service(settings, registry.load())
        try:
            collectors: Iterable[Any] = service.instruments.registry._collector_to_names
            found = [
                (family.name + "_total" * (family.type == "counter"), family.type,
                 tuple(getattr(collector, "_labelnames", getattr(family, "_labelnames", ()))),
                 family.documentation)
                for collector in collectors
                for family in collector.collect()
                if family.name.startswith("sessionwatch_")
            ]  # fmt: skip
        finally:
            service.store.close()
    return sorted(found)


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    **{name: functools.partial(table_of, name) for name in TABLE_RULES},
    "source": source_table,
    "prices": prices_table,
    "scheduler": scheduler_table,
    "job": job_table,
    "predecessor": predecessor_table,
    "metrics": metrics_table,
}


def written(text: str) -> str:
    """The document with every generated table as the code has it now."""
    return _PART.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


def _settings(rules: dict[str, Rule]) -> str:
    rows = (
        (
            f"`{name.rpartition('.')[2]}`",
            f"`{toml(_default(name))}`{_human(name)}",
            rule.allowed,
            rule.about,
            "yes" if name in LIVE else "",
        )
        for name, rule in rules.items()
    )
    return _table(("setting", "default", "allowed", "what it is", "live"), rows)


def _entries(table: str, rules: dict[str, Rule]) -> str:
    rows = (
        (f"`{name}`", rule.allowed.replace("*", r"\*"), rule.about) for name, rule in rules.items()
    )
    return _table((f"in `[[{table}]]`", "allowed", "what it is"), rows)


def _default(name: str) -> Any:
    return value_of(Settings(), name)


def _human(name: str) -> str:
    return f" ({_default(name) // MIB} MiB)" if name.endswith("_bytes") else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in lines)


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{DOCUMENT}\n")
