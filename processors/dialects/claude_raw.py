"""The parts of a Claude Code line that are read, as typed structs; everything else is skipped.

The rule: strict where a row depends on it, loose everywhere else. A field that some tool, hook
or gateway fills freely accepts every JSON type, so that a line is never refused for something
nobody reads; integers that become rows must fit 64 bits, else the tolerant path lists the line.

Observed from 1.0.17 to 2.1.219 (see the format notes in `claude.py`); every field is optional.
"""

from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from core.lines import INTEGER_MAX


class Skipped(Struct, gc=False):
    """An object nobody looks into: decoding it costs a scan and no memory."""


Scalar = str | int | float | bool | None
Loose = Skipped | Scalar

Count = Annotated[int, Meta(ge=0, le=INTEGER_MAX)] | float | str | None
"""Tokens: integers, but gateways between Claude Code and other models write "12" or 12.0."""


class ServerTools(Struct, gc=False):
    """`usage.server_tool_use`."""

    web_search_requests: Count = None
    web_fetch_requests: Count = None


class CacheTiers(Struct, gc=False):
    """`usage.cache_creation`, since 1.0.128."""

    ephemeral_5m_input_tokens: Count = None
    ephemeral_1h_input_tokens: Count = None


class ApiUsage(Struct, gc=False):
    """`message.usage`. `iterations` is left out: the top level is already their total."""

    input_tokens: Count = None
    output_tokens: Count = None
    cache_creation_input_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation: CacheTiers | None = None
    server_tool_use: ServerTools | None = None
    service_tier: str | None = None
    inference_geo: str | None = None
    speed: str | None = None


class ToolInput(Struct, gc=False):
    """What a tool was called with, as far as it names a skill or a kind of subagent."""

    skill: Any = None
    command: Any = None
    subagent_type: Any = None


class Part(Struct, gc=False):
    """One part of a tool result that is a list."""

    text: str | None = None


class Block(Struct, gc=False):
    """One block of a message: text, image, tool_use, tool_result, or a kind that is skipped."""

    type: str | None = None
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: ToolInput | list[Any] | Scalar = None
    tool_use_id: str | None = None
    content: str | list[Part | str] | Skipped | None = None
    is_error: bool | None = None


class Message(Struct, gc=False):
    """`message` of user, assistant and agent_progress lines."""

    id: str | None = None
    model: str | None = None
    content: str | list[Block | str] | None = None
    stop_reason: str | None = None
    usage: ApiUsage | None = None


class Outcome(Struct, gc=False):
    """`toolUseResult`: an object per tool, a plain string for errors, a list for MCP."""

    agentId: Any = None
    agentType: Any = None
    status: Any = None
    totalDurationMs: Any = None


class ProgressMessage(Struct, gc=False):
    """`data.message` of an agent_progress line: a subagent's line inside its caller's."""

    timestamp: str | None = None
    requestId: str | None = None
    costUSD: Decimal | None = None
    isSidechain: Any = None
    message: Message | str | None = None
    toolUseResult: Outcome | list[Loose | list[Any]] | Scalar = None


class Progress(Struct, gc=False):
    """`data` of a progress line (up to 2.1.63)."""

    type: str | None = None
    agentId: Any = None
    message: ProgressMessage | str | None = None


class Attachment(Struct, gc=False):
    """`attachment` (since 2.1.114): hooks, reminders, queued prompts and much that is skipped."""

    type: str | None = None
    hookName: Any = None
    exitCode: Any = None
    prompt: Any = None
    commandMode: Any = None
    origin: Any = None
    isMeta: Any = None


class Compaction(Struct, gc=False):
    """`compactMetadata` or `microcompactMetadata`."""

    trigger: Any = None
    preTokens: Any = None


class RawLine(Struct, gc=False):
    """A whole line of any type."""

    type: str | None = None
    subtype: str | None = None
    timestamp: str | None = None
    sessionId: str | None = None
    uuid: str | None = None
    parentUuid: str | None = None
    cwd: str | None = None
    gitBranch: str | None = None
    version: str | None = None
    entrypoint: str | None = None
    agentId: str | None = None
    isSidechain: bool | None = None
    isMeta: bool | None = None
    message: Message | str | None = None
    # user
    isCompactSummary: bool | None = None
    isVisibleInTranscriptOnly: bool | None = None
    toolUseResult: Outcome | list[Loose | list[Any]] | Scalar = None
    toolDenialKind: Any = None
    promptSource: Any = None
    origin: Any = None
    planContent: Any = None
    sourceToolUseID: Any = None
    # assistant
    requestId: str | None = None
    costUSD: Decimal | None = None
    isApiErrorMessage: bool | None = None
    apiErrorStatus: Any = None
    effort: Any = None
    attributionSkill: Any = None
    attributionPlugin: Any = None
    attributionMcpServer: Any = None
    attributionMcpTool: Any = None
    attributionAgent: Any = None
    # system
    error: Any = None
    content: Any = None
    durationMs: Any = None
    retryAttempt: Any = None
    hookErrors: Any = None
    preventedContinuation: Any = None
    compactMetadata: Compaction | Scalar = None
    microcompactMetadata: Compaction | Scalar = None
    originalModel: Any = None
    fallbackModel: Any = None
    # everything else
    data: Progress | list[Any] | str | None = None
    attachment: Attachment | Scalar = None
    operation: Any = None
    prNumber: Any = None
    prUrl: Any = None
    prRepository: Any = None
    mode: Any = None
    permissionMode: Any = None
    # No fields of the line: what `claude_ccusage` and `claude_fields` noted of its bytes, under
    # names that no agent writes.
    noted: Any = field(default="", name="sessionwatch:noted")
    strange: Any = field(default=(), name="sessionwatch:strange")
