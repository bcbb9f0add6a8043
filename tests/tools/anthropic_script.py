"""What goes wrong at the stub server, and when: a sequence first, then shares by chance.

The rule: seeded, so the same script meets the same calls again. Written as text:

    429:12 529 ok reset          these, one call each, then the shares
    429:1=5% truncated=2%        of all calls after that

A fault may have an argument behind a colon: `retry-after` for 429 and 529, seconds
for slow, an address for redirect.
"""

import random
import threading
from collections.abc import Sequence
from typing import NamedTuple

from tests.tools.anthropic_wire import ApiError, Reply, invalid

SPEND_LIMIT = "enforced_spend_limit_reached"


class Fault(NamedTuple):
    """What one call meets; "ok" is none."""

    kind: str = "ok"
    argument: str = ""


OK = Fault()
# Those of the connection, which `anthropic_stub` plays itself.
CONNECTION = ("reset", "cut", "slow", "html", "redirect")
# Those of an answer with status 200.
ANSWER = ("truncated", "refusal", "invalid_json", "off_schema", "empty")
# Those of one item of a batch.
ITEM = ("expired", "canceled")


def error_of(fault: Fault) -> ApiError | None:
    """The API's own error shapes."""
    after = fault.argument
    match fault.kind:
        case "400":
            return invalid("messages.0: the request is not well formed")
        case "grammar":
            return invalid("The compiled grammar is too large")
        case "credit":
            return invalid("Your credit balance is too low to access the Anthropic API.")
        case "401":
            return ApiError(401, "authentication_error", "invalid x-api-key")
        case "402":
            return ApiError(402, "billing_error", "There is a problem with your billing.")
        case "403":
            return ApiError(403, "permission_error", "Your key lacks this permission.")
        case "413":
            return ApiError(413, "invalid_request_error", "Request exceeds the maximum size")
        case "429":
            text = "This request would exceed your rate limit."
            return ApiError(429, "rate_limit_error", text, retry_after=after)
        case "spend_limit":
            text = "You have reached your monthly spend limit."
            return ApiError(429, "rate_limit_error", text, code=after or SPEND_LIMIT)
        case "500" | "503":
            return ApiError(int(fault.kind), "api_error", "Internal server error")
        case "504":
            return ApiError(504, "timeout_error", "Gateway timeout")
        case "529":
            return ApiError(529, "overloaded_error", "Overloaded", retry_after=after)
        case _:
            return None


def spoilt(reply: Reply, fault: Fault) -> Reply:
    """An answer as the fault leaves it."""
    match fault.kind:
        case "truncated":
            return Reply(reply.text, "max_tokens")
        case "refusal":
            return Reply("", "refusal", fault.argument or "cyber")
        case "invalid_json":
            return Reply('{"items": [')
        case "off_schema":
            return Reply('{"unheard_of": true}')
        case "empty":
            return Reply("")
        case _:
            return reply


def fault(text: str) -> Fault:
    """Raises `ValueError` if there is no such fault."""
    kind, _, argument = text.strip().partition(":")
    found = Fault(kind, argument)
    known = kind in ("ok", *CONNECTION, *ANSWER, *ITEM) or error_of(found)
    if not known:
        raise ValueError(f"no such fault: {text!r}")
    return found


class Script:
    """Hands out a fault for each call, to whichever thread comes."""

    def __init__(self, text: str = "", *, seed: int = 0) -> None:
        words = text.replace(",", " ").split()
        self._sequence = [fault(word) for word in words if "=" not in word]
        self._shares = [_share(word) for word in words if "=" in word]
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def next(self) -> Fault:
        with self._lock:
            return self._sequence.pop(0) if self._sequence else self._drawn()

    def then(self, text: str) -> None:
        """More of a sequence."""
        with self._lock:
            self._sequence.extend(fault(word) for word in text.split())

    def shuffled(self, things: Sequence[str]) -> list[str]:
        with self._lock:
            return self._random.sample(things, len(things))

    def _drawn(self) -> Fault:
        drawn = self._random.random()
        for one, share in self._shares:
            drawn -= share
            if drawn < 0:
                return one
        return OK


def _share(word: str) -> tuple[Fault, float]:
    name, _, percent = word.partition("=")
    return fault(name), float(percent.rstrip("%")) / 100
