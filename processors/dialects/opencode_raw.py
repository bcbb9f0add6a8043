"""The parts of OpenCode's documents that are read, as typed structs; everything else is skipped.

The rule: every field accepts every JSON type, and one struct stands for sessions, messages and
parts, because only what is in a document says which of them it is.
"""

from typing import Any

from msgspec import Struct

from processors.dialects.claude_raw import Scalar, Skipped


class Times(Struct, gc=False):
    """`time`, in milliseconds: of sessions and messages from `created`, of parts from `start`."""

    created: Any = None
    start: Any = None
    end: Any = None


class Folder(Struct, gc=False):
    """`path` of an assistant's message."""

    cwd: Any = None


class Cache(Struct, gc=False):
    """`tokens.cache`."""

    read: Any = None
    write: Any = None


class Tokens(Struct, gc=False):
    """`tokens` of an assistant's message; `total` is not in older ones."""

    input: Any = None
    output: Any = None
    reasoning: Any = None
    total: Any = None
    cache: Cache | list[Any] | Scalar = None


class FailureData(Struct, gc=False):
    """`error.data`: what the provider answered."""

    statusCode: Any = None


class Failure(Struct, gc=False):
    """`error` of an assistant's message and of a retry."""

    name: Any = None
    data: FailureData | list[Any] | Scalar = None


class ToolInput(Struct, gc=False):
    """What a tool was called with, as far as it names a skill or a kind of subagent."""

    name: Any = None
    subagent_type: Any = None


class Details(Struct, gc=False):
    """`state.metadata`: what a tool says of its run."""

    exit: Any = None
    sessionId: Any = None


class State(Struct, gc=False):
    """`state` of a tool part: pending, running, completed or error."""

    status: Any = None
    input: ToolInput | list[Any] | Scalar = None
    output: Any = None
    error: Any = None
    metadata: Details | list[Any] | Scalar = None
    time: Times | list[Any] | Scalar = None


class Part(Struct, gc=False):
    """One part of a message: text, tool, step-finish, compaction, retry and others."""

    id: Any = None
    sessionID: Any = None
    messageID: Any = None
    type: Any = None
    time: Times | list[Any] | Scalar = None
    text: Any = None
    synthetic: Any = None
    callID: Any = None
    tool: Any = None
    state: State | list[Any] | Scalar = None
    attempt: Any = None
    auto: Any = None
    error: Failure | list[Any] | Scalar = None


class Info(Part, gc=False):
    """Any document of the storage."""

    # messages
    role: Any = None
    parentID: Any = None
    modelID: Any = None
    variant: Any = None
    path: Folder | list[Any] | Scalar = None
    cost: Any = None
    tokens: Tokens | list[Any] | Scalar = None
    providerID: Any = None
    finish: Any = None
    # sessions
    projectID: Any = None
    directory: Any = None
    version: Any = None


class RawDocument(Info, gc=False):
    """A document as it is, or as a message is exported: `info` and its `parts`."""

    info: Info | list[Any] | Scalar = None
    parts: list[Part | list[Any] | Scalar] | Skipped | Scalar = None
