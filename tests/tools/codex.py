"""Made-up Codex rollouts: threads, their turns and token counts, as lines a test can read.

The rule: a count is (input, of it cached, output, of it reasoning), and a file is the lines handed
to `rollout`, two seconds apart, so that a test says only what it is about.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

Tokens = Sequence[int]
Line = Mapping[str, Any]

NAMES = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
START = datetime(2026, 5, 1, 10, tzinfo=UTC)


def usage(tokens: Tokens) -> dict[str, int]:
    """Token counts as the agent writes them."""
    return dict(zip(NAMES, tokens, strict=True)) | {"total_tokens": tokens[0] + tokens[2]}


def meta(thread: str, *, fork: str | None = None, spawn: str | None = None, **more: Any) -> Line:
    """What opens a file: whose it is, and whose history may follow."""
    source = {"subagent": {"thread_spawn": {"parent_thread_id": spawn}}} if spawn else "cli"
    return line("session_meta", id=thread, forked_from_id=fork, source=source, **more)


def turn(model: str, effort: str | None = None) -> Line:
    """Which model answers from here on."""
    return line("turn_context", model=model, effort=effort)


def count(last: Tokens | None, total: Tokens | None = None, **more: Any) -> Line:
    """What a message used, and the running totals behind it."""
    told = {"last_token_usage": last, "total_token_usage": total}
    info = {name: usage(tokens) for name, tokens in told.items() if tokens is not None}
    return event("token_count", info=info | more)


def counts(*lasts: Tokens, before: Tokens = (0, 0, 0, 0)) -> list[Line]:
    """Messages one after the other, with the totals they add up to."""
    found, total = [], tuple(before)
    for last in lasts:
        total = tuple(a + b for a, b in zip(total, last, strict=True))
        found.append(count(last, total))
    return found


def event(kind: str, /, **payload: Any) -> Line:
    """An event of this type."""
    return line("event_msg", type=kind, **payload)


def item(kind: str, /, **payload: Any) -> Line:
    """An item of the conversation of this type."""
    return line("response_item", type=kind, **payload)


def line(top: str, /, **payload: Any) -> Line:
    """Any line of a rollout, without its time."""
    return {"type": top, "payload": payload}


def rollout(lines: Iterable[Line], *, start: datetime = START, pace_s: float = 2) -> bytes:
    """The file of these lines, the first one written at `start`."""
    times = (start + number * timedelta(seconds=pace_s) for number in range(1 << 30))
    timed = ({"timestamp": iso(time)} | dict(one) for time, one in zip(times, lines, strict=False))
    return b"".join(json.dumps(one).encode() + b"\n" for one in timed)


def iso(time: datetime) -> str:
    """A time as the agent writes it."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
