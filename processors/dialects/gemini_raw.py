"""The parts of a Gemini CLI session that are read, as typed structs; everything else is skipped.

The rule: every field accepts every JSON type. One struct stands for all kinds of lines and for the
whole document, and a document must not be refused for one odd message among hundreds.
"""

from typing import Any

from msgspec import Struct, field

from processors.dialects.claude_raw import Scalar, Skipped


class Tokens(Struct, gc=False):
    """`tokens` of a message. `total` is left out: it is the sum of the others but `cached`."""

    input: Any = None
    output: Any = None
    cached: Any = None
    thoughts: Any = None
    tool: Any = None


class Arguments(Struct, gc=False):
    """What a tool was called with, as far as it names a skill or a kind of subagent."""

    name: Any = None
    agent_name: Any = None


class Call(Struct, gc=False):
    """One of `toolCalls`: the call and, once it has ended, its result."""

    id: Any = None
    name: Any = None
    displayName: Any = None
    agentId: Any = None
    args: Arguments | list[Any] | Scalar = None
    status: Any = None
    result: Any = None
    timestamp: Any = None


class Message(Struct, gc=False):
    """A line that is a message, or one of `messages`; `content` is text, a part or a list."""

    id: Any = None
    timestamp: Any = None
    type: Any = None
    content: Any = None
    displayContent: Any = None
    model: Any = None
    tokens: Tokens | list[Any] | Scalar = None
    toolCalls: list[Call | list[Any] | Scalar] | Skipped | Scalar = None


class RawSession(Message, gc=False):
    """Any line of a JSONL session, or a whole JSON session."""

    sessionId: Any = None
    projectHash: Any = None
    startTime: Any = None
    kind: Any = None
    messages: list[Message | list[Any] | Scalar] | Skipped | Scalar = None
    updates: Skipped | list[Any] | Scalar = field(default=None, name="$set")
    rewound_to: Any = field(default=None, name="$rewindTo")
