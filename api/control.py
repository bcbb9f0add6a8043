"""What the API may ask of the running service, and nothing more."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from core.acting import Principal
from core.keys import SessionKey
from core.rows import Amendment, Receipt


class Control(Protocol):
    """The service as the API sees it. Every method may be called from any thread.

    Values are plain JSON. A question that cannot be answered raises `ConfigurationError`, whose
    text and hint go to whoever asked.
    """

    def readiness(self) -> list[str]:
        """Why the service is not ready, one reason a line; empty if it is."""

    def status(self) -> dict[str, Any]:
        """Files, bytes and states, in sum and by processor."""

    def processors(self) -> list[dict[str, Any]]:
        """Every processor, the unavailable ones with their reason."""

    def rescan(self, processor: str | None, session: str | None) -> dict[str, Any]:
        """Rebuild what matches; `session` is a glob over paths. `{"matched": n}`."""

    def amend(self, change: Amendment) -> Receipt:
        """Have the writer change what no session file asks for, and wait for it."""

    def remove_files(self, keys: Sequence[SessionKey]) -> list[str]:
        """Delete session files from their sources; the paths that could not be."""

    def model(self) -> dict[str, Any]:
        """How the language model stands: state, reason, budget, today's calls, windows by state."""

    def reread(self, keys: Sequence[SessionKey]) -> int:
        """Have what asks a model read these files again; how many there are."""

    def sweep(self) -> dict[str, Any]:
        """Compare all files with the ledger now instead of at the next cadence."""

    def hold(self) -> dict[str, Any]:
        """Write a checkpoint and keep the file so: `{"tables", "pause_seconds"}`, by table rows and
        digest of what is in it."""

    def release(self) -> dict[str, Any]:
        """The file may be written to again: `{}`."""


class Running(Protocol):
    """A run while it goes on."""

    run_id: str
    progress: dict[str, Any]


class Jobs(Protocol):
    """What may be run by name (`service.jobs`). Each leaves its own row in the audit."""

    def names(self) -> list[str]: ...

    def running(self) -> Mapping[str, Running]:
        """Runs that go on now, by job."""

    def run(self, name: str, who: Principal, params: Mapping[str, Any] | None = None) -> Any:
        """To its end; the details."""

    def start(
        self, name: str, who: Principal, params: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        """In the background; `{"run_id": …}`."""
