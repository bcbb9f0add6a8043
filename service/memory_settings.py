"""The settings of the team's knowledge base: table `[memory]`.

The rule: without `homes` notes are read from drop folders alone, so nobody's home by accident.
"""

from dataclasses import dataclass
from typing import Annotated

from service.rules import integer, text


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """Every value is a setting of the same name."""

    homes: Annotated[
        str, text(r"(/[^\0]*)?", "an absolute path", "the folder of homes with CLAUDE.local.md")
    ] = ""
    budget_tokens: Annotated[int, integer(500, 100_000, "what a bundle may cost")] = 6000
