"""Who asks, and may they: bearer tokens, browsers that signed in with one, the private socket, and
development on this machine alone.

The rule: nobody is let in by default. A secret is compared in constant time, failures are counted
by address, and what may be asked without one is written at the endpoint (`roles=None`, `near`).
"""

import hmac
from collections.abc import Callable
from dataclasses import replace

from starlette.requests import Request

from api import origin
from api.addresses import is_near
from api.browsers import Browsers, Holder, cookie_of, csrf_token
from api.failures import Failures
from api.secret import Secret
from core.acting import ADMIN, Principal
from core.errors import ConfigurationError
from state.operations.tokens import Tokens


class Unauthorized(ConfigurationError):
    """401: nobody known asks."""


class Forbidden(ConfigurationError):
    """403: known, but not allowed."""


class TooMany(ConfigurationError):
    """429: too many failures from one address, which may ask again after `wait_s`."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(
            "too many wrong tokens from this address", reason="too_many_failures",
            hint=f"try again in {wait_s:.0f} s",
        )  # fmt: skip
        self.wait_s = wait_s


class Gate:
    """`principal_of` a request. `loopback`: the service listens on this machine alone."""

    def __init__(
        self,
        tokens: Tokens,
        secrets: tuple[Secret, ...] = (),
        *,
        loopback: bool,
        monotonic_s: Callable[[], float],
        private: bool = False,
        person: Callable[[str], str] = str,
    ) -> None:
        """`person` is who a name means: a token may hold any of somebody's names."""
        self.tokens = tokens
        self.browsers = Browsers(monotonic_s)
        self.loopback = loopback
        self._secrets = secrets
        self._private = private
        self._person = person
        self._failures = Failures(monotonic_s)

    @property
    def development(self) -> bool:
        """No token was ever made and none is configured: whoever reaches this machine is admin."""
        return self.loopback and not self._secrets and not self.tokens.any_ever()

    def private(self) -> "Gate":
        """The same for the private socket, where the file's mode has already decided."""
        found = object.__new__(Gate)
        found.__dict__.update(self.__dict__, _private=True)
        return found

    def principal_of(self, request: Request) -> Principal | None:
        """Who asks; None if nobody says. Raises `Unauthorized` for a secret that is wrong and
        `TooMany` after many of these."""
        who = self._asker(request)
        return replace(who, person=self._person(who.person)) if who and who.person else who

    def _asker(self, request: Request) -> Principal | None:
        address = request.client.host if request.client else ""
        if self._private:
            return Principal("operator", ADMIN, "socket")
        given = request.headers.get("authorization")
        if given is not None:
            scheme, _, text = given.partition(" ")
            found = self._let_in(text.strip() if scheme.lower() == "bearer" else "", address)
            return replace(found[1], address=address)
        if browser := self.browsers.principal(cookie_of(request)):
            return replace(browser, kind="browser", address=address)
        if self.development and is_near(request):
            return Principal("developer", ADMIN, "development", address=address)
        return None

    def admit(
        self, request: Request, roles: frozenset[str] | None, *, near: bool = False
    ) -> Principal:
        """The principal, if one of these roles may ask; with `near` also whoever asks from this
        machine. Raises what `api.answers` answers."""
        who = self.principal_of(request)
        if roles is None or (near and is_near(request)):
            who = who or Principal("anybody", "", "open")
        elif who is None:
            raise Unauthorized(
                "who asks?", reason="unauthorized",
                hint="send `Authorization: Bearer TOKEN`, or sign in at /login",
            )  # fmt: skip
        elif who.role not in roles:
            raise Forbidden(
                f"the role {who.role} may not ask this", reason="forbidden",
                hint=f"it needs {' or '.join(sorted(roles))}",
            )  # fmt: skip
        if who.kind in ("browser", "development", "open") and origin.is_foreign(request):
            raise Forbidden(
                "a page of another site asks", reason="cross_site",
                hint="ask from a page of this service",
            )  # fmt: skip
        return who

    def require_csrf_token(self, request: Request, who: Principal, in_form: str) -> None:
        """A browser changes nothing without the token of a page of ours. Raises `Forbidden`."""
        if who.kind != "browser" or not origin.changes(request):
            return
        given = request.headers.get("x-csrf-token", in_form)
        if not hmac.compare_digest(given.encode(), csrf_token(request).encode()):
            raise Forbidden(
                "the request does not hold this browser's token", reason="csrf",
                hint="send it as X-CSRF-Token or in the form field csrf; load the page again",
            )  # fmt: skip

    def sign_in(self, request: Request, text: str) -> tuple[str, Principal]:
        """A cookie for the browser that gave a token, and whom it lets in. Raises as for a bearer
        token."""
        address = request.client.host if request.client else ""
        holder, who = self._let_in(text, address)
        return self.browsers.sign_in(holder), replace(who, kind="browser", address=address)

    def _let_in(self, text: str, address: str) -> tuple[Holder, Principal]:
        if wait_s := self._failures.wait_s(address):
            raise TooMany(wait_s)
        holder = self._holder(text)
        who = holder.principal() if holder else None
        if holder is None or who is None:
            self._failures.add(address)
            raise Unauthorized(
                "the token is not known, has ended or was revoked", reason="unauthorized",
                hint="make one: sessionwatch token create NAME",
            )  # fmt: skip
        return holder, who

    def _holder(self, text: str) -> Holder | None:
        encoded = text.encode("utf-8", "surrogateescape")
        equal = [hmac.compare_digest(encoded, secret.text) for secret in self._secrets]
        if any(equal):
            principal = self._secrets[equal.index(True)].principal
            return Holder(f"secret:{principal.name}", lambda: principal)
        token = self.tokens.named_by(text)
        if token is None:
            return None
        return Holder(token.token_id, lambda: self.tokens.used(token.token_id))
