"""The endpoint that reads the audit.

The rule: reading leaves no row. Who reads would else fill what is read, and what an admin may see
here is only what admins did; the predecessor's one row a minute told of nothing else.
"""

from typing import Annotated, Any

from msgspec import Meta

from api.endpoints import Ask, Endpoint, Fields
from api.parts import Parts
from state.times import instant_us


class AuditQuery(Fields):
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    after: str = ""
    action: str | None = None
    actor: str | None = None
    result: str | None = None
    since: str | None = None
    until: str | None = None


def endpoints(parts: Parts) -> list[Endpoint]:
    def page(ask: Ask) -> dict[str, Any]:
        query: AuditQuery = ask.query
        return parts.desk.audit.page(
            query.limit, query.after, query.action, query.actor, query.result,
            since_us=instant_us(query.since), until_us=instant_us(query.until, ends=True),
        )  # fmt: skip

    return [Endpoint("GET", "/api/v1/audit", page, "Who did what, newest first.", query=AuditQuery)]
