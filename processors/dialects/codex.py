"""Codex CLI and Desktop: `~/.codex/sessions/YYYY/MM/DD/rollout-*.jsonl`, `archived_sessions/`.

A rollout line is {timestamp, type, payload}. Observed from 0.140 to 0.142:
- session_meta opens a file; one that was forked, or spawned as a subagent, names its parent and
  may repeat the parent's lines behind it, session_meta and token counts included, at new times;
- turn_context says which model answers from here on; no other line does;
- token_count carries the last message and the running totals. It is written again when nothing
  was used, has no message id, and after a compaction its last message is all zeros;
- response_item holds calls and outputs, joined by `call_id`; event_msg often tells them again.

Also read: the lines of `codex exec --json`, which have no time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from core.record import TYPE_CHARS_MAX, Event, Prompt, Quota, Record, ToolCall, ToolResult, Usage
from core.record import time_us as iso_us
from processors.dialects.codex_raw import Git, Item, Payload, RawLine, Source, Subagent, ThreadSpawn
from processors.dialects.codex_tools import call_of, ended, item_of, result_of
from processors.dialects.codex_usage import info_usage, quotas_of, tokens_usage
from processors.dialects.values import whole, word

_ROLLOUT_TYPES = ("session_meta", "turn_context", "response_item", "event_msg", "compacted")
_EXEC_TYPES = (
    "", "thread.started", "turn.started", "turn.completed", "turn.failed", "item.started",
    "item.updated", "item.completed", "error",
)  # fmt: skip
_PLAIN_PROMPTS = (None, "plain")
_NOT_TYPED = ("<environment_context>", "<user_instructions>")
_ONCE_PER_TURN = ("task_complete", "turn_complete", "turn_aborted")
_MILLISECONDS_FROM = 10**10
_SECONDS_MAX = 10**11


class Found(msgspec.Struct, frozen=True, gc=False):
    """What a line says beside its envelope."""

    usages: tuple[Usage, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    replies: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    quotas: tuple[Quota, ...] = ()


NOTHING = Found()


class Codex:
    """The dialect. `record` never raises: every field it reads was checked by the decoder."""

    name = "codex"
    raw: Any = RawLine

    def __init__(self) -> None:
        self.decode = msgspec.json.Decoder(RawLine).decode

    def recognises(self, head: Mapping[str, Any]) -> bool:
        """Is this line of a file's head Codex's and nobody else's?"""
        kind = head.get("type")
        if kind in _ROLLOUT_TYPES:
            return isinstance(head.get("payload"), dict) and "timestamp" in head
        if kind == "thread.started":
            return isinstance(head.get("thread_id"), str)
        if kind == "turn.completed":
            usage = head.get("usage")
            return isinstance(usage, dict) and "input_tokens" in usage
        item = head.get("item") if kind in ("item.started", "item.completed") else None
        return isinstance(item, dict) and isinstance(item.get("id"), str)

    def knows(self, kind: str) -> bool:
        """Rollouts and `codex exec --json`."""
        return kind in _ROLLOUT_TYPES or kind in _EXEC_TYPES

    def record(self, raw: RawLine) -> Record:
        """What the line says; a line without a payload is one of `codex exec --json`."""
        at_us = time_us(raw.timestamp)
        payload = raw.payload
        if not isinstance(payload, Payload):
            return _record(raw, at_us, _exec_found(raw), session_id=word(raw.thread_id))
        kind = payload.type or ""
        if raw.type == "response_item":
            return _record(raw, at_us, _item_found(payload, kind), kind)
        if raw.type == "event_msg":
            read = _EVENTS.get(kind)
            uuid = word(payload.turn_id) if kind in _ONCE_PER_TURN else None
            return _record(raw, at_us, read(payload, at_us) if read else NOTHING, kind, uuid=uuid)
        return _context_record(raw, at_us, payload)


def time_us(stamp: str | int | float | None) -> int | None:
    """Microseconds since 1970; some programs that write rollouts use numbers, as s or ms."""
    if stamp is None or isinstance(stamp, str):
        return iso_us(stamp)
    seconds = stamp / 1000 if stamp > _MILLISECONDS_FROM else stamp
    return round(seconds * 1_000_000) if 0 <= seconds <= _SECONDS_MAX else None


def _context_record(raw: RawLine, at_us: int | None, payload: Payload) -> Record:
    """Lines about the session itself: session_meta, turn_context, compacted."""
    read = _CONTEXT_EVENTS.get(raw.type or "")
    return Record(
        "codex",
        (raw.type or "")[:TYPE_CHARS_MAX],
        (payload.type or "")[:TYPE_CHARS_MAX],
        at_us,
        session_id=_session_id(payload) if raw.type == "session_meta" else None,
        cwd=payload.cwd,
        git_branch=word(payload.git.branch) if isinstance(payload.git, Git) else None,
        agent_version=payload.cli_version,
        entrypoint=payload.originator,
        events=tuple(read(payload)) if read else (),
    )


def _session_id(payload: Payload) -> str | None:
    return word(payload.id) or word(payload.session_id)


def _session_events(payload: Payload) -> Iterator[Event]:
    """Whose history the file may open with: `detail` is the thread forked from, if any.

    A spawned thread says so once more. All threads of a session share its `session_id`, so one
    that has another `id` belongs to it, whatever else is missing.
    """
    name, session = _session_id(payload) or "", word(payload.session_id)
    yield Event(kind="session", name=name, detail=word(payload.forked_from_id) or "")
    parent = _spawning_thread(payload) or word(payload.parent_thread_id)
    if parent or (session and session != name):
        yield Event(kind="spawn", name=name, detail=parent or session or "")


def _spawning_thread(payload: Payload) -> str | None:
    subagent = payload.source.subagent if isinstance(payload.source, Source) else None
    spawn = subagent.thread_spawn if isinstance(subagent, Subagent) else None
    return word(spawn.parent_thread_id) if isinstance(spawn, ThreadSpawn) else None


def _model_events(payload: Payload) -> Iterator[Event]:
    if model := word(payload.model):
        yield Event(kind="model", name=model, detail=word(payload.effort) or "")


_CONTEXT_EVENTS: Mapping[str, Callable[[Payload], Iterable[Event]]] = {
    "compacted": lambda _: (Event(kind="compaction"),),
    "session_meta": _session_events,
    "turn_context": _model_events,
}


def _item_found(payload: Payload, kind: str) -> Found:
    """Kinds of calls come and go; what they are called says which is one."""
    if kind.endswith("_call"):
        return Found(tool_calls=(call_of(payload, kind),))
    if kind.endswith("_output"):
        return Found(tool_results=(result_of(payload),))
    return NOTHING


def _token_count(payload: Payload, at_us: int | None) -> Found:
    usage = info_usage(payload.info) if payload.info else None
    limits = payload.rate_limits
    reached = word(limits.rate_limit_reached_type) if limits else None
    return Found(
        usages=(usage,) if usage else (),
        quotas=tuple(quotas_of(limits, at_us)) if limits else (),
        events=(Event(kind="usage_limit", name=reached),) if reached else (),
    )


def _user_message(payload: Payload, at_us: int | None) -> Found:
    text = payload.message if isinstance(payload.message, str) else ""
    pictures = (payload.images, payload.local_images)
    image_count = sum(len(images) for images in pictures if isinstance(images, list))
    if payload.kind not in _PLAIN_PROMPTS or text.startswith(_NOT_TYPED):
        return NOTHING
    return Found(
        prompts=(Prompt(text=text, image_count=image_count),) if text or image_count else ()
    )


def _agent_message(payload: Payload, at_us: int | None) -> Found:
    return Found(replies=(payload.message,)) if isinstance(payload.message, str) else NOTHING


def _turn(payload: Payload, at_us: int | None) -> Found:
    return Found(events=(Event(kind="turn", value=whole(payload.duration_ms)),))


def _interrupt(payload: Payload, at_us: int | None) -> Found:
    name, value = word(payload.reason) or "", whole(payload.duration_ms)
    return Found(events=(Event(kind="interrupt", name=name, value=value),))


def _error(payload: Payload, detail: str) -> Found:
    """`codex_error_info` is a word, or an object whose key is the word and that may have a code."""
    info = payload.codex_error_info
    name, value = word(info), None
    if isinstance(info, dict) and info:
        name, inner = next(iter(info.items()))
        value = whole(inner.get("http_status_code")) if isinstance(inner, dict) else None
    event = Event(kind="api_error", name=word(name) or "unknown", detail=detail, value=value)
    return Found(events=(event,))


def _rollback(payload: Payload, at_us: int | None) -> Found:
    return Found(events=(Event(kind="rollback", value=whole(payload.num_turns)),))


def _call_ended(payload: Payload, at_us: int | None) -> Found:
    result = ended(payload)
    return Found(tool_results=(result,)) if result else NOTHING


def _search_ended(payload: Payload, at_us: int | None) -> Found:
    """A web search has no output line of its own."""
    return Found(tool_results=(ToolResult(tool_use_id=word(payload.call_id)),))


_EVENTS: Mapping[str, Callable[[Payload, int | None], Found]] = {
    "error": lambda payload, _: _error(payload, "final"),
    "exec_command_end": _call_ended,
    "mcp_tool_call_end": _call_ended,
    "patch_apply_end": _call_ended,
    "stream_error": lambda payload, _: _error(payload, "retry"),
    "task_complete": _turn,
    "thread_rolled_back": _rollback,
    "token_count": _token_count,
    "turn_aborted": _interrupt,
    "turn_complete": _turn,
    "agent_message": _agent_message,
    "user_message": _user_message,
    "web_search_end": _search_ended,
}


def _exec_found(raw: RawLine) -> Found:
    """One line of `codex exec --json`."""
    if raw.type == "thread.started":
        return Found(events=(Event(kind="session", name=word(raw.thread_id) or ""),))
    if raw.type == "turn.completed" and raw.usage:
        return Found(usages=(tokens_usage(raw.usage, word(raw.model)),))
    if raw.type == "turn.failed":
        return Found(events=(Event(kind="api_error", name="unknown", detail="final"),))
    if raw.type == "item.completed" and isinstance(raw.item, Item):
        calls, results = item_of(raw.item)
        return Found(tool_calls=calls, tool_results=results)
    return NOTHING


def _record(
    raw: RawLine,
    at_us: int | None,
    found: Found,
    subtype: str = "",
    *,
    session_id: str | None = None,
    uuid: str | None = None,
) -> Record:
    return Record(
        "codex",
        (raw.type or "")[:TYPE_CHARS_MAX],
        subtype[:TYPE_CHARS_MAX],
        at_us,
        session_id,
        uuid,
        usages=found.usages,
        tool_calls=found.tool_calls,
        tool_results=found.tool_results,
        prompts=found.prompts,
        events=found.events,
        quotas=found.quotas,
        replies=found.replies,
    )


DIALECT = Codex()
