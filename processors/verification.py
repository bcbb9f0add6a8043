"""What people correct, confirm or define in a session, with quotes that are proved.

The rules:
- a window that a model has not read is read by phrase rules, so every window has a reader;
- what was not answered is never done: its window is queued, and the file is wanted again;
- a window is asked about by the hash of the request, so what was answered costs nothing again,
  whatever became of the rows.
"""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from processors.base import SESSION_FILES, Later, Session, Tools
from processors.llm.values import AGAIN, Answer, Outcome
from processors.verifying import redaction, requests, rules
from processors.verifying.answers import read_answer
from processors.verifying.quotes import QUOTE_CHARS_MIN
from processors.verifying.redaction import Redactor, kingfisher
from processors.verifying.requests import question
from processors.verifying.rows import Verdict, VerificationItem, VerificationWindow, rows_of
from processors.verifying.rules import found_by_rules
from processors.verifying.turns import Turn, turns_of
from processors.verifying.windows import Window, windows_of

_OWN_VERSION = 1
NOTHING_TO_QUOTE = "nothing_to_quote"


class Verification:
    """One row for each window of a session, and one for each quote of what was found in it."""

    name = "verification"
    version = (
        _OWN_VERSION + redaction.VERSION + kingfisher.version() + rules.VERSION + requests.VERSION
    )
    """Grows with each of them."""
    kind = "session"
    quiet_s, wait_max_s, cadence_s = 120.0, 900.0, 900.0
    tables = MappingProxyType(
        {"verification_items": VerificationItem, "verification_windows": VerificationWindow}
    )
    match = SESSION_FILES
    asks_model = True

    def rows(self, session: Session, tools: Tools) -> Iterator[Any]:
        redactor = _redactor(tools.redaction_key)
        turns = list(turns_of(session.lines, redactor))
        bundle_turn = next((turn.number for turn in turns if _has_bundle(turn)), None)
        queued: list[Answer] = []
        for window in windows_of(turns):
            verdict, answer = _verdict(window, redactor, tools)
            if verdict.state == "queued" and answer:
                queued.append(answer)
            yield from rows_of(window, verdict, bundle_turn)
        if queued:
            yield _later(queued)


def _verdict(window: Window, redactor: Redactor, tools: Tools) -> tuple[Verdict, Answer | None]:
    """What becomes of a window, and the answer it got if it was asked about."""
    if not any(map(_is_quotable, window.turns)):
        return Verdict("done", "rules", (), reason=NOTHING_TO_QUOTE), None
    if tools.llm is None:
        return _by_rules(window, "offline"), None
    answer = tools.llm.ask(question(window, redactor))
    if answer.outcome is Outcome.DONE:
        return _by_model(window, redactor, answer), answer
    return _by_rules(window, _state_of(answer.outcome), answer), answer


def _by_model(window: Window, redactor: Redactor, answer: Answer) -> Verdict:
    read = read_answer(answer.text, window, redactor)
    dropped = {reason.value: number for reason, number in read.refusals.items()}
    return Verdict(
        "done", "model", read.candidates, answer.outcome.value, "", answer.request_hash, dropped
    )


def _by_rules(window: Window, state: str, answer: Answer | None = None) -> Verdict:
    return Verdict(
        state,
        "rules",
        tuple(found_by_rules(window)),
        answer.outcome.value if answer else "",
        answer.reason if answer else "",
        answer.request_hash if answer else None,
    )


def _state_of(outcome: Outcome) -> str:
    if outcome is Outcome.OFFLINE:
        return "offline"
    return "queued" if outcome in AGAIN else outcome.value


def _later(answers: list[Answer]) -> Later:
    """One wish for all windows that wait: for the commonest reason, and when the first may go."""
    (outcome, _), *_ = Counter(answer.outcome for answer in answers).most_common(1)
    waits = [answer.retry_after_s for answer in answers if answer.retry_after_s is not None]
    text = next(answer.message for answer in answers if answer.outcome is outcome)
    return Later(f"model_{outcome}", text, min(waits, default=None))


def _has_bundle(turn: Turn) -> bool:
    return any(part.kind == "bundle" for part in turn.foreign)


def _is_quotable(turn: Turn) -> bool:
    """Could any quote of it be proved? If not, nobody needs to read it."""
    return any(
        len(turn.text[start:end].strip()) >= QUOTE_CHARS_MIN for start, end in turn.own_parts()
    )


@lru_cache(maxsize=4)
def _redactor(key: bytes) -> Redactor:
    """With the extra detector, if there is one: compiled once."""
    return Redactor(key, kingfisher.detectors())
