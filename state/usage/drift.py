"""What changes when agents change: the report `version`, and the notes of `doctor`.

The rule: a version is held against the one before it, because a log format is nobody's promise: in
Claude Code 2.1.12 to 2.1.52 nearly no message was final, and output looked up to a hundredfold
smaller than it was. What a dialect does not know is listed with the place of a sample, not copied.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from state.sql import load
from state.usage import asking
from state.usage.asking import Asked, Cursor

ENOUGH_MESSAGES = 20
"""Below this a share is chance."""
UNKNOWN = "unknown"
"""Lines that name no version, of any time: nothing is before them."""
FINAL_STEP = 0.3
COPIES_FACTOR = 1.5

_QUERIES = load("usage/drift.sql")


def versions(cursor: Cursor, asked: Asked) -> dict[str, Any]:
    """Every version of every agent, and what their dialects do not know."""
    found = asking.records(cursor, _QUERIES["versions"], {**asked, "enough": ENOUGH_MESSAGES})
    return {
        "versions": [_version(row) for row in found],
        "unknown": [_unknown(row) for row in asking.records(cursor, _QUERIES["unknown"], asked)],
        "totals": {"messages": sum(row["messages"] for row in found)},
    }


def notes(report: Mapping[str, Any]) -> Iterator[str]:
    """What of that report a person should know, a line each."""
    for row in report["versions"]:
        if row["change"]:
            yield f"{row['agent']} {row['version']}: {row['change']}"
    for row in report["unknown"]:
        sample = row["sample"]
        place = f"{sample['source']}:{sample['path']} at byte {sample['offset']}"
        version = row["lastVersion"] or "unknown"
        yield (
            f"{row['agent']} {version}: unknown {row['what']} {row['name']!r} on {row['lines']} "
            f"lines, first {place}"
        )


def _version(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": row["version"],
        "agent": row["agent"],
        "messages": row["messages"],
        "finalShare": row["final_share"],
        "copiesPerMessage": row["copies_per_message"],
        "outputPerMessage": row["output_per_message"],
        "change": "; ".join(_changes(row)),
    }


def _changes(row: Mapping[str, Any]) -> Iterator[str]:
    if row["messages"] < ENOUGH_MESSAGES or row["before"] is None or row["version"] == UNKNOWN:
        return
    before = f"since {row['before']}"
    if abs(row["final_share"] - row["final_before"]) >= FINAL_STEP:
        yield f"final messages {row['final_before']:.0%} to {row['final_share']:.0%} {before}"
    factor = row["copies_per_message"] / row["copies_before"]
    if not 1 / COPIES_FACTOR <= factor <= COPIES_FACTOR:
        then, now = row["copies_before"], row["copies_per_message"]
        yield f"lines per message {then:g} to {now:g} {before}"


def _unknown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "agent": row["agent"],
        "what": row["what"],
        "name": row["name"],
        "lines": row["lines"],
        "lastVersion": row["last_version"],
        "sample": row["sample"],
    }
