"""The files that failed, a page at a time: what an operator mends and sends back.

The rule: the list is the ledger's own, in a fixed order, so that a page goes on where the one
before ended however many files failed or were mended meanwhile.
"""

import base64
import json
from typing import Any

from core.errors import ConfigurationError
from core.ledger import LedgerEntry
from state.ledger import LedgerMirror
from state.times import iso_utc

STATES = ("parked", "retrying")
_Place = tuple[str, str, str]


def page(
    ledger: LedgerMirror,
    limit: int = 100,
    after: str = "",
    processor: str | None = None,
    state: str | None = None,
) -> dict[str, Any]:
    """`{"parked": […], "next": …}`; `state` is parked, retrying or, for both, None."""
    if state not in (None, *STATES):
        raise ConfigurationError(
            f"unknown state {state[:40]!r}", reason="bad_parameter", hint="known: parked, retrying"
        )
    start = _decoded(after) if after else ("", "", "")
    states = STATES if state is None else (state,)
    chosen = ledger.processors() if processor is None else (processor,)
    found = sorted(
        (
            entry
            for name in chosen
            for entry in ledger.entries(name)
            if entry.status in states and not entry.source_gone and _place(entry) > start
        ),
        key=_place,
    )
    shown = found[:limit]
    return {
        "parked": [_shown(entry) for entry in shown],
        "next": _encoded(shown[-1]) if len(found) > limit else None,
    }


def _place(entry: LedgerEntry) -> _Place:
    return entry.processor, entry.key.source, entry.key.path


def _shown(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "processor": entry.processor,
        "source": entry.key.source,
        "path": entry.key.path,
        "state": entry.status,
        "reason": entry.reason,
        "error": entry.error,
        "attempts": entry.attempts,
        "try_again_at": iso_utc(entry.try_again_at_us),
        "committed_bytes": entry.committed_bytes,
        "size_bytes": entry.stat.size_bytes if entry.stat else None,
    }


def _encoded(entry: LedgerEntry) -> str:
    return base64.urlsafe_b64encode(json.dumps(_place(entry)).encode()).decode()


def _decoded(after: str) -> _Place:
    try:
        processor, source, path = map(str, json.loads(base64.urlsafe_b64decode(after.encode())))
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            "after is not a place in this list", reason="bad_parameter",
            hint="use the `next` of the page before",
        ) from error  # fmt: skip
    return processor, source, path
