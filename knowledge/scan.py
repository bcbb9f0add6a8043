"""Finds text that gives orders to an agent or hides something; such text is not delivered.

An approved item stands in the rules of every teammate's agent. So what would steer an agent
rather than inform it is found before approval, shown to the reviewer, and looked for again
whenever a bundle is made, because the patterns learn and the items stay.

The rule: pure, and nothing hides from it. Patterns see the text folded: without hidden
characters, accents and case, in the five languages of the base. A finding names a reason and
quotes no more than a few words.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from knowledge.text import is_hidden, unaccented, visible

Reason = Literal[
    "too_long",
    "hidden_characters",
    "hidden_comment",
    "encoded_text",
    "look_alikes",
    "overrides_instructions",
    "suppresses_reporting",
    "session_control",
    "permissions",
    "tool_call",
    "runs_code",
    "sends_data",
    "poses_as_system",
    "breaks_out",
]
EXCERPT_CHARS = 60
SCANNED_CHARS_MAX = 4000
"""A longer text is no statement and is held back; no more of it is searched."""

_RAW: tuple[tuple[Reason, str], ...] = (
    ("hidden_comment", r"<!--.*?(?:-->|$)|\[//\]:\s*#"),
    (
        "encoded_text",
        r"(?<!\w)(?=\S*\d)(?=\S*[A-Z])(?=\S*[a-z])[A-Za-z0-9+]{20,}[-_/]?[A-Za-z0-9+]{20,}|"
        r"[A-Za-z0-9+/]{32,}={1,2}(?!=)",
    ),
    (
        "encoded_text",
        r"(?:\\x[0-9a-fA-F]{2}){6,}|(?:%[0-9a-fA-F]{2}){8,}|(?:\\u[0-9a-fA-F]{4}){6,}",
    ),
    ("encoded_text", r"(?i)\bdata:[\w/+.-]*;base64,"),
)
_IGNORE = (
    r"ignor\w*|disregard\w*|forget|override\w*|bypass\w*|skip|missacht\w*|vergiss|vergesst|"
    r"umgeh\w*|oublie\w*|contourn\w*|olvid\w*|omit\w*|pasa por alto|zapomen\w*|nedbej\w*|obejd\w*"
)
_RULES = (
    r"instructions?|prompts?|rules|guidelines|guardrails|safety|system message|anweisung\w*|regeln|"
    r"vorgaben|consignes?|regles|directives|instruccion\w*|reglas|directrices|instrukc\w*|pokyn\w*|"
    r"pravidl\w*"
)
_EARLIER = (
    r"previous|prior|above|earlier|all|any|your|the system|other|existing|vorherig\w*|bisherig\w*|"
    r"obig\w*|alle\w*|deine\w*|precedent\w*|toutes?|tes|vos|anterior\w*|todas?|tus|sus|previas?|"
    r"predchoz\w*|vsechn\w*|sve|tve"
)
_FOLDED: tuple[tuple[Reason, str], ...] = (
    (
        "overrides_instructions",
        rf"\b(?:{_IGNORE})\b(?:\W+\w+){{0,3}}?\W+(?:{_EARLIER})\b(?:\W+\w+){{0,3}}?\W+(?:{_RULES}"
        rf")\b",
    ),
    (
        "overrides_instructions",
        rf"\b(?:{_IGNORE})\b(?:\W+\w+){{0,2}}?\W+(?:{_RULES})\W+(?:{_EARLIER})\b",
    ),
    (
        # A German infinitive comes last.
        "overrides_instructions",
        r"\b(?:vorherig\w*|bisherig\w*|obig\w*|fruher\w*|alle\w*|deine\w*|eure\w*)\W+"
        r"(?:\w+\W+){0,2}?(?:anweisung\w*|regeln|vorgaben|befehle\w*|hinweise\w*)\W+"
        r"(?:(?!nicht\b|nie\b|niemals\b)\w+\W+){0,3}?"
        r"(?:ignorier\w*|missacht\w*|vergess\w*|umgeh\w*|ubergeh\w*)\b",
    ),
    (
        "overrides_instructions",
        r"\b(?:you are now|from now on,? you|act as (?:a|an|the|if)\b|pretend to be|"
        r"new (?:system )?instructions|"
        r"du bist (?:jetzt|ab jetzt)|ab jetzt bist du|tu es (?:maintenant|desormais)|ahora eres|"
        r"nyni jsi|od ted jsi)",
    ),
    ("overrides_instructions", r"\b(?:jailbreak|developer mode|dan mode|do anything now)\b"),
    (
        # "Never … without asking" is the opposite.
        "suppresses_reporting",
        r"(?m)^(?![^\n]*\b(?:never|not|no|don ?t)\b[^\n]*\bwithout\b)[^\n]*\b(without\W+"
        r"(?:asking|telling|informing|warning|mentioning|reporting|notifying)\W+(?:\w+\W+){0,2}?"
        r"(?:users?|anyone|anybody|them|humans?|reviewers?|for (?:permission|confirmation)))\b",
    ),
    (
        "suppresses_reporting",
        r"\b(?:do not|don ?t|never)\W+(?:\w+\W+){0,2}?(?:tell|inform|"
        r"warn|mention|report|reveal|ask|notify)\W+(?:\w+\W+){0,2}?(?:users?|"
        r"anyone|anybody|them|humans?|person|reviewers?|this|about|for (?:permission|"
        r"confirmation))\b",
    ),
    (
        "suppresses_reporting",
        r"\b(?:keep|do) this (?:secret|hidden|quiet|silently)\b|\b(?:sag|sage|erwahne|verrate|"
        r"melde)\W+(?:\w+\W+){0,3}?(?:nicht|nichts|niemand\w*)\b"
        r"|\b(?:ne|n)\W?(?:dis|dites|mentionne\w*|signale\w*|previen\w*|"
        r"avert\w*)\W+(?:\w+\W+){0,2}?(?:pas|rien|jamais)\b"
        r"|\bno (?:le |se lo )?(?:digas|diga|menciones|mencione|avises|avise|informes|informe)\b"
        r"|\b(?:nerikej|nerikejte|nezminuj\w*|nehlas|nehlaste|neinformuj\w*|neupozornuj\w*)\b",
    ),
    (
        "session_control",
        r"(?:^|[\s`'\"(])/(?:clear|compact|config|permissions|hooks|login|logout|mcp|model|"
        r"agents|memory|init|resume|add-dir|bug|"
        r"terminal-setup|output-style|plugin|rewind|exit|quit|bashes|allowed-tools)(?=$|"
        r"[\s`'\").,:;])",
    ),
    (
        "session_control",
        r"\b(?:clear|reset|end|restart|exit|close|wipe)\W+(?:your|the current|this|"
        r"the)\W+(?:context|session|conversation|memory|history)\b",
    ),
    (
        "permissions",
        r"--?(?:dangerously-skip-permissions|yolo|full-auto|allow-all\w*|trust-all\w*|"
        r"bypass\w*)"
        r"|\b(?:bypasspermissions|skip permissions?|danger-full-access|auto-?approve|"
        r"approval_policy|acceptedits)\b",
    ),
    (
        "permissions",
        r"\b(?:always|automatically|immer|automatisch|toujours|siempre|vzdy)\W+(?:\w+\W+)?(?:"
        r"approve|genehmig\w*|zustimm\w*|approuve\w*|aprueb\w*|schval\w*)\b|"
        r"\b(?:always|automatically|immer|toujours|siempre|vzdy)\W+(?:\w+\W+)?(?:accept|allow|confirm|"
        r"grant|erlaub\w*|accepte\w*|autorise\w*|acept\w*|povol\w*)\W+(?:\w+\W+){0,3}?(?:tools?|"
        r"permissions?|commands?|prompts?|edits|bash|calls?|befehl\w*|commandes?|comandos?|prikaz\w*)\b",
    ),
    (
        "permissions",
        r"\b(?:edit|change|modify|update|write|add|delete|"
        r"disable)\b(?:\W+\w+){0,5}?\W+(?:\.claude|settings(?:\.local)?\.json|claude\.md|"
        r"agents\.md|\.mcp\.json|permissions?\.(?:allow|deny)|hooks?\.json|\.bashrc|\.zshrc|"
        r"authorized_keys|sudoers)",
    ),
    (
        "tool_call",
        r"</?\s*(?:antml:)?(?:function_calls?|invoke|tool_use|tool_result|tool_call|parameter|"
        r"function)\b|\btool_choice\b|\"type\"\s*:\s*\"tool_use\"",
    ),
    (
        "tool_call",
        r"\b(?:call|use|invoke|run|execute)\W+(?:the\W+)?(?:bash|shell|webfetch|websearch|write|"
        r"edit|task|computer|mcp__\w+)\W+(?:tool|function|command)\b|\bmcp__\w+",
    ),
    (
        "runs_code",
        r"\b(?:curl|wget|iwr|invoke-webrequest)\b[^\n]{0,200}\|\s*(?:sudo\s+)?(?:ba|z|da|"
        r"fi)?sh\b|\|\s*(?:python3?|node|perl|iex)\b"
        r"|\b(?:eval|exec|iex)\s*[(\"$`]|\$\(\s*(?:curl|wget)|\bbase64\s+(?:-d|--decode|-di)\b|"
        r"\brm\s+-(?:rf|fr)\s+[~/$*.]|\bnc\s+-[a-z]*e|/dev/tcp/",
    ),
    (
        "sends_data",
        r"\b(?:curl|wget)\b[^\n]{0,200}(?:-d\b|--data|--upload-file|-t\b|-f\b|--form|\$\(|`)",
    ),
    ("sends_data", r"!\[[^\]]*\]\(\s*(?:https?:)?//|<img\b"),
    (
        "sends_data",
        r"https?://[^\s)\"'>]*[?&][\w.-]*=(?:[^\s&)\"'>]*(?:\{|\$|%7b|<)|[^\s&)\"'>]{40,})",
    ),
    (
        "sends_data",
        r"\b(?:send|post|upload|forward|exfiltrate|leak|transmit|e-?mail|paste|schick\w*|sende|"
        r"envoie\w*|envi[ae]\w*|posli|odesli)\b"
        r"(?:\W+\w+){0,8}?\W+(?:to|an|a|vers|hacia|na|at)\W+(?:\w+\W+){0,2}?(?:https?://|"
        r"[\w.+-]+@[\w-]+\.|ngrok|webhook|pastebin|gist\.)",
    ),
    (
        "sends_data",
        r"\b(?:webhook\.site|requestbin\.\w+|pipedream\.net|ngrok(?:-free)?\.\w+|"
        r"burpcollaborator\.net|interact\.sh|oast\.\w+|transfer\.sh|hastebin\.\w+)\b",
    ),
    (
        "sends_data",
        r"\b(?:cat|read|print|echo|send|upload|post|show|reveal|dump|leak|zeig\w*|montre\w*|"
        r"muestra\w*|ukaz\w*)\b(?:\W+\w+){0,4}?\W+(?:~?/?\.ssh|id_rsa|\.env\b|\.aws|"
        r"\.netrc|printenv|(?:api|secret|access|private)[ _-]?keys?|credentials|passwords?|"
        r"system prompt|environment variables)",
    ),
    (
        "poses_as_system",
        r"<\|?/?(?:im_start|im_end|system|assistant|user|human|endoftext)\|?>|\[/?inst\]|"
        r"<</?sys>>|(?:^|\n)\s*(?:#+\s*)?(?:system|assistant|human|developer)\s*:",
    ),
    (
        "poses_as_system",
        r"</?system-reminder|\b(?:anthropic|openai|the developers?|your (?:admin|operator|"
        r"creator)s?)\W+(?:require|instruct|order|demand|authori[sz]e)\w*",
    ),
    (
        "breaks_out",
        r"<\s*/?\s*(?:team-knowledge|data-[0-9a-f]{4,}|session|transcript|turn)\b|(?:^|"
        r"\n)\s*(?:```|~~~)",
    ),
)
_RAW_PATTERNS = tuple((reason, re.compile(p, re.DOTALL)) for reason, p in _RAW)
_FOLDED_PATTERNS = tuple((reason, re.compile(p)) for reason, p in _FOLDED)
_HARMLESS_HIDDEN = frozenset("\u200d\ufe0f\u00ad")
"""What ordinary text holds: the joiner of emoji and the soft hyphen."""
_LATIN = re.compile(r"[a-zA-Z]")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a text is held back, and the first words of the place."""

    reason: Reason
    excerpt: str


def scan(text: str) -> tuple[Finding, ...]:
    """What in this text would steer an agent or hide something; () if nothing. One per reason."""
    found: dict[Reason, Finding] = {}
    for reason, place in _places(text):
        found.setdefault(reason, Finding(reason, _excerpt(place)))
    return tuple(found[reason] for reason in sorted(found))


def _places(text: str) -> Iterator[tuple[Reason, str]]:
    if hidden := [c for c in text if is_hidden(c) and c not in _HARMLESS_HIDDEN]:
        yield "hidden_characters", " ".join(f"U+{ord(c):04X}" for c in hidden[:6])
    if len(text) > SCANNED_CHARS_MAX:
        yield "too_long", f"{len(text)} characters"
    shown = visible(text[:SCANNED_CHARS_MAX])
    yield from (("look_alikes", w) for w in _WORD.findall(shown) if _mixes_scripts(w))
    yield from ((r, m[0]) for r, p in _RAW_PATTERNS if (m := p.search(shown)))
    folded = unaccented(shown).replace("’", "'").replace("'", " ")
    yield from ((r, m[m.lastindex or 0]) for r, p in _FOLDED_PATTERNS if (m := p.search(folded)))


def _mixes_scripts(word: str) -> bool:
    """Latin letters beside Cyrillic or Greek ones in a word: written so as not to be found."""
    if not _LATIN.search(word):
        return False
    # Single Greek letters are units and variables: µs, Δt, σx.
    return len(word) > 3 and any(
        unicodedata.name(c, "").startswith(("CYRILLIC", "GREEK SMALL")) for c in word
    )


def _excerpt(place: str) -> str:
    flat = " ".join(place.split())
    return flat if len(flat) <= EXCERPT_CHARS else flat[: EXCERPT_CHARS - 1] + "…"
