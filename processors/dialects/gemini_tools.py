"""Tool calls of Gemini CLI messages: the call, its result and who refused it.

The rule: one pass, nothing kept but names, states and lengths. A call is in the message again at
every rewriting of it, so what has not ended has no result yet.
"""

import re
from collections.abc import Iterator
from typing import Any

from core.record import NAME_CHARS_MAX, ToolCall, ToolKind, ToolResult
from processors.dialects.gemini_raw import Arguments, Call
from processors.dialects.values import word

# "create_issue (github MCP Server)": the only place where a server's name ends for certain.
_MCP_DISPLAY = re.compile(r"(.+) \((.+) MCP Server\)")
_MCP_PREFIX = "mcp_"
_SKILL_TOOL, _SUBAGENT_TOOL = "activate_skill", "invoke_agent"
_NOT_ENDED = ("validating", "scheduled", "executing", "awaiting_approval")
_DENIED_BY_PERSON = "User did not allow tool call"
_DENIED_BY_RULE = "Tool execution denied by policy"


def call_of(
    call: Call, *, message_id: str | None, model: str | None, at_us: int | None
) -> ToolCall:
    """The call; its own time is that of its end, so it was made when its message was written."""
    name = word(call.name) or ""
    given = call.args if isinstance(call.args, Arguments) else Arguments()
    kind: ToolKind = "builtin"
    server = tool = skill = subagent = None
    if mcp := _mcp_parts(name, call.displayName):
        kind, (server, tool) = "mcp", mcp
    elif name == _SUBAGENT_TOOL or word(call.agentId):
        kind, subagent = "subagent", word(given.agent_name) or name
    elif name == _SKILL_TOOL:
        kind, skill = "skill", word(given.name)
    return ToolCall(
        name=name,
        kind=kind,
        tool_use_id=word(call.id),
        mcp_server=server,
        mcp_tool=tool,
        skill=skill,
        subagent_type=subagent,
        message_id=message_id,
        model=model,
        at_us=at_us,
    )


def has_ended(call: Call) -> bool:
    return isinstance(call.status, str) and call.status not in _NOT_ENDED


def result_of(call: Call, at_us: int | None) -> ToolResult:
    """What came back; `cancelled` is an error that either a person or an interrupt made."""
    texts = list(_result_texts(call.result))
    is_error = call.status in ("error", "cancelled")
    return ToolResult(
        tool_use_id=word(call.id),
        is_error=is_error,
        denial=_denial(texts) if is_error else "",
        size_chars=sum(map(len, texts)),
        subagent_id=word(call.agentId),
        at_us=at_us,
    )


def texts_of(content: Any) -> Iterator[str]:
    """The texts of a `PartListUnion`: text, a part with `text`, or a list of them."""
    for part in content if isinstance(content, list) else [content]:
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            yield text


def _mcp_parts(name: str, display: Any) -> tuple[str, str] | None:
    """Server and tool. Without the display name the server ends at the first underscore, as
    Gemini CLI itself reads it."""
    if isinstance(display, str) and (named := _MCP_DISPLAY.fullmatch(display[:NAME_CHARS_MAX])):
        return named[2], named[1]
    if not name.startswith(_MCP_PREFIX):
        return None
    server, _, tool = name.removeprefix(_MCP_PREFIX).partition("_")
    return server, tool


def _result_texts(result: Any) -> Iterator[str]:
    """Outputs and errors of function responses, and plain texts."""
    for part in result if isinstance(result, list) else [result]:
        answer = part.get("functionResponse") if isinstance(part, dict) else None
        response = answer.get("response") if isinstance(answer, dict) else None
        if isinstance(response, dict):
            said = (response.get("output"), response.get("error"))
            yield from (text for text in said if isinstance(text, str))
        else:
            yield from texts_of(part)


def _denial(texts: list[str]) -> str:
    first = texts[0] if texts else ""
    if _DENIED_BY_PERSON in first:
        return "user"
    return "permission" if _DENIED_BY_RULE in first else ""
