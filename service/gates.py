"""Whether the service may listen where it is told to, and who is let in there.

The rule: beyond this machine nobody is let in without a token, so without one it does not listen
there; on this machine alone it does, and says loudly that everybody here is admin then.
"""

import logging
import os
from collections.abc import Mapping
from contextlib import suppress

from api.addresses import is_loopback
from api.gate import Gate
from api.secret import Secret
from core.errors import ConfigurationError
from core.seams import Clock
from service.settings import Settings
from state.operations.desk import Desk

USES_S = 600.0
"""Between two notes of when tokens were used."""

log = logging.getLogger("sessionwatch.service")


def gate_of(
    settings: Settings, desk: Desk, clock: Clock, environ: Mapping[str, str] | None = None
) -> Gate:
    """The gate of a service. Raises `ConfigurationError` if it would stand open to others."""
    secrets = Secret.all_of(os.environ if environ is None else environ)
    loopback = is_loopback(settings.host)
    if not loopback and not secrets and not desk.tokens.any_usable():
        raise ConfigurationError(
            f"no token is configured, and {settings.host} can be reached by others",
            reason="no_token",
            hint="sessionwatch token create NAME, or set SCHEDULER_API_TOKEN, or --host 127.0.0.1",
        )
    gate = Gate(
        desk.tokens, secrets, loopback=loopback, monotonic_s=clock.monotonic_s,
        person=desk.people.resolve,
    )  # fmt: skip
    if gate.development:
        log.warning(
            "development_mode",
            extra={
                "who": "everybody on this machine is admin",
                "end_it": "sessionwatch token create",
            },
        )
    return gate


def keep_uses(desk: Desk) -> float:
    """Write when tokens were last used; the seconds to the next time."""
    with suppress(Exception):  # What is wrong with the database, the writer says, and louder.
        desk.tokens.write_used()
    return USES_S
