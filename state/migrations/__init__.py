"""Numbered migrations, `NNNN_name.sql`, applied in order, each in one transaction.

The rule: a migration that has been released never changes; the next number does.
"""

from importlib.resources import files
from typing import NamedTuple


class Migration(NamedTuple):
    """One step from schema `version` - 1 to `version`."""

    version: int
    name: str
    sql: str


def released() -> tuple[Migration, ...]:
    """Every migration of this package, in order. Versions count up from 1 without a gap."""
    found = sorted(p.name for p in files(__package__).iterdir() if p.name.endswith(".sql"))
    steps = tuple(
        Migration(int(name[:4]), name[5:-4], (files(__package__) / name).read_text("utf-8"))
        for name in found
    )
    assert [step.version for step in steps] == list(range(1, len(steps) + 1))
    return steps
