"""What verification leaves in the tables: windows, and what was found in them, quote by quote.

The rule: a row says who found it (`extractor`) and leads to the words it rests on; no row has a
confidence, because that follows from these columns and from what others said before and after, and
is computed whenever somebody reads it (`knowledge.confidence`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from processors.verifying.candidates import Candidate
from processors.verifying.turns import Turn
from processors.verifying.windows import Window

STATES = ("done", "queued", "offline", "refused", "truncated", "invalid", "rejected")
"""What a window may be; see `VerificationWindow`."""


class VerificationItem(NamedTuple):
    """One quote of one item. Items with several quotes have several rows that differ in nothing
    but the columns from `quote_number` on.

    `window` and `item` count from 0 and name the item within its session file, for as long as
    nobody reads it anew. `entities` and `qualifiers` are JSON arrays of text, `valid_from` and
    `valid_until` days (YYYY-MM-DD). `turn` counts the session's turns; `record_offset` is the byte
    offset of its line. `turn_text[start_char:end_char]` of the redacted turn is the quote;
    `original_start`, `original_end` are the same place in the prompt as it stands in the file.
    `after_bundle`: knowledge of ours had been delivered in the session before these words.
    """

    window: int
    item: int
    kind: str
    title: str
    statement: str
    rejected: str | None
    extractor: str
    scope: str
    scope_hint: str | None
    domain: str | None
    entities: str
    qualifiers: str
    valid_from: str | None
    valid_until: str | None
    request_hash: str | None
    quote_number: int
    quote: str
    turn: int
    turn_uuid: str | None
    said_at_us: int | None
    record_offset: int
    start_char: int
    end_char: int
    original_start: int
    original_end: int
    after_bundle: bool


class VerificationWindow(NamedTuple):
    """One window: what became of it. Turns count from 0; offsets are those of their lines.

    `state`: done (a model answered, or there is nothing to quote), queued (it will be asked),
    offline (no key, so phrase rules read it), refused, truncated, invalid or rejected (no other
    answer is to be had). `outcome` and `reason` are the model's own words for it, "" if it was not
    asked. Whatever no model has read the rules have: `extractor`. `dropped` is a JSON object: how
    many items and quotes were not kept, by reason. `redactions`: placeholders made in its turns.
    """

    window: int
    first_turn: int
    last_turn: int
    first_offset: int
    last_offset: int
    closed: bool
    state: str
    outcome: str
    reason: str
    extractor: str
    request_hash: str | None
    items: int
    dropped: str
    redactions: int


class Verdict(NamedTuple):
    """What is known of a window once it was read."""

    state: str
    extractor: str
    candidates: tuple[Candidate, ...]
    outcome: str = ""
    reason: str = ""
    request_hash: str | None = None
    dropped: Mapping[str, int] = {}


def rows_of(
    window: Window, verdict: Verdict, bundle_turn: int | None
) -> Iterator[VerificationWindow | VerificationItem]:
    """The window's row and those of its items. `bundle_turn`: the first turn of the session with
    knowledge of ours in it."""
    first, last = window.turns[0], window.turns[-1]
    yield VerificationWindow(
        window=window.number,
        first_turn=first.number,
        last_turn=last.number,
        first_offset=first.offset,
        last_offset=last.offset,
        closed=window.closed,
        state=verdict.state,
        outcome=verdict.outcome,
        reason=verdict.reason,
        extractor=verdict.extractor,
        request_hash=verdict.request_hash,
        items=len(verdict.candidates),
        dropped=json.dumps(dict(sorted(verdict.dropped.items()))),
        redactions=sum(len(turn.redacted.findings) for turn in window.turns),
    )
    turns = {turn.number: turn for turn in window.turns}
    for number, candidate in enumerate(verdict.candidates):
        yield from _item(window.number, number, candidate, verdict, turns, bundle_turn)


def _item(
    window: int,
    item: int,
    found: Candidate,
    verdict: Verdict,
    turns: Mapping[int, Turn],
    bundle_turn: int | None,
) -> Iterator[VerificationItem]:
    for number, quote in enumerate(found.evidence):
        yield VerificationItem(
            window=window,
            item=item,
            kind=found.kind.value,
            title=found.title,
            statement=found.statement,
            rejected=found.rejected,
            extractor=found.extractor,
            scope=found.scope.value,
            scope_hint=found.scope_hint,
            domain=found.domain.value if found.domain else None,
            entities=_listed(found.entities),
            qualifiers=_listed(found.qualifiers),
            valid_from=found.valid_from.isoformat() if found.valid_from else None,
            valid_until=found.valid_until.isoformat() if found.valid_until else None,
            request_hash=verdict.request_hash if found.extractor == "model" else None,
            quote_number=number,
            quote=quote.text,
            turn=quote.turn_number,
            turn_uuid=quote.uuid,
            said_at_us=turns[quote.turn_number].at_us,
            record_offset=quote.line_offset,
            start_char=quote.start,
            end_char=quote.end,
            original_start=quote.original_start,
            original_end=quote.original_end,
            after_bundle=bundle_turn is not None and bundle_turn <= quote.turn_number,
        )


def _listed(words: Iterable[str]) -> str:
    return json.dumps(list(words), ensure_ascii=False)
