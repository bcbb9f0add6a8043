"""What the layers are handed of the world: where is written down what was sent, said and spent.

The rule: values only, so that each of these is one table; the decisions stay in the layers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from processors.llm.values import Answer, Outcome, Tokens


class Payloads(Protocol):
    """What we sent: the exact body of each request, kept before it leaves the machine."""

    def keep(self, request_hash: str, payload: Mapping[str, Any]) -> None:
        """What raises here is not sent."""

    def claim(self, request_hash: str) -> None:
        """It will be sent later, by a thread that does not know for whom. What raises here is not
        sent either."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that went out, however it ended. `tokens` None: unknown, and the cost is the most
    it can have been."""

    id: str
    at_us: int
    request_hash: str
    model: str
    purpose: str
    outcome: Outcome
    reason: str
    tokens: Tokens | None
    cost_nano: int
    latency_ms: int
    request_id: str = ""
    batch: bool = False


class Calls(Protocol):
    """Every call, with what it cost."""

    def record(self, call: Call) -> None:
        """The same id again is the same call: the later one stands."""

    def said_in_batch(self, request_hash: str) -> Answer | None:
        """The outcome that an item of a batch had, if it was a word about this input. A `DONE` one
        that is asked about did not fit its schema, and is `INVALID`."""


@dataclass(frozen=True, slots=True)
class Recording:
    """An answer as it was given; the text is checked again by whoever reads it."""

    at_us: int
    model: str
    outcome: Outcome
    reason: str
    text: str
    tokens: Tokens
    cost_nano: int


class Recordings(Protocol):
    """Answers by request hash."""

    def get(self, request_hash: str) -> Recording | None: ...

    def put(self, request_hash: str, recording: Recording) -> None: ...


class Price(Protocol):
    """What tokens of a model cost at a time."""

    def __call__(self, model: str, tokens: Tokens, *, at_us: int, batch: bool) -> int | None:
        """Nano-dollars of one call, None if nobody knows the model's price."""


NewId = Callable[[], str]
