"""What the API may ask of the running service, and nothing more."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from core.acting import Principal
from core.keys import SessionKey
from core.rows import Amendment, Receipt
from core.uploads import Arrival, Stored
from metrics.checks import Check


class Uploads(Protocol):
    """Session files that come over HTTP (`service.uploads`)."""

    def take(self, arrival: Arrival, chunks: Iterable[bytes], actor: str) -> Stored:
        """Store a body as it comes; `actor` is who sends it. If it raises, nothing changed."""

    def look(self, user: str, path: str) -> dict[str, Any]:
        """Size and digest of a file that is there."""

    def page(self, limit: int, after: str, user: str | None) -> dict[str, Any]:
        """The files that came, newest first, with their states."""

    def summary(self, user: str | None) -> dict[str, Any]:
        """How it stands with what came within 24 h."""


class Operator(Protocol):
    """What an operator may do (`service.operator`)."""

    def requeue(
        self, processor: str | None, source: str | None, path: str | None
    ) -> dict[str, Any]:
        """Try failed files now. `{"requeued": n}`."""

    def reprocess(self, source: str | None, path: str, processor: str | None) -> dict[str, Any]:
        """Build all rows of one session anew, and what became of each file."""

    def pause(self, processor: str, who: Principal) -> dict[str, Any]: ...

    def resume(self, processor: str) -> dict[str, Any]: ...

    def backlog(self) -> dict[str, Any]:
        """What waits, by processor."""


class Control(Protocol):
    """The service as the API sees it. Every method may be called from any thread.

    Values are plain JSON. A question that cannot be answered raises `ConfigurationError`, whose
    text and hint go to whoever asked.
    """

    @property
    def operator(self) -> Operator: ...

    @property
    def uploads(self) -> Uploads:
        """Raises `ConfigurationError` (`uploads_off`) where none are taken."""

    def readiness(self) -> list[str]:
        """Why the service is not ready, one reason a line; empty if it is."""

    def checks(self) -> Sequence[Check]:
        """How every part of the service is, each with what to do about it."""

    def status(self) -> dict[str, Any]:
        """Files, bytes and states, in sum and by processor."""

    def processors(self) -> list[dict[str, Any]]:
        """Every processor, the unavailable ones with their reason."""

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
    """What may be run by name (`service.jobs`), from any thread. Each leaves its own row in the
    audit."""

    def names(self) -> list[str]: ...

    def takes(self, name: str) -> list[str]:
        """The parameters of a job."""

    def live(self, run_id: str) -> Running | None:
        """The run of this id while it goes on."""

    def cancel(self, run_id: str) -> dict[str, Any]:
        """Ask a run to end soon. Raises `ConfigurationError` if it does not go on."""

    def running(self) -> Mapping[str, Running]:
        """Runs that go on now, by job; of several of one job the last."""

    def run(
        self,
        name: str,
        who: Principal,
        params: Mapping[str, Any] | None = None,
        correlation_id: str = "",
    ) -> Any:
        """To its end; the details. What the work raises goes on.

        Raises `ConfigurationError`: `unknown_job`, `bad_parameter` or `already_running`.
        """

    def start(
        self,
        name: str,
        who: Principal,
        params: Mapping[str, Any] | None = None,
        correlation_id: str = "",
    ) -> dict[str, Any]:
        """The same in the background: `{"run_id": …}` and what the job says at once."""
