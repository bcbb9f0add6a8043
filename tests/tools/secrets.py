"""Makes secrets of every kind for tests.

The rule: none was ever valid, and none is written down as a whole.
"""

import base64
import json
import random
import string
from collections.abc import Callable, Mapping

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"

Maker = Callable[[random.Random], str]


def some(rng: random.Random, alphabet: str, size: int) -> str:
    """Random characters with at least one digit, as every real generator gives in these sizes."""
    made = [rng.choice(alphabet) for _ in range(size)]
    made[rng.randrange(size)] = rng.choice(string.digits)
    return "".join(made)


def _token(prefix: str, size: int, alphabet: str = ALNUM) -> Maker:
    return lambda rng: prefix + some(rng, alphabet, size)


def _card(rng: random.Random) -> str:
    digits = [4, *(rng.randrange(10) for _ in range(14))]
    total = sum(d if i % 2 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits))
    text = "".join(map(str, [*digits, -total % 10]))
    return rng.choice(["", " ", "-"]).join(text[i : i + 4] for i in range(0, 16, 4))


def _iban(rng: random.Random) -> str:
    account = some(rng, string.digits, 18)
    check = 98 - int(account + "131400") % 97
    text = f"DE{check:02}{account}"
    return rng.choice([text, " ".join(text[i : i + 4] for i in range(0, 22, 4))])


def _jwt(rng: random.Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"sub": some(rng, HEX, 12)}
    return ".".join([part({"alg": "HS256"}), part(claims), some(rng, ALNUM + "-_", 43)])


def _pem(rng: random.Random) -> str:
    kind = rng.choice(["RSA ", "EC ", "OPENSSH ", ""])
    body = "\n".join(some(rng, ALNUM + "+/", 64) for _ in range(rng.randrange(1, 5)))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"


def _email(rng: random.Random) -> str:
    name, host = some(rng, string.ascii_lowercase, 6), some(rng, string.ascii_lowercase, 8)
    return f"{name}.{rng.randrange(99)}@{host}.{rng.choice(['com', 'de', 'co.uk'])}"


def _phone(rng: random.Random) -> str:
    country, rest = rng.choice(["49", "420", "33", "34", "1"]), some(rng, string.digits, 9)
    return f"+{country} {rest[:3]} {rest[3:6]} {rest[6:]}"


SECRETS: Mapping[str, Maker] = {
    "anthropic": _token("sk-ant-api03-", 80, ALNUM + "-_"),
    "openai": _token("sk-proj-", 60, ALNUM + "-_"),
    "github": _token("ghp_", 36),
    "github-fine": _token("github_pat_", 60, ALNUM + "_"),
    "gitlab": _token("glpat-", 20, ALNUM + "-_"),
    "slack": _token("xoxb-", 40, ALNUM + "-"),
    "slack-webhook": _token("hooks.slack.com/services/T0000/B0000/", 24),
    "aws-id": _token("AKIA", 16, string.ascii_uppercase + string.digits),
    "google": _token("AIza", 35, ALNUM + "-_"),
    "stripe": _token("sk_live_", 24),
    "npm": _token("npm_", 36),
    "pypi": _token("pypi-", 90, ALNUM + "-_"),
    "huggingface": _token("hf_", 34),
    "sendgrid": lambda rng: f"SG.{some(rng, ALNUM, 22)}.{some(rng, ALNUM, 43)}",
    "vault": _token("hvs.", 40, ALNUM + "-_"),
    "databricks": _token("dapi", 32, HEX),
    "numbered": lambda rng: (
        f"{rng.randrange(10**4)}-{rng.randrange(10**5, 10**6)}-" + some(rng, ALNUM, 40)
    ),
    "jwt": _jwt,
    "pem": _pem,
    "email": _email,
    "phone": _phone,
    "card": _card,
    "iban": _iban,
}
"""Kind → what makes one. These are secrets whatever stands around them."""

NAMED: Mapping[str, str] = {
    "env": "export DB_PASSWORD={}",
    "json": '"client_secret": "{}"',
    "yaml": "  api_key: {}",
    "prose": "the password is {}",
    "german": "das Passwort lautet {}",
    "url": "postgres://app:{}@db.internal:5432/shop",
    "header": "Authorization: Bearer {}",
    "query": "https://api.example/x?access_token={}&page=2",
    "cookie": "Cookie: session={}",
}
"""Where a secret without a format stands."""


def nameless(rng: random.Random) -> str:
    """A secret without a format."""
    return some(rng, ALNUM, 24)
