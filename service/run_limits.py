"""The bounds of forced runs, as settings and in the predecessor's variable.

The rule: a run that somebody waits for ends in bounded time, and what it did not come to is left
for the next one. Line and document processors are quick and have no cap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from service.rules import integer, seconds

VARIABLE = "SESSION_PROCESSOR_MAX_PER_RUN"
"""Where the predecessor had `files_max`; what is no number above 0 means no cap, as there."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Every value is a setting of the table `[runs]`."""

    files_max: Annotated[
        int, integer(0, 1_000_000, "files that one run of a session processor tries; 0: all")
    ] = 50
    budget_s: Annotated[
        float, seconds(1, 86_400, "after which a forced run begins no further file")
    ] = 150.0


def files_max_of(limits: RunLimits, environ: Mapping[str, str], kind: str) -> int | None:
    """How many files a run of a processor of this kind may try; None for all."""
    if kind != "session":
        return None
    text = environ.get(VARIABLE)
    if text is None:
        return limits.files_max or None
    try:
        return max(0, int(text)) or None
    except ValueError:
        return None
