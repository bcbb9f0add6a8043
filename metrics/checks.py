"""What a check is, and how several things about a part become one. Pure.

The rule: `info` and `unknown` never make the whole less than healthy, a `warning` makes it degraded
and an `error` unhealthy.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

Status = Literal["ok", "info", "unknown", "warning", "error"]

_ORDER: Sequence[Status] = ("ok", "unknown", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Check:
    """How one part is. `do` is empty where nobody needs to do anything."""

    name: str
    status: Status
    text: str
    do: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """As JSON, for who may know everything."""
        return asdict(self)


class Finding(NamedTuple):
    """One thing about a part; the worst of them gives the check its status."""

    status: Status
    text: str
    do: str = ""


def overall(checks: Iterable[Check]) -> str:
    """healthy, degraded or unhealthy."""
    found = {check.status for check in checks}
    return "unhealthy" if "error" in found else "degraded" if "warning" in found else "healthy"


def joined(name: str, found: Sequence[Finding], facts: Mapping[str, Any]) -> Check:
    """One check of everything found about a part, the worst first."""
    worst = max(found, key=lambda one: _ORDER.index(one.status))
    ordered = [worst, *(one for one in found if one is not worst)]
    text = "; ".join(one.text for one in ordered)
    return Check(name, worst.status, text, "; ".join(one.do for one in ordered if one.do), facts)


def span(seconds: float) -> str:
    """The largest unit that leaves two digits or so."""
    for unit, length_s in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} seconds"


def amount(size_bytes: int) -> str:
    """In decimal units."""
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
