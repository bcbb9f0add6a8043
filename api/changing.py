"""Endpoints of the private socket (typed SQL, what backup and doctor ask), and the sweep.

The rule: what no token may do is `private`, and stands here; whatever changes something has an
`action` for the audit.
"""

from typing import Any

from api.endpoints import Ask, Endpoint, Fields
from api.parts import Parts


class SqlBody(Fields):
    query: str


def endpoints(parts: Parts) -> list[Endpoint]:
    """What an operator may do; typed SQL on the private socket alone."""
    here = _Changing(parts)
    return [
        Endpoint(
            "POST", "/api/v1/sweep", here.sweep, "Compare all files with the ledger now.",
            body=Fields, action="sweep", resource="sources",
        ),
        Endpoint(
            "POST", "/api/v1/sql", here.sql, "One read-only statement.", body=SqlBody, private=True
        ),
        Endpoint(
            "POST", "/api/v1/hold", here.hold, "Keep the file as it is, to be copied.", body=Fields,
            action="hold", resource="database", private=True,
        ),
        Endpoint(
            "POST", "/api/v1/release", here.release, "The file may be written to again.",
            body=Fields, action="release", resource="database", private=True,
        ),
        Endpoint("GET", "/api/v1/digests", here.digests, "Of every file's rows.", private=True),
        Endpoint(
            "GET", "/api/v1/wrong-messages", here.wrong_messages, "Where the tally is wrong.",
            private=True,
        ),
    ]  # fmt: skip


class _Changing:
    def __init__(self, parts: Parts) -> None:
        self._control = parts.control
        self._queries = parts.queries

    def sweep(self, _: Ask) -> dict[str, Any]:
        return self._control.sweep()

    def sql(self, ask: Ask) -> dict[str, Any]:
        return self._queries.sql(ask.body.query)

    def hold(self, _: Ask) -> dict[str, Any]:
        return self._control.hold()

    def release(self, _: Ask) -> dict[str, Any]:
        return self._control.release()

    def digests(self, _: Ask) -> dict[str, Any]:
        return dict(self._queries.digests())

    def wrong_messages(self, _: Ask) -> dict[str, Any]:
        return {"ids": self._queries.wrong_messages()}
