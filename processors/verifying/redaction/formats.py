"""Secrets that show what they are: tokens of known providers, JWTs, credentials in addresses.

The rule: each pattern starts with its own literal text, is bounded, and its repeats are possessive,
so that no input makes it look twice at a character. `hints` are texts without which a pattern
cannot match: searching for those first is what makes thirty patterns cheap.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from processors.verifying.redaction.spans import Finding


class _Format(NamedTuple):
    kind: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]


def _format(kind: str, hints: str, pattern: str) -> _Format:
    """The pattern stands alone: nothing that belongs to a word is directly before it."""
    return _Format(kind, tuple(hints.split()), re.compile(r"(?<![A-Za-z0-9])(?:" + pattern + ")"))


_FORMATS = (
    _format("anthropic-key", "sk-ant-", r"sk-ant-[\w-]{16,300}+"),
    _format("api-key", "sk-", r"sk-(?=[A-Za-z_-]{0,60}\d)[\w-]{20,300}+"),
    _format(
        "github-token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"gh[pousr]_[A-Za-z0-9_]{20,300}+|github_pat_\w{20,300}+",
    ),
    _format(
        "gitlab-token",
        "glpat- gldt- glrt- glft- glsoat- glcbt- glptt- glagent-",
        r"gl(?:pat|dt|rt|ft|soat|cbt|ptt|agent)-[\w.-]{16,300}+",
    ),
    _format("slack-token", "xox xapp-", r"(?:xox[abceoprs]|xapp)-[\w-]{10,300}+"),
    _format(
        "webhook",
        "hooks.slack.com/ /api/webhooks/ webhook.office.com/",
        r"(?:hooks\.slack\.com/(?:services|workflows|triggers)/"
        r"|discord(?:app)?\.com/api/webhooks/|webhook\.office\.com/)[\w/@-]{16,400}+",
    ),
    _format(
        "aws-key-id",
        "AKIA ASIA AROA AIDA AGPA ABIA ACCA",
        r"A(?:KIA|SIA|ROA|IDA|GPA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    ),
    _format(
        "google-key",
        "AIza ya29. GOCSPX- 1//0",
        r"AIza[\w-]{35}+|ya29\.[\w-]{20,500}+|GOCSPX-[\w-]{20,60}+|1//0[\w-]{30,200}+",
    ),
    _format(
        "stripe-key",
        "k_live_ k_test_ whsec_",
        r"(?:[srp]k_(?:live|test)|whsec)_[A-Za-z0-9+/=]{10,250}+",
    ),
    _format("npm-token", "npm_", r"npm_[A-Za-z0-9]{30,80}+"),
    _format("pypi-token", "pypi-", r"pypi-[\w-]{50,400}+"),
    _format("huggingface-token", "hf_", r"hf_[A-Za-z0-9]{30,80}+"),
    _format("sendgrid-key", "SG.", r"SG\.[\w-]{16,40}+\.[\w-]{16,80}+"),
    _format("twilio-key", "SK AC", r"(?:SK|AC)[0-9a-f]{32}(?![A-Za-z0-9])"),
    _format("digitalocean-token", "do", r"do[opr]_v1_[a-f0-9]{40,80}+"),
    _format("shopify-token", "shp", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}+"),
    _format("bot-token", ":AA", r"\d{8,10}:AA[\w-]{30,40}+"),
    _format("bot-token", "M N O", r"[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}(?![\w-])"),
    _format("databricks-token", "dapi", r"dapi[a-f0-9]{32}(?:-\d)?+"),
    _format("vault-token", "hvs. hvb. hvr.", r"hv[sbr]\.[\w-]{20,300}+"),
    _format("terraform-token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,100}+"),
    _format(
        "grafana-token",
        "glsa_ glc_ eyJrIjoi",
        r"(?:glsa|glc)_[\w+/=-]{20,400}+|eyJrIjoi[\w=]{20,200}+",
    ),
    _format(
        "provider-token",
        "gsk_ xai- pplx- r8_ lin_api_ ntn_ secret_ figd_ tskey- pul- PMAK- NRAK- sntry dp. key- "
        "ATATT ATCTT dckr_ rubygems_ phx_ phc_ fly cfut_ cfat_ EAAA sq0 sbp_ vercel_ rnd_ dop_ "
        "nvapi- fw_ tvly- fc- ",
        r"gsk_[A-Za-z0-9]{40,80}+|xai-[A-Za-z0-9]{40,120}+|pplx-[A-Za-z0-9]{40,80}+"
        r"|r8_[A-Za-z0-9]{30,60}+|lin_api_[A-Za-z0-9]{30,60}+|(?:ntn|secret)_[A-Za-z0-9]{40,60}+"
        r"|figd_[\w-]{30,80}+|tskey-[a-z]{2,10}-[\w-]{16,80}+|pul-[a-f0-9]{40}"
        r"|PMAK-[a-f0-9]{24}-[a-f0-9]{34}|NRAK-[A-Z0-9]{27}|sntry[su]_[\w=+/-]{40,400}+"
        r"|dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{30,80}+|key-[0-9a-f]{32}(?![0-9a-f])"
        r"|AT[AC]TT3[\w=-]{50,300}+|dckr_(?:pat|oat)_[\w-]{20,80}+|rubygems_[a-f0-9]{48}"
        r"|ph[cx]_[A-Za-z0-9]{40,60}+|fly(?:v1|m2|m1)?_[\w=+/,-]{30,500}+|cf[ua]t_[\w-]{30,80}+"
        r"|EAAA[\w-]{60,120}+|sq0(?:atp|csp|idp)-[\w-]{22,60}+|sbp_[a-f0-9]{40}"
        r"|vercel_[A-Za-z0-9]{24,60}+|rnd_[A-Za-z0-9]{28,60}+|nvapi-[\w-]{50,100}+"
        r"|tvly-[\w-]{30,60}+|fc-[a-f0-9]{32}",
    ),
    # Numbers of a project and of a token, then the token: a storage service writes them so.
    _format("numbered-token", "-", r"\d{1,9}-\d{2,12}-[A-Za-z0-9]{30,64}+(?![\w-])"),
    _format("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[A-Z0-9]{50,70}+"),
    _format("jwt", "eyJ", r"eyJ[\w-]{10,8000}+\.[\w-]{8,16000}+(?:\.[\w-]{0,4000}+){0,3}+"),
    _format(
        "account-key",
        "AccountKey= SharedAccessKey= SharedAccessSignature=",
        r"(?:AccountKey|SharedAccessKey|SharedAccessSignature)=[^\s;\"'‹]{16,400}+",
    ),
)
# `user:password@host`: the authority of an address, without the slash that would end it.
_AUTHORITY = re.compile(r"://([^\s/?#\"'<>`‹›|]{3,400}+)")
_AUTHORIZATION = re.compile(
    r"(?i)(?<![A-Za-z0-9])(?:bearer|basic|token|apikey)[ \t]{1,4}+"
    r"(?=[A-Za-z_.~+/=-]{0,200}\d)([\w.~+/=-]{16,4000}+)"
)
_COOKIE = re.compile(r"(?i)(?<![A-Za-z0-9-])(?:set-)?cookie: ?+([^\r\n\"'‹]{8,4000}+)")


def formatted(text: str) -> Iterator[Finding]:
    """Tokens by their format, and credentials in addresses and headers."""
    for kind, hints, pattern in _FORMATS:
        if any(hint in text for hint in hints):
            yield from (Finding(kind, m.start(), m.end()) for m in pattern.finditer(text))
    if "://" in text:
        yield from _in_addresses(text)
    for match in _AUTHORIZATION.finditer(text):
        yield Finding("authorization", match.start(1), match.end(1))
    for match in _COOKIE.finditer(text):
        if "=" in match[1]:
            yield Finding("cookie", match.start(1), match.end(1))


def _in_addresses(text: str) -> Iterator[Finding]:
    """Passwords of `scheme://user:password@host`; the last `@` ends the password."""
    for match in _AUTHORITY.finditer(text):
        credentials, at, _ = match[1].rpartition("@")
        user, colon, password = credentials.partition(":")
        if at and colon and password and not password.startswith(("$", "{", "%")):
            start = match.start(1) + len(user) + 1
            yield Finding("password", start, start + len(password))
        elif at and not colon and len(credentials) >= 20 and any(map(str.isdigit, credentials)):
            yield Finding("password", match.start(1), match.start(1) + len(credentials))
