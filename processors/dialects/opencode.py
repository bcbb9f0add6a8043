"""OpenCode before its database: `~/.local/share/opencode/storage/**/*.json`, one document each.

Its format is open (sst/opencode, now anomalyco/opencode: `session/message-v2.ts`, `storage.ts`):
- `session/<project>/ses_….json` is a session, of a subagent if it has a `parentID`;
- `message/<session>/msg_….json` is a message without its words; an assistant's grows until it is
  finished, and holds the tokens and the cost of all its steps;
- `part/<message>/prt_….json` is a text, a tool call with its result, a step (whose tokens the
  message has already), and so on. A text does not say whose it is, so prompts have no length.
Every id is unique, and `session_diff/ses_….json` and `todo/ses_….json` are lists: not read.

Tokens. `input` is without cache. `output` is what the provider's SDK reported, which contains the
`reasoning` of all providers but Google's, until anomalyco/opencode#21047 (April 2026) took it out
(before, reasoning was charged twice: issue #17566). `total`, in newer messages, tells which: real
databases since have total = input + output + reasoning + cache (pingdotgg/t3code#10926).
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from core.record import TYPE_CHARS_MAX, Event, Prompt, Record, Usage
from processors.dialects.amounts import added, amount, milliseconds_us, spent_nano
from processors.dialects.opencode_raw import (
    Cache,
    Failure,
    FailureData,
    Folder,
    Info,
    Part,
    RawDocument,
    State,
    Times,
    Tokens,
)
from processors.dialects.opencode_tools import call_of, result_of
from processors.dialects.values import whole, word

_ROLES = ("user", "assistant")
_INTERRUPTED = "MessageAbortedError"
_GOOGLE = "google"


class OpenCode:
    """The dialect of documents. Nothing raises: every value's type is looked at."""

    name = "opencode"
    raw: Any = RawDocument

    def __init__(self) -> None:
        self.decode = msgspec.json.Decoder(RawDocument).decode

    def records(self, raw: RawDocument) -> Iterator[Record]:
        """A record for a session, message or part; none for any other document."""
        info = raw.info if isinstance(raw.info, Info) else raw
        parts = [p for p in raw.parts if isinstance(p, Part)] if isinstance(raw.parts, list) else []
        if _is_message(info):
            yield _message(info, parts)
            yield from (_part(part) for part in parts)
        elif _is_part(info):
            yield _part(info)
        elif _is_session(info):
            yield _session(info)


def _is_message(raw: Info) -> bool:
    return raw.role in _ROLES and isinstance(raw.id, str) and isinstance(raw.sessionID, str)


def _is_part(raw: Info) -> bool:
    marks = (raw.id, raw.sessionID, raw.messageID, raw.type)
    return all(isinstance(mark, str) for mark in marks)


def _is_session(raw: Info) -> bool:
    named = any(isinstance(mark, str) for mark in (raw.projectID, raw.directory, raw.version))
    return named and isinstance(raw.id, str) and isinstance(raw.time, Times)


def _session(raw: Info) -> Record:
    parent = word(raw.parentID)
    return Record(
        agent="opencode",
        type="session",
        at_us=_created(raw),
        session_id=word(raw.id),
        uuid=word(raw.id),
        parent_uuid=parent,
        cwd=raw.directory if isinstance(raw.directory, str) else None,
        agent_version=word(raw.version),
        agent_id=word(raw.id) if parent else None,
        sidechain=parent is not None,
    )


def _message(raw: Info, parts: list[Part]) -> Record:
    return Record(
        agent="opencode",
        type=raw.role,
        at_us=_created(raw),
        session_id=word(raw.sessionID),
        uuid=word(raw.id),
        parent_uuid=word(raw.parentID),
        cwd=raw.path.cwd
        if isinstance(raw.path, Folder) and isinstance(raw.path.cwd, str)
        else None,
        usages=tuple(_usages(raw)) if raw.role == "assistant" else (),
        prompts=_prompts(parts) if raw.role == "user" else (),
        replies=_replies(parts) if raw.role == "assistant" else (),
        events=tuple(_failures(raw, "final", None)),
    )


def _part(raw: Part) -> Record:
    call = raw.type == "tool"
    result = result_of(raw) if call else None
    at_us = _started(raw)
    return Record(
        agent="opencode",
        type="part",
        subtype=raw.type[:TYPE_CHARS_MAX] if isinstance(raw.type, str) else "",
        at_us=at_us,
        session_id=word(raw.sessionID),
        uuid=word(raw.id),
        parent_uuid=word(raw.messageID),
        tool_calls=(call_of(raw, at_us),) if call else (),
        tool_results=(result,) if result else (),
        events=tuple(_part_events(raw)),
    )


def _usages(raw: Info) -> Iterator[Usage]:
    """Nothing before the first step has ended."""
    tokens = raw.tokens
    if not isinstance(tokens, Tokens):
        return
    cache = tokens.cache if isinstance(tokens.cache, Cache) else Cache()
    usage = Usage(
        message_id=word(raw.id),
        model=word(raw.modelID),
        input_tokens=amount(tokens.input),
        output_tokens=_output(tokens, cache, raw.providerID),
        cache_write_tokens=amount(cache.write),
        cache_read_tokens=amount(cache.read),
        reasoning_tokens=amount(tokens.reasoning),
        stop_reason=word(raw.finish),
        cost_nano=spent_nano(raw.cost),
        is_api_error=any(event.kind == "api_error" for event in _failures(raw, "", None)),
        effort=word(raw.variant),
    )
    used = (usage.input_tokens, usage.output_tokens, usage.cache_write_tokens)
    if any(used) or usage.cache_read_tokens or usage.cost_nano:
        yield usage


def _output(tokens: Tokens, cache: Cache, provider: Any) -> int:
    """Output with its reasoning, once."""
    output, reasoning = amount(tokens.output), amount(tokens.reasoning)
    both, total = added(output, reasoning), amount(tokens.total)
    rest = total - added(amount(tokens.input), amount(cache.read), amount(cache.write))
    if total and rest in (output, both):
        return rest
    google = isinstance(provider, str) and provider.startswith(_GOOGLE)
    return both if google or reasoning > output else output


def _prompts(parts: list[Part]) -> tuple[Prompt, ...]:
    texts = [p.text for p in parts if isinstance(p.text, str) and p.synthetic is not True]
    return (Prompt(text="\n\n".join(texts)),)


def _replies(parts: list[Part]) -> tuple[str, ...]:
    return tuple([p.text for p in parts if p.type == "text" and isinstance(p.text, str)])


def _failures(raw: Part, detail: str, value: int | None) -> Iterator[Event]:
    """A person broke the answer off, or the provider gave none."""
    failure = raw.error
    if not isinstance(failure, Failure):
        return
    if failure.name == _INTERRUPTED:
        yield Event(kind="interrupt", name="response")
        return
    status = whole(failure.data.statusCode) if isinstance(failure.data, FailureData) else None
    name = word(failure.name) or "unknown"
    yield Event(kind="api_error", name=name, detail=detail, value=value or status)


def _part_events(raw: Part) -> Iterator[Event]:
    if raw.type == "retry":
        yield from _failures(raw, "retry", whole(raw.attempt))
    elif raw.type == "compaction":
        yield Event(kind="compaction", name="auto" if raw.auto is True else "manual")
    elif raw.type == "tool" and (result := result_of(raw)) and result.denial:
        yield Event(kind="denial", name=result.denial, detail=result.tool_use_id or "")


def _created(raw: Info) -> int | None:
    return milliseconds_us(raw.time.created) if isinstance(raw.time, Times) else None


def _started(raw: Part) -> int | None:
    """A tool has the time of its state, a retry that of its attempt."""
    times = raw.state.time if isinstance(raw.state, State) else raw.time
    if not isinstance(times, Times):
        return None
    started = milliseconds_us(times.start)
    return milliseconds_us(times.created) if started is None else started


DOCUMENT = OpenCode()
