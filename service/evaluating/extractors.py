"""What finds items in a session: phrase rules, or whatever answers as a model does.

The rule: an extractor is handed a window as the service would hand it one, and says what it found,
what was refused and what it sent; judging it is not its business.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from core.lines import Line, read_lines
from core.record import Record
from processors.dialects import by_name, detect
from processors.llm.values import Answer, Model, Outcome
from processors.verifying.answers import read_answer
from processors.verifying.candidates import Candidate
from processors.verifying.quotes import Refusal
from processors.verifying.redaction import Redactor
from processors.verifying.requests import question
from processors.verifying.rules import found_by_rules
from processors.verifying.turns import turns_of
from processors.verifying.windows import Window, windows_of

KEY = b"the key of the evaluation is no secret"
"""For codes of placeholders, which must be the same each time."""
REDACTOR = Redactor(KEY)
"""Without detectors that are optional: the figures are those of every installation."""


@dataclass(frozen=True, slots=True)
class Found:
    """`answers`: how each question to a model ended; `sent`: the texts of the questions."""

    candidates: tuple[Candidate, ...]
    refusals: Counter[Refusal] = field(default_factory=Counter)
    answers: Counter[Outcome] = field(default_factory=Counter)
    sent: tuple[str, ...] = ()
    cost_nano: int = 0

    def __add__(self, other: "Found") -> "Found":
        return Found(
            self.candidates + other.candidates,
            self.refusals + other.refusals,
            self.answers + other.answers,
            self.sent + other.sent,
            self.cost_nano + other.cost_nano,
        )


NOTHING = Found(())
Extractor = Callable[[Window], Found]


def windows(data: bytes) -> list[Window]:
    """A session file's windows, read as the service reads them."""
    return list(windows_of(turns_of(_records(data), REDACTOR)))


def extracted(data: bytes, extractor: Extractor) -> Found:
    """All that is found in a session file."""
    return sum((extractor(window) for window in windows(data)), NOTHING)


def by_rules(window: Window) -> Found:
    """Without a model."""
    return Found(tuple(found_by_rules(window)))


def by_model(model: Model) -> Extractor:
    """With whatever answers; without an answer nothing is found, and that is counted."""

    def ask(window: Window) -> Found:
        request = question(window, REDACTOR)
        sent = (request.system, *(turn.text for turn in request.messages))
        return _read(model.ask(request), window, sent)

    return ask


def _read(answer: Answer, window: Window, sent: tuple[str, ...]) -> Found:
    ended = Counter([answer.outcome])
    if answer.outcome is not Outcome.DONE:
        return Found((), answers=ended, sent=sent, cost_nano=answer.cost_nano)
    read = read_answer(answer.text, window, REDACTOR)
    return Found(read.candidates, read.refusals, ended, sent, answer.cost_nano)


def _records(data: bytes) -> Iterator[Line[Record]]:
    lines = read_lines(data, 0, by_name(detect(data)))
    return (line for line in lines if isinstance(line, Line))
