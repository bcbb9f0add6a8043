"""What a running service takes up when its settings are read again (SIGHUP).

The rule: only what is asked for anew at each use can change while it runs. Everything else keeps
its value until a restart and is named in the log, so nobody believes a change that did not happen.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from core.errors import ConfigurationError
from service.settings import RULES, Settings, value_of, with_values

LIVE = frozenset(
    {
        "sweep_s", "poll_s", "drain_s", "log_format", "log_level",
        "runs.files_max", "runs.budget_s",
        *(
            f"retention.{name}"
            for name in (
                "tables", "audit_days", "runs_days", "uploads_days", "shield_days",
                "shield_warn_days",
            )
        ),
        *(
            f"limits.{name}"
            for name in (
                "chunk_bytes", "line_max_bytes", "document_max_bytes", "session_max_bytes",
                "tail_quiet_s", "stat_trust_s", "proof_max_s",
                "stuck_file_s", "attempts_max", "retry_first_s", "retry_max_s", "sql_s",
                "sql_rows_max",
            )
        ),
    }
)  # fmt: skip


class Reloaded(NamedTuple):
    """`settings` to go on with, the names of what changed in them and of what did not; with
    `faults` nothing changed."""

    settings: Settings
    changed: Sequence[str] = ()
    needs_restart: Sequence[str] = ()
    faults: Sequence[str] = ()


def attempt(old: Settings, reread: Callable[[], Settings]) -> Reloaded:
    """`reloaded` with what `reread` gives. Wrong settings change nothing."""
    try:
        return reloaded(old, reread())
    except ConfigurationError as error:
        return Reloaded(old, faults=[line.strip() for line in str(error).splitlines()])


def reloaded(old: Settings, new: Settings) -> Reloaded:
    """The old settings with everything of the new ones that may change while the service runs."""
    different = [name for name in RULES if value_of(old, name) != value_of(new, name)]
    live = [name for name in different if name in LIVE]
    rest = [name for name in different if name not in LIVE]
    if old.sources != new.sources:
        rest.append("source")
    if old.prices != new.prices:
        live.append("prices")
    changed = with_values(
        replace(old, prices=new.prices),
        {name: value_of(new, name) for name in live if name in RULES},
    )
    return Reloaded(changed, live, rest)
