"""Tokens that are configured: in the environment, or in files that it names.

The rule: a secret that is set but cannot be one is an error of the start, never a service that
stands open or refuses everybody.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.acting import ADMIN, METRICS, Principal
from core.errors import ConfigurationError

SECRET_MIN = 32
"""Characters a configured secret must have, as the predecessor asked for."""
FILE_BYTES_MAX = 4096
SECRETS = {
    "SCHEDULER_API_TOKEN": Principal("scheduler", ADMIN, "scheduler"),
    "SESSIONWATCH_METRICS_TOKEN": Principal("metrics", METRICS, "token"),
}
"""The variables. With `_FILE` behind its name a variable names a file that holds the secret."""


@dataclass(frozen=True, slots=True)
class Secret:
    """One of them; `text` is in no log and no `repr`."""

    text: bytes = field(repr=False)
    principal: Principal

    @classmethod
    def all_of(cls, environ: Mapping[str, str]) -> "tuple[Secret, ...]":
        """Those that are set. Raises `ConfigurationError` for one that cannot be one."""
        return tuple(cls._all_of(environ))

    @classmethod
    def _all_of(cls, environ: Mapping[str, str]) -> "Iterator[Secret]":
        for variable, principal in SECRETS.items():
            path = environ.get(f"{variable}_FILE", "").strip()
            text = environ.get(variable, "").strip()
            if text and path:
                raise _refused(f"{variable} and {variable}_FILE are both set", "set one of them")
            if path:
                text = _read(variable, Path(path))
            if text:
                yield cls(_checked(variable, text), principal)


def _read(variable: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX).decode().strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise _refused(
            f"{path}, which {variable}_FILE names, cannot be read: {why}",
            "let the service's user read it",
        ) from error
    if not text:
        raise _refused(f"{path}, which {variable}_FILE names, is empty", _MAKE)
    return text


_MAKE = "make one: openssl rand -hex 32"


def _checked(variable: str, text: str) -> bytes:
    if len(text) < SECRET_MIN:
        raise ConfigurationError(
            f"{variable} has fewer than {SECRET_MIN} characters", reason="short_secret", hint=_MAKE
        )
    if not text.isascii() or not text.isprintable() or " " in text:
        raise _refused(f"{variable} has characters that no header can hold", _MAKE)
    return text.encode()


def _refused(text: str, hint: str) -> ConfigurationError:
    return ConfigurationError(text, reason="bad_secret", hint=hint)
