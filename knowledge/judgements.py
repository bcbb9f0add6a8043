"""What may be said of two statements that seem to contradict each other, and what to do about it.

The rule: advice. A judgement is shown beside a pair, holds for the very words that were judged, and
decides nothing; what follows from it is a proposal, made here and not by who judged.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal, get_args

from knowledge.resolutions import ConflictChoice

Verdict = Literal["contradicts", "supersedes", "both_hold", "same", "unclear"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
Severity = Literal["hard", "soft", "none"]
REASON_CHARS_MAX = 300

_SEVERITIES: dict[Verdict, Severity] = {
    "contradicts": "hard",
    "supersedes": "soft",
    "both_hold": "none",
    "same": "none",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """Of a pair, the smaller id first. `newer`: of "supersedes" the one that would stand."""

    left: str
    right: str
    said: str
    verdict: Verdict
    newer: str = ""
    reason: str = ""

    @property
    def severity(self) -> Severity | None:
        """How bad it is that both are there; None if that was not said."""
        return _SEVERITIES.get(self.verdict)

    @property
    def suggestion(self) -> ConflictChoice | None:
        """How the conflict might be settled, the left one being `a`; None if a person must know."""
        if self.verdict == "supersedes":
            return "kept_a" if self.newer == self.left else "kept_b"
        if self.verdict == "both_hold":
            return "both_valid"
        return "merged" if self.verdict == "same" else None


def said_digest(left: str, right: str) -> str:
    """16 hex digits of two statements: other words are another question."""
    return hashlib.sha256(f"{left}\n{right}".encode()).hexdigest()[:16]
