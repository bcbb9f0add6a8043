"""Tool parts of OpenCode: the call, its result and who refused it, in one document.

The rule: names, states and lengths only. A part is known by its own id, because `callID` is the
provider's and some providers count from zero in every session. Names of MCP tools are
`<server>_<tool>`, which no sign tells from a built-in tool's, so they are not split.
"""

from core.record import ToolCall, ToolKind, ToolResult
from processors.dialects.amounts import milliseconds_us
from processors.dialects.opencode_raw import Details, Part, State, Times, ToolInput
from processors.dialects.values import whole, word

_SUBAGENT_TOOL, _SKILL_TOOL = "task", "skill"
_ENDED = ("completed", "error")
_DENIED_BY_PERSON = "The user rejected permission"
_DENIED_BY_RULE = (
    "The user has specified a rule which prevents",
    "Rule prevents tool usage",
    "Permission denied by ruleset",
)
_NO_STATE, _NO_INPUT, _NO_DETAILS, _NO_TIMES = State(), ToolInput(), Details(), Times()


def call_of(raw: Part, at_us: int | None) -> ToolCall:
    """The call, whether it has ended or not."""
    state = raw.state if isinstance(raw.state, State) else _NO_STATE
    given = state.input if isinstance(state.input, ToolInput) else _NO_INPUT
    name = word(raw.tool) or ""
    kind: ToolKind = "builtin"
    skill = subagent = None
    if name == _SUBAGENT_TOOL:
        kind, subagent = "subagent", word(given.subagent_type)
    elif name == _SKILL_TOOL:
        kind, skill = "skill", word(given.name)
    return ToolCall(
        name=name,
        kind=kind,
        tool_use_id=_id(raw),
        skill=skill,
        subagent_type=subagent,
        message_id=word(raw.messageID),
        at_us=at_us,
    )


def result_of(raw: Part) -> ToolResult | None:
    """What came back, once it has. A command that failed is `completed`, with its exit code."""
    state = raw.state if isinstance(raw.state, State) else _NO_STATE
    if state.status not in _ENDED:
        return None
    details = state.metadata if isinstance(state.metadata, Details) else _NO_DETAILS
    times = state.time if isinstance(state.time, Times) else _NO_TIMES
    failed = state.status == "error"
    text = state.error if failed else state.output
    said = text if isinstance(text, str) else ""
    return ToolResult(
        tool_use_id=_id(raw),
        is_error=failed or whole(details.exit) not in (None, 0),
        denial=_denial(said) if failed else "",
        size_chars=len(said),
        subagent_id=word(details.sessionId),
        at_us=milliseconds_us(times.end),
    )


def _id(raw: Part) -> str | None:
    return word(raw.id) or word(raw.callID)


def _denial(text: str) -> str:
    if text.startswith(_DENIED_BY_PERSON):
        return "user"
    return "permission" if text.startswith(_DENIED_BY_RULE) else ""
