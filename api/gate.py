"""Who asks, and may they: bearer tokens, the private socket, and development on this machine alone.

The rule: nobody is let in by default. A secret is compared in constant time, failures are counted
by address, and what may be asked without one is written at the endpoint (`roles=None`).
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from starlette.requests import Request

from api.failures import Failures
from core.acting import ADMIN, METRICS, Principal
from core.errors import ConfigurationError
from state.operations.tokens import Tokens

SECRET_MIN = 32
"""Characters a configured secret must have, as the predecessor asked for."""
SECRETS = {
    "SCHEDULER_API_TOKEN": ("scheduler", ADMIN),
    "SESSIONWATCH_METRICS_TOKEN": ("metrics", METRICS),
}
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class Unauthorized(ConfigurationError):
    """401: nobody known asks."""


class Forbidden(ConfigurationError):
    """403: known, but not allowed."""


class TooMany(ConfigurationError):
    """429: too many failures from one address."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A token from the environment."""

    text: bytes = field(repr=False)
    principal: Principal

    @classmethod
    def all_of(cls, environ: Mapping[str, str]) -> "tuple[Secret, ...]":
        """Those that are set. Raises `ConfigurationError` for one that is too short to be one."""
        found = []
        for variable, (name, role) in SECRETS.items():
            text = environ.get(variable, "").strip()
            if text and len(text) < SECRET_MIN:
                raise ConfigurationError(
                    f"{variable} has fewer than {SECRET_MIN} characters", reason="short_secret",
                    hint="make one: openssl rand -hex 32",
                )  # fmt: skip
            if text:
                found.append(
                    cls(
                        text.encode(),
                        Principal(name, role, "scheduler" if role == ADMIN else "token"),
                    )
                )
        return tuple(found)


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
    ) -> None:
        self.tokens = tokens
        self.loopback = loopback
        self._secrets = secrets
        self._private = private
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
        address = request.client.host if request.client else None
        if self._private:
            return Principal("operator", ADMIN, "socket")
        given = request.headers.get("authorization")
        if given is not None:
            return replace(self._bearer(given, address or ""), address=address)
        if self.development:
            return Principal("developer", ADMIN, "development", address=address)
        return None

    def admit(self, request: Request, roles: frozenset[str] | None) -> Principal:
        """The principal, if one of these roles may ask. Raises what `api.answers` answers."""
        who = self.principal_of(request)
        if roles is None or (METRICS in roles and self._near(request)):
            return who or Principal("anybody", "", "open")
        if who is None:
            raise Unauthorized(
                "who asks?", reason="unauthorized", hint="send `Authorization: Bearer TOKEN`"
            )
        if who.role not in roles:
            raise Forbidden(
                f"the role {who.role} may not ask this", reason="forbidden",
                hint=f"it needs {' or '.join(sorted(roles))}",
            )  # fmt: skip
        if who.kind in ("browser", "development"):
            _require_same_origin(request)
        return who

    def _bearer(self, given: str, address: str) -> Principal:
        if wait_s := self._failures.wait_s(address):
            raise TooMany(
                "too many wrong tokens from this address", reason="too_many_failures",
                hint=f"try again in {wait_s:.0f} s",
            )  # fmt: skip
        scheme, _, text = given.partition(" ")
        found = self._known(text.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            self._failures.add(address)
            raise Unauthorized(
                "the token is not known, has ended or was revoked", reason="unauthorized",
                hint="make one: sessionwatch token create NAME",
            )  # fmt: skip
        return found

    def _known(self, text: str) -> Principal | None:
        encoded = text.encode("utf-8", "surrogateescape")
        equal = [hmac.compare_digest(encoded, secret.text) for secret in self._secrets]
        if any(equal):
            return self._secrets[equal.index(True)].principal
        return self.tokens.principal(text)

    def _near(self, request: Request) -> bool:
        """Does this machine ask for itself? A proxy on it asks for others, and says so."""
        if self.loopback:
            return True
        host = request.client.host if request.client else ""
        return is_loopback(host) and not any(name in request.headers for name in _FORWARDED)


def is_loopback(host: str) -> bool:
    """Can this address only be reached from this machine?"""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _require_same_origin(request: Request) -> None:
    """A page of another site may make a browser send things; the browser says where from."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = request.headers.get("host", "")
    foreign_site = site not in (None, "same-origin", "none")
    if foreign_site or (origin is not None and origin.partition("://")[2] != own):
        raise Forbidden(
            "a page of another site asks",
            reason="cross_site",
            hint="ask from a page of this service",
        )
