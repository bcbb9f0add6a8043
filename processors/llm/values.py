"""What is asked and what comes back: plain values, known to every layer and to processors.

The rule: a request that would get the same answer has the same hash, whoever asks and whenever;
and no `repr` of a request or an answer shows what a session says.
"""

import hashlib
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

HASH_VERSION = 1
"""Raised when the same request is sent in other words: nothing recorded before is found then."""

Role = Literal["user", "assistant"]
Effort = Literal["low", "medium", "high"]
Form = Literal["schema", "tool"]


class Turn(NamedTuple):
    """One message of the conversation that is sent."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question: rules in `system`, what is judged in `messages`, never the other way round.

    `output` is a `msgspec.Struct` class: its schema is sent, and the answer is decoded into it.
    `model` "" is the model of the settings. `purpose` is a short word that calls are counted by.
    """

    purpose: str
    system: str = field(repr=False)
    messages: tuple[Turn, ...] = field(repr=False)
    output: type[msgspec.Struct]
    model: str = ""
    max_tokens: int = 2048
    effort: Effort = "low"
    thinking: bool = False
    form: Form = "schema"
    """How the schema is sent; `tool` is for servers that do not take it otherwise."""

    @property
    def hash(self) -> str:
        """64 hex digits that name everything the answer depends on."""
        asked = {
            "version": HASH_VERSION,
            "model": self.model,
            "system": self.system,
            "messages": self.messages,
            "schema": schema_of(self.output),
            "max_tokens": self.max_tokens,
            "effort": self.effort,
            "thinking": self.thinking,
        }
        return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()


@lru_cache(maxsize=64)
def schema_of(output: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of an output type, before the SDK makes it what the API accepts.

    Every field is required: a model leaves out what it may, and "absent" is said as null.
    """
    schema = msgspec.json.schema(output)
    for node in schema.get("$defs", {}).values():
        if "properties" in node:
            node["required"] = list(node["properties"])
    return schema


class Outcome(StrEnum):
    """How a call ended; the sets below say what the caller does about it."""

    DONE = "done"
    OUTAGE = "outage"
    OVERLOADED = "overloaded"
    RATE_LIMITED = "rate_limited"
    SPEND_LIMIT = "spend_limit"
    BUDGET = "budget"
    BREAKER_OPEN = "breaker_open"
    MISCONFIGURED = "misconfigured"
    OFFLINE = "offline"
    BATCHED = "batched"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    INVALID = "invalid"
    REJECTED = "rejected"


TRANSIENT = frozenset({Outcome.OUTAGE, Outcome.OVERLOADED, Outcome.RATE_LIMITED})
"""The same call may succeed in a moment."""

PERSON = frozenset({Outcome.SPEND_LIMIT, Outcome.MISCONFIGURED})
"""Nothing helps until a person acts, so one probe now and then is enough."""

AGAIN = (
    TRANSIENT | PERSON | {Outcome.BUDGET, Outcome.BREAKER_OPEN, Outcome.OFFLINE, Outcome.BATCHED}
)
"""Nothing was said about the input: it stays as it is and is asked again later, never done."""

FINAL = frozenset({Outcome.REFUSED, Outcome.TRUNCATED, Outcome.INVALID, Outcome.REJECTED})
"""This input gets no other answer from this model: it is parked and shown."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a call used, each token in one kind; `output` has the thinking in it."""

    input: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    output: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request. Only `DONE` has a `value`, an instance of the request's `output`.

    `reason` is a short word to count by, `message` is for people and quotes no session.
    `tokens` None: nobody knows whether the call was billed (it was cut off while it ran).
    """

    outcome: Outcome
    value: Any = field(default=None, repr=False)
    text: str = field(default="", repr=False)
    reason: str = ""
    message: str = ""
    tokens: Tokens | None = Tokens()
    cost_nano: int = 0
    retry_after_s: float | None = None
    call_id: str = ""
    request_id: str = ""
    request_hash: str = ""
    """What it is recorded under."""
    sent: bool = False
    """The network was tried; false if a layer answered on its own."""
    recorded: bool = False

    def of_no_use(self) -> "Answer":
        """The same to whoever cannot use it: one that is done did not fit."""
        return replace(self, outcome=Outcome.INVALID) if self.outcome is Outcome.DONE else self


class Model(Protocol):
    """What a session processor gets as its tool `llm`, and what every layer is."""

    def ask(self, request: Request) -> Answer:
        """Never raises because of what the other side does; takes at most what the settings say."""
