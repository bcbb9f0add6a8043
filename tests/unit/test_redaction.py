"""Secrets and personal data are taken out, whatever stands around them, and nothing else is."""

import random
import time
from collections.abc import Iterator

import pytest

from processors.verifying.redaction import PLACEHOLDER, Finding, Redactor, kingfisher
from processors.verifying.redaction.people import is_card, is_iban
from tests.tools.secrets import ALNUM, NAMED, SECRETS, nameless, some
from tests.tools.turns import KEY, REDACTOR

OTHER = Redactor(b"another key, also 32 bytes long.")
MEGABYTE = 1 << 20
SECONDS_MAX = 20
"""For a megabyte, on a busy machine; what is quadratic takes hours."""


def redact(text: str) -> str:
    return REDACTOR.redact(text).text


def plain(text: str) -> str:
    return PLACEHOLDER.sub("█", redact(text))


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_with_a_format_is_found_in_any_company(kind):
    secret = SECRETS[kind](random.Random(kind))

    assert plain(f"see {secret} there") == "see █ there"
    assert plain(f'"{secret}",') == '"█",'
    assert plain(secret) == "█"


@pytest.mark.parametrize("place", NAMED)
def test_a_secret_without_a_format_is_found_by_its_name(place):
    secret = nameless(random.Random(place))

    assert secret not in redact(NAMED[place].format(secret))


def test_names_and_addresses_around_a_secret_stay():
    assert plain("export DB_PASSWORD=hunter2 # old") == "export DB_PASSWORD=█ # old"
    assert plain("postgres://app:p@ss@db/shop") == "postgres://app:█@db/shop"


@pytest.mark.parametrize(
    "text",
    [
        "the password is required and the token expires",
        "PASSWORD: ${DB_PASSWORD:-postgres}",
        'password = os.environ["DB_PASSWORD"]',
        "token: refresh",
        "privateKey: Uint8Array",
        "signatureHeader: x-hub-signature-256",
        "the enclave is tamper-resistant2",
        "const authMethod = this.web3AuthVerifier.extract",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "3e110024-118b-478e-9c21-6b0c1dc2c45a",
        "toolu_01A09q90qw90lq917835lq9aB",
        "packages/coding-agent/src/modes/interactive/interactiveMode3.ts",
        "pi-session-2025-12-08T23-22-21-320Z_0db2eb3b-5ed8-4b70-88c6-a3f7104eb251",
        "git@github.com:acme/shop.git",
        "icon@2x.png and actions/checkout@v4.1",
        "3682841 3682263",
        "at 1764013297123 it was 192.168.100.200",
        "+12 -3 lines, 100-200-3000",
        "/home/runner/work",
        "http://localhost:3000/evaluation",
        "The year 2026-11-24 19:41:37",
    ],
)
def test_what_is_no_secret_stays(text):
    assert redact(text) == text


def test_equal_secrets_have_one_placeholder_within_an_installation_and_another_elsewhere():
    text = "bob@acme.com wrote to bob@acme.com, not to eve@acme.com"
    first, second, third = PLACEHOLDER.findall(redact(text))

    assert first == second != third
    assert first not in OTHER.redact(text).text


def test_the_same_secret_has_the_same_code_wherever_it_stands():
    token = SECRETS["github"](random.Random(1))

    assert REDACTOR.code(token) in redact(f"password={token}")
    assert REDACTOR.code(token) in redact(token)


def test_a_key_that_is_too_short_to_protect_anything_is_refused():
    with pytest.raises(ValueError, match="at least 16 bytes"):
        Redactor(b"short")


def test_invisible_characters_hide_no_secret_and_are_gone():
    token = SECRETS["github"](random.Random(2))
    hidden = token[:5] + "\u200b" + token[5:9] + "\u202e" + token[9:]
    found = REDACTOR.redact(f"a\u200bb {hidden} c")

    assert PLACEHOLDER.sub("█", found.text) == "ab █ c"
    start = found.text.index("‹")
    first, last = found.original(start, start + 1)
    assert f"a\u200bb {hidden} c"[first:last] == hidden


def test_findings_that_overlap_are_one():
    token = SECRETS["stripe"](random.Random(3))
    found = REDACTOR.redact(f"STRIPE_SECRET={token}")

    assert [finding.kind for finding in found.findings] == ["stripe-key"]


def test_a_forged_placeholder_hides_nothing_next_to_it():
    token = SECRETS["github"](random.Random(4))

    assert token not in redact(f"‹email:0123456789ab›{token}‹email:0123456789ab›")


def test_a_place_in_the_redacted_text_leads_to_the_original():
    text = "Ask bob@acme.com about the März report, or call +49 170 1234567 today."
    found = REDACTOR.redact(text)
    for words in ("Ask", "about the März report", "today."):
        start = found.text.index(words)
        first, last = found.original(start, start + len(words))
        assert text[first:last] == words

    start = found.text.index("‹email")
    first, last = found.original(start + 3, start + 9)
    assert text[first:last] == "bob@acme.com"


def test_an_extra_detector_is_asked_as_well():
    def hosts(text: str) -> Iterator[Finding]:
        at = text.find("db7.corp")
        if at >= 0:
            yield Finding("host", at, at + 8)

    redactor = Redactor(KEY, [hosts])

    assert PLACEHOLDER.sub("█", redactor.redact("ssh db7.corp now").text) == "ssh █ now"


def test_kingfisher_finds_its_places_in_characters():
    pytest.importorskip("kingfisher_sdk")
    (detect,) = kingfisher.detectors()
    token = SECRETS["github"](random.Random(5))

    (finding,) = detect(f"héllo {token} x")
    assert f"héllo {token} x"[finding.start : finding.end] == token


def test_check_digits_decide():
    assert is_card("4111 1111 1111 1111")
    assert not is_card("4111 1111 1111 1112")
    assert not is_card("1764 0132 9712 3456")
    assert is_iban("DE89 3704 0044 0532 0130 00")
    assert not is_iban("DE88 3704 0044 0532 0130 00")


def test_random_words_are_nearly_always_found_and_named_ones_never():
    rng = random.Random(6)
    made = [some(rng, ALNUM + "+/", 40) for _ in range(500)]

    assert sum(word not in redact(word) for word in made) >= 490


HOSTILE = pytest.mark.parametrize(
    "piece",
    [
        "a", "a.", "@", "a@", "a@a.", "://", "://a:", "4", "4 ", "+1", "ghp_", "sk-", "sk-a", "eyJ",
        "eyJaaaaaaaaaa.", "password=", "password='", "pwd ist ", "token=a", "Bearer a", "cookie: ",
        "Aa1", "/home/", "DE89 ", "DE89A", "1-11-", "tel 1 ", "‹", "‹a:000000000000›", "\n", "(2",
        "-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----\nAAAA", "\u200b", "SG.a",
    ],
)  # fmt: skip


def redacting_s(piece: str, size: int) -> float:
    text = (piece * (size // len(piece) + 1))[:size]
    started = time.perf_counter()
    redact(text)
    return time.perf_counter() - started


@HOSTILE
def test_a_hostile_text_takes_no_longer_than_its_length(piece):
    assert redacting_s(piece, MEGABYTE // 16) < SECONDS_MAX


@HOSTILE
@pytest.mark.slow
def test_a_hostile_megabyte_takes_no_longer_than_its_length(piece):
    assert redacting_s(piece, MEGABYTE) < SECONDS_MAX
