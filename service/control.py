"""What the API may ask of the running service (`api.control.Control`).

The rule: nothing is decided here; a question goes to the part that knows, a wish to the part that
does it, and both may come from any thread.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.keys import SessionKey
from core.rows import Amendment, Commit, Receipt
from service import model_part, overview
from service.engine import outdate
from watcher.disk import Disk

if TYPE_CHECKING:
    from service.supervisor import Service

log = logging.getLogger("sessionwatch.service")


class ServiceControl:
    """Over a service whose parts are all made."""

    def __init__(self, service: "Service") -> None:
        self._service = service

    def readiness(self) -> list[str]:
        reasons = [f"{name} is not running" for name in self._service.dead()]
        return reasons + self._service.observer.complaints() + self._service.sweeping.complaints()

    def status(self) -> dict[str, Any]:
        queues = {
            lane.processor.name: {
                "depth": lane.queue.depth,
                "oldest_s": round(lane.queue.oldest_s(self._service.clock.monotonic_s()), 3),
            }
            for lane in self._service.engine.lanes
        }
        found = overview.status(self._service.store.ledger, self._service.registry)
        return {
            **found,
            "queues": queues,
            "ready": self.readiness(),
            "url": self._service.server.url,
        }

    def processors(self) -> list[dict[str, Any]]:
        return overview.processor_list(self._service.store.ledger, self._service.registry)

    def rescan(self, processor: str | None, session: str | None) -> dict[str, Any]:
        matched = outdate(self._service.store.ledger, self._service.registry, processor, session)
        self._rebuild(matched)
        log.info("rescan", extra={"processor": processor, "matched": len(matched)})
        return {"matched": len(matched)}

    def reread(self, keys: Sequence[SessionKey]) -> int:
        matched = model_part.outdated(self._service.store.ledger, self._service.registry, keys)
        self._rebuild(matched)
        return len({commit.after.key for commit in matched})

    def model(self) -> dict[str, Any]:
        return model_part.status_of(self._service.model)

    def _rebuild(self, matched: Sequence[Commit]) -> None:
        waiting = list(matched)
        while waiting:
            answers = [(commit, self._service.writer.submit(commit)) for commit in waiting]
            # A file that grew meanwhile has another entry now: that one is to be outdated.
            fenced = [commit.after for commit, future in answers if future.result().fenced]
            entries = (
                self._service.store.ledger.get(after.processor, after.key) for after in fenced
            )
            there = (entry for entry in entries if entry and not entry.source_gone)
            waiting = [Commit(entry, entry.outdated()) for entry in there]
        for key in {commit.after.key for commit in matched}:
            self._service.engine.touch(key, origin="rescan")

    def amend(self, change: Amendment) -> Receipt:
        return self._service.writer.submit(change).result()

    def remove_files(self, keys: Sequence[SessionKey]) -> list[str]:
        return [str(key) for key in keys if not _removed(self._service.disk, key)]

    def hold(self) -> dict[str, Any]:
        return self._service.holding.hold()

    def release(self) -> dict[str, Any]:
        return self._service.holding.release()

    def sweep(self) -> dict[str, Any]:
        self._service.timer.hurry("sweep")
        return {"sources": list(self._service.engine.sources)}


def _removed(disk: Disk, key: SessionKey) -> bool:
    try:
        disk.remove(key)
    except FileNotFoundError:
        return True
    except OSError as error:
        log.warning("not_removed", extra={"key": str(key), "error": error.strerror})
        return False
    return True
