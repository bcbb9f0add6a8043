"""Claude Code: `~/.claude/projects/<folder>/<session>.jsonl` and the files of its subagents.

Its format is internal and changes between versions. Observed from 1.0.17 to 2.1.219:
- one line per content block; the lines of one API message share `message.id`, and each repeats
  `message.usage`, which grows while the answer is streamed;
- up to 2.1.63 `progress` lines; those of type agent_progress carry a subagent's messages with
  their usage in `data.message`, and often the subagent has no file of its own;
- since 2.1.114 `attachment` lines instead of most progress and some system lines;
- sidecar lines (titles, modes, snapshots, links) have no uuid and mostly no timestamp;
- resumed and forked sessions repeat lines of other files.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from core.record import TYPE_CHARS_MAX, Event, Prompt, Record, Usage, time_us
from processors.dialects import claude_fields
from processors.dialects.claude_ccusage import of_message, of_progress
from processors.dialects.claude_content import NOTHING, Content, content_of, usage_of
from processors.dialects.claude_events import (
    error_events,
    is_from_person,
    line_events,
    outcome_events,
)
from processors.dialects.claude_raw import (
    Attachment,
    Message,
    Outcome,
    Progress,
    ProgressMessage,
    RawLine,
)
from processors.dialects.claude_text import Said, said
from processors.dialects.values import word

_MESSAGE_TYPES = ("assistant", "user")
_ENVELOPE_TYPES = (*_MESSAGE_TYPES, "attachment", "progress", "system")
_SIDECARS = {
    "agent-color": "sessionId",
    "agent-name": "sessionId",
    "agent-setting": "sessionId",
    "ai-title": "sessionId",
    "attribution-snapshot": "messageId",
    "custom-title": "sessionId",
    "file-history-snapshot": "messageId",
    "frame-link": "sessionId",
    "last-prompt": "sessionId",
    "mode": "sessionId",
    "permission-mode": "sessionId",
    "pr-link": "sessionId",
    "queue-operation": "sessionId",
    "result": "agentId",
    "started": "agentId",
    "summary": "leafUuid",
    "tag": "sessionId",
    "task-summary": "sessionId",
    "worktree-state": "sessionId",
}
_JOURNAL_TYPES = ("result", "started")
_JOURNAL_START = {"type": "launched"}


class ClaudeCode:
    """The dialect. `record` never raises: every field it reads was checked by the decoder."""

    name = "claude"
    raw: Any = RawLine

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(RawLine).decode

    def decode(self, line: bytes) -> RawLine:
        """The line as it is typed, and what else its bytes say."""
        raw = self._decode(line)
        if not len(line) % claude_fields.EVERY:
            raw.strange = claude_fields.strange(line)
        message, data = raw.message, raw.data
        if type(message) is Message:
            # Asking here is faster than a call, and most lines carry no usage.
            if message.usage is not None:
                raw.noted = of_message(line, raw, message, message.usage)
        elif type(data) is Progress and type(data.message) is ProgressMessage:
            raw.noted = of_progress(line, raw, data.message)
        return raw

    def recognises(self, head: Mapping[str, Any]) -> bool:
        """Is this line of a file's head Claude Code's and nobody else's?"""
        kind, message = head.get("type"), head.get("message")
        if kind in _ENVELOPE_TYPES and isinstance(head.get("isSidechain"), bool):
            return True
        if isinstance(message, dict):
            return _is_message(head, message)
        if head == _JOURNAL_START:
            return True
        mark = _SIDECARS.get(kind) if isinstance(kind, str) else None
        if mark is None or not isinstance(head.get(mark), str):
            return False
        return kind not in _JOURNAL_TYPES or isinstance(head.get("key"), str)

    def knows(self, kind: str) -> bool:
        """Some lines of journals and of hand-made sessions have no type."""
        return kind in _ENVELOPE_TYPES or kind in _SIDECARS or kind in ("", "launched")

    def record(self, raw: RawLine) -> Record:
        """What the line says. Messages, progress and everything else go their own way."""
        if isinstance(raw.message, Message):
            record = _message_record(raw, raw.message)
        elif isinstance(raw.data, Progress):
            record = _progress_record(raw, raw.data)
        else:
            record = _record(raw, subtype=_subtype(raw), said=line_events(raw))
        if raw.strange and isinstance(raw.strange, tuple):
            unknown = tuple([Event(kind="unknown", name="field", detail=n) for n in raw.strange])
            return msgspec.structs.replace(record, events=record.events + unknown)
        return record


def _message_record(raw: RawLine, message: Message) -> Record:
    usage = message.usage
    usages = (
        (usage_of(raw, message, usage, request_id=raw.requestId, cost=raw.costUSD),)
        if usage
        else ()
    )
    outcome = raw.toolUseResult
    content = content_of(message, outcome=outcome, denial_kind=raw.toolDenialKind)
    events: list[Said] = []
    if raw.type == "user":
        # Asking first is faster than a generator over nothing, and most lines have nothing.
        if content.texts or content.image_count:
            events += _user_said(raw, content)
        if isinstance(outcome, Outcome):
            events += outcome_events(outcome)
        if content.tool_results:
            events += _denials(content)
    elif raw.isApiErrorMessage:
        events += error_events(raw, message, content.texts)
    return _record(raw, usages=usages, content=content, said=events)


def _progress_record(raw: RawLine, progress: Progress) -> Record:
    """Only agent_progress carries a message: a copy of the subagent's own line."""
    inner = progress.message
    message = inner.message if isinstance(inner, ProgressMessage) else None
    if not isinstance(inner, ProgressMessage) or not isinstance(message, Message):
        return _record(raw, subtype=progress.type or "", agent_id=word(progress.agentId))
    usages: tuple[Usage, ...] = ()
    if usage := message.usage:
        usages = (
            usage_of(
                raw,
                message,
                usage,
                origin="progress",
                request_id=inner.requestId,
                cost=inner.costUSD,
                at_us=time_us(inner.timestamp),
            ),
        )
    content = content_of(message, outcome=inner.toolUseResult)
    return _record(
        raw,
        subtype=progress.type or "",
        agent_id=word(progress.agentId),
        usages=usages,
        content=content,
    )


def _is_message(head: Mapping[str, Any], message: Mapping[str, Any]) -> bool:
    """Lines that lost their envelope on the way here: the shape of the API's message decides."""
    usage = message.get("usage")
    if isinstance(usage, dict) and "input_tokens" in usage:
        return isinstance(head.get("timestamp"), str)
    kind = head.get("type")
    return kind in _MESSAGE_TYPES and message.get("role") == kind and "content" in message


def _subtype(raw: RawLine) -> str:
    if isinstance(raw.attachment, Attachment):
        return raw.attachment.type or ""
    return raw.subtype or word(raw.operation) or ""


def _user_said(raw: RawLine, content: Content) -> Iterator[Said]:
    """Events, and at most one prompt per line: editors send one prompt in several blocks."""
    origin = _origin(raw, content)
    prompts: list[Prompt] = []
    for text in content.texts:
        for thing in said(text, origin):
            if isinstance(thing, Prompt):
                prompts.append(thing)
            else:
                yield thing
    if prompts or (origin and content.image_count):
        yield Prompt(
            text="\n\n".join(prompt.text for prompt in prompts),
            origin=prompts[0].origin if prompts else origin or "",
            image_count=content.image_count,
        )


def _origin(raw: RawLine, content: Content) -> str | None:
    """Where a prompt came from; None if the line is not a person's."""
    if raw.isSidechain or raw.isMeta or raw.isCompactSummary or raw.isVisibleInTranscriptOnly:
        return None
    if content.tool_results or raw.sourceToolUseID or raw.promptSource == "system":
        return None
    if not is_from_person(raw.origin):
        return None
    if raw.planContent:
        return "plan"
    sdk = (raw.entrypoint or "").startswith("sdk")
    return word(raw.promptSource) or ("sdk" if sdk else "typed")


def _denials(content: Content) -> Iterator[Event]:
    for result in content.tool_results:
        if result.denial:
            yield Event(kind="denial", name=result.denial, detail=result.tool_use_id or "")


def _record(
    raw: RawLine,
    *,
    subtype: str = "",
    agent_id: str | None = None,
    usages: tuple[Usage, ...] = (),
    content: Content = NOTHING,
    said: Iterable[Said] = (),
) -> Record:
    things = tuple(said)
    return Record(
        "claude",
        (raw.type or "")[:TYPE_CHARS_MAX],
        subtype[:TYPE_CHARS_MAX],
        time_us(raw.timestamp),
        raw.sessionId,
        raw.uuid,
        raw.parentUuid,
        raw.cwd,
        raw.gitBranch,
        raw.version,
        raw.entrypoint,
        raw.agentId or agent_id,
        raw.isSidechain is True,
        raw.isMeta is True,
        usages,
        content.tool_calls,
        content.tool_results,
        tuple([t for t in things if isinstance(t, Prompt)]) if things else (),
        tuple([t for t in things if isinstance(t, Event)]) if things else (),
        replies=_replies(raw, content) if content.texts else (),
    )


def _replies(raw: RawLine, content: Content) -> tuple[str, ...]:
    """Words of the agent that a person reads: a subagent's go to its caller."""
    own = raw.type == "assistant" and not raw.isSidechain and not raw.isApiErrorMessage
    return tuple(content.texts) if own else ()


DIALECT = ClaudeCode()
