"""Writes one made-up Claude Code transcript: what a person did → the lines the agent would log.

The rule: everything follows from the session's seed. No clock, no environment and no order of
sessions takes part, so the same script gives the same bytes on every machine. The shapes are
those of Claude Code 2.1.x: one line per content block, blocks of one API message share
`message.id`, and only the last of them carries the final `usage`.
"""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from demo.calls import Call, Json, text_block

SYSTEM_PROMPT_TOKENS = 18_400
CHARS_PER_TOKEN = 3.6
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True)
class Where:
    """Whose session it is and where it ran."""

    user: str
    cwd: str
    branch: str
    model: str
    version: str = "2.1.219"
    entrypoint: str = "cli"

    @property
    def folder(self) -> str:
        """The project's folder: the working directory, all but letters and digits as `-`."""
        return re.sub(r"[^A-Za-z0-9-]", "-", self.cwd)


class Transcript:
    """A session under construction; each method appends lines and moves its clock."""

    def __init__(
        self, where: Where, start: str, seed: str, *, session: str = "", agent: str = ""
    ) -> None:
        self.where = where
        self.model = where.model
        self.random = random.Random(seed)
        self.now = datetime.fromisoformat(start).replace(tzinfo=UTC)
        self.id = session or self.uuid()
        self.agent = agent
        self.lines: list[Json] = []
        self._parent: str | None = None
        self._prompt_id = self.uuid()
        self._cached_tokens = 0
        self._new_tokens = SYSTEM_PROMPT_TOKENS
        self._turn_started = self.now
        self._turn_lines = 0

    # What a person does

    def prompt(self, text: str, *, after_s: float = 40.0) -> None:
        """The user types something."""
        self.wait(after_s)
        self._turn_started, self._turn_lines = self.now, len(self.lines)
        self._prompt_id = self.uuid()
        self._user(
            {"role": "user", "content": text}, permissionMode="acceptEdits", promptSource="typed"
        )
        self._grow(text)

    def command(self, name: str, args: str = "", stdout: str = "") -> None:
        """A slash command that Claude Code answers itself."""
        self.wait(25)
        text = (
            f"<command-name>/{name}</command-name>\n"
            f"            <command-message>{name}</command-message>\n"
            f"            <command-args>{args}</command-args>"
        )
        self._user({"role": "user", "content": text})
        if stdout:
            self._system(
                "local_command", content=f"<local-command-stdout>{stdout}</local-command-stdout>"
            )

    def interrupt(self) -> None:
        """The user presses Escape."""
        self.wait(4)
        self._user({"role": "user", "content": [text_block("[Request interrupted by user]")]})

    # What the agent does

    def answer(
        self, text: str = "", *calls: Call, thinking: bool = False, extra: Json | None = None
    ) -> None:
        """One API message: thinking, text, tool calls; then the results of the calls."""
        blocks: list[tuple[Json, Json]] = []
        if thinking:
            signature = "".join(self.random.choices(ALPHABET, k=180))
            blocks.append(({"type": "thinking", "thinking": "", "signature": signature}, {}))
        if text:
            blocks.append((text_block(text), {}))
        ids = [self._id("toolu_01") for _ in calls]
        for call, tool_id in zip(calls, ids, strict=True):
            caller = {"type": "direct"}
            block = {
                "type": "tool_use",
                "id": tool_id,
                "name": call.name,
                "input": call.input,
                "caller": caller,
            }
            blocks.append((block, call.extra))
        carrier = self._assistant(
            blocks, stop="tool_use" if calls else "end_turn", extra=extra or {}
        )
        for call, tool_id in zip(calls, ids, strict=True):
            self._result(call, tool_id, carrier[tool_id])

    def done(self) -> None:
        """The turn ends: the agent logs how long it took."""
        elapsed = round((self.now - self._turn_started).total_seconds() * 1000)
        count = len(self.lines) - self._turn_lines
        self._system("turn_duration", durationMs=elapsed, messageCount=count, isMeta=False)

    def api_error(self, attempt: int) -> None:
        """The provider refuses; the agent will try again."""
        kind = {"type": "overloaded_error", "message": "Overloaded"}
        self._system(
            "api_error",
            level="error",
            error={"status": 529, "requestID": self._id("req_01"), "error": kind},
            retryInMs=550.0 * 2 ** (attempt - 1),
            retryAttempt=attempt,
            maxRetries=10,
        )
        self.wait(0.55 * 2 ** (attempt - 1))

    def gave_up(self, text: str) -> None:
        """What stands in the transcript when the retries are used up: a message nobody billed."""
        message = {
            "id": self.uuid(),
            "type": "message",
            "role": "assistant",
            "model": "<synthetic>",
            "content": [text_block(text)],
            "stop_reason": "stop_sequence",
            "stop_sequence": "",
            "usage": _usage(0, 0, 0, 0),
        }
        self._line(
            "assistant",
            message=message,
            isApiErrorMessage=True,
            error="server_error",
            apiErrorStatus=529,
        )

    def compact(self, summary: str, *, trigger: str = "auto") -> None:
        """The context is summarised and the conversation goes on from the summary."""
        self.wait(38)
        logical, self._parent = self._parent, None
        tokens = self._cached_tokens + self._new_tokens
        self._system(
            "compact_boundary",
            content="Conversation compacted",
            logicalParentUuid=logical,
            isMeta=False,
            level="info",
            compactMetadata={"trigger": trigger, "preTokens": tokens},
        )
        lead = "This session is being continued from an earlier one that ran out of context.\n\n"
        text = lead + summary
        self._user(
            {"role": "user", "content": text}, isVisibleInTranscriptOnly=True, isCompactSummary=True
        )
        self._cached_tokens, self._new_tokens = 0, SYSTEM_PROMPT_TOKENS
        self._grow(text)

    def attach(self, kind: str, **fields: Any) -> None:
        """An attachment line: what the harness tells the model on its own."""
        self._line("attachment", attachment={"type": kind, **fields})

    def note(self, kind: str, **fields: Any) -> None:
        """A small line outside the conversation (`ai-title`, `pr-link`, `last-prompt` …)."""
        self.lines.append({"type": kind, **fields, "sessionId": self.id})

    def subagent(self, agent: str) -> "Transcript":
        """The transcript of a subagent started now; it shares the session's id."""
        start = self.now.replace(tzinfo=None).isoformat()
        seed = f"{self.id}/{agent}"
        return Transcript(self.where, start, seed, session=self.id, agent=agent)

    # The file

    def path(self, root: Path) -> Path:
        """Where the transcript lies below the sessions folder."""
        project = root / self.where.user / self.where.folder
        if self.agent:
            return project / self.id / "subagents" / f"agent-{self.agent}.jsonl"
        return project / f"{self.id}.jsonl"

    def text(self) -> str:
        """The transcript as Claude Code writes it: compact JSON, one line each."""
        return "".join(
            json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
            for line in self.lines
        )

    def wait(self, seconds: float) -> None:
        """Time passes, never in round numbers."""
        self.now += timedelta(milliseconds=round(seconds * 1000 * self.random.uniform(0.7, 1.4)))

    def uuid(self) -> str:
        """A seeded version 4 UUID."""
        digits = f"{self.random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def stamp(self) -> str:
        """The clock as the transcript spells it."""
        return self.now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.now.microsecond // 1000:03d}Z"

    def _id(self, prefix: str) -> str:
        return prefix + "".join(self.random.choices(ALPHABET, k=22))

    def _grow(self, text: str) -> None:
        self._new_tokens += round(len(text) / CHARS_PER_TOKEN) + 4

    def _assistant(
        self, blocks: Sequence[tuple[Json, Json]], *, stop: str, extra: Json
    ) -> dict[str, str]:
        message_id, request = self._id("msg_01"), self._id("req_01")
        written = json.dumps([block for block, _ in blocks])
        tokens_out = round(len(written) / CHARS_PER_TOKEN) + 12
        final = _usage(self.random.randint(1, 9), tokens_out, self._new_tokens, self._cached_tokens)
        carrier: dict[str, str] = {}
        for position, (block, block_extra) in enumerate(blocks, start=1):
            last = position == len(blocks)
            self.wait(tokens_out / 60 / len(blocks))
            message = {
                "model": self.model,
                "id": message_id,
                "type": "message",
                "role": "assistant",
                "content": [block],
                "stop_reason": stop if last else None,
                "stop_sequence": None,
                "stop_details": None,
                "usage": final if last else {**final, "output_tokens": 3 + position},
            }
            uuid = self._line(
                "assistant", message=message, requestId=request, **extra, **block_extra
            )
            carrier[block.get("id", "")] = uuid
        self._cached_tokens += self._new_tokens
        self._new_tokens = tokens_out
        return carrier

    def _result(self, call: Call, tool_id: str, carrier: str) -> None:
        self.wait(call.seconds)
        block: Json = {"tool_use_id": tool_id, "type": "tool_result", "content": call.result}
        if call.failed:
            block["is_error"] = True
        structured = call.structured
        if structured is None:
            structured = f"Error: {call.result}" if call.failed else call.result
        self._user(
            {"role": "user", "content": [block]},
            toolUseResult=structured,
            sourceToolAssistantUUID=carrier,
        )
        self._grow(json.dumps(call.result))
        if call.injected:
            body = {"role": "user", "content": [text_block(call.injected)]}
            self._user(body, isMeta=True, sourceToolUseID=tool_id)
            self._grow(call.injected)

    def _user(self, message: Json, **fields: Any) -> None:
        self._line("user", promptId=self._prompt_id, message=message, **fields)

    def _system(self, subtype: str, **fields: Any) -> None:
        self._line("system", subtype=subtype, **fields)

    def _line(self, kind: str, **fields: Any) -> str:
        uuid = self.uuid()
        self.lines.append(
            {
                "parentUuid": self._parent,
                "isSidechain": bool(self.agent),
                **({"agentId": self.agent} if self.agent else {}),
                "type": kind,
                **fields,
                "uuid": uuid,
                "timestamp": self.stamp(),
                "userType": "external",
                "entrypoint": self.where.entrypoint,
                "cwd": self.where.cwd,
                "sessionId": self.id,
                "version": self.where.version,
                "gitBranch": self.where.branch,
            }
        )
        self._parent = uuid
        return uuid


def _usage(tokens_in: int, tokens_out: int, written: int, read: int) -> Json:
    return {
        "input_tokens": tokens_in,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": tokens_out,
        "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
        "service_tier": "standard",
        "cache_creation": {"ephemeral_1h_input_tokens": written, "ephemeral_5m_input_tokens": 0},
        "inference_geo": "",
        "speed": "standard",
    }
