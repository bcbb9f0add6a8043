"""GitHub Copilot CLI: `~/.copilot/session-state/<session>/events.jsonl`.

Its format is not published; observed from 1.0.64 to 1.0.68, with the event types that the public
SDK of up to 1.0.91 declares:
- every line is an event {type, data, id, timestamp, parentId}, a chain over all of the session;
- a call is told twice, by the assistant.message that asks for it and by tool.execution_start, which
  are copies of one call: they share its id;
- only session.start names the session, its folder and its version;
- a subagent's events are in its caller's file and have an `agentId`, formerly `parentToolCallId`.

Tokens. Only session.shutdown counts them all, for each model: running totals, since the session
began or since it was last resumed, depending on the version. An assistant.message tells its output
alone, which is all there is of a session that crashed or still runs. So both become usages, told
apart by `origin`: "total" and "assistant". They may never be added up; which of them count, and how
much a total adds to the one before, is found in SQL (`state/usage/copilot.sql`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from core.lines import INTEGER_MAX
from core.record import (
    NAME_CHARS_MAX,
    TYPE_CHARS_MAX,
    Prompt,
    Record,
    ToolCall,
    ToolKind,
    ToolResult,
    Usage,
    time_us,
)
from processors.dialects.copilot_events import line_events
from processors.dialects.copilot_raw import (
    Attachment,
    Context,
    Data,
    Failure,
    Metrics,
    Outcome,
    RawLine,
    Tokens,
    ToolInput,
    ToolRequest,
)
from processors.dialects.values import count, word

_FAMILIES = ("assistant", "hook", "permission", "session", "skill", "subagent", "system", "tool")
_PLAIN_TYPES = ("abort", "user.message")
_SUBAGENT_TOOL, _SKILL_TOOL = "task", "skill"
_DENIALS = {"denied": "permission", "rejected": "user"}
_BUSY = ("queued", "steering")
_NO_DATA, _NO_CONTEXT = Data(), Context()


class Copilot:
    """The dialect. `record` never raises: every field it reads is checked by decoder or reader."""

    name = "copilot"
    raw: Any = RawLine

    def __init__(self) -> None:
        self.decode = msgspec.json.Decoder(RawLine).decode

    def recognises(self, head: Mapping[str, Any]) -> bool:
        """Is this line of a file's head Copilot's and nobody else's?"""
        kind = head.get("type")
        if not isinstance(kind, str) or not isinstance(head.get("data"), dict):
            return False
        if not isinstance(head.get("id"), str) or "parentId" not in head:
            return False
        family, dot, _ = kind.partition(".")
        return kind in _PLAIN_TYPES or (dot == "." and family in _FAMILIES)

    def knows(self, kind: str) -> bool:
        """Types are families of types, and those are few."""
        return kind in _PLAIN_TYPES or kind.partition(".")[0] in _FAMILIES

    def record(self, raw: RawLine) -> Record:
        """What the line says."""
        kind = raw.type or ""
        data = raw.data if isinstance(raw.data, Data) else _NO_DATA
        context = data.context if isinstance(data.context, Context) else _NO_CONTEXT
        agent_id = word(raw.agentId) or word(data.parentToolCallId)
        return Record(
            agent=self.name,
            type=kind[:TYPE_CHARS_MAX],
            subtype=_subtype(data)[:TYPE_CHARS_MAX],
            at_us=time_us(raw.timestamp),
            session_id=word(data.sessionId),
            uuid=raw.id,
            parent_uuid=raw.parentId,
            cwd=word(context.cwd) or word(data.cwd),
            git_branch=word(context.branch) or word(data.branch),
            agent_version=word(data.copilotVersion),
            entrypoint=word(data.producer),
            agent_id=agent_id,
            sidechain=agent_id is not None,
            usages=tuple(_usages(kind, raw, data)),
            tool_calls=tuple(_tool_calls(kind, raw, data)),
            tool_results=(_tool_result(data),) if kind == "tool.execution_complete" else (),
            prompts=_prompts(data) if kind == "user.message" and agent_id is None else (),
            events=tuple(line_events(kind, data)),
            replies=_replies(data) if kind == "assistant.message" and agent_id is None else (),
        )


def _subtype(data: Data) -> str:
    """The word by which events of one type differ, for those that have one."""
    return (
        word(data.hookType)
        or word(data.toolName)
        or word(data.agentName)
        or word(data.shutdownType)
        or word(data.infoType)
        or word(data.warningType)
        or word(data.errorType)
        or ""
    )


def _usages(kind: str, raw: RawLine, data: Data) -> Iterator[Usage]:
    if kind == "assistant.message" and data.outputTokens is not None:
        yield Usage(
            message_id=word(data.messageId) or raw.id,
            request_id=word(data.requestId),
            model=word(data.model),
            output_tokens=count(data.outputTokens) or 0,
        )
    elif kind == "session.shutdown" and isinstance(data.modelMetrics, dict):
        for model, metrics in data.modelMetrics.items():
            if isinstance(metrics, Metrics) and isinstance(metrics.usage, Tokens):
                yield _total(raw.id, model[:NAME_CHARS_MAX], metrics.usage)


def _total(event_id: str | None, model: str, tokens: Tokens) -> Usage:
    """The running total of one model. A session resumed for nothing writes the same one again, in
    an event of its own; a copied file has the same event."""
    every = _tokens(tokens.inputTokens)
    read, write = _tokens(tokens.cacheReadTokens), _tokens(tokens.cacheWriteTokens)
    # `inputTokens` contains both: the same prompt was 15530 with nothing read from the cache and
    # 15534 with 14848 of it (1.0.68), and `tokenDetails.input`, where there is one, is the rest.
    # An input smaller than they are cannot contain them.
    return Usage(
        origin="total",
        message_id=f"{event_id}:{model}" if event_id else None,
        model=model or None,
        input_tokens=every - read - write if every >= read + write else every,
        output_tokens=_tokens(tokens.outputTokens),
        cache_write_tokens=write,
        cache_read_tokens=read,
        reasoning_tokens=_tokens(tokens.reasoningTokens),
    )


def _tokens(value: Any) -> int:
    if isinstance(value, int):
        return int(value) if 0 <= value <= INTEGER_MAX else 0
    return count(value) or 0 if isinstance(value, float | str) else 0


def _tool_calls(kind: str, raw: RawLine, data: Data) -> Iterator[ToolCall]:
    if kind == "assistant.message" and isinstance(data.toolRequests, list):
        for request in data.toolRequests:
            if isinstance(request, ToolRequest):
                message_id = word(data.messageId) or raw.id
                yield _tool_call(request, request.name, data.model, message_id)
    elif kind == "tool.execution_start":
        yield _tool_call(data, data.toolName, data.model)


def _tool_call(
    asked: ToolRequest | Data, named: Any, model: Any, message_id: str | None = None
) -> ToolCall:
    name, server = word(named) or "", word(asked.mcpServerName)
    given = asked.arguments if isinstance(asked.arguments, ToolInput) else ToolInput()
    kind: ToolKind = "builtin"
    if server:
        kind = "mcp"
    elif name == _SUBAGENT_TOOL:
        kind = "subagent"
    elif name == _SKILL_TOOL:
        kind = "skill"
    return ToolCall(
        name=name,
        kind=kind,
        tool_use_id=word(asked.toolCallId),
        mcp_server=server,
        mcp_tool=word(asked.mcpToolName) or name.removeprefix(f"{server}-") if server else None,
        skill=word(given.skill) if kind == "skill" else None,
        subagent_type=word(given.agent_type) if kind == "subagent" else None,
        message_id=message_id,
        model=word(model),
    )


def _tool_result(data: Data) -> ToolResult:
    """`error.code` says how the call ended; it is absent or "failure" if the tool simply failed."""
    text = data.result.content if isinstance(data.result, Outcome) else data.result
    failure = data.error if isinstance(data.error, Failure) else None
    if not isinstance(text, str):
        text = failure.message if failure else None
    return ToolResult(
        tool_use_id=word(data.toolCallId),
        is_error=data.success is False,
        denial=_DENIALS.get(word(failure.code) or "", "") if failure else "",
        size_chars=len(text) if isinstance(text, str) else 0,
    )


def _prompts(data: Data) -> tuple[Prompt, ...]:
    """At most one: skills, schedules and the autopilot write user messages too, and say so."""
    inserted = word(data.source) not in (None, "user") or word(data.inputOrigin) is not None
    if inserted or data.isAutopilotContinuation is True:
        return ()
    text = data.content if isinstance(data.content, str) else ""
    image_count = _image_count(data)
    if not text.strip() and not image_count:
        return ()
    origin = "queued" if word(data.delivery) in _BUSY else "typed"
    return (Prompt(text=text.strip(), origin=origin, image_count=image_count),)


def _replies(data: Data) -> tuple[str, ...]:
    """A message that only calls tools has an empty text."""
    return (data.content,) if isinstance(data.content, str) and data.content else ()


def _image_count(data: Data) -> int:
    attachments = data.attachments if isinstance(data.attachments, list) else []
    kinds = [word(a.mimeType) or "" for a in attachments if isinstance(a, Attachment)]
    return sum(kind.startswith("image/") for kind in kinds)


DIALECT = Copilot()
