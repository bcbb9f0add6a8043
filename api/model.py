"""Endpoints for the language model: how it stands, what was asked, and what it found.

The rule: what was sent holds words of people, so that somebody looked at it is in the audit.
"""

from typing import Annotated, Any

from msgspec import Meta

from api.endpoints import READERS, Ask, Endpoint, Fields
from api.parts import Parts
from core.acting import ANALYST
from core.errors import ConfigurationError

Limit = Annotated[int, Meta(ge=1, le=1000)]
FINAL = ("refused", "truncated", "invalid", "rejected")
"""States of windows that are not asked about again before an operator says so."""


class CallsQuery(Fields):
    limit: Limit = 100
    after: str = ""
    outcome: str | None = None


class ItemsQuery(Fields):
    limit: Limit = 100
    after: str = ""
    user: str | None = None
    kind: str | None = None
    extractor: str | None = None


def endpoints(parts: Parts) -> list[Endpoint]:
    """The model and what verification found; an analyst sees what was found in own sessions."""
    here = _Model(parts)
    return [
        Endpoint("GET", "/api/v1/model", here.status, "How the language model stands."),
        Endpoint(
            "GET", "/api/v1/model/calls", here.calls, "Calls of the language model.",
            query=CallsQuery,
        ),
        Endpoint(
            "GET", "/api/v1/model/sent/{request_hash}", here.sent, "What was sent, and the answer.",
            action="model.sent", resource="request:{request_hash}", errors=(404, 409),
        ),
        Endpoint(
            "POST", "/api/v1/model/retry", here.retry,
            "Ask again about what got no good answer.", body=Fields, action="model.retry",
            resource="model",
        ),
        Endpoint(
            "GET", "/api/v1/verification", here.items, "What was found in sessions.", READERS,
            query=ItemsQuery, errors=(403,),
        ),
    ]  # fmt: skip


class _Model:
    def __init__(self, parts: Parts) -> None:
        self._control = parts.control
        self._desk = parts.desk

    def status(self, _: Ask) -> dict[str, Any]:
        return self._control.model()

    def calls(self, ask: Ask) -> dict[str, Any]:
        query: CallsQuery = ask.query
        return self._desk.model.calls_page(query.limit, query.after, query.outcome)

    def sent(self, ask: Ask) -> dict[str, Any]:
        return self._desk.model.sent(ask.path["request_hash"])

    def retry(self, ask: Ask) -> dict[str, Any]:
        """The answers are forgotten first: a session that is read meanwhile asks already."""
        keys = self._desk.findings.keys_with(*FINAL)
        forgotten = self._desk.model.forget_answers_but("done")
        report = {"answers_forgotten": forgotten, "files": self._control.reread(keys)}
        ask.note.params |= report
        return report

    def items(self, ask: Ask) -> dict[str, Any]:
        query: ItemsQuery = ask.query
        return self._desk.findings.page(
            query.limit, query.after, user=_whose(ask), kind=query.kind, extractor=query.extractor
        )


def _whose(ask: Ask) -> str | None:
    """Whose items may be told: of an analyst the person's own, of an admin those asked for."""
    asked: str | None = ask.query.user
    if ask.who.role != ANALYST:
        return asked
    if ask.who.person is None or asked not in (None, ask.who.person):
        raise ConfigurationError(
            "an analyst sees what was found in own sessions", reason="forbidden",
            hint="a token for a person: sessionwatch token create NAME --person WHO",
        )  # fmt: skip
    return ask.who.person
