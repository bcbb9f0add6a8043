"""What the engine and its ledger look like from outside, as plain JSON values."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from core.ledger import LedgerEntry
from core.seams import Ledger
from processors.registry import Registry

if TYPE_CHECKING:  # Costs time that a command may not need.
    from service.engine import Lane


def status(ledger: Ledger, registry: Registry) -> dict[str, Any]:
    """Files, committed bytes and states, in sum and by processor."""
    by_name = {p.name: list(ledger.entries(p.name)) for p in registry.processors}
    keys = {entry.key for entries in by_name.values() for entry in entries}
    return {
        "files": len(keys),
        "processors": {name: _counts(entries) for name, entries in by_name.items()},
        "unavailable": {one.name: one.reason for one in registry.unavailable},
    }


def queues(lanes: Iterable["Lane"], now_s: float) -> dict[str, dict[str, Any]]:
    """What waits, by processor."""
    return {
        lane.processor.name: {
            "depth": lane.queue.depth,
            "oldest_s": round(lane.queue.oldest_s(now_s), 3),
            "paused": lane.queue.paused,
        }
        for lane in lanes
    }


def processor_list(ledger: Ledger, registry: Registry) -> list[dict[str, Any]]:
    """Every processor with its contract and its state; the unavailable ones with the reason."""
    loaded = [
        {
            "name": p.name,
            "version": p.version,
            "kind": p.kind,
            "tables": sorted(p.tables),
            "match": list(p.match),
            "available": True,
            **_counts(list(ledger.entries(p.name))),
            "outdated": sum(e.processor_version != p.version for e in ledger.entries(p.name)),
        }
        for p in registry.processors
    ]
    missing = [
        {"name": u.name, "available": False, "reason": u.reason} for u in registry.unavailable
    ]
    return [*loaded, *missing]


def _counts(entries: list[LedgerEntry]) -> dict[str, Any]:
    states = Counter("gone" if entry.source_gone else entry.status for entry in entries)
    return {
        "files": len(entries),
        "bytes": sum(entry.committed_bytes for entry in entries),
        **{state: states[state] for state in ("ok", "waiting", "retrying", "parked", "gone")},
    }
