"""Which sessions their agents will delete before they were read.

The rule: an agent deletes by the age of a file and asks nobody, so what counts is the file's last
change and the agent's own limit, where that is written beside the sessions.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from core.keys import SessionKey
from core.ledger import FileStat
from metrics.health import ShieldFacts
from service.retention import DAY_US

SETTINGS_BYTES_MAX = 1 << 20


def days_of(root: Path, default: int) -> int:
    """After how many days the agent that writes below `root` deletes a session.

    Claude Code keeps its limit in `settings.json` beside `projects`: `cleanupPeriodDays`, counted
    from the last change of a file. What cannot be read there says nothing.
    """
    try:
        with (root.parent / "settings.json").open("rb") as file:
            found = json.loads(file.read(SETTINGS_BYTES_MAX))
    except (OSError, ValueError, RecursionError):
        return default
    days = found.get("cleanupPeriodDays") if isinstance(found, dict) else None
    return days if type(days) is int and days >= 0 else default


def facts(
    source: str,
    unread: Mapping[SessionKey, FileStat],
    *,
    days: int,
    warn_days: int,
    now_us: int,
) -> ShieldFacts:
    """What is near its end among the unread files of a source."""
    ends_us = {key: stat.mtime_ns // 1000 + days * DAY_US for key, stat in unread.items()}
    near = {key: at_us for key, at_us in ends_us.items() if at_us - warn_days * DAY_US <= now_us}
    if not near:
        return ShieldFacts(source, days)
    oldest = min(near, key=lambda key: (near[key], key))
    return ShieldFacts(source, days, len(near), str(oldest), (near[oldest] - now_us) / 1e6)


def of_source(
    source: str, found: Iterable[tuple[SessionKey, FileStat]]
) -> dict[SessionKey, FileStat]:
    """The files of one source; of two sights of one the younger."""
    files: dict[SessionKey, FileStat] = {}
    for key, stat in found:
        if key.source == source:
            files[key] = max(stat, files.get(key, stat), key=lambda one: one.mtime_ns)
    return files
