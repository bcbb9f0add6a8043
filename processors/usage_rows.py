"""The rows of the `usage` processor: what a record says, flattened.

The rule: counts, names, states and times, never session content. Every copy of a message, call or
prompt is a row; which copy counts is decided by SQL (`state/usage/counting.sql`) from all of them.
"""

from typing import NamedTuple

from core.record import Event, Prompt, Quota, Record, ToolCall, ToolResult, Usage

_new = tuple.__new__


class RecordRow(NamedTuple):
    """One per line, whatever it is: activity over time, versions, types nobody knows yet."""

    agent: str
    type: str
    subtype: str
    at_us: int | None
    uuid: str | None
    session_id: str | None
    agent_id: str | None
    agent_version: str | None
    entrypoint: str | None
    cwd: str | None
    git_branch: str | None
    sidechain: bool
    meta: bool


class MessageRow(NamedTuple):
    """One per copy of an API message's usage; tokens are those of `core.record.Usage`."""

    agent: str
    origin: str
    message_id: str | None
    request_id: str | None
    model: str | None
    at_us: int | None
    session_id: str | None
    agent_id: str | None
    agent_version: str | None
    entrypoint: str | None
    cwd: str | None
    git_branch: str | None
    sidechain: bool
    input_tokens: int
    output_tokens: int
    cache_write_tokens: int
    cache_write_5m_tokens: int | None
    cache_write_1h_tokens: int | None
    cache_read_tokens: int
    reasoning_tokens: int
    web_search_requests: int
    web_fetch_requests: int
    service_tier: str | None
    speed: str | None
    geo: str | None
    stop_reason: str | None
    cost_nano: int | None
    is_api_error: bool
    effort: str | None
    attributed_skill: str | None
    attributed_plugin: str | None
    attributed_mcp_server: str | None
    attributed_mcp_tool: str | None
    attributed_agent: str | None
    uuid: str | None
    snapshot: str | None
    snapshot_only: bool
    ccusage: str


class ToolCallRow(NamedTuple):
    """One per copy of a tool call; `tool_use_id` joins it to its result."""

    agent: str
    tool_use_id: str | None
    name: str
    kind: str
    plugin: str | None
    mcp_server: str | None
    mcp_tool: str | None
    skill: str | None
    subagent_type: str | None
    message_id: str | None
    model: str | None
    at_us: int | None
    session_id: str | None
    agent_id: str | None
    sidechain: bool


class ToolResultRow(NamedTuple):
    """One per copy of a tool result; a denied call also has `is_error`, as the agent wrote it."""

    tool_use_id: str | None
    is_error: bool
    denied: bool
    size_chars: int
    subagent_id: str | None
    at_us: int | None


class EventRow(NamedTuple):
    """One per event; `uuid` is the line's, so that copies of the line can be counted once."""

    agent: str
    kind: str
    name: str
    detail: str
    value: int | None
    at_us: int | None
    uuid: str | None


class PromptRow(NamedTuple):
    """One per prompt of a person: how long and from where, not what."""

    agent: str
    origin: str
    size_chars: int
    image_count: int
    at_us: int | None
    uuid: str | None


class QuotaRow(NamedTuple):
    """One per limit and line: `used_bp` of 10000, `resets_us` when the window starts again."""

    agent: str
    name: str
    slot: str
    used_bp: int | None
    window_minutes: int | None
    resets_us: int | None
    plan: str | None
    at_us: int | None


def record_row(record: Record) -> RecordRow:
    """Positional for speed: this runs for every line there is."""
    return _new(
        RecordRow,
        (
            record.agent,
            record.type,
            record.subtype,
            record.at_us,
            record.uuid,
            record.session_id,
            record.agent_id,
            record.agent_version,
            record.entrypoint,
            record.cwd,
            record.git_branch,
            record.sidechain,
            record.meta,
        ),
    )


def message_row(record: Record, usage: Usage) -> MessageRow:
    return _new(
        MessageRow,
        (
            record.agent,
            usage.origin,
            usage.message_id,
            usage.request_id,
            usage.model,
            _at(record, usage.at_us),
            record.session_id,
            record.agent_id,
            record.agent_version,
            record.entrypoint,
            record.cwd,
            record.git_branch,
            record.sidechain,
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_write_tokens,
            usage.cache_write_5m_tokens,
            usage.cache_write_1h_tokens,
            usage.cache_read_tokens,
            usage.reasoning_tokens,
            usage.web_search_requests,
            usage.web_fetch_requests,
            usage.service_tier,
            usage.speed,
            usage.geo,
            usage.stop_reason,
            usage.cost_nano,
            usage.is_api_error,
            usage.effort,
            usage.attributed_skill,
            usage.attributed_plugin,
            usage.attributed_mcp_server,
            usage.attributed_mcp_tool,
            usage.attributed_agent,
            record.uuid,
            usage.snapshot,
            usage.snapshot_only,
            usage.ccusage,
        ),
    )


def tool_call_row(record: Record, call: ToolCall) -> ToolCallRow:
    return _new(
        ToolCallRow,
        (
            record.agent,
            call.tool_use_id,
            call.name,
            call.kind,
            call.plugin,
            call.mcp_server,
            call.mcp_tool,
            call.skill,
            call.subagent_type,
            call.message_id,
            call.model,
            _at(record, call.at_us),
            record.session_id,
            record.agent_id,
            record.sidechain,
        ),
    )


def tool_result_row(record: Record, result: ToolResult) -> ToolResultRow:
    return _new(
        ToolResultRow,
        (
            result.tool_use_id,
            result.is_error,
            result.denial != "",
            result.size_chars,
            result.subagent_id,
            _at(record, result.at_us),
        ),
    )


def event_row(record: Record, event: Event) -> EventRow:
    return _new(
        EventRow,
        (
            record.agent,
            event.kind,
            event.name,
            event.detail,
            event.value,
            _at(record, event.at_us),
            record.uuid,
        ),
    )


def prompt_row(record: Record, prompt: Prompt) -> PromptRow:
    return _new(
        PromptRow,
        (
            record.agent,
            prompt.origin,
            len(prompt.text),
            prompt.image_count,
            _at(record, prompt.at_us),
            record.uuid,
        ),
    )


def quota_row(record: Record, quota: Quota) -> QuotaRow:
    return _new(
        QuotaRow,
        (
            record.agent,
            quota.name,
            quota.slot,
            quota.used_bp,
            quota.window_minutes,
            quota.resets_us,
            quota.plan,
            _at(record, quota.at_us),
        ),
    )


def _at(record: Record, at_us: int | None) -> int | None:
    """The thing's own time if it has one, else the line's."""
    return record.at_us if at_us is None else at_us
