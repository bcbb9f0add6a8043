"""Gemini CLI: `~/.gemini/tmp/<project>/chats/session-*.jsonl`, before that `session-*.json`.

Its format is open (google-gemini/gemini-cli, `chatRecordingService.ts`):
- a JSONL session begins with a line of metadata, and `$set` lines change it; `$set.messages` is the
  whole history once more, all of it lines before;
- a message is written again as a whole, under its id, when its tokens or another tool call become
  known; `$rewindTo` takes messages out of the history, which does not give their tokens back;
- only the first line names the session. Ids of messages are random UUIDs, so a message needs no
  session to be known by, and one that was copied from JSON to JSONL on resuming is known as itself;
- a JSON session is one object of the same metadata and `messages`, rewritten after each change.

Tokens are the API's: `input` is the whole prompt, `cached` is a part of it, `tool` (prompts of the
API's own tools) and `thoughts` come on top of `input` and `output`.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec

from core.record import TYPE_CHARS_MAX, Event, Prompt, Record, ToolCall, ToolResult, Usage, time_us
from processors.dialects.amounts import added, amount
from processors.dialects.gemini_raw import Call, Message, RawSession, Tokens
from processors.dialects.gemini_tools import call_of, has_ended, result_of, texts_of
from processors.dialects.values import word

_UUID_CHARS = 36
_API_ERROR = "[API Error"
_CANCELLED = "Request cancelled"
_TYPES = ("", "$rewindTo", "$set", "error", "gemini", "info", "session", "user", "warning")
_INSERTED = ("<session_context>",)
_MEDIA = ("inlineData", "fileData")


class Place(msgspec.Struct, frozen=True, gc=False):
    """What the document says of all its messages; of a line nothing is known."""

    session_id: str | None = None
    subagent: bool = False


NOWHERE = Place()


class Gemini:
    """The dialect of lines and of documents. Nothing raises: every value's type is looked at."""

    name = "gemini"
    raw: Any = RawSession

    def __init__(self) -> None:
        self.decode = msgspec.json.Decoder(RawSession).decode

    def recognises(self, head: Mapping[str, Any]) -> bool:
        """Is this line of a file's head Gemini CLI's and nobody else's?"""
        if isinstance(head.get("sessionId"), str) and isinstance(head.get("projectHash"), str):
            return True
        if isinstance(head.get("$set"), dict) or isinstance(head.get("$rewindTo"), str):
            return True
        return head.get("type") == "gemini" and isinstance(head.get("id"), str)

    def knows(self, kind: str) -> bool:
        """Messages by who wrote them, and what is said of the session."""
        return kind in _TYPES

    def record(self, raw: RawSession) -> Record:
        """What the line says. A JSON session on a single line is one record of all its messages."""
        if isinstance(raw.messages, list):
            place = _place(raw)
            return _session(raw, place, [_message(m, place) for m in _messages(raw)])
        if isinstance(raw.id, str) or isinstance(raw.type, str):
            return _message(raw, NOWHERE)
        if isinstance(raw.rewound_to, str):
            return Record("gemini", "$rewindTo", events=(Event(kind="rewind"),))
        return Record("gemini", "$set") if raw.updates is not None else _session(raw, _place(raw))

    def records(self, raw: RawSession) -> Iterator[Record]:
        """A record of a JSON session and one for each message; none for any other document."""
        known = isinstance(raw.sessionId, str) and isinstance(raw.projectHash, str)
        if known and isinstance(raw.messages, list):
            place = _place(raw)
            yield _session(raw, place)
            yield from (_message(message, place) for message in _messages(raw))


def _place(raw: RawSession) -> Place:
    return Place(word(raw.sessionId), raw.kind == "subagent")


def _messages(raw: RawSession) -> Iterator[Message]:
    if isinstance(raw.messages, list):
        yield from (message for message in raw.messages if isinstance(message, Message))


def _session(raw: RawSession, place: Place, messages: Iterable[Record] = ()) -> Record:
    """The metadata; what the messages say, if they are on the same line."""
    said = list(messages)
    return Record(
        agent="gemini",
        type="session",
        at_us=_time(raw.startTime),
        session_id=place.session_id,
        agent_id=place.session_id if place.subagent else None,
        sidechain=place.subagent,
        usages=tuple(chain.from_iterable(record.usages for record in said)),
        tool_calls=tuple(chain.from_iterable(record.tool_calls for record in said)),
        tool_results=tuple(chain.from_iterable(record.tool_results for record in said)),
        prompts=tuple(chain.from_iterable(record.prompts for record in said)),
        events=tuple(chain.from_iterable(record.events for record in said)),
        replies=tuple(chain.from_iterable(record.replies for record in said)),
    )


def _message(raw: Message, place: Place) -> Record:
    """Things have a time of their own, so that a line of many messages keeps it."""
    message_id, at_us = _id(raw.id, place), _time(raw.timestamp)
    calls = raw.toolCalls if isinstance(raw.toolCalls, list) else ()
    tools = [call for call in calls if isinstance(call, Call)]
    results = tuple([result_of(call, _time(call.timestamp)) for call in tools if has_ended(call)])
    return Record(
        agent="gemini",
        type=raw.type[:TYPE_CHARS_MAX] if isinstance(raw.type, str) else "",
        at_us=at_us,
        session_id=place.session_id,
        uuid=message_id,
        agent_id=place.session_id if place.subagent else None,
        sidechain=place.subagent,
        usages=tuple(_usages(raw, message_id, at_us)),
        tool_calls=tuple([_call(call, raw, message_id, at_us) for call in tools]),
        tool_results=results,
        prompts=() if place.subagent else tuple(_prompts(raw, at_us)),
        events=tuple(_events(raw, results, at_us)),
        replies=_replies(raw) if raw.type == "gemini" and not place.subagent else (),
    )


def _usages(raw: Message, message_id: str | None, at_us: int | None) -> Iterator[Usage]:
    """Nothing before the tokens are known."""
    tokens = raw.tokens
    if not isinstance(tokens, Tokens):
        return
    cached, thoughts = amount(tokens.cached), amount(tokens.thoughts)
    usage = Usage(
        at_us=at_us,
        message_id=message_id,
        model=word(raw.model),
        input_tokens=added(max(0, amount(tokens.input) - cached), amount(tokens.tool)),
        output_tokens=added(amount(tokens.output), thoughts),
        cache_read_tokens=cached,
        reasoning_tokens=thoughts,
    )
    if usage.input_tokens or usage.output_tokens or cached:
        yield usage


def _call(call: Call, raw: Message, message_id: str | None, at_us: int | None) -> ToolCall:
    return call_of(call, message_id=message_id, model=word(raw.model), at_us=at_us)


def _prompts(raw: Message, at_us: int | None) -> Iterator[Prompt]:
    """What a person typed: `displayContent`, where files were put in place of their names."""
    if raw.type != "user":
        return
    parts = _parts(raw.content)
    if any("functionResponse" in part for part in parts if isinstance(part, dict)):
        return
    text = "".join(texts_of(raw.displayContent or raw.content)).strip()
    images = sum(isinstance(part, dict) and any(m in part for m in _MEDIA) for part in parts)
    if (text or images) and not text.startswith(_INSERTED):
        yield Prompt(text=text, image_count=images, at_us=at_us)


def _replies(raw: Message) -> tuple[str, ...]:
    text = "".join(texts_of(raw.content)).strip()
    return (text,) if text else ()


def _events(raw: Message, results: Iterable[ToolResult], at_us: int | None) -> Iterator[Event]:
    if raw.type in ("error", "info"):
        text = "".join(texts_of(raw.content)).lstrip("✕ℹ ")
        if raw.type == "error" and text.startswith(_API_ERROR):
            yield Event(kind="api_error", name="unknown", detail="final", at_us=at_us)
        elif raw.type == "info" and text.startswith(_CANCELLED):
            yield Event(kind="interrupt", name="response", at_us=at_us)
    for result in results:
        if result.denial:
            detail = result.tool_use_id or ""
            yield Event(kind="denial", name=result.denial, detail=detail, at_us=result.at_us)


def _id(value: Any, place: Place) -> str | None:
    """A UUID as it is; anything shorter is known only together with its session."""
    found = word(value)
    if found is None or place.session_id is None or len(found) == _UUID_CHARS:
        return found
    return f"{place.session_id}:{found}"


def _parts(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [content]


def _time(value: Any) -> int | None:
    return time_us(value) if isinstance(value, str) else None


DIALECT = DOCUMENT = Gemini()
