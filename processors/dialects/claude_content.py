"""Messages of Claude Code lines: usage, tool calls, tool results and texts.

The rule: one pass over the blocks, nothing kept but what a record carries.
"""

from decimal import Decimal
from typing import Any

import msgspec

from core.record import (
    NAME_CHARS_MAX,
    ToolCall,
    ToolKind,
    ToolResult,
    Usage,
    UsageOrigin,
    cost_nano,
)
from processors.dialects.claude_raw import (
    ApiUsage,
    Block,
    CacheTiers,
    Message,
    Outcome,
    RawLine,
    ServerTools,
    ToolInput,
)
from processors.dialects.claude_text import denial, feedback
from processors.dialects.values import count, mcp_parts, word

_NO_TIERS = CacheTiers()
_NO_SERVER_TOOLS = ServerTools()
_SUBAGENT_TOOLS = ("Task", "Agent")
_SKILL_TOOLS = ("Skill", "SlashCommand")


class Content(msgspec.Struct, frozen=True, gc=False):
    """What the blocks of one message hold."""

    texts: list[str]
    image_count: int
    tool_calls: tuple[ToolCall, ...]
    tool_results: tuple[ToolResult, ...]


NOTHING = Content([], 0, (), ())


def usage_of(
    raw: RawLine,
    message: Message,
    usage: ApiUsage,
    *,
    origin: UsageOrigin = "assistant",
    request_id: str | None,
    cost: Decimal | None,
    at_us: int | None = None,
) -> Usage:
    """The usage of one message copy; what the API does not say comes from the line."""
    tiers, server = usage.cache_creation, usage.server_tool_use or _NO_SERVER_TOOLS
    return Usage(
        origin,
        at_us,
        message.id or None,
        request_id or None,
        message.model or None,
        count(usage.input_tokens) or 0,
        count(usage.output_tokens) or 0,
        count(usage.cache_creation_input_tokens) or 0,
        count(tiers.ephemeral_5m_input_tokens) if tiers else None,
        count(tiers.ephemeral_1h_input_tokens) if tiers else None,
        count(usage.cache_read_input_tokens) or 0,
        0,
        count(server.web_search_requests) or 0,
        count(server.web_fetch_requests) or 0,
        usage.service_tier,
        usage.speed,
        usage.inference_geo or None,
        message.stop_reason,
        cost_nano(cost),
        raw.isApiErrorMessage is True,
        word(raw.effort) if raw.effort else None,
        word(raw.attributionSkill) if raw.attributionSkill else None,
        word(raw.attributionPlugin) if raw.attributionPlugin else None,
        word(raw.attributionMcpServer) if raw.attributionMcpServer else None,
        word(raw.attributionMcpTool) if raw.attributionMcpTool else None,
        word(raw.attributionAgent) if raw.attributionAgent else None,
        ccusage=raw.noted if isinstance(raw.noted, str) else "",
    )


def content_of(message: Message, *, outcome: Any = None, denial_kind: Any = None) -> Content:
    """Texts, tool calls and tool results of a message; `outcome` is its `toolUseResult`."""
    blocks = message.content
    if not isinstance(blocks, list):
        return Content([blocks] if blocks else [], 0, (), ())
    texts: list[str] = []
    calls: list[ToolCall] = []
    results: list[ToolResult] = []
    image_count = 0
    for block in blocks:
        if isinstance(block, str):
            texts.append(block)
        elif block.type == "text":
            texts.append(block.text or "")
        elif block.type == "tool_use" or block.type == "server_tool_use":
            calls.append(_tool_call(block, message))
        elif block.type == "tool_result":
            results.append(_tool_result(block, outcome, denial_kind))
        elif block.type == "image":
            image_count += 1
    return Content(texts, image_count, tuple(calls), tuple(results))


def _tool_call(block: Block, message: Message) -> ToolCall:
    name = (block.name or "")[:NAME_CHARS_MAX]
    given = block.input if isinstance(block.input, ToolInput) else None
    kind: ToolKind = "builtin"
    plugin = server = tool = skill = subagent = None
    if name.startswith("mcp__"):
        kind, (plugin, server, tool) = "mcp", mcp_parts(name)
    elif name in _SUBAGENT_TOOLS:
        kind, subagent = "subagent", word(given.subagent_type) if given else None
    elif name in _SKILL_TOOLS:
        kind, skill = "skill", _skill(given)
    return ToolCall(
        name=name,
        kind=kind,
        tool_use_id=block.id,
        mcp_server=server,
        mcp_tool=tool,
        plugin=plugin,
        skill=skill,
        subagent_type=subagent,
        message_id=message.id,
        model=message.model,
    )


def _skill(given: ToolInput | None) -> str | None:
    """Skills were called by `command`, with arguments behind the name, before they had `skill`."""
    named = word(given.skill) or word(given.command) if given else None
    words = named.split(maxsplit=1) if named else None
    return words[0].lstrip("/") if words else None


def _tool_result(block: Block, outcome: Any, denial_kind: Any) -> ToolResult:
    content, first = block.content, ""
    size_chars = 0
    if isinstance(content, str):
        first, size_chars = content, len(content)
    elif isinstance(content, list):
        texts = [part if isinstance(part, str) else part.text or "" for part in content]
        first, size_chars = "".join(texts[:1]), sum(map(len, texts))
    is_error = block.is_error is True
    refused = denial(first, denial_kind) if is_error else ""
    return ToolResult(
        tool_use_id=block.tool_use_id,
        is_error=is_error,
        denial=refused,
        size_chars=size_chars,
        subagent_id=word(outcome.agentId) if isinstance(outcome, Outcome) else None,
        feedback=feedback(first) if refused else "",
    )
