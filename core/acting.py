"""Who acts on the service, and in what role.

The rule: a role is a set of things one may ask for, not a rank: who scrapes metrics sees no
sessions, and an analyst changes nothing but which session files of their own are here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ADMIN = "admin"
ANALYST = "analyst"
METRICS = "metrics"
ROLES = (ADMIN, ANALYST, METRICS)


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who was let in. `kind` says how: token, browser, socket, development, scheduler or
    command. `person` is whose sessions an analyst may see."""

    name: str
    role: str
    kind: str
    person: str | None = None
    address: str | None = None


def went_well(details: Mapping[str, Any]) -> bool:
    """Does a run say of itself that it did what it should? An exit code counts before errors."""
    if details.get("stopped"):
        return False
    if "rc" in details:
        return not details["rc"]
    return not (details.get("errors") or details.get("items_db_errors"))


SCHEDULER = Principal("scheduler", ADMIN, "scheduler")
