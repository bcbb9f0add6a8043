"""Turns and windows for tests: a dialogue in a few words.

The rule: it is read as a session would be, by the real redaction and the real turns.
"""

from collections.abc import Iterable

from core.lines import Line
from core.record import Prompt, Record
from processors.verifying.redaction import Redactor
from processors.verifying.turns import Turn, turns_of
from processors.verifying.windows import Caps, Window, windows_of

KEY = b"a key for tests, 32 bytes long.."
REDACTOR = Redactor(KEY)


def lines(*said: str) -> list[Line[Record]]:
    """`agent: …` is what the agent said, everything else a person's prompt."""
    return [Line(100 * number, _record(number, text)) for number, text in enumerate(said)]


def turns(*said: str) -> list[Turn]:
    return list(turns_of(lines(*said), REDACTOR))


def turn(text: str) -> Turn:
    (one,) = turns(text)
    return one


def window(*said: str, caps: Caps | None = None) -> Window:
    (one,) = windows(turns(*said), caps)
    return one


def windows(some: Iterable[Turn], caps: Caps | None = None) -> list[Window]:
    return list(windows_of(some, caps) if caps else windows_of(some))


def _record(number: int, text: str) -> Record:
    who, colon, words = text.partition(": ")
    if colon and who == "agent":
        return Record("claude", "assistant", uuid=f"u{number}", replies=(words,))
    return Record("claude", "user", uuid=f"u{number}", at_us=number, prompts=(Prompt(text=text),))
