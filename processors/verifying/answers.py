"""Reads a model's answer into candidates, and believes nothing it cannot check.

The rules:
- an answer that is no answer raises: an outage must never look like a session without items;
- items are judged one by one, and each that is dropped is counted with its reason;
- every quote is proved, every number of a statement must stand in its quotes or in what the agent
  had said before them, and nothing with a secret in it passes.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import msgspec

from core.errors import TransientError
from processors.verifying.candidates import (
    ENTITIES_MAX,
    ENTITY_CHARS_MAX,
    EVIDENCE_MAX,
    SHARED_SCOPES,
    STATEMENT_CHARS_MAX,
    Candidate,
    Domain,
    Kind,
    Quote,
    Scope,
    title_of,
)
from processors.verifying.quotes import Refusal, proved
from processors.verifying.redaction import PLACEHOLDER, Redactor
from processors.verifying.windows import Window

ITEMS_MAX = 40
_STATEMENT_CHARS_MIN = 12
_FENCED = re.compile(r"\s*```[a-z]*\s*\n(.*?)\n?\s*```\s*$", re.S)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CONTENT_WORD = re.compile(r"[^\W\d_]{4,}|\d+")


class _RawEvidence(msgspec.Struct):
    turn_id: str
    quote: str


class _RawItem(msgspec.Struct):
    """An item as the schema has it; a gateway that does not enforce schemas may send anything."""

    kind: Kind
    statement: str
    evidence: list[_RawEvidence]
    scope: Scope
    durable: bool
    title: str = ""
    rejected_statement: str | None = None
    scope_hint: str | None = None
    domain: Domain | None = None
    entities: list[str] = []
    qualifiers: list[str] = []
    valid_from: date | None = None
    valid_until: date | None = None


class _RawAnswer(msgspec.Struct):
    items: list[msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer holds, and how many items and quotes were dropped for which reason."""

    candidates: tuple[Candidate, ...]
    refusals: Counter[Refusal]


def read_answer(text: str, window: Window, redactor: Redactor) -> Answer:
    """Candidates of the window. Raises `TransientError` if the text is no answer at all."""
    candidates: list[Candidate] = []
    refusals: Counter[Refusal] = Counter()
    items = _items(text)
    refusals[Refusal.MALFORMED] += max(0, len(items) - ITEMS_MAX)
    for raw in items[:ITEMS_MAX]:
        try:
            item = msgspec.json.decode(raw, type=_RawItem)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            refusals[Refusal.MALFORMED] += 1
            continue
        read = _candidate(item, window, redactor, refusals)
        if isinstance(read, Refusal):
            refusals[read] += 1
        else:
            candidates.append(read)
    return Answer(tuple(candidates), +refusals)


def _items(text: str) -> list[msgspec.Raw]:
    """Models without structured output like to put their JSON into a fence."""
    fenced = _FENCED.match(text) if text.lstrip().startswith("```") else None
    try:
        return msgspec.json.decode(fenced[1] if fenced else text, type=_RawAnswer).items
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise TransientError(
            "the model's answer is not the JSON it was asked for",
            reason="unreadable_answer",
            hint="it is asked again; if it stays so, choose a model with structured output",
        ) from error


def _candidate(
    item: _RawItem, window: Window, redactor: Redactor, refusals: Counter[Refusal]
) -> Candidate | Refusal:
    statement = " ".join(item.statement.split())
    if refusal := _unwanted(item, statement, redactor):
        return refusal
    evidence: dict[tuple[int, int], Quote] = {}
    for given in item.evidence[:EVIDENCE_MAX]:
        quote = proved(window, given.turn_id, given.quote)
        if isinstance(quote, Refusal):
            refusals[quote] += 1
        else:
            evidence.setdefault((quote.turn_number, quote.start), quote)
    if not evidence:
        return Refusal.NO_EVIDENCE
    quotes = tuple(evidence[place] for place in sorted(evidence))
    if not _is_supported(statement, quotes, window):
        return Refusal.UNSUPPORTED
    return Candidate(
        kind=item.kind,
        title=title_of(" ".join(redactor.redact(item.title).text.split()) or statement),
        statement=statement,
        rejected=_clean(item.rejected_statement, redactor),
        evidence=quotes,
        extractor="model",
        scope=item.scope,
        scope_hint=_clean(item.scope_hint, redactor),
        domain=item.domain,
        entities=tuple(_names(item.entities, redactor)),
        qualifiers=tuple(_names(item.qualifiers, redactor)),
        valid_from=item.valid_from,
        valid_until=item.valid_until,
    )


def _unwanted(item: _RawItem, statement: str, redactor: Redactor) -> Refusal | None:
    if not _STATEMENT_CHARS_MIN <= len(statement) <= STATEMENT_CHARS_MAX:
        return Refusal.MALFORMED
    if item.scope not in SHARED_SCOPES:
        return Refusal.NOT_SHARED
    if not item.durable:
        return Refusal.NOT_DURABLE
    cleaned = redactor.redact(statement)
    return Refusal.REDACTED if cleaned.findings or PLACEHOLDER.search(statement) else None


def _is_supported(statement: str, quotes: tuple[Quote, ...], window: Window) -> bool:
    """A content word in the quotes, and no number out of nowhere."""
    quoted = " ".join(quote.text for quote in quotes).lower()
    numbers = {quote.turn_number for quote in quotes}
    replies = " ".join(turn.reply for turn in window.turns if turn.number in numbers)
    words = {word.lower() for word in _CONTENT_WORD.findall(statement)}
    known = set(_NUMBER.findall(quoted)) | set(_NUMBER.findall(replies))
    return any(word in quoted for word in words) and set(_NUMBER.findall(statement)) <= known


def _clean(text: str | None, redactor: Redactor) -> str | None:
    """Redacted and short; nothing for nothing."""
    cleaned = " ".join(redactor.redact(text).text.split()) if text else ""
    return cleaned[:STATEMENT_CHARS_MAX] or None


def _names(given: list[str], redactor: Redactor) -> Iterator[str]:
    for name in dict.fromkeys(given[:ENTITIES_MAX]):
        cleaned = redactor.redact(name).text.strip()
        if cleaned and len(cleaned) <= ENTITY_CHARS_MAX:
            yield cleaned
