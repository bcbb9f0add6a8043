"""What the API may ask of the running service, and nothing more."""

from typing import Any, Protocol


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

    def sweep(self) -> dict[str, Any]:
        """Compare all files with the ledger now instead of at the next cadence."""

    def hold(self) -> dict[str, Any]:
        """Write a checkpoint and keep the file so: `{"tables", "pause_seconds"}`, by table rows and
        digest of what is in it."""

    def release(self) -> dict[str, Any]:
        """The file may be written to again: `{}`."""
