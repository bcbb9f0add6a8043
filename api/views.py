"""What an analyst sees: sums of the team, and of sessions only those of the token's person.

The rule: a report is of the team only if it stands in `OF_THE_TEAM`, so a new one shows an analyst
nothing of others until somebody has decided that it may. What is not theirs is as if absent.
"""

from collections.abc import Collection, Mapping
from typing import Any

from api.gate import Forbidden
from core.acting import ANALYST, Principal

OF_THE_TEAM = frozenset(
    {"daily", "weekly", "monthly", "model", "agent", "tool", "skill", "subagent", "mcp", "plugin",
     "version"}
)  # fmt: skip
"""Reports that name no person, session, project or file."""
OF_ONE_PERSON = frozenset({"session", "project", "user", "pr", "blocks", "quota", "command"})
"""The others: an analyst gets them of their own sessions."""
_ONE_BY_ONE = ("explain", "as", "instances")
"""Parameters that lead from sums to sessions, also if they are empty."""

Json = Mapping[str, Any]


def own_user(who: Principal) -> str | None:
    """The user whose sessions this principal is limited to; None for all."""
    if who.role != ANALYST:
        return None
    assert who.person, "a token of an analyst has a person"
    return who.person


def usage_asked(who: Principal, report: str, asked: Json) -> dict[str, Any]:
    """The question as this principal may ask it. Raises `Forbidden` if it is about others."""
    own = own_user(who)
    if own is None:
        return dict(asked)
    if asked.get("user") not in (None, own):
        raise _forbidden("the sessions of others", f"leave user out, or say user={own}")
    if asked.get("as") == "ccusage-codex":
        raise _forbidden("a report that is always of everybody", "ask without as")
    if asked.get("as"):  # What ccusage calls a user is a folder, and may be somebody else's.
        return {**asked, "person": own}
    if report in OF_THE_TEAM and not any(name in asked for name in _ONE_BY_ONE):
        return dict(asked)
    return {**asked, "user": own}


def own_places(report: Json, own_files: Collection[tuple[str, str]]) -> dict[str, Any]:
    """A report without places in files of others. `own_files`: (source, path) of the person's."""
    shown = dict(report)
    if "unknown" in shown:
        shown["unknown"] = [{**one, "sample": None} for one in shown["unknown"]]
    if isinstance(shown.get("messages"), list):
        shown["messages"] = [_own_places(one, own_files) for one in shown["messages"]]
    return shown


def status_shown(who: Principal, status: Json) -> dict[str, Any]:
    """How the service stands; reasons may name roots, folders and files."""
    if own_user(who) is None:
        return dict(status)
    kept = {name: status[name] for name in ("files", "processors", "queues", "url")
            if name in status}  # fmt: skip
    unavailable = dict.fromkeys(status.get("unavailable", ()), "see the log")
    return {
        **kept,
        "unavailable": unavailable,
        "ready": reasons_shown(who, status.get("ready", ())),
    }


def reasons_shown(who: Principal, reasons: Any) -> list[str]:
    """Why the service is not ready; that it is not is for everybody."""
    if own_user(who) is None:
        return list(reasons)
    return ["it is not ready"] if reasons else []


def processors_shown(who: Principal, processors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if own_user(who) is None:
        return processors
    return [{**one, **({"reason": "see the log"} if "reason" in one else {})} for one in processors]


def _own_places(message: Json, own_files: Collection[tuple[str, str]]) -> dict[str, Any]:
    def own(place: Json) -> bool:
        return (place["source"], place["path"]) in own_files

    places = {name: message[name] if own(message[name]) else None for name in ("counted", "first")}
    return {**message, **places, "otherCopies": [one for one in message["otherCopies"] if own(one)]}


def _forbidden(what: str, hint: str) -> Forbidden:
    return Forbidden(f"an analyst does not see {what}", reason="forbidden", hint=hint)
