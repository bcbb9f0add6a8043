"""What the API may ask of the running service (`api.control.Control`).

The rule: nothing is decided here; a question goes to the part that knows, a wish to the part that
does it, and both may come from any thread.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from api.control import Uploads
from core.errors import ConfigurationError
from core.keys import SessionKey
from core.rows import Amendment, Receipt
from metrics.checks import Check
from service import model_part, overview
from service.operator import Operator
from watcher.disk import Disk

if TYPE_CHECKING:
    from service.supervisor import Service

log = logging.getLogger("sessionwatch.service")


class ServiceControl:
    """Over a service whose parts are all made."""

    def __init__(self, service: "Service") -> None:
        self._service = service

    @property
    def operator(self) -> Operator:
        return self._service.operator

    @property
    def uploads(self) -> Uploads:
        if self._service.uploads is None:
            raise ConfigurationError(
                "this service takes no uploads", reason="uploads_off",
                hint="set [uploads] into to the name of a source",
            )  # fmt: skip
        return self._service.uploads

    def readiness(self) -> list[str]:
        reasons = [f"{name} is not running" for name in self._service.dead()]
        return reasons + self._service.observer.complaints() + self._service.sweeping.complaints()

    def checks(self) -> Sequence[Check]:
        return self._service.checkup.checks()

    def status(self) -> dict[str, Any]:
        queues = overview.queues(self._service.engine.lanes, self._service.clock.monotonic_s())
        found = overview.status(self._service.store.ledger, self._service.registry)
        return {
            **found,
            "queues": queues,
            "ready": self.readiness(),
            "url": self._service.server.url,
        }

    def processors(self) -> list[dict[str, Any]]:
        return overview.processor_list(self._service.store.ledger, self._service.registry)

    def reread(self, keys: Sequence[SessionKey]) -> int:
        service = self._service
        return service.operator.reread(
            model_part.outdated(service.store.ledger, service.registry, keys)
        )

    def model(self) -> dict[str, Any]:
        return model_part.status_of(self._service.model)

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
