"""Uploads as a part of the running service (`api.control.Uploads`).

The rule: where uploads go is settled at the start; a setting that names no source, or one whose
files all belong to one user, stops it there and not at the first upload.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from core.errors import ConfigurationError
from core.keys import SessionKey
from core.ledger import LedgerEntry
from core.uploads import Arrival, Stored
from service.uploads.drop import Drop
from service.uploads.reconciling import Reconciling, told
from service.uploads.taking import Taking
from watcher.disk import Source

if TYPE_CHECKING:
    from service.supervisor import Service


class UploadPart:
    """Over a service whose other parts are made. Raises `ConfigurationError`."""

    def __init__(self, service: "Service") -> None:
        settings = service.settings.uploads
        source = _source(service, settings.into)
        self._service = service
        self._taking = Taking(
            settings, source.name, Drop(source.root, int(settings.mode, 8)), service.disk,
            service.desk.uploads, service.clock, service.instruments,
            lambda key: service.engine.touch(key, origin="upload"),
        )  # fmt: skip
        self.reconciling = Reconciling(service.desk.uploads, self._entries_of, service.clock.now_us)

    def take(self, arrival: Arrival, chunks: Iterable[bytes], actor: str) -> Stored:
        return self._taking.take(arrival, chunks, actor)

    def look(self, user: str, path: str) -> dict[str, Any]:
        return self._taking.look(user, path)

    def page(self, limit: int, after: str, user: str | None) -> dict[str, Any]:
        return self.reconciling.page(limit, after, user)

    def summary(self, user: str | None) -> dict[str, Any]:
        return {
            **told(self.reconciling.summary(user)),
            "file_max_bytes": self._taking.settings.file_max_bytes,
        }

    def _entries_of(self, key: SessionKey) -> Iterator[LedgerEntry | None]:
        """Of the processors that read it at once; those that wait for quiet may be late."""
        name = key.path.rpartition("/")[2]
        for lane in self._service.engine.lanes:
            if lane.processor.kind != "session" and lane.wants(name):
                yield self._service.store.ledger.get(lane.processor.name, key)


def part_of(service: "Service") -> UploadPart | None:
    """None if the settings name no source for uploads."""
    return UploadPart(service) if service.settings.uploads.into else None


def _source(service: "Service", name: str) -> Source:
    found = {source.name: source for source in service.disk.sources}.get(name)
    if found is None:
        raise ConfigurationError(
            f"no source is called {name}, and uploads are to go into it", reason="no_such_source",
            hint=f"[uploads] into: {', '.join(source.name for source in service.disk.sources)}",
        )  # fmt: skip
    if found.user is not None:
        raise ConfigurationError(
            f"all files of the source {name} belong to {found.user}", reason="source_of_one_user",
            hint="uploads go into folders of their users: take user from that [[source]]",
        )  # fmt: skip
    return found
