"""Who acts on the service, and in what role.

The rule: a role is a set of things one may ask for, not a rank: who scrapes metrics sees no
sessions, and an analyst changes nothing.
"""

from dataclasses import dataclass

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


SCHEDULER = Principal("scheduler", ADMIN, "scheduler")
