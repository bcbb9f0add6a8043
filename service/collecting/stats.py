"""What a run of the collector did, in the predecessor's words.

The rule: an error is counted as one and as nothing else, and only a bounded number is told in full.
"""

from dataclasses import dataclass, field
from typing import Any

from core.keys import escape_path

ERRORS_TOLD_MAX = 100
COUNTS = ("users_processed", "files_copied", "files_skipped", "errors", "bytes_copied")


@dataclass(slots=True)
class Stats:
    """A skipped file is one that needs no copy, or that its user keeps private."""

    users_processed: int = 0
    files_copied: int = 0
    files_skipped: int = 0
    errors: int = 0
    bytes_copied: int = 0
    errors_detail: list[dict[str, str]] = field(default_factory=list)
    skipped: bool = False
    """Was nothing looked at, because the environment forbids it?"""

    def fail(self, user: str, path: str, reason: str) -> None:
        """Count what could not be collected; `path` is absolute, as the system spells it."""
        self.errors += 1
        if len(self.errors_detail) < ERRORS_TOLD_MAX:
            told = {"user": escape_path(user), "path": escape_path(path), "error": reason}
            self.errors_detail.append(told)

    def add(self, other: "Stats") -> None:
        """Count what another look did as well."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        room = ERRORS_TOLD_MAX - len(self.errors_detail)
        self.errors_detail += other.errors_detail[:room]
        self.skipped |= other.skipped

    def as_dict(self) -> dict[str, Any]:
        """As a command and a run of the scheduler print it."""
        told: dict[str, Any] = {name: getattr(self, name) for name in COUNTS}
        told["errors_detail"] = list(self.errors_detail)
        return told | ({"skipped": True} if self.skipped else {})
