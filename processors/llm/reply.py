"""What the API answered, read into an `Answer`.

The rule: pure and tolerant. Only what is needed is read, what is unknown is passed over, and
usage is read first: what was billed counts, whatever else is wrong with the answer.
"""

from dataclasses import replace
from typing import Any

import msgspec
from msgspec import Raw, Struct

from processors.llm.values import Answer, Outcome, Request, Tokens


class _Block(Struct):
    type: str
    text: str = ""
    input: Raw = Raw(b"")


class _Writes(Struct):
    ephemeral_5m_input_tokens: int = 0
    ephemeral_1h_input_tokens: int = 0


class _Usage(Struct):
    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: _Writes | None = None


class _Details(Struct):
    category: str | None = None


class _Message(Struct):
    usage: _Usage
    content: list[_Block] = []
    stop_reason: str | None = None
    stop_details: _Details | None = None


def answer(body: bytes) -> Answer:
    """The answer in a body of status 200; a `DONE` one is not yet held to its schema."""
    try:
        message = msgspec.json.decode(body, type=_Message)
    except msgspec.DecodeError:
        text = "the answer is no message of the API: something between us speaks for it"
        return Answer(Outcome.OUTAGE, reason="not_a_message", message=text, tokens=None, sent=True)
    outcome, reason = _stopped(message)
    return Answer(
        outcome, text=_text(message), reason=reason, tokens=_tokens(message.usage), sent=True
    )


def checked(answer: Answer, request: Request) -> Answer:
    """A `DONE` answer with its value, or `INVALID`, saying where but not what it says there."""
    if answer.outcome is not Outcome.DONE:
        return answer
    try:
        return replace(answer, value=msgspec.json.decode(answer.text, type=request.output))
    except msgspec.ValidationError as error:
        _, _, place = str(error).rpartition(" - at ")
        return _invalid(answer, "schema", f"does not fit the schema at {place or '`$`'}")
    except msgspec.DecodeError:
        return _invalid(answer, "json", "is no JSON" if answer.text else "is empty")


def _invalid(answer: Answer, reason: str, fault: str) -> Answer:
    return replace(
        answer, outcome=Outcome.INVALID, reason=reason, message=f"the model's answer {fault}"
    )


def _stopped(message: _Message) -> tuple[Outcome, str]:
    match message.stop_reason:
        case "end_turn" | "stop_sequence" | "tool_use":
            return Outcome.DONE, ""
        case "max_tokens":
            return Outcome.TRUNCATED, "max_tokens"
        case "model_context_window_exceeded":
            return Outcome.TRUNCATED, "context_window"
        case "refusal":
            details = message.stop_details
            return Outcome.REFUSED, (details and details.category) or "unnamed"
        case _:
            return Outcome.INVALID, "stop_reason"


def _text(message: _Message) -> str:
    """All text there is: the first block may be a thought."""
    for block in message.content:
        if block.type == "tool_use":
            return bytes(block.input).decode()
    return "".join(block.text for block in message.content if block.type == "text")


def _tokens(usage: _Usage) -> Tokens:
    written = usage.cache_creation_input_tokens or 0
    hour = usage.cache_creation.ephemeral_1h_input_tokens if usage.cache_creation else 0
    return Tokens(
        input=usage.input_tokens,
        cache_write_5m=written - hour,
        cache_write_1h=hour,
        cache_read=usage.cache_read_input_tokens or 0,
        output=usage.output_tokens,
    )


def body_of(message: Any) -> bytes:
    """A message of a batch's result, as one call would have answered it."""
    return msgspec.json.encode(message)
