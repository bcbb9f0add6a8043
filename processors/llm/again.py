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
    """Cut off: with twice the room. Invalid: the same. A schema the server does not take: as a
    tool, and from then on at once."""

    def __init__(self, inner: Model) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._as_tool: set[type[Struct]] = set()

    def ask(self, request: Request) -> Answer:
        tried: set[Outcome] = set()
        request = self._formed(request)
        answer = self._inner.ask(request)
        while answer.outcome not in tried and (better := remedy(request, answer)):
            tried.add(answer.outcome)
            request = better
            answer = self._inner.ask(request)
            self._learn(request, answer)
        return answer

    def _formed(self, request: Request) -> Request:
        with self._lock:
            return replace(request, form="tool") if request.output in self._as_tool else request

    def _learn(self, request: Request, answer: Answer) -> None:
        if request.form == "tool" and answer.outcome is Outcome.DONE:
            with self._lock:
                self._as_tool.add(request.output)


def remedy(request: Request, answer: Answer) -> Request | None:
    """What to ask instead, None if nothing else would help."""
    match answer.outcome, answer.reason:
        case Outcome.TRUNCATED, "max_tokens" if request.max_tokens < MAX_TOKENS_MAX:
            return replace(request, max_tokens=min(request.max_tokens * 2, MAX_TOKENS_MAX))
        case Outcome.INVALID, _:
            return request
        case Outcome.REJECTED, "schema" if request.form == "schema":
            return replace(request, form="tool")
        case _:
            return None
