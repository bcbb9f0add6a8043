"""Row types as database tables: which columns a `NamedTuple` class stands for.

The rule: a processor says what its rows are once, as a typed class, and every other place (DDL,
inserts, Arrow schemas, digests, documentation) reads it from there.
"""

import functools
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import ConfigurationError

SQL_TYPES: Mapping[type, str] = {
    int: "BIGINT",
    str: "VARCHAR",
    bool: "BOOLEAN",
    float: "DOUBLE",
}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_RESERVED = frozenset(
    {"generation", "offset", "seq", "source", "path", "user", "session", "source_gone"}
)
ENGINE_TABLES = frozenset(
    {
        "files",
        "ledger",
        "processor_tables",
        "quarantine",
        "quarantine_lines",
        "schema_migrations",
        "losses",
        "uncompacted",
        "all_events",
        "all_messages",
        "all_prompts",
        "all_quotas",
        "all_records",
        "all_tool_calls",
        "all_tool_results",
        "usage_counted",
        "usage_quarters",
        "usage_rules",
        "usage_tallied",
        "usage_prices",
        "usage_price_lookups",
        "tokens",
        "audit",
        "runs",
        "last_runs",
        "paused",
        "people",
        "aliases",
        "erased",
        "retired",
        "amended",
        "uploads",
        "model_askers",
        "model_payloads",
        "model_recordings",
        "model_calls",
        "model_spending",
        "model_batches",
        "model_batch_items",
        "knowledge_items",
        "knowledge_evidence",
        "knowledge_relations",
        "knowledge_contradictions",
        "knowledge_settlements",
        "knowledge_votes",
        "knowledge_dismissals",
        "knowledge_decisions",
        "knowledge_deliveries",
        "knowledge_groups",
        "knowledge_judgements",
        "predecessor_states",
        "predecessor_events",
        "predecessor_sessions",
        "predecessor_knowledge",
        "predecessor_session_files",
        "predecessor_only_sessions",
    }
)
"""Names that the engine's own tables and views have, so that no processor may."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `sql_type` is a DuckDB type name. Every column may be NULL in old rows."""

    name: str
    python_type: type
    sql_type: str


@functools.cache
def columns(row_type: Any) -> tuple[Column, ...]:
    """The columns of a row type, in order. Raises `ConfigurationError` for what has no column."""
    named = isinstance(row_type, type) and issubclass(row_type, tuple)
    hints = typing.get_type_hints(row_type) if named else {}
    if not named or tuple(hints) != getattr(row_type, "_fields", None):
        raise ConfigurationError(f"{row_type!r} is not a row type", hint="use a NamedTuple class")
    return tuple(_column(row_type, name, hint) for name, hint in hints.items())


def checked_name(name: str) -> str:
    """A table or processor name that is safe as an identifier: `[a-z][a-z0-9_]*`, at most 63."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} is not a valid name", hint="use [a-z][a-z0-9_]*")
    return name


def _column(row_type: type, name: str, hint: object) -> Column:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        inner = [part for part in typing.get_args(hint) if part is not type(None)]
        hint = inner[0] if len(inner) == 1 else hint
    if hint not in SQL_TYPES or not isinstance(hint, type) or name in _RESERVED:
        raise ConfigurationError(
            f"{row_type.__name__}.{name}: {hint!r} cannot be a column",
            hint=f"use int, str, bool or float, and none of the names {sorted(_RESERVED)}",
        )
    return Column(checked_name(name), hint, SQL_TYPES[hint])
