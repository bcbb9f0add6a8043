"""What the database's own errors mean to us: transient, permanent, or a person's to mend."""

from pathlib import Path

import duckdb

from core.errors import ConfigurationError, PermanentError, SessionwatchError, TransientError

_TRANSIENT = (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.InterruptException)


def refused_write(error: duckdb.Error | SessionwatchError) -> SessionwatchError:
    """What a failed write means to the worker whose rows these were."""
    if isinstance(error, SessionwatchError):
        return error
    # The engine's own words may quote a value; only the error's class is safe to keep.
    text = f"the database refused the rows: {type(error).__name__}"
    if isinstance(error, _TRANSIENT):
        return TransientError(text, reason="database_busy")
    return PermanentError(text, reason="rows_refused")


def refused_open(path: str | Path, error: Exception) -> ConfigurationError:
    """Why the database file cannot be had."""
    if "Could not set lock" in str(error):  # A bad block has a "lock" in it as well.
        return ConfigurationError(
            f"{path} is in use by another process",
            reason="database_locked",
            hint="stop the other sessionwatch, or let the command ask it: use the same --db",
        )
    return ConfigurationError(
        f"{path} cannot be opened: {error}", reason="database_unreadable",
        hint="check the path and its permissions",
    )  # fmt: skip
