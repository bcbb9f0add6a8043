"""Tokens: who may ask over TCP. Their text is shown once; only its digest is kept.

The rule: a token is found by its id and accepted by a comparison that takes the same time however
wrong it is. A text has 256 random bits, so a plain digest is enough: there is nothing to guess.
"""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from core.acting import ROLES, Principal
from core.errors import ConfigurationError
from state.operations.book import Book
from state.times import iso_utc

PREFIX = "swt"
NAME_MAX = 100


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token."""

    token_id: str
    name: str
    role: str
    person: str | None
    digest: bytes
    created_at_us: int
    created_by: str
    expires_at_us: int | None
    revoked_at_us: int | None
    last_used_at_us: int | None = None

    def holds(self, now_us: int) -> bool:
        """May it still be used?"""
        return self.revoked_at_us is None and (
            self.expires_at_us is None or now_us < self.expires_at_us
        )

    def principal(self) -> Principal:
        return Principal(self.name, self.role, "token", self.person)

    def shown(self) -> dict[str, Any]:
        """As JSON, without the digest."""
        return {
            "id": self.token_id, "name": self.name, "role": self.role, "person": self.person,
            "created_at": iso_utc(self.created_at_us), "created_by": self.created_by,
            "expires_at": iso_utc(self.expires_at_us), "revoked_at": iso_utc(self.revoked_at_us),
            "last_used_at": iso_utc(self.last_used_at_us),
        }  # fmt: skip


class Tokens:
    """All tokens, also in memory: nobody else can change them while the database is open.

    When one was last used is known at once, and written by `write_used` alone: asking costs no
    transaction.
    """

    def __init__(self, book: Book, now_us: Callable[[], int]) -> None:
        self._book = book
        self._now_us = now_us
        self._lock = threading.Lock()
        rows = book.rows("SELECT * FROM tokens ORDER BY created_at_us")
        self._by_id = {row[0]: Token(*row) for row in rows}
        self._used_us: dict[str, int] = {}

    def any_ever(self) -> bool:
        """Was a token ever made here, revoked ones included?"""
        return bool(self._by_id)

    def any_usable(self) -> bool:
        return any(token.holds(self._now_us()) for token in self._by_id.values())

    def everyone(self) -> list[Token]:
        """As they are known now, in the order in which they were made."""
        used_us = dict(self._used_us)
        return [
            replace(one, last_used_at_us=used_us.get(one.token_id, one.last_used_at_us))
            for one in list(self._by_id.values())
        ]

    def create(
        self,
        name: str,
        role: str,
        *,
        by: str,
        person: str | None = None,
        expires_at_us: int | None = None,
    ) -> tuple[Token, str]:
        """A new token and its text, which cannot be had again. Raises `ConfigurationError`."""
        _check(name, role, person)
        token_id = secrets.token_hex(6)
        text = f"{PREFIX}_{token_id}_{secrets.token_urlsafe(32)}"
        token = Token(
            token_id, name, role, person, digest_of(text), self._now_us(), by, expires_at_us, None
        )
        with self._lock, self._book.change() as cursor:
            cursor.execute(
                f"INSERT INTO tokens VALUES ({', '.join('?' * len(Token.__slots__))})",
                [getattr(token, name) for name in Token.__slots__],
            )
        self._by_id[token_id] = token
        return token, text

    def revoke(self, token_id: str) -> Token:
        """Refuse it from now on. Raises `ConfigurationError` if there is none of this id."""
        with self._lock:
            token = self._by_id.get(token_id)
            if token is None:
                raise ConfigurationError(
                    f"there is no token {token_id[:40]}", reason="not_found",
                    hint="`sessionwatch token list` has them",
                )  # fmt: skip
            if token.revoked_at_us is not None:
                return token
            now_us = self._now_us()
            with self._book.change() as cursor:
                cursor.execute(
                    "UPDATE tokens SET revoked_at_us = ? WHERE token_id = ?", [now_us, token_id]
                )
            self._by_id[token_id] = token = replace(token, revoked_at_us=now_us)
            return token

    def revoke_all(self, mine: Callable[[str], bool]) -> int:
        """Refuse every token of a person, whom `mine` knows by any name; how many there were."""
        everyone = self.everyone()
        mine_now = [o for o in everyone if o.person and mine(o.person) and not o.revoked_at_us]
        for token in mine_now:
            self.revoke(token.token_id)
        return len(mine_now)

    def named_by(self, text: str) -> Token | None:
        """The token of a text, if it may be used now."""
        prefix, _, rest = text.partition("_")
        token = self._by_id.get(rest.partition("_")[0]) if prefix == PREFIX else None
        expected = token.digest if token else b"\0" * 32
        equal = hmac.compare_digest(digest_of(text), expected)
        return token if token is not None and equal and token.holds(self._now_us()) else None

    def used(self, token_id: str) -> Principal | None:
        """Whom the token of this id lets in now; None if nobody. It counts as a use."""
        token, now_us = self._by_id.get(token_id), self._now_us()
        if token is None or not token.holds(now_us):
            return None
        self._used_us[token_id] = now_us
        return token.principal()

    def write_used(self) -> None:
        """Keep when tokens were last used. Raises `TransientError` if that cannot be done now."""
        used_us = dict(self._used_us)
        if not used_us:
            return
        with self._lock:
            with self._book.change() as cursor:
                cursor.executemany(
                    "UPDATE tokens SET last_used_at_us = ? WHERE token_id = ?",
                    [[at_us, token_id] for token_id, at_us in used_us.items()],
                )
            for token_id, at_us in used_us.items():
                self._by_id[token_id] = replace(self._by_id[token_id], last_used_at_us=at_us)
                if self._used_us.get(token_id) == at_us:
                    del self._used_us[token_id]


def digest_of(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _check(name: str, role: str, person: str | None) -> None:
    if not name.strip() or len(name) > NAME_MAX or not name.isprintable():
        raise ConfigurationError(
            "a token needs a printable name", reason="bad_name", hint=f"up to {NAME_MAX} characters"
        )
    if role not in ROLES:
        raise ConfigurationError(
            f"there is no role {role[:40]}",
            reason="unknown_role",
            hint=f"known: {', '.join(ROLES)}",
        )
    if role == "analyst" and not person:
        raise ConfigurationError(
            "an analyst needs a person, whose sessions the token shows", reason="no_person",
            hint="say whose: --person amara",
        )  # fmt: skip
