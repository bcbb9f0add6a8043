"""How a database file is opened: what it may use, and what no statement may change afterwards.

The rule: whoever opens one to serve it does so here, so there is one set of bounds.
"""

from pathlib import Path

import duckdb

from state.refusals import refused_open

WAL_BYTES_MAX = 256 << 20
SPILL_BYTES_MAX = 4 << 30
"""What one statement may write beside the database before it fails instead of filling the disk."""


def connect(path: str | Path, *, memory_limit: str, threads: int) -> duckdb.DuckDBPyConnection:
    """Open or create the file. Raises `ConfigurationError` if another process has it."""
    try:
        db = duckdb.connect(str(path), config={"memory_limit": memory_limit, "threads": threads})
    except duckdb.IOException as error:
        raise refused_open(path, error) from error
    db.execute("SET GLOBAL TimeZone = 'UTC'")
    # A checkpoint stalls the commit that meets it, so they are few; closing makes the last one.
    db.execute(f"SET checkpoint_threshold = '{WAL_BYTES_MAX} bytes'")
    db.execute(f"SET max_temp_directory_size = '{SPILL_BYTES_MAX} bytes'")
    db.execute("SET preserve_insertion_order = false")
    # What a report or a tally took goes back to the system: at rest a third less is held.
    db.execute("SET allocator_background_threads = true")
    db.execute("SET allocator_flush_threshold = '16MB'")
    db.execute("SET enable_external_access = false")
    return db
