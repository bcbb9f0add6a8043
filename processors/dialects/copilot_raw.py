"""The parts of a GitHub Copilot CLI line that are read, as typed structs; the rest is skipped.

The rule: strict where a row depends on it, loose everywhere else, as for the other agents. One
struct stands for the `data` of every type of event, because lines of any version must be readable.
`modelMetrics` is loose to its leaves: one bad number must not cost the other models their tokens.
"""

from typing import Any

from msgspec import Struct

from processors.dialects.claude_raw import Count, Scalar, Skipped


class Context(Struct, gc=False):
    """`context` of session.start and session.resume."""

    cwd: Any = None
    branch: Any = None


class ToolInput(Struct, gc=False):
    """What a tool was called with, as far as it names a skill or a kind of subagent."""

    skill: Any = None
    agent_type: Any = None


class ToolRequest(Struct, gc=False):
    """One of the calls that an assistant.message asks for."""

    toolCallId: Any = None
    name: Any = None
    arguments: ToolInput | list[Any] | Scalar = None
    mcpServerName: Any = None
    mcpToolName: Any = None


class Outcome(Struct, gc=False):
    """`result` of tool.execution_complete and of permission.completed."""

    content: Any = None
    kind: Any = None


class Failure(Struct, gc=False):
    """`error` of a tool.execution_complete."""

    code: Any = None
    message: Any = None


class Notification(Struct, gc=False):
    """`kind` of a system.notification."""

    type: Any = None
    status: Any = None
    exitCode: Any = None


class Attachment(Struct, gc=False):
    """One attachment of a user.message."""

    mimeType: Any = None


class Tokens(Struct, gc=False):
    """`usage` of one model in a session.shutdown."""

    inputTokens: Any = None
    outputTokens: Any = None
    cacheReadTokens: Any = None
    cacheWriteTokens: Any = None
    reasoningTokens: Any = None


class Requests(Struct, gc=False):
    """How often a model was asked, and how many premium requests that cost."""

    count: Any = None
    cost: Any = None


class Metrics(Struct, gc=False):
    """One model's part of a session.shutdown."""

    usage: Tokens | list[Any] | Scalar = None
    requests: Requests | list[Any] | Scalar = None
    totalNanoAiu: Any = None


class Data(Struct, gc=False):
    """`data` of any event."""

    # session
    sessionId: Any = None
    producer: Any = None
    copilotVersion: Any = None
    context: Context | list[Any] | Scalar = None
    cwd: Any = None
    branch: Any = None
    selectedModel: Any = None
    reasoningEffort: Any = None
    previousReasoningEffort: Any = None
    newModel: Any = None
    newMode: Any = None
    allowAllPermissions: Any = None
    infoType: Any = None
    warningType: Any = None
    errorType: Any = None
    statusCode: Any = None
    reason: Any = None
    preCompactionTokens: Any = None
    trigger: Any = None
    tokensRemovedDuringTruncation: Any = None
    shutdownType: Any = None
    totalApiDurationMs: Any = None
    totalPremiumRequests: Any = None
    totalNanoAiu: Any = None
    modelMetrics: dict[str, Metrics | list[Any] | Scalar] | list[Any] | Scalar = None
    # messages
    messageId: Any = None
    requestId: Any = None
    model: Any = None
    content: Any = None
    outputTokens: Count = None
    toolRequests: list[ToolRequest | list[Any] | Scalar] | Skipped | Scalar = None
    attachments: list[Attachment | list[Any] | Scalar] | Skipped | Scalar = None
    source: Any = None
    delivery: Any = None
    inputOrigin: Any = None
    isAutopilotContinuation: Any = None
    # tools, hooks, subagents
    toolCallId: Any = None
    parentToolCallId: Any = None
    toolName: Any = None
    arguments: ToolInput | list[Any] | Scalar = None
    mcpServerName: Any = None
    mcpToolName: Any = None
    success: Any = None
    result: Outcome | list[Any] | Scalar = None
    error: Failure | list[Any] | Scalar = None
    hookType: Any = None
    name: Any = None
    pluginName: Any = None
    agentName: Any = None
    durationMs: Any = None
    kind: Notification | list[Any] | Scalar = None


class RawLine(Struct, gc=False):
    """A whole line of any type."""

    type: str | None = None
    id: str | None = None
    parentId: str | None = None
    timestamp: str | None = None
    agentId: Any = None
    data: Data | list[Any] | Scalar = None
