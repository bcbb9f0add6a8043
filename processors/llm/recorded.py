"""Gives what was answered before, so that a session read again costs nothing.

The rule: only what says something about the input, or was paid for, is kept. An answer is held to
its schema each time it is read; one that does not fit any more is asked for again.
"""

from collections.abc import Callable

from processors.llm.reply import checked
from processors.llm.seams import Recording, Recordings
from processors.llm.values import Answer, Model, Outcome, Request, Tokens

KEPT = frozenset({Outcome.DONE, Outcome.REFUSED, Outcome.TRUNCATED, Outcome.INVALID})
"""An answer that was no use is one, too: until an operator says so, it is not paid for again."""


class Recorded:
    def __init__(
        self,
        inner: Model,
        recordings: Recordings,
        now_us: Callable[[], int],
        found: Callable[[Request], None],
    ) -> None:
        self._inner = inner
        self._recordings = recordings
        self._now_us = now_us
        self._found = found

    def ask(self, request: Request) -> Answer:
        key = request.hash
        if (answer := replay(self._recordings.get(key), request)) is not None:
            self._found(request)
            return answer
        answer = self._inner.ask(request)
        if answer.outcome in KEPT:
            self._recordings.put(key, recording_of(request.model, answer, self._now_us()))
        return answer


def replay(recording: Recording | None, request: Request) -> Answer | None:
    """The answer as it was, at no cost; None if there is none that fits."""
    if recording is None:
        return None
    answer = Answer(recording.outcome, text=recording.text, reason=recording.reason, recorded=True)
    if answer.outcome is not Outcome.DONE:
        return answer
    answer = checked(answer, request)
    return None if answer.outcome is Outcome.INVALID else answer


def recording_of(model: str, answer: Answer, at_us: int) -> Recording:
    return Recording(
        at_us=at_us,
        model=model,
        outcome=answer.outcome,
        reason=answer.reason,
        text=answer.text,
        tokens=answer.tokens or Tokens(),
        cost_nano=answer.cost_nano,
    )
