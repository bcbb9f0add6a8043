"""The stub server's Message Batches: made, looked at, ended after some looks, read as JSON lines.

The rule: results come in any order and only when the batch has ended, as with the real API.
"""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.tools.anthropic_wire import ApiError, invalid

_AT = "2026-10-21T12:00:00Z"
_LATER = "2026-10-22T12:00:00Z"


@dataclass(slots=True)
class _Batch:
    id: str
    items: list[dict[str, Any]]
    looks_left: int
    canceled: bool = False
    results: dict[str, dict[str, Any]] | None = None


class Batches:
    """`result_of` answers one item's `params`; `polls` is how many looks a batch takes."""

    def __init__(
        self,
        result_of: Callable[[dict[str, Any]], dict[str, Any]],
        shuffled: Callable[[Sequence[str]], list[str]],
        polls: int,
    ) -> None:
        self._result_of = result_of
        self._shuffled = shuffled
        self.polls = polls
        self._batches: dict[str, _Batch] = {}
        self._lock = threading.Lock()

    def create(self, batch_id: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        with self._lock:
            batch = self._batches[batch_id] = _Batch(batch_id, items, self.polls)
        return _shown(batch, "")

    def get(self, batch_id: str, url: str) -> dict[str, Any]:
        """One look; the last of them ends the batch."""
        with self._lock:
            batch = self._found(batch_id)
            self._look(batch)
            return _shown(batch, url)

    def all(self) -> dict[str, Any]:
        """A look at each of them, newest first."""
        with self._lock:
            batches = [*reversed(self._batches.values())]
            for batch in batches:
                self._look(batch)
            found = [_shown(batch, "") for batch in batches]
        return {"data": found, "has_more": False, "first_id": None, "last_id": None}

    def finish(self) -> None:
        """All of them end with the next look."""
        with self._lock:
            for batch in self._batches.values():
                batch.looks_left = 0

    def cancel(self, batch_id: str, url: str) -> dict[str, Any]:
        with self._lock:
            self._found(batch_id).canceled = True
            return _shown(self._found(batch_id), url)

    def delete(self, batch_id: str) -> dict[str, Any]:
        with self._lock:
            if self._found(batch_id).results is None:
                raise invalid("a batch must have ended before it is deleted")
            del self._batches[batch_id]
        return {"id": batch_id, "type": "message_batch_deleted"}

    def results(self, batch_id: str) -> bytes:
        with self._lock:
            results = self._found(batch_id).results
        if results is None:
            raise ApiError(404, "not_found_error", "the batch has not ended")
        lines = ({"custom_id": one, "result": results[one]} for one in self._shuffled([*results]))
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    def _look(self, batch: _Batch) -> None:
        batch.looks_left -= 1
        if batch.looks_left < 0 and batch.results is None:
            batch.results = {item["custom_id"]: self._ended(batch, item) for item in batch.items}

    def _ended(self, batch: _Batch, item: dict[str, Any]) -> dict[str, Any]:
        return {"type": "canceled"} if batch.canceled else self._result_of(item["params"])

    def _found(self, batch_id: str) -> _Batch:
        if batch_id not in self._batches:
            raise ApiError(404, "not_found_error", f"no such batch: {batch_id}")
        return self._batches[batch_id]


def _shown(batch: _Batch, url: str) -> dict[str, Any]:
    kinds = ("succeeded", "errored", "canceled", "expired")
    found = [result["type"] for result in (batch.results or {}).values()]
    ended = batch.results is not None
    unfinished = "canceling" if batch.canceled else "in_progress"
    return {
        "type": "message_batch",
        "id": batch.id,
        "processing_status": "ended" if ended else unfinished,
        "request_counts": {"processing": 0 if ended else len(batch.items)}
        | {kind: found.count(kind) for kind in kinds},
        "created_at": _AT,
        "expires_at": _LATER,
        "ended_at": _AT if ended else None,
        "archived_at": None,
        "cancel_initiated_at": _AT if batch.canceled else None,
        "results_url": f"{url}/v1/messages/batches/{batch.id}/results" if ended else None,
    }
