"""Events of GitHub Copilot CLI lines: what is neither a message nor a tool.

The rule: names, numbers and states only. What a hook was handed, a notification says or a
compaction summed up is session content and is not carried on.

Figures of a session's end are running totals like its tokens: `requests`, `premium_requests` (in
thousandths, because some cost a third of one) and `credits` (in billionths) have the model as
`name`, and none where they are of the whole session. `detail` says the unit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from core.lines import INTEGER_MAX
from core.record import NAME_CHARS_MAX, Event
from processors.dialects.copilot_raw import Data, Metrics, Notification, Outcome, Requests
from processors.dialects.values import whole, word

_THOUSAND = 1000


def line_events(kind: str, data: Data) -> Iterable[Event]:
    """What a line of this type says."""
    read = _EVENTS.get(kind)
    return read(data) if read else ()


def denied(data: Data) -> str:
    """Who refused a permission: a word, empty if it was given or the question was withdrawn."""
    kind = word(data.result.kind) if isinstance(data.result, Outcome) else None
    if kind is None or not kind.startswith("denied"):
        return ""
    return "user" if kind.endswith("-by-user") else "permission"


def _started(data: Data) -> Iterator[Event]:
    if model := word(data.selectedModel):
        yield Event(kind="model", name=model, detail=word(data.reasoningEffort) or "")


def _model(data: Data) -> Iterator[Event]:
    if model := word(data.newModel):
        yield Event(kind="model", name=model, detail=word(data.reasoningEffort) or "")
    effort = word(data.reasoningEffort)
    if effort and effort != data.previousReasoningEffort:
        yield Event(kind="effort", name=effort)


def _mode(data: Data) -> Iterator[Event]:
    yield Event(kind="mode", name=word(data.newMode) or "")


def _permissions(data: Data) -> Iterator[Event]:
    if isinstance(data.allowAllPermissions, bool):
        name = "allow-all" if data.allowAllPermissions else "manual"
        yield Event(kind="permission_mode", name=name)


def _permission(data: Data) -> Iterator[Event]:
    if name := denied(data):
        yield Event(kind="denial", name=name, detail=word(data.toolCallId) or "")


def _error(data: Data) -> Iterator[Event]:
    name, status = word(data.errorType) or "unknown", whole(data.statusCode)
    yield Event(kind="api_error", name=name, detail="final", value=status)


def _abort(data: Data) -> Iterator[Event]:
    yield Event(kind="interrupt", name=word(data.reason) or "")


def _compaction(data: Data) -> Iterator[Event]:
    yield Event(
        kind="compaction",
        name=word(data.trigger) or "",
        detail="failed" if data.success is False else "",
        value=whole(data.preCompactionTokens),
    )


def _truncation(data: Data) -> Iterator[Event]:
    yield Event(kind="truncation", value=whole(data.tokensRemovedDuringTruncation))


def _hook(data: Data) -> Iterator[Event]:
    if data.success is False:
        yield Event(kind="hook", name=word(data.hookType) or "", detail="error")


def _skill(data: Data) -> Iterator[Event]:
    yield Event(kind="skill", name=word(data.name) or "", detail=word(data.pluginName) or "")


def _subagent(status: str) -> Callable[[Data], Iterator[Event]]:
    def read(data: Data) -> Iterator[Event]:
        name, duration_ms = word(data.agentName) or "", whole(data.durationMs)
        yield Event(kind="subagent", name=name, detail=status, value=duration_ms)

    return read


def _selected(data: Data) -> Iterator[Event]:
    yield Event(kind="agent", name=word(data.agentName) or "", detail="selected")


def _asked_by_user(data: Data) -> Iterator[Event]:
    yield Event(kind="bash_mode", name=word(data.toolName) or "")


def _notification(data: Data) -> Iterator[Event]:
    if isinstance(data.kind, Notification):
        yield Event(
            kind="task_notification",
            name=word(data.kind.type) or "",
            detail=word(data.kind.status) or "",
            value=whole(data.kind.exitCode),
        )


def _shutdown(data: Data) -> Iterator[Event]:
    name, api_ms = word(data.shutdownType) or "", whole(data.totalApiDurationMs)
    yield Event(kind="session_end", name=name, value=api_ms)
    yield from _session_figures(data)
    metrics = data.modelMetrics if isinstance(data.modelMetrics, dict) else {}
    for model, metric in metrics.items():
        if isinstance(metric, Metrics):
            yield from _model_figures(model[:NAME_CHARS_MAX], metric)


def _session_figures(data: Data) -> Iterator[Event]:
    yield from _figure(
        "premium_requests", "", "thousandths", _thousandths(data.totalPremiumRequests)
    )
    yield from _figure("credits", "", "billionths", whole(data.totalNanoAiu))


def _model_figures(model: str, metric: Metrics) -> Iterator[Event]:
    if isinstance(metric.requests, Requests):
        yield from _figure("requests", model, "", whole(metric.requests.count))
        premium = _thousandths(metric.requests.cost)
        yield from _figure("premium_requests", model, "thousandths", premium)
    yield from _figure("credits", model, "billionths", whole(metric.totalNanoAiu))


def _figure(kind: str, name: str, unit: str, value: int | None) -> Iterator[Event]:
    if value:
        yield Event(kind=kind, name=name, detail=unit, value=value)


def _thousandths(value: Any) -> int | None:
    if isinstance(value, int | float) and 0 <= value <= INTEGER_MAX // _THOUSAND:
        return round(value * _THOUSAND)
    return None


_EVENTS: Mapping[str, Callable[[Data], Iterable[Event]]] = {
    "abort": _abort,
    "hook.end": _hook,
    "permission.completed": _permission,
    "session.compaction_complete": _compaction,
    "session.error": _error,
    "session.mode_changed": _mode,
    "session.model_change": _model,
    "session.permissions_changed": _permissions,
    "session.resume": _started,
    "session.shutdown": _shutdown,
    "session.start": _started,
    "session.truncation": _truncation,
    "session.usage_checkpoint": _session_figures,
    "skill.invoked": _skill,
    "subagent.completed": _subagent("completed"),
    "subagent.failed": _subagent("failed"),
    "subagent.selected": _selected,
    "system.notification": _notification,
    "tool.user_requested": _asked_by_user,
}
