"""Secrets for the cases: made of the case's name, so each is in one case only and none was ever
valid.

The rule: nothing that looks like a secret is written down as a whole, here or in a case.
"""

import base64
import hashlib
import re
import string
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

_PLACE = re.compile(r"\{\{(\w+)\}\}")
_LETTERS = string.ascii_letters
_ALNUM = string.ascii_letters + string.digits
_UPPER = string.ascii_uppercase + string.digits


class Planted(NamedTuple):
    """`text` stands in the session; none of `secrets` may be anywhere else."""

    text: str
    secrets: tuple[str, ...]


def planted(text: str, name: str) -> tuple[str, tuple[str, ...]]:
    """The text with a secret for each `{{kind}}`, and the words that would be a leak."""
    found = [secret_of(kind, name) for kind in _PLACE.findall(text)]
    texts = iter(found)
    filled = _PLACE.sub(lambda _: next(texts).text, text)
    return filled, tuple(secret for one in found for secret in one.secrets)


def secret_of(kind: str, name: str) -> Planted:
    """The secret of this kind in this case: always the same one."""
    made = _MAKERS[kind](f"{name}/{kind}")
    return made if isinstance(made, Planted) else Planted(made, (made,))


def _some(seed: str, size: int, alphabet: str = _ALNUM) -> str:
    """Characters that look random and follow from the seed, with a digit where there can be one."""
    stream = _bytes(seed)
    made = "".join(alphabet[next(stream) % len(alphabet)] for _ in range(size))
    return made[:-1] + "7" if "7" in alphabet else made


def _bytes(seed: str) -> Iterator[int]:
    block = 0
    while True:
        yield from hashlib.sha256(f"{seed}/{block}".encode()).digest()
        block += 1


def _jwt(seed: str) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(f'{{"sub":"{_some(seed, 12)}"}}'.encode()).decode().rstrip("=")
    return f"{head}.{body}.{_some(seed + '/signature', 43)}"


def _pem(seed: str) -> Planted:
    lines = tuple(_some(f"{seed}/{number}", 64) for number in range(3))
    rule = "-" * 5
    text = "\n".join((f"{rule}BEGIN PRIVATE KEY{rule}", *lines, f"{rule}END PRIVATE KEY{rule}"))
    return Planted(text, lines)


def _card(seed: str) -> str:
    digits = [4, *map(int, _some(seed, 14, string.digits))]
    total = sum(d if i % 2 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits))
    return "".join(map(str, [*digits, -total % 10]))


def _iban(seed: str) -> str:
    account = _some(seed, 18, string.digits)
    return f"DE{98 - int(account + '131400') % 97:02}{account}"


def _email(seed: str) -> str:
    small = string.ascii_lowercase
    return f"{_some(seed, 7, small)}@{_some(seed + '/host', 9, small)}.com"


def _phone(seed: str) -> str:
    digits = _some(seed, 9, string.digits)
    return f"+420 {digits[:3]} {digits[3:6]} {digits[6:]}"


def _token(prefix: str, size: int, alphabet: str = _ALNUM) -> Callable[[str], str]:
    return lambda seed: prefix + _some(seed, size, alphabet)


_MAKERS: Mapping[str, Callable[[str], str | Planted]] = {
    "anthropic": _token("sk-ant-api03-", 80),
    "aws": _token("AKIA", 16, _UPPER),
    "card": _card,
    "email": _email,
    "github": _token("ghp_", 36),
    "gitlab": _token("glpat-", 20),
    "google": _token("AIza", 35),
    "iban": _iban,
    "jwt": _jwt,
    "login": _token("", 9, string.ascii_lowercase),
    "password": _token("", 18),
    "pem": _pem,
    "phone": _phone,
    "slack": _token("xoxb-", 40),
    "stripe": _token("sk_live_", 24),
    "token": _token("", 28),
    "word": _token("", 14, _LETTERS),
}
