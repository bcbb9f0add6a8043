"""pi and its fork OMP: `~/.pi/agent/sessions/<folder>/<time>_<session>.jsonl`, `~/.omp/agent/…`.

Observed in version 1 of the format, and read from its public source up to version 3:
- the first line is the header (OMP puts a line with the title before it); only it names session
  and folder. From version 2 on every other line is an entry of a tree {id, parentId};
- forked and branched sessions repeat the entries of their parent in a file of their own;
- the pi-subagents extension writes a subagent's messages into a transcript (`recordType`) beside
  the session file that the subagent has of its own.

Copies of a message are known by what the message itself says, because that is all they share: lines
of version 1 and of transcripts have no entry id, entries get new ones when an old session is
migrated, and eight hexadecimal digits meet by chance in other sessions. It is the provider's id of
the response, or else model and tokens, and in both cases the millisecond it began in.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from core.record import (
    TYPE_CHARS_MAX,
    Event,
    Prompt,
    Record,
    ToolCall,
    ToolKind,
    ToolResult,
    Usage,
    cost_nano,
    time_us,
)
from processors.dialects.pi_raw import Block, Cost, Message, RawLine, Tokens, ToolInput
from processors.dialects.values import count, whole, word

_ROLES = ("assistant", "bashExecution", "custom", "hookMessage", "toolResult", "user")
_SUBAGENT_TOOLS = ("subagent", "task")
_SHELLS = {"bashExecution": "bash", "pythonExecution": "python"}
_TYPES = (
    "branch_summary", "compaction", "custom", "custom_message", "label", "message", "model_change",
    "session", "session_info", "thinking_level_change", "title",
)  # fmt: skip
_STATUS = re.compile(r"\s*(\d{3})\b")


class Pi:
    """The dialect. `record` never raises: every field it reads is checked by decoder or reader."""

    name = "pi"
    raw: Any = RawLine

    def __init__(self) -> None:
        self.decode = msgspec.json.Decoder(RawLine).decode

    def recognises(self, head: Mapping[str, Any]) -> bool:
        """Is this line of a file's head pi's and nobody else's?"""
        kind, message = head.get("type"), head.get("message")
        if kind == "session":
            return all(isinstance(head.get(name), str) for name in ("id", "timestamp", "cwd"))
        if kind == "title":
            return isinstance(head.get("v"), int) and isinstance(head.get("title"), str)
        if kind == "message":
            return isinstance(message, dict) and message.get("role") in _ROLES
        return isinstance(head.get("recordType"), str) and isinstance(head.get("runId"), str)

    def knows(self, kind: str) -> bool:
        """Entries of a session; records of a subagent's run are named by themselves."""
        return kind in _TYPES or kind.startswith("pi-subagents")

    def record(self, raw: RawLine) -> Record:
        """What the line says. Messages go their own way."""
        message = raw.message if isinstance(raw.message, Message) else None
        run_id = word(raw.runId) if raw.recordType else None
        own = run_id is None
        usage = _usage(raw, message) if message else None
        return Record(
            agent=self.name,
            type=(raw.type or word(raw.recordType) or "")[:TYPE_CHARS_MAX],
            subtype=_subtype(raw, message)[:TYPE_CHARS_MAX],
            at_us=time_us(raw.timestamp),
            session_id=raw.id if raw.type == "session" else None,
            uuid=_uuid(raw),
            parent_uuid=raw.parentId,
            cwd=word(raw.cwd),
            agent_id=run_id,
            sidechain=not own,
            usages=(usage,) if usage else (),
            tool_calls=tuple(_tool_calls(message, usage)) if message else (),
            tool_results=_tool_results(message) if message else (),
            prompts=_prompts(message) if message and own else (),
            events=tuple(_message_events(message) if message else _entry_events(raw)),
            replies=tuple(_texts(message))
            if message and own and message.role == "assistant"
            else (),
        )


def _subtype(raw: RawLine, message: Message | None) -> str:
    named = message.role if message else raw.customType
    return word(named) or ""


def _uuid(raw: RawLine) -> str | None:
    """The short id of an entry together with its time: copies keep both."""
    return f"{raw.id}:{raw.timestamp}" if raw.id and raw.type != "session" else None


def _usage(raw: RawLine, message: Message) -> Usage | None:
    tokens = message.usage
    if message.role != "assistant" or not isinstance(tokens, Tokens):
        return None
    return Usage(
        message_id=_message_id(raw, message, tokens),
        model=word(message.model),
        input_tokens=count(tokens.input) or 0,
        output_tokens=count(tokens.output) or 0,
        cache_write_tokens=count(tokens.cacheWrite) or 0,
        cache_read_tokens=count(tokens.cacheRead) or 0,
        reasoning_tokens=count(tokens.reasoningTokens) or 0,
        stop_reason=word(message.stopReason),
        cost_nano=cost_nano(tokens.cost.total) if isinstance(tokens.cost, Cost) else None,
        is_api_error=message.stopReason == "error",
    )


def _message_id(raw: RawLine, message: Message, tokens: Tokens) -> str | None:
    """The same for copies of a message, another for every other message; see above."""
    began_ms = whole(message.timestamp)
    if began_ms is None:
        return _uuid(raw)
    if response_id := word(message.responseId):
        return f"{began_ms}:{response_id}"
    counts = (tokens.input, tokens.output, tokens.cacheRead, tokens.cacheWrite)
    used = ":".join(str(count(tokens) or 0) for tokens in counts)
    return f"{began_ms}:{word(message.model) or ''}:{used}"


def _blocks(message: Message) -> Iterator[Block]:
    if isinstance(message.content, list):
        for block in message.content:
            if isinstance(block, Block):
                yield block


def _texts(message: Message) -> Iterator[str]:
    if isinstance(message.content, str):
        yield message.content
    for block in _blocks(message):
        if block.type == "text" and isinstance(block.text, str):
            yield block.text


def _tool_calls(message: Message, usage: Usage | None) -> Iterator[ToolCall]:
    if message.role == "assistant":
        message_id = usage.message_id if usage else None
        for block in _blocks(message):
            if block.type == "toolCall":
                yield _tool_call(block, word(message.model), message_id)


def _tool_call(block: Block, model: str | None, message_id: str | None) -> ToolCall:
    name = word(block.name) or ""
    kind: ToolKind = "builtin"
    server = tool = subagent = None
    if name.startswith("mcp__"):
        kind, (server, tool) = "mcp", _mcp_parts(name)
    elif name in _SUBAGENT_TOOLS:
        kind = "subagent"
        subagent = word(block.arguments.agent) if isinstance(block.arguments, ToolInput) else None
    return ToolCall(
        name=name,
        kind=kind,
        tool_use_id=word(block.id),
        mcp_server=server,
        mcp_tool=tool,
        subagent_type=subagent,
        message_id=message_id,
        model=model,
    )


def _mcp_parts(name: str) -> tuple[str, str]:
    """Server and tool of `mcp__<server>_<tool>`, or with two underscores as others write it."""
    rest = name.removeprefix("mcp__")
    server, _, tool = rest.partition("__" if "__" in rest else "_")
    return server, tool


def _tool_results(message: Message) -> tuple[ToolResult, ...]:
    if message.role != "toolResult":
        return ()
    size_chars = sum(map(len, _texts(message)))
    result = ToolResult(
        tool_use_id=word(message.toolCallId),
        is_error=message.isError is True,
        size_chars=size_chars,
    )
    return (result,)


def _prompts(message: Message) -> tuple[Prompt, ...]:
    """At most one: OMP marks what the agent itself wrote in the user's place."""
    if message.role != "user" or message.attribution == "agent" or message.synthetic is True:
        return ()
    text = "\n\n".join(_texts(message)).strip()
    image_count = sum(block.type == "image" for block in _blocks(message))
    return (Prompt(text=text, image_count=image_count),) if text or image_count else ()


def _message_events(message: Message) -> Iterator[Event]:
    if message.role == "assistant" and message.stopReason == "aborted":
        yield Event(kind="interrupt", name="response")
    elif message.role == "assistant" and message.stopReason == "error":
        yield _api_error(message.errorMessage)
    elif isinstance(message.role, str) and message.role in _SHELLS:
        yield Event(kind="bash_mode", name=_SHELLS[message.role], value=whole(message.exitCode))


def _api_error(text: Any) -> Event:
    """Providers' errors open with the HTTP status, if there was an answer."""
    found = _STATUS.match(text) if isinstance(text, str) else None
    name, status = (f"http_{found[1]}", int(found[1])) if found else ("unknown", None)
    return Event(kind="api_error", name=name, detail="final", value=status)


def _entry_events(raw: RawLine) -> Iterable[Event]:
    read = _ENTRIES.get(raw.type or "")
    return read(raw) if read else ()


def _model(raw: RawLine) -> Iterator[Event]:
    """OMP writes provider and model as one word."""
    provider, _, model = (word(raw.model) or "").rpartition("/")
    yield Event(kind="model", name=word(raw.modelId) or model)
    if provider := word(raw.provider) or provider:
        yield Event(kind="provider", name=provider)


def _effort(raw: RawLine) -> Iterator[Event]:
    if level := word(raw.thinkingLevel):
        yield Event(kind="effort", name=level)


def _header(raw: RawLine) -> Iterator[Event]:
    if raw.modelId:
        yield from _model(raw)
    yield from _effort(raw)


def _compaction(raw: RawLine) -> Iterator[Event]:
    extension = raw.fromHook is True or raw.fromExtension is True
    name = "extension" if extension else ""
    yield Event(kind="compaction", name=name, value=whole(raw.tokensBefore))


_ENTRIES: Mapping[str, Callable[[RawLine], Iterable[Event]]] = {
    "branch_summary": lambda raw: (Event(kind="branch_summary"),),
    "compaction": _compaction,
    "mode_change": lambda raw: (Event(kind="mode", name=word(raw.mode) or ""),),
    "model_change": _model,
    "reset_boundary": lambda raw: (Event(kind="slash_command", name="/clear"),),
    "session": _header,
    "thinking_level_change": _effort,
}

DIALECT = Pi()
