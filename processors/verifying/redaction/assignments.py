"""Secrets known by the name they are given to: `DB_PASSWORD=…`, `"apiKey": "…"`, `pwd ist …`.

The rule: the name says how much the value must look like a secret. What is called a password is
one unless it is code or a word of a sentence; what is called a token or key must look random,
because people write about tokens and keys all day.
"""

import re
from collections.abc import Iterator

from processors.verifying.redaction.randomness import varied
from processors.verifying.redaction.spans import Finding

_SECRETS = (
    r"passwords?|passwd|passphrase|passwort|kennwort|pwd|mot\ de\ passe|contraseña|contrasena"
    r"|(?<![A-Za-z])(?:mdp|clave|heslo|pin[_ -]?code)"
)
_TOKENS = (
    r"secrets?|tokens?|api[_ -]?keys?|access[_ -]?keys?|secret[_ -]?keys?|private[_ -]?keys?"
    r"|signing[_ -]?keys?|encryption[_ -]?keys?|auth[_ -]?keys?|credentials?|client[_ -]?secret"
    r"|(?<![A-Za-z])(?:signature|sig|auth)"
)
_ASSIGNED = re.compile(
    rf"""(?ix) (?P<name> (?P<secret>{_SECRETS}) | {_TOKENS} )
    (?:_[a-z0-9_]{{1,20}}+ | \d{{1,4}}+ | hash | value | string | key)?+
    (?: ["'`]?+ \s{{0,3}}+ (?P<sign>:=|=>|==?|:) \s{{0,3}}+
      | \s{{1,3}}+ (?:is|ist|lautet|est|es|je) \s{{1,3}}+ (?=\S) )
    (?: ["'`] (?P<quoted>[^"'`\r\n‹›]{{4,400}}+) ["'`]
      | (?P<bare>[^\s"'`,;<>(){{}}\[\]|‹›]{{4,400}}+) )"""
)
_CODE = re.compile(
    r"""(?ix) [$%{<*.] | process\.env | os\. | env\. | import\b | await\b | new\b | string\b
    | required | optional | https?:// | xxx+ | your[_-] | my[_-] | change[_-]?me | placeholder
    | redacted | example | (?:none|null|true|false|undefined|str|bytes)$"""
)
_NAME = re.compile(r"[A-Za-z_]+(?:[.:][A-Za-z_]+)*$")
_VARIABLE = re.compile(r"\$\{?[A-Za-z0-9_]{0,60}$")
_BEFORE_CHARS = 64
_TOKEN_CHARS_MIN, _BARE_TOKEN_CHARS_MIN, _TOKEN_DIGITS_MIN = 8, 16, 2
_LONG_TOKEN_CHARS_MIN = 20


def assigned(text: str) -> Iterator[Finding]:
    """Values, without the names they are given to."""
    for match in _ASSIGNED.finditer(text):
        group = "quoted" if match["quoted"] else "bare"
        value = match[group].rstrip(".,;:!?") if group == "bare" else match[group]
        start = match.start(group)
        before = text[max(0, match.start() - _BEFORE_CHARS) : match.start()]
        if not value or _CODE.match(value) or _VARIABLE.search(before):
            continue
        judge, kind = (_is_password, "password") if match["secret"] else (_is_token, "secret")
        if judge(match, value):
            yield Finding(kind, start, start + len(value))


def _is_password(match: re.Match[str], value: str) -> bool:
    """What has a digit or a sign in it; a plain word only where it is clearly a value."""
    if not match["sign"]:
        return any(c.isdigit() for c in value)
    if match["quoted"]:
        named = value.isalpha() and match["name"].lower() in value.lower()
        return not named and (" " not in value or any(c.isdigit() for c in value))
    if _NAME.match(value):
        return match["sign"] == "=" and "." not in value and match["name"].isupper()
    return any(c.isalnum() for c in value)


def _is_token(match: re.Match[str], value: str) -> bool:
    """Digits and letters in turns, no words: `refresh_token: oauth-v2-flow` is none."""
    unsure = not match["quoted"] and match["sign"] != "="
    size = _BARE_TOKEN_CHARS_MIN if unsure else _TOKEN_CHARS_MIN
    long = len(value) >= _LONG_TOKEN_CHARS_MIN
    enough = long or sum(c.isdigit() for c in value) >= _TOKEN_DIGITS_MIN
    return len(value) >= size and enough and " " not in value and varied(value)
