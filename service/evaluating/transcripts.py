"""A case as the file that its agent would have written, byte for byte the same each time.

The rule: the shapes are those of real files, so that what is measured begins where the service
begins: with bytes that a dialect has to recognise.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from core.errors import ConfigurationError
from service.evaluating.cases import Case, Speaker

Lines = Iterator[dict[str, Any]]
_START = datetime(2026, 6, 1, 9, tzinfo=UTC)
_FOLDER = "/src/atlas"
_USAGE = {"input_tokens": 4, "output_tokens": 40}


def transcript(case: Case) -> bytes:
    """The session file of a case: JSON lines."""
    lines = _DIALECTS[case.written.dialect](case)
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in lines)


def write(cases: Iterable[Case], folder: Path) -> int:
    """Session files `<language>/<dialect>/<name>.jsonl`; returns how many. Files that are there
    already are written anew. Raises `ConfigurationError` if they cannot be."""
    every = list(cases)
    try:
        for case in every:
            place = folder / case.language / case.written.dialect
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{case.name}.jsonl").write_bytes(transcript(case))
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename}: {error.strerror}", reason="not_writable",
            hint="name a folder that you may write to",
        ) from error  # fmt: skip
    return len(every)


def session_id(case: Case) -> str:
    return str(uuid5(NAMESPACE_URL, f"sessionwatch:gold:{case.name}"))


def _uuid(case: Case, number: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"sessionwatch:gold:{case.name}:{number}"))


def _time(number: int) -> str:
    at = _START + timedelta(minutes=number)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _claude(case: Case) -> Lines:
    parent: str | None = None
    number = 0
    for who, words in case.said:
        for extra in _CLAUDE[who](words, f"toolu_{number}"):
            uuid = _uuid(case, number)
            yield {
                "parentUuid": parent,
                "isSidechain": False,
                "userType": "external",
                "cwd": _FOLDER,
                "sessionId": session_id(case),
                "version": "2.1.205",
                "gitBranch": "main",
                "entrypoint": case.written.entrypoint,
                "uuid": uuid,
                "timestamp": _time(number),
                **extra,
            }
            parent, number = uuid, number + 1


def _from_user(words: str, _: str = "", **marks: Any) -> Lines:
    yield {"type": "user", "message": {"role": "user", "content": words}, **marks}


def _from_model(content: list[dict[str, Any]], stop_reason: str) -> dict[str, Any]:
    message = {"type": "message", "role": "assistant", "model": "claude-opus-4-7"}
    said = {"content": content, "stop_reason": stop_reason, "usage": _USAGE}
    return {"type": "assistant", "message": message | said}


def _claude_agent(words: str, _: str) -> Lines:
    yield _from_model([{"type": "text", "text": words}], "end_turn")


def _claude_tool(words: str, call: str) -> Lines:
    use = {"type": "tool_use", "id": call, "name": "Read", "input": {"file_path": "notes.md"}}
    yield _from_model([use], "tool_use")
    result = {"type": "tool_result", "tool_use_id": call, "content": words}
    message = {"role": "user", "content": [result]}
    yield {"type": "user", "message": message, "toolUseResult": {"content": words}}


def _claude_summary(words: str, _: str) -> Lines:
    yield from _from_user(words, isCompactSummary=True, isVisibleInTranscriptOnly=True)


_CLAUDE: Mapping[Speaker, Callable[[str, str], Lines]] = {
    "person": _from_user,
    "agent": _claude_agent,
    "tool": _claude_tool,
    "meta": lambda words, _: _from_user(words, isMeta=True),
    "summary": _claude_summary,
    "side": lambda words, _: _from_user(words, isSidechain=True),
}


def _codex(case: Case) -> Lines:
    meta = {"id": session_id(case), "cwd": _FOLDER, "originator": "codex-tui",
            "cli_version": "0.142.4", "source": "cli", "timestamp": _time(0)}  # fmt: skip
    yield {"timestamp": _time(0), "type": "session_meta", "payload": meta}
    for number, (who, words) in enumerate(case.said):
        for kind, payload in _CODEX[who](words, f"call_{number}"):
            yield {"timestamp": _time(number), "type": kind, "payload": payload}


def _codex_message(role: str, event: str, words: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is said stands there twice: for the API and for the screen."""
    block = {"type": "input_text" if role == "user" else "output_text", "text": words}
    yield "response_item", {"type": "message", "role": role, "content": [block]}
    yield "event_msg", {"type": event, "message": words}


def _codex_tool(words: str, call: str) -> Iterator[tuple[str, dict[str, Any]]]:
    asked = {"name": "exec_command", "arguments": '{"cmd": "cat notes.md"}', "call_id": call}
    yield "response_item", {"type": "function_call", **asked}
    yield "response_item", {"type": "function_call_output", "call_id": call, "output": words}


_CODEX: Mapping[Speaker, Callable[[str, str], Iterator[tuple[str, dict[str, Any]]]]] = {
    "person": lambda words, _: _codex_message("user", "user_message", words),
    "agent": lambda words, _: _codex_message("assistant", "agent_message", words),
    "tool": _codex_tool,
}


def _copilot(case: Case) -> Lines:
    start = {"sessionId": session_id(case), "version": 1, "producer": "copilot-agent",
             "copilotVersion": "1.0.68", "startTime": _time(0),
             "context": {"cwd": _FOLDER}}  # fmt: skip
    said = [("session.start", start)]
    said += [(_COPILOT[who], {"content": words}) for who, words in case.said]
    for number, (kind, data) in enumerate(said):
        parent = _uuid(case, number - 1) if number else None
        yield {"type": kind, "data": data, "id": _uuid(case, number), "timestamp": _time(number),
               "parentId": parent}  # fmt: skip


_COPILOT: Mapping[Speaker, str] = {"person": "user.message", "agent": "assistant.message"}


def _pi(case: Case) -> Lines:
    yield {"type": "session", "id": session_id(case), "timestamp": _time(0), "cwd": _FOLDER}
    for number, (who, words) in enumerate(case.said):
        message = {"role": _PI[who], "content": [{"type": "text", "text": words}]}
        yield {"type": "message", "id": _uuid(case, number), "timestamp": _time(number),
               "message": message}  # fmt: skip


_PI: Mapping[Speaker, str] = {"person": "user", "agent": "assistant"}


def _gemini(case: Case) -> Lines:
    yield {"sessionId": session_id(case), "projectHash": "c0ffee", "startTime": _time(0),
           "lastUpdated": _time(len(case.said)), "kind": "main"}  # fmt: skip
    for number, (who, words) in enumerate(case.said):
        content = [{"text": words}] if who == "person" else words
        yield {"id": _uuid(case, number), "timestamp": _time(number), "type": _GEMINI[who],
               "content": content}  # fmt: skip


_GEMINI: Mapping[Speaker, str] = {"person": "user", "agent": "gemini"}

_DIALECTS: Mapping[str, Callable[[Case], Lines]] = {
    "claude": _claude,
    "codex": _codex,
    "copilot": _copilot,
    "gemini": _gemini,
    "pi": _pi,
}
