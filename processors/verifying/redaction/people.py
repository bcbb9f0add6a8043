"""Personal data: e-mail, phone, payment card, IBAN, social security number, login in a path.

The rule: a number is only taken if its check digits hold or its form leaves no doubt, because
sessions are full of numbers.
"""

import re
from collections.abc import Iterator

from processors.verifying.redaction.spans import Finding

_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64}+@(?!\d+x\.)(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}+\.){1,6}[A-Za-z]{2,24}(?![\w-])"
)
_NOT_PEOPLE = ("git@", "npm@", "noreply@", "no-reply@")
_NOT_HOSTS = ("png", "jpg", "jpeg", "gif", "svg", "webp", "py", "ts", "js", "md", "json", "service")
_PHONE = re.compile(
    r"(?<![\w+.])\+[1-9](?:[ ().-]{0,2}\d){7,14}(?![\w])"
    r"|(?<![\w.(-])\(?[2-9]\d{2}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"
)
_PHONE_NAMED = re.compile(
    r"(?i)(?<![a-z])(?:tel|telefon|phone|mobile?|handy|fax|whatsapp|móvil|portable)[a-z]{0,8}+"
    r"[ .:=#-]{1,4}+((?:\(?\d[ ()/.-]{0,2}){6,15})(?!\w)"
)
_PHONE_DIGITS = range(8, 16)
_CARD = re.compile(
    r"(?<![\w.-])(?:[2-6]\d{12,18}"
    r"|[2-6]\d{3}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|3\d{3}([ -])\d{6}\2\d{4,5})(?![\w-]|\.\d)"
)
# Who issues cards, and how many digits these have (ISO/IEC 7812, as published by the networks).
_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})$|5[1-5]\d{14}$|2[2-7]\d{14}$|3[47]\d{13}$|3(?:0[0-5]|[689]\d)\d{11}$"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}$|35\d{14}$|62\d{14,17}$|(?:50|5[6-9]|6\d)\d{10,17}$"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])")
_SSN = re.compile(r"(?<![\w.-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_LOGIN = re.compile(r"(?i)(?:(?<![\w.])/(?:home|users)/|[a-z]:\\{1,2}users\\{1,2})([\w.+-]{2,64}+)")
_NOBODY = frozenset(
    [
        "user",
        "users",
        "you",
        "username",
        "me",
        "name",
        "shared",
        "public",
        "default",
        "runner",
        "app",
        "ubuntu",
        "node",
        "root",
        "vscode",
        "dev",
        "codespace",
        "claude",
        "agent",
        "git",
        "linuxbrew",
        "foo",
        "someone",
        "myuser",
    ]
)
_IBAN_SIZES = range(15, 35)


def personal(text: str) -> Iterator[Finding]:
    """Who somebody is, or where they can be reached or charged."""
    if "@" in text:
        yield from _emails(text)
    for match in _PHONE.finditer(text):
        if sum(c.isdigit() for c in match[0]) in _PHONE_DIGITS:
            yield Finding("phone", match.start(), match.end())
    for match in _PHONE_NAMED.finditer(text):
        number = match[1].rstrip(" ()/.-")
        yield Finding("phone", match.start(1), match.start(1) + len(number))
    for match in _CARD.finditer(text):
        if is_card(match[0]):
            yield Finding("card", match.start(), match.end())
    yield from _ibans(text)
    yield from (Finding("ssn", m.start(), m.end()) for m in _SSN.finditer(text))
    yield from _logins(text)


def is_card(number: str) -> bool:
    """The issuer's digits, their count, and the check digit (Luhn)."""
    digits = number.replace(" ", "").replace("-", "")
    if not _ISSUERS.match(digits) or len(set(digits)) == 1:
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def is_iban(number: str) -> bool:
    """ISO 13616: the first four characters moved to the end, letters as numbers, modulo 97."""
    compact = number.replace(" ", "")
    if len(compact) not in _IBAN_SIZES:
        return False
    digits = "".join(str(int(c, 36)) for c in compact[4:] + compact[:4])
    return int(digits) % 97 == 1


def _ibans(text: str) -> Iterator[Finding]:
    """In print an IBAN runs into the capitals that follow: the longest that holds is taken."""
    for match in _IBAN.finditer(text):
        ends = [m.end() for m in re.finditer(r"[A-Z0-9](?= |$)", match[0])]
        for end in reversed(ends):
            if is_iban(match[0][:end]):
                yield Finding("iban", match.start(), match.start() + end)
                break


def _emails(text: str) -> Iterator[Finding]:
    for match in _EMAIL.finditer(text):
        address = match[0].lower()
        if not address.startswith(_NOT_PEOPLE) and address.rpartition(".")[2] not in _NOT_HOSTS:
            yield Finding("email", match.start(), match.end())


def _logins(text: str) -> Iterator[Finding]:
    for match in _LOGIN.finditer(text):
        name = match[1].rstrip(".")
        if name.lower() not in _NOBODY and len(name) > 1:
            yield Finding("login", match.start(1), match.start(1) + len(name))
