"""Asks once more where another question may get a better answer.

The rule: each remedy is tried at most once for a request, and every try is paid for and counted.
"""

import threading
from dataclasses import replace

from msgspec import Struct

from processors.llm.values import Answer, Model, Outcome, Request

MAX_TOKENS_MAX = 21_333
"""Above it the API wants answers streamed."""


class Again:
    """Cut off: with twice the room. Invalid: the same. What the server does not take (the schema,
    or thinking switched off): otherwise, and from then on at once."""

    def __init__(self, inner: Model) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._as_tool: set[type[Struct]] = set()
        self._thinking: set[str] = set()

    def ask(self, request: Request) -> Answer:
        return self._asked(self.learned(request), set())

    def after(self, request: Request, answer: Answer) -> Answer:
        """What is asked next where this answer was given in a batch."""
        first = self.learned(request)
        return self._asked(remedy(first, answer) or first, {_why(answer)})

    def _asked(self, request: Request, tried: set[tuple[Outcome, str]]) -> Answer:
        answer = self._inner.ask(request)
        self._learn(request, answer)
        while (why := _why(answer)) not in tried and (better := remedy(request, answer)):
            tried.add(why)
            request = better
            answer = self._inner.ask(request)
            self._learn(request, answer)
        return answer

    def learned(self, request: Request) -> Request:
        """The request as its server takes it, as far as is known."""
        with self._lock:
            if request.output in self._as_tool:
                request = replace(request, form="tool")
            if request.model in self._thinking:
                request = replace(request, thinking=True)
        return request

    def _learn(self, request: Request, answer: Answer) -> None:
        if answer.outcome is not Outcome.DONE:
            return
        with self._lock:
            if request.form == "tool":
                self._as_tool.add(request.output)
            if request.thinking:
                self._thinking.add(request.model)


def _why(answer: Answer) -> tuple[Outcome, str]:
    """Of invalid answers each is a new throw, so all of them together are tried once."""
    return answer.outcome, "" if answer.outcome is Outcome.INVALID else answer.reason


def remedy(request: Request, answer: Answer) -> Request | None:
    """What to ask instead, None if nothing else would help."""
    match answer.outcome, answer.reason:
        case Outcome.TRUNCATED, "max_tokens" if request.max_tokens < MAX_TOKENS_MAX:
            return replace(request, max_tokens=min(request.max_tokens * 2, MAX_TOKENS_MAX))
        case Outcome.INVALID, _:
            return request
        case Outcome.REJECTED, "schema" if request.form == "schema":
            return replace(request, form="tool")
        case Outcome.REJECTED, "thinking" if not request.thinking:
            return replace(request, thinking=True)
        case _:
            return None
