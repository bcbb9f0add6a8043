"""The parts of a pi line that are read, as typed structs; everything else is skipped.

The rule: strict where a row depends on it, loose everywhere else, as for the other agents. One
struct stands for the header, every type of entry and the lines of subagent transcripts.
"""

from decimal import Decimal
from typing import Any

from msgspec import Struct

from processors.dialects.claude_raw import Count, Scalar, Skipped


class Cost(Struct, gc=False):
    """`usage.cost` in dollars, as pi computed it from its price list."""

    total: Decimal | None = None


class Tokens(Struct, gc=False):
    """`message.usage`; the classes do not overlap."""

    input: Count = None
    output: Count = None
    cacheRead: Count = None
    cacheWrite: Count = None
    reasoningTokens: Count = None
    cost: Cost | list[Any] | Scalar = None


class ToolInput(Struct, gc=False):
    """What a tool was called with, as far as it names a kind of subagent."""

    agent: Any = None


class Block(Struct, gc=False):
    """One block of a message: text, thinking, image, toolCall."""

    type: Any = None
    text: Any = None
    id: Any = None
    name: Any = None
    arguments: ToolInput | list[Any] | Scalar = None


class Message(Struct, gc=False):
    """`message` of an entry, or of a line of a subagent's transcript."""

    role: Any = None
    content: list[Block | list[Any] | Scalar] | Skipped | Scalar = None
    timestamp: Any = None
    # assistant
    responseId: Any = None
    model: Any = None
    usage: Tokens | list[Any] | Scalar = None
    stopReason: Any = None
    errorMessage: Any = None
    # user
    attribution: Any = None
    synthetic: Any = None
    # toolResult
    toolCallId: Any = None
    isError: Any = None
    # bashExecution
    exitCode: Any = None


class RawLine(Struct, gc=False):
    """A whole line of any type."""

    type: str | None = None
    id: str | None = None
    parentId: str | None = None
    timestamp: str | None = None
    message: Message | list[Any] | Scalar = None
    # session
    cwd: Any = None
    # model_change, thinking_level_change, mode_change
    provider: Any = None
    modelId: Any = None
    model: Any = None
    thinkingLevel: Any = None
    mode: Any = None
    # compaction, custom
    tokensBefore: Any = None
    fromHook: Any = None
    fromExtension: Any = None
    customType: Any = None
    # the transcript of a subagent
    recordType: Any = None
    runId: Any = None
