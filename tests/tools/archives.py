"""Unpacks archives that the tests trust.

The rule: also with the first releases of Python 3.11, as Debian 12 has it: they know no filters.
"""

import tarfile
from pathlib import Path


def unpack(archive: Path, into: Path) -> None:
    """With the filter `data` where there is one (from 3.11.4 on)."""
    with tarfile.open(archive) as packed:
        if hasattr(tarfile, "data_filter"):
            packed.extractall(into, filter="data")
        else:
            packed.extractall(into)
