"""Endpoints that say how the service is: one for whoever asks, one for who may know more.

The rule: what anybody may ask costs next to nothing, however often it is asked, and says nothing of
anybody's sessions.
"""

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from api.answers import Answer
from api.endpoints import READERS, Ask, Endpoint
from api.parts import Parts
from core.acting import ADMIN
from core.errors import TransientError
from metrics.checks import overall

CACHED_US = 30 * 10**6


def endpoints(parts: Parts) -> list[Endpoint]:
    """For load balancers and scripts, and for people."""
    here = _Health(parts)
    return [
        Endpoint(
            "GET", "/api/health", here.plain, "The database has the schema this version needs.",
            None, errors=(503,),
        ),
        Endpoint(
            "GET", "/api/health/detailed", here.detailed,
            "A check of every part; analysts see its name and status.", READERS,
        ),
    ]  # fmt: skip


class _Health:
    def __init__(self, parts: Parts) -> None:
        self._control = parts.control
        self._parts = parts
        self._schema: Cached | None = None

    def plain(self, _: Ask) -> Response:
        if self._schema is None:  # Not before somebody asks: there may be no database yet.
            self._schema = Cached(self._parts.queries.schema, self._parts.desk.now_us)
        try:
            have, need = self._schema.get()
        except TransientError as error:
            return Answer({"status": "unhealthy", "reason": error.reason}, 503)
        if have != need:
            return Answer({"status": "unhealthy", "reason": "schema_mismatch"}, 503)
        return Answer({"status": "ok", "schema_version": have})

    def detailed(self, ask: Ask) -> dict[str, Any]:
        checks = self._control.checks()
        if ask.who.role == ADMIN:
            told = [check.told() for check in checks]
        else:
            told = [{"name": check.name, "status": check.status} for check in checks]
        return {"status": overall(checks), "checks": told}


class Cached:
    """An answer of the last 30 s; a question that raised is asked again at once."""

    def __init__(self, ask: Callable[[], tuple[int, int]], now_us: Callable[[], int]) -> None:
        self._ask = ask
        self._now_us = now_us
        self._known: tuple[int, tuple[int, int]] | None = None

    def get(self) -> tuple[int, int]:
        known, now_us = self._known, self._now_us()
        if known is not None and 0 <= now_us - known[0] < CACHED_US:
            return known[1]
        found = self._ask()
        self._known = now_us, found
        return found
