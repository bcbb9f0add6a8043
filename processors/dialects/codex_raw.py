"""The parts of a Codex line that are read, as typed structs; everything else is skipped.

The rule: strict where a row depends on it, loose everywhere else, as for the other agents. One
struct stands for every payload, because lines of any version and type must be readable.

Observed: rollouts of 0.140 to 0.142, and what older and newer versions are known to write.
"""

from typing import Any

from msgspec import Struct

from processors.dialects.claude_raw import Count, Loose, Scalar


class Tokens(Struct, gc=False):
    """What was used: `input_tokens` contains what was cached, `output_tokens` the reasoning."""

    input_tokens: Count = None
    cached_input_tokens: Count = None
    cache_write_input_tokens: Count = None
    output_tokens: Count = None
    reasoning_output_tokens: Count = None
    total_tokens: Count = None


class Info(Struct, gc=False):
    """`info` of a token_count: the last message and the running totals of the session."""

    last_token_usage: Tokens | None = None
    total_token_usage: Tokens | None = None
    model: Any = None


class Window(Struct, gc=False):
    """One window of a rate limit; older versions say when it ends in seconds from now."""

    used_percent: Any = None
    window_minutes: Any = None
    resets_at: Any = None
    resets_in_seconds: Any = None


class RateLimits(Struct, gc=False):
    """`rate_limits` of a token_count, as the provider told the agent."""

    limit_id: Any = None
    limit_name: Any = None
    plan_type: Any = None
    rate_limit_reached_type: Any = None
    primary: Window | None = None
    secondary: Window | None = None


class Git(Struct, gc=False):
    """`git` of a session_meta."""

    branch: Any = None


class ThreadSpawn(Struct, gc=False):
    """The thread that started this one as its subagent."""

    parent_thread_id: Any = None


class Subagent(Struct, gc=False):
    """What kind of subagent a session is: thread_spawn, or a word."""

    thread_spawn: ThreadSpawn | Scalar = None


class Source(Struct, gc=False):
    """`source` of a session_meta that a person did not start."""

    subagent: Subagent | Scalar = None


class Part(Struct, gc=False):
    """One part of a tool's output that is a list."""

    text: Any = None


class Output(Struct, gc=False):
    """A tool's output in versions that wrote an object."""

    content: Any = None
    success: Any = None


class McpOk(Struct, gc=False):
    """The answer of an MCP server."""

    isError: Any = None


class McpResult(Struct, gc=False):
    """`result` of an mcp_tool_call_end: one of the two."""

    Ok: McpOk | Scalar = None
    Err: Loose = None


class Payload(Struct, gc=False):
    """`payload` of any line."""

    type: str | None = None
    turn_id: Any = None
    # session_meta
    id: Any = None
    session_id: Any = None
    forked_from_id: Any = None
    parent_thread_id: Any = None
    cwd: str | None = None
    originator: str | None = None
    cli_version: str | None = None
    git: Git | Scalar = None
    source: Source | Scalar = None
    # turn_context
    model: Any = None
    effort: Any = None
    # token_count
    info: Info | None = None
    rate_limits: RateLimits | None = None
    # tools
    name: Any = None
    namespace: Any = None
    call_id: Any = None
    arguments: Loose = None
    output: str | list[Part | str] | Output | Scalar = None
    success: Any = None
    exit_code: Any = None
    result: McpResult | list[Loose] | Scalar = None
    # other events
    message: Loose = None
    kind: Any = None
    images: list[Loose] | Scalar = None
    local_images: list[Loose] | Scalar = None
    duration_ms: Any = None
    reason: Any = None
    codex_error_info: Any = None
    num_turns: Any = None


class Item(Struct, gc=False):
    """`item` of an item.completed line of `codex exec --json`."""

    type: Any = None
    item_type: Any = None
    status: Any = None
    exit_code: Any = None
    server: Any = None
    tool: Any = None
    aggregated_output: Any = None


class RawLine(Struct, gc=False):
    """A whole line: of a rollout, or of what `codex exec --json` prints."""

    timestamp: str | int | float | None = None
    type: str | None = None
    payload: Payload | list[Loose] | Scalar = None
    thread_id: Any = None
    model: Any = None
    usage: Tokens | None = None
    item: Item | Scalar = None


class SpawnArguments(Struct, gc=False):
    """What spawn_agent is called with, as far as it names a kind of subagent."""

    agent_type: Any = None


class Spawned(Struct, gc=False):
    """What spawn_agent answers."""

    agent_id: Any = None
