"""Endpoints for tokens: who may ask over TCP.

The rule: the text of a token is in the answer that made it and nowhere else, and only admins ask.
"""

from typing import Annotated, Any

from msgspec import Meta

from api.endpoints import Ask, Endpoint, Fields
from api.parts import Parts

DAY_US = 86_400_000_000


class TokenBody(Fields):
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    role: str = "admin"
    person: str | None = None
    days: Annotated[int, Meta(ge=1, le=3650)] | None = None


def endpoints(parts: Parts) -> list[Endpoint]:
    """The text of a token is in the answer that made it and nowhere else."""
    here = _Accounts(parts)
    return [
        Endpoint("GET", "/api/v1/tokens", here.everyone, "Every token, without its text."),
        Endpoint(
            "POST", "/api/v1/tokens", here.create, "A new token and its text.", body=TokenBody,
            action="token.create", resource="tokens", status=201,
        ),
        Endpoint(
            "DELETE", "/api/v1/tokens/{token_id}", here.revoke, "Refuse a token from now on.",
            action="token.revoke", resource="token:{token_id}", errors=(404,),
        ),
    ]  # fmt: skip


class _Accounts:
    def __init__(self, parts: Parts) -> None:
        self._desk = parts.desk

    def everyone(self, _: Ask) -> dict[str, Any]:
        return {"tokens": [token.shown() for token in self._desk.tokens.everyone()]}

    def create(self, ask: Ask) -> dict[str, Any]:
        body: TokenBody = ask.body
        ends_us = self._desk.now_us() + body.days * DAY_US if body.days else None
        token, text = self._desk.tokens.create(
            body.name, body.role, by=ask.who.name, person=body.person, expires_at_us=ends_us
        )
        ask.note.resource = f"token:{token.token_id}"
        return {**token.shown(), "token": text}

    def revoke(self, ask: Ask) -> dict[str, Any]:
        return self._desk.tokens.revoke(ask.path["token_id"]).shown()
