"""Rows of one file without a database: `sessionwatch process`, the loop of writing a processor.

The rule: the file is read by the same code as in the service, so what is printed here is what
would be committed there.
"""

import glob
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError
from core.rows import QUARANTINE, ArrowRows
from service.limits import Limits
from service.reading import LineReading, WholeReading
from service.world import plain_tools
from watcher.disk import Disk, Source

_FAULT = ("length_bytes", "reason", "detail", "kept")


def rows(path: Path, processor: Any, limits: Limits) -> Iterator[dict[str, Any]]:
    """Every row in the order of the file, faults among them as rows of `quarantine_lines`.

    A last line without newline counts as complete. Raises `ConfigurationError` if the file
    cannot be read and `PermanentError` if the processor cannot take it.
    """
    if not path.exists():
        raise ConfigurationError(f"there is no file {path}", reason="no_such_file")
    real = Path(os.path.realpath(path))
    disk = Disk([Source.at(real.parent, "here", patterns=[glob.escape(real.name)])])
    key = disk.key_below("here", real.name)
    assert key is not None
    whole = replace(limits, tail_quiet_s=0.0)
    try:
        with disk.open(key) as file:
            if processor.kind == "line":
                yield from _ordered(processor, LineReading(file, processor, whole))
                return
            reading = WholeReading(
                file, processor, whole, key=key, tools=plain_tools(time.time_ns() // 1000)
            )
            yield from _ordered(processor, reading)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror or error}", reason="unreadable"
        ) from error


def _ordered(processor: Any, steps: LineReading | WholeReading) -> Iterator[dict[str, Any]]:
    names = {table: kind._fields for table, kind in processor.tables.items()} | {QUARANTINE: _FAULT}
    for step in steps:
        found = [
            (row[0], row[1], table, row)
            for table, made in step.rows.items()
            if not isinstance(made, ArrowRows)  # Only the backfill's children make those.
            for row in made
        ]
        for offset, seq, table, row in sorted(found, key=lambda item: item[:3]):
            columns = dict(zip(names[table], row[2:], strict=True))
            yield {"table": table, "offset": offset, "seq": seq, **columns}
