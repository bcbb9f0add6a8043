"""Cuts a session's turns into windows: what is read at once, and again when anything in it changes.

The rule: windows are counted from the first turn, greedily, and a turn depends on nothing behind
it. So a window that is followed by another never changes when the session grows, its digest stays,
and what was found in it need not be looked for again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from processors.verifying.turns import Turn

TURNS_MAX = 20
CHARS_MAX = 24_000
"""Of what is shown, replies included: about 8 000 tokens at three bytes a token."""
CONTEXT_TURNS = 2
TURN_CHARS_MAX = 6_000


@dataclass(frozen=True, slots=True)
class Window:
    """Turns to be examined, and the turns before them as context.

    Quotes count only from `turns`, so the overlap finds nothing twice. `closed` windows are
    followed by another and stay as they are; the last one may still grow.
    """

    number: int
    context: tuple[Turn, ...]
    turns: tuple[Turn, ...]
    closed: bool


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits of a window. A turn that is too long for any window has one of its own."""

    turns_max: int = TURNS_MAX
    chars_max: int = CHARS_MAX
    context_turns: int = CONTEXT_TURNS

    def __post_init__(self) -> None:
        assert min(self.turns_max, self.chars_max) > 0
        assert self.context_turns >= 0


def windows_of(turns: Iterable[Turn], caps: Caps = Caps()) -> Iterator[Window]:
    """The windows of all turns of a session, which must be in order from the first."""
    every = list(turns)
    starts = list(_starts(every, caps))
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else len(every)
        yield Window(
            number=number,
            context=tuple(every[max(0, start - caps.context_turns) : start]),
            turns=tuple(every[start:end]),
            closed=end < len(every),
        )


def _starts(turns: Sequence[Turn], caps: Caps) -> Iterator[int]:
    """Where windows begin: each takes turns as long as they fit."""
    count = chars = 0
    for index, turn in enumerate(turns):
        size = len(shown(turn)) + len(turn.reply)
        if index == 0 or count == caps.turns_max or chars + size > caps.chars_max:
            yield index
            count = chars = 0
        count, chars = count + 1, chars + size


def shown(turn: Turn) -> str:
    """The turn as a reader or a model sees it: foreign parts are only named, the rest is capped.

    A quote that reaches over such a mark is not in the turn's text, so it cannot be proved.
    """
    parts: list[str] = []
    at = 0
    for part in turn.foreign:
        parts += (turn.text[at : part.start], f"⟦{part.kind}: {part.end - part.start} characters⟧")
        at = part.end
    text = "".join((*parts, turn.text[at:]))
    return text if len(text) <= TURN_CHARS_MAX else text[:TURN_CHARS_MAX] + "⟦cut⟧"
