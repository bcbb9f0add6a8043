"""What one line of a session says, whichever agent wrote it.

The rule: a dialect fills this in from one line alone and nobody behind it asks which agent it
was. Nothing is guessed: a time, a model or an id that the line does not carry is None, and what
only an earlier line knows is found by SQL over the rows.

Most lines carry nothing countable, most others one thing; some agents put a whole conversation
or the usage of several models on one line, hence tuples, and things that have a time of their own.
"""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

import msgspec

ToolKind = Literal["builtin", "mcp", "skill", "subagent"]
UsageOrigin = Literal["assistant", "progress", "total"]

NAME_CHARS_MAX = 200
TYPE_CHARS_MAX = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO_CHARS_MIN = len("2026-05-01T10:00:00")
_NANO = 10**9
_COST_MAX = 10**9  # dollars; above it a cost is a fault of the agent and nears 64 bits


class Usage(msgspec.Struct, frozen=True, gc=False):
    """One copy of what an API message used. Streamed, resumed and forked copies repeat it.

    Token classes are as the agent reports them and do not overlap, except `reasoning_tokens`,
    which `output_tokens` contains. `cache_write_tokens` is the reported total; its two tiers
    are None where the agent does not tell them apart. `origin` "progress" is a copy that the
    caller of a subagent logged for it; "total" is what a whole session used of one model up to
    this line, messages with a usage of their own included, so that only SQL can tell what counts.

    `snapshot` is the session's running totals behind the message, as text, from agents that give
    messages no id: copies of a message repeat it. `snapshot_only` lines say nothing else; their
    tokens are 0 here and the difference to the snapshot before by SQL.

    `ccusage` says which reports of that program count this
    copy, which depends on the line's bytes: "" none, "all", "daily" its daily one alone, and
    "daily_sidechain" that one as a sidechain's.
    """

    origin: UsageOrigin = "assistant"
    at_us: int | None = None
    message_id: str | None = None
    request_id: str | None = None
    model: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    cache_read_tokens: int = 0
    reasoning_tokens: int = 0
    web_search_requests: int = 0
    web_fetch_requests: int = 0
    service_tier: str | None = None
    speed: str | None = None
    geo: str | None = None
    stop_reason: str | None = None
    cost_nano: int | None = None
    is_api_error: bool = False
    effort: str | None = None
    attributed_skill: str | None = None
    attributed_plugin: str | None = None
    attributed_mcp_server: str | None = None
    attributed_mcp_tool: str | None = None
    attributed_agent: str | None = None
    snapshot: str | None = None
    snapshot_only: bool = False
    ccusage: str = ""


class ToolCall(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One use of a tool. `plugin` is the plug-in that brought an MCP server, where it says so."""

    name: str
    kind: ToolKind = "builtin"
    tool_use_id: str | None = None
    mcp_server: str | None = None
    mcp_tool: str | None = None
    plugin: str | None = None
    skill: str | None = None
    subagent_type: str | None = None
    message_id: str | None = None
    model: str | None = None
    at_us: int | None = None


class ToolResult(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What came back. `denial` says who refused the call (user, permission, …), if anybody did;
    `feedback` is what a person wrote then: session content, kept out of usage rows.

    `subagent_id` names the agent that did the work, which has a transcript of its own.
    """

    tool_use_id: str | None = None
    is_error: bool = False
    denial: str = ""
    size_chars: int = 0
    subagent_id: str | None = None
    feedback: str = ""
    at_us: int | None = None


class Prompt(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a person gave the agent. `text` is session content and stays out of usage rows.

    `origin` is one word: typed, queued (while the agent worked), command (words after a slash
    command), memory, plan (an approved plan that opens a session), sdk (a program's prompt).
    """

    text: str
    origin: str = "typed"
    image_count: int = 0
    at_us: int | None = None


class Event(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Anything else worth counting. `name` and `detail` are metadata, never session content.

    `value` is the one number that belongs to the kind: milliseconds, tokens, an attempt.
    """

    kind: str
    name: str = ""
    detail: str = ""
    value: int | None = None
    at_us: int | None = None


class Quota(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How much of a limit was used when the line was written, as the provider told the agent.

    `name` is the limit's, `slot` tells its windows apart (primary, secondary). Shares are in
    basis points (10000 is all of it), because sums and maxima of integers do not depend on order.
    """

    name: str
    slot: str = ""
    used_bp: int | None = None
    window_minutes: int | None = None
    resets_us: int | None = None
    plan: str | None = None
    at_us: int | None = None


class Record(msgspec.Struct, frozen=True, gc=False):
    """One line. `type` and `subtype` are the agent's own words, so unknown ones can be counted.

    `replies` is what the agent said to the person, thinking and tools not among it: session
    content that was decoded anyway, kept out of usage rows like the text of a prompt.
    """

    agent: str
    type: str
    subtype: str = ""
    at_us: int | None = None
    session_id: str | None = None
    uuid: str | None = None
    parent_uuid: str | None = None
    cwd: str | None = None
    git_branch: str | None = None
    agent_version: str | None = None
    entrypoint: str | None = None
    agent_id: str | None = None
    sidechain: bool = False
    meta: bool = False
    usages: tuple[Usage, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    events: tuple[Event, ...] = ()
    quotas: tuple[Quota, ...] = ()
    replies: tuple[str, ...] = ()


def time_us(text: str | None) -> int | None:
    """Microseconds since 1970 UTC of an ISO 8601 time, None for anything else.

    A time without a zone is taken as UTC: no agent writes local time, and a guess that depends
    on this machine would give other rows elsewhere. Digits below a microsecond are cut.
    """
    if text is None or len(text) < _ISO_CHARS_MIN:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def cost_nano(dollars: Decimal | None) -> int | None:
    """Integer nano-dollars, None for what cannot be a cost. Integers add up in any order."""
    if dollars is None or not dollars.is_finite() or not 0 <= dollars <= _COST_MAX:
        return None
    return int((dollars * _NANO).to_integral_value(ROUND_HALF_EVEN))
