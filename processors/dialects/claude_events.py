"""Events of Claude Code lines that are not messages: system, attachment and sidecar lines.

The rule: names, numbers and states only. What a hook printed, a queue held or a title says is
session content and is not carried on.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from core.record import Event
from processors.dialects.claude_raw import Attachment, Compaction, Message, Outcome, RawLine
from processors.dialects.claude_text import Said, command_events, said
from processors.dialects.values import whole, word

_LIMIT_RESET = re.compile(r"limit reached\|(\d{9,11})\b")
_HOOK_FINE = ("hook_success", "hook_additional_context", "hook_system_message")


def line_events(raw: RawLine) -> Iterable[Said]:
    """What a line that carries no message says."""
    table, key = (_SYSTEM, raw.subtype) if raw.type == "system" else (_SIDECAR, raw.type)
    read = table.get(key or "")
    return read(raw) if read else ()


def outcome_events(outcome: Any) -> Iterator[Event]:
    """A subagent came back (`toolUseResult` of the call that started it)."""
    if isinstance(outcome, Outcome) and isinstance(outcome.agentId, str):
        yield Event(
            kind="subagent",
            name=word(outcome.agentType) or "",
            detail=word(outcome.status) or "",
            value=whole(outcome.totalDurationMs),
        )


def error_events(raw: RawLine, message: Message, texts: Iterable[str]) -> Iterator[Event]:
    """The API gave up (`isApiErrorMessage`); a usage limit says when it resets."""
    name = word(raw.error) or "unknown"
    yield Event(kind="api_error", name=name, detail="final", value=whole(raw.apiErrorStatus))
    for text in texts:
        if reset := _LIMIT_RESET.search(text):
            yield Event(kind="usage_limit", name="reset", value=int(reset[1]) * 1_000_000)


def _api_error(raw: RawLine) -> Iterator[Event]:
    yield Event(
        kind="api_error",
        name=_api_error_name(raw.error),
        detail="retry",
        value=whole(raw.retryAttempt),
    )


def _api_error_name(error: Any) -> str:
    """`error.error.error.type` is the API's word; without it the HTTP status has to do."""
    status = whole(error.get("status")) if isinstance(error, dict) else None
    inner = error
    while isinstance(inner, dict) and "error" in inner:
        inner = inner["error"]
    name = word(inner.get("type")) if isinstance(inner, dict) else None
    return name or (f"http_{status}" if status else "unknown")


def _compaction(kind: str, metadata: Any) -> Iterator[Event]:
    known = isinstance(metadata, Compaction)
    yield Event(
        kind=kind,
        name=(word(metadata.trigger) or "") if known else "",
        value=whole(metadata.preTokens) if known else None,
    )


def _turn(raw: RawLine) -> Iterator[Event]:
    yield Event(kind="turn", value=whole(raw.durationMs))


def _stop_hooks(raw: RawLine) -> Iterator[Event]:
    error_count = len(raw.hookErrors) if isinstance(raw.hookErrors, list) else 0
    if raw.preventedContinuation is True:
        yield Event(kind="hook", name="Stop", detail="prevented_continuation")
    if error_count:
        yield Event(kind="hook", name="Stop", detail="error", value=error_count)


def _local_command(raw: RawLine) -> Iterable[Event]:
    return command_events(raw.content) if isinstance(raw.content, str) else ()


def _model_fallback(raw: RawLine) -> Iterator[Event]:
    original, fallback = word(raw.originalModel) or "", word(raw.fallbackModel) or ""
    yield Event(kind="model_fallback", name=original, detail=fallback)


def _pr_link(raw: RawLine) -> Iterator[Event]:
    yield Event(
        kind="pr_link",
        name=word(raw.prRepository) or "",
        detail=word(raw.prUrl) or "",
        value=whole(raw.prNumber),
    )


def _attachment(raw: RawLine) -> Iterator[Said]:
    attachment = raw.attachment
    if not isinstance(attachment, Attachment):
        return
    kind = attachment.type or ""
    if kind == "queued_command":
        yield from _queued(attachment)
    elif kind.startswith("hook_") and kind not in _HOOK_FINE:
        name, detail = word(attachment.hookName) or "", kind.removeprefix("hook_")
        yield Event(kind="hook", name=name, detail=detail, value=whole(attachment.exitCode))


def _queued(attachment: Attachment) -> Iterator[Said]:
    """What a person typed while the agent worked; notifications come the same way."""
    typed = attachment.commandMode in (None, "prompt") and not attachment.isMeta
    origin = "queued" if typed and is_from_person(attachment.origin) else None
    for text in _texts(attachment.prompt):
        yield from said(text, origin)


def is_from_person(origin: Any) -> bool:
    """`origin.kind` (since 2.1.173): an unknown kind is not a person; absent, nothing is said."""
    return origin is None or (isinstance(origin, dict) and origin.get("kind") in (None, "human"))


def _texts(prompt: Any) -> Iterator[str]:
    for part in prompt if isinstance(prompt, list) else [prompt]:
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            yield text


_SYSTEM: Mapping[str, Callable[[RawLine], Iterable[Said]]] = {
    "api_error": _api_error,
    "compact_boundary": lambda raw: _compaction("compaction", raw.compactMetadata),
    "local_command": _local_command,
    "microcompact_boundary": lambda raw: _compaction("microcompaction", raw.microcompactMetadata),
    "model_refusal_fallback": _model_fallback,
    "stop_hook_summary": _stop_hooks,
    "turn_duration": _turn,
}
_SIDECAR: Mapping[str, Callable[[RawLine], Iterable[Said]]] = {
    "attachment": _attachment,
    "mode": lambda raw: [Event(kind="mode", name=word(raw.mode) or "")],
    "permission-mode": lambda raw: [
        Event(kind="permission_mode", name=word(raw.permissionMode) or "")
    ],
    "pr-link": _pr_link,
    "queue-operation": lambda raw: [Event(kind="queue", name=word(raw.operation) or "")],
    # A workflow's journal names its agents; the rest of the line is their result.
    "result": lambda raw: [Event(kind="workflow_agent", name=raw.agentId or "", detail="result")],
    "started": lambda raw: [Event(kind="workflow_agent", name=raw.agentId or "", detail="started")],
}
