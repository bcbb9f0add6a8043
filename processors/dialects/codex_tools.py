"""Tool calls and results of Codex lines.

The rule: a call failed if the agent says so by exit code, by flag, or, where it has neither, by
the words it puts in place of an output. What a tool printed is only measured.
"""

import re
from typing import Any

import msgspec

from core.record import NAME_CHARS_MAX, ToolCall, ToolKind, ToolResult
from processors.dialects.codex_raw import (
    Item,
    McpOk,
    McpResult,
    Output,
    Part,
    Payload,
    SpawnArguments,
    Spawned,
)
from processors.dialects.values import mcp_parts, word

_SUBAGENT_TOOL = "spawn_agent"
_SPAWNED = '{"agent_id":'
_HEAD_CHARS = 300
_JSON_TAIL_CHARS = 200
_EXIT_CODE = re.compile(r"^(?:Exit code: |Process exited with code )(-?\d{1,10})$", re.MULTILINE)
_JSON_EXIT_CODE = re.compile(r'"exit_code": ?(-?\d{1,10})')
_FAILED = re.compile(
    r"[a-z_]+ (?:verification )?failed\b|aborted by user|unsupported call|execution error"
    r"|failed to parse "
)
_DENIED_BY_USER = re.compile(r"rejected by user|user rejected|user cancelled")
_DENIED_BY_RULE = re.compile(r"approval policy is|rejected: |blocked by policy")
_ITEM_TOOLS = {"command_execution": "shell", "file_change": "apply_patch", "web_search": None}

_spawn_arguments = msgspec.json.Decoder(SpawnArguments)
_spawned = msgspec.json.Decoder(Spawned)


def call_of(payload: Payload, kind: str) -> ToolCall:
    """The call of a response_item whose type `kind` ends in `_call`."""
    name = word(payload.name) or kind.removesuffix("_call")
    namespace = word(payload.namespace)
    if namespace and namespace.startswith("mcp__"):
        name = f"{namespace.rstrip('_')}__{name.lstrip('_')}"[:NAME_CHARS_MAX]
    subagent = _subagent_type(payload.arguments) if name == _SUBAGENT_TOOL else None
    return _call(name, word(payload.call_id) or word(payload.id), subagent)


def result_of(payload: Payload) -> ToolResult:
    """The result of a response_item whose type ends in `_output`."""
    output, success = payload.output, payload.success
    if isinstance(output, Output):
        success = output.success if success is None else success
        output = output.content if isinstance(output.content, str) else ""
    text, size_chars = _text(output)
    refused = _denial(text)
    return ToolResult(
        tool_use_id=word(payload.call_id) or word(payload.id),
        is_error=success is False or refused != "" or _failed(text),
        denial=refused,
        size_chars=size_chars,
        subagent_id=_spawned_id(text) if text.startswith(_SPAWNED) else None,
    )


def ended(payload: Payload) -> ToolResult | None:
    """What an event says of a call that also has an output: only failures say more than it."""
    refused, failed = "", payload.success is False
    if isinstance(payload.exit_code, int):
        failed = payload.exit_code != 0
    if isinstance(payload.result, McpResult):
        ok, error = payload.result.Ok, payload.result.Err
        failed = error is not None or (isinstance(ok, McpOk) and ok.isError is True)
        refused = _denial(error) if isinstance(error, str) else ""
    if not failed:
        return None
    return ToolResult(tool_use_id=word(payload.call_id), is_error=True, denial=refused)


def item_of(item: Item) -> tuple[tuple[ToolCall, ...], tuple[ToolResult, ...]]:
    """The tool that a finished item of `codex exec --json` stands for, if it is one.

    Its ids count from 0 in every run, so they name nothing and are left out.
    """
    kind = word(item.type) or word(item.item_type) or ""
    if kind == "mcp_tool_call":
        name = f"mcp__{word(item.server) or ''}__{word(item.tool) or ''}"[:NAME_CHARS_MAX]
    elif kind in _ITEM_TOOLS:
        name = _ITEM_TOOLS[kind] or kind
    else:
        return (), ()
    failed = item.status in ("failed", "declined") or item.exit_code not in (None, 0)
    size_chars = len(item.aggregated_output) if isinstance(item.aggregated_output, str) else 0
    denial = "user" if item.status == "declined" else ""
    result = ToolResult(is_error=failed, denial=denial, size_chars=size_chars)
    return (_call(name, None, None),), (result,)


def _call(name: str, tool_use_id: str | None, subagent: str | None) -> ToolCall:
    kind: ToolKind = "builtin"
    plugin = server = tool = None
    if name.startswith("mcp__"):
        kind, (plugin, server, tool) = "mcp", mcp_parts(name)
    elif name == _SUBAGENT_TOOL:
        kind = "subagent"
    return ToolCall(
        name=name,
        kind=kind,
        tool_use_id=tool_use_id,
        mcp_server=server,
        mcp_tool=tool,
        plugin=plugin,
        subagent_type=subagent,
    )


def _text(output: Any) -> tuple[str, int]:
    """The first text of an output, and how many characters all of them have."""
    if isinstance(output, str):
        return output, len(output)
    if not isinstance(output, list):
        return "", 0
    texts = [part.text if isinstance(part, Part) else part for part in output]
    known = [text for text in texts if isinstance(text, str)]
    return "".join(known[:1]), sum(map(len, known))


def _failed(text: str) -> bool:
    """Exit codes stand in a few lines above the output, or behind it where all is one object."""
    if text.startswith('{"output":'):
        code = _JSON_EXIT_CODE.search(text, max(0, len(text) - _JSON_TAIL_CHARS))
    else:
        head = text[:_HEAD_CHARS].partition("\nOutput:")[0]
        code = _EXIT_CODE.search(head)
        if code is None:
            return _FAILED.match(head) is not None
    return code is not None and int(code[1]) != 0


def _denial(text: str) -> str:
    head = text[:_HEAD_CHARS]
    if "Output:" in head or head.startswith("{"):
        return ""
    if _DENIED_BY_USER.search(head):
        return "user"
    return "permission" if _DENIED_BY_RULE.search(head) else ""


def _subagent_type(arguments: Any) -> str | None:
    if not isinstance(arguments, str):
        return None
    try:
        return word(_spawn_arguments.decode(arguments).agent_type)
    except (msgspec.MsgspecError, RecursionError):
        return None


def _spawned_id(text: str) -> str | None:
    try:
        return word(_spawned.decode(text).agent_id)
    except (msgspec.MsgspecError, RecursionError):
        return None
