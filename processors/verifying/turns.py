"""The human turns of a session: what a person said to the agent, and what the agent had said.

The rules:
- only what a dialect calls a prompt of a person is a turn; tool output, hooks, reminders,
  compaction summaries, subagents and programs that drive the agent never are;
- a turn holds redacted text only, with the way back to the places of the original;
- parts of a turn that are not the person's own words stay in the text, so that offsets are true,
  and are marked, so that nothing in them is evidence;
- a turn depends on the lines up to it and on nothing behind them: a session that grows adds turns
  and never changes one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.lines import Line
from core.record import Prompt, Record
from processors.verifying.foreign import Foreign, foreign_parts
from processors.verifying.redaction import Redacted, Redactor

PERSONAL_ORIGINS = ("typed", "queued", "command", "memory")
"""Others (sdk, plan, what a newer agent may invent) are written by programs and models."""
REPLY_HEAD_CHARS, REPLY_TAIL_CHARS = 800, 400
_CUT = "\n[…]\n"


@dataclass(frozen=True, slots=True)
class Turn:
    """One prompt of a person.

    `number` counts the session's turns from 0. `offset` is that of the line, and `place` tells its
    prompts apart where a line has several. `text` is redacted, and `foreign` are its parts that are
    not the person's own words, in order and apart. `reply` is the last thing the agent had said,
    redacted and shortened: context, never evidence.
    """

    number: int
    offset: int
    place: int
    uuid: str | None
    at_us: int | None
    origin: str
    text: str
    foreign: tuple[Foreign, ...]
    reply: str
    redacted: Redacted

    @property
    def turn_id(self) -> str:
        """Its name within the session."""
        return f"t{self.number}"

    def own_parts(self) -> Iterator[tuple[int, int]]:
        """Start and end of each part that is the person's own words."""
        at = 0
        for part in self.foreign:
            if part.start > at:
                yield at, part.start
            at = part.end
        if at < len(self.text):
            yield at, len(self.text)

    def is_own(self, start: int, end: int) -> bool:
        """Is all of `text[start:end]` in the person's own words?"""
        return not any(part.start < end and start < part.end for part in self.foreign)


def turns_of(lines: Iterable[Line[Record]], redactor: Redactor) -> Iterator[Turn]:
    """The human turns of a session, in order; a line that is repeated counts once."""
    number, reply = 0, ""
    seen: set[str] = set()
    for offset, record in lines:
        if record.replies:
            reply = record.replies[-1]
        if not _may_speak(record) or _is_repeated(record, seen):
            continue
        for place, prompt in enumerate(record.prompts):
            if prompt.origin in PERSONAL_ORIGINS and prompt.text.strip():
                yield _turn(number, offset, place, record, prompt, reply, redactor)
                number, reply = number + 1, ""


def _may_speak(record: Record) -> bool:
    return bool(record.prompts) and not (record.meta or record.sidechain or record.agent_id)


def _is_repeated(record: Record, seen: set[str]) -> bool:
    """Resumed sessions repeat lines of what they resume."""
    if record.uuid is None:
        return False
    repeated = record.uuid in seen
    seen.add(record.uuid)
    return repeated


def _turn(
    number: int,
    offset: int,
    place: int,
    record: Record,
    prompt: Prompt,
    reply: str,
    redactor: Redactor,
) -> Turn:
    redacted = redactor.redact(prompt.text)
    return Turn(
        number=number,
        offset=offset,
        place=place,
        uuid=record.uuid,
        at_us=prompt.at_us if prompt.at_us is not None else record.at_us,
        origin=prompt.origin,
        text=redacted.text,
        foreign=tuple(foreign_parts(redacted.text)),
        reply=_shortened(redactor.redact(reply).text) if reply else "",
        redacted=redacted,
    )


def _shortened(text: str) -> str:
    """Head and tail: what the agent is about, and what it ended with."""
    if len(text) <= REPLY_HEAD_CHARS + len(_CUT) + REPLY_TAIL_CHARS:
        return text
    return text[:REPLY_HEAD_CHARS] + _CUT + text[-REPLY_TAIL_CHARS:]
