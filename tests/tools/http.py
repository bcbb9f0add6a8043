"""Parts of the API over a store, for tests that serve it without a whole service.

The rule: real parts over a real database; only what the test hands in as `control` may be made up.
"""

import time
from typing import Any

from api.gate import Gate
from api.parts import Parts
from api.secret import Secret
from metrics.instruments import Instruments
from service.jobs import Job, Jobs
from state.operations.desk import Desk
from state.queries import Queries
from state.store import Store

ADMIN_SECRET = "a-secret-of-the-tests-with-enough-characters"


def parts_of(
    control: Any,
    store: Store,
    instruments: Instruments | None = None,
    *,
    loopback: bool = True,
    secrets: tuple[Secret, ...] = (),
) -> Parts:
    """As the service puts them together; without a secret it is development mode."""
    desk = Desk(store.cursor, lambda: time.time_ns() // 1000, time.monotonic)
    gate = Gate(desk.tokens, secrets, loopback=loopback, monotonic_s=time.monotonic)
    jobs = Jobs(desk, lambda: False)
    jobs.add(
        Job(
            "rescan", lambda run: run.progress, "rescan", "sessions", ("matched",),
            takes=("processor", "session"), alone=False,
            begin=lambda run: control.rescan(*map(run.params.get, ("processor", "session"))),
        )
    )  # fmt: skip
    return Parts(control, jobs, Queries(store), desk, instruments or Instruments(), gate)


def no_parts() -> Any:
    """Enough to list the endpoints, which ask nothing before they are called."""
    return Parts(None, None, None, None, Instruments(), None)  # type: ignore[arg-type]
