"""Tokens and quotas of Codex lines.

The rule: what one line says, made non-overlapping. A token_count has no id, is written again
without a new message, and its file may open with its parent's history; so it carries the running
totals as `snapshot`, and `state/usage/codex.sql` finds out which of them are one message.
"""

from collections.abc import Iterator
from typing import Any

from core.lines import INTEGER_MAX
from core.record import Quota, Usage
from processors.dialects.codex_raw import Info, RateLimits, Tokens, Window
from processors.dialects.values import count, whole, word

_MICRO = 10**6
_PERCENT_MAX = 10**6


def info_usage(info: Info) -> Usage | None:
    """The usage of a token_count, zeros included: after a compaction it only repeats the totals."""
    last, total = info.last_token_usage, info.total_token_usage
    if last is None and total is None:
        return None
    model = word(info.model) if info.model else None
    snapshot = snapshot_of(total) if total else None
    return tokens_usage(last or Tokens(), model, snapshot, snapshot_only=last is None)


def tokens_usage(
    tokens: Tokens, model: str | None, snapshot: str | None = None, *, snapshot_only: bool = False
) -> Usage:
    """Input without what came from or went to the cache; what cannot be contained is cut."""
    every = count(tokens.input_tokens) or 0
    read = min(count(tokens.cached_input_tokens) or 0, every)
    write = min(count(tokens.cache_write_input_tokens) or 0, every - read)
    return Usage(
        model=model,
        input_tokens=every - read - write,
        output_tokens=count(tokens.output_tokens) or 0,
        cache_write_tokens=write,
        cache_read_tokens=read,
        reasoning_tokens=count(tokens.reasoning_output_tokens) or 0,
        snapshot=snapshot,
        snapshot_only=snapshot_only,
    )


def snapshot_of(total: Tokens) -> str:
    """Running totals as the agent counts them: input, of it cached, of it written to the cache,
    output, of it reasoning, total. `codex.sql` takes them apart again."""
    return (
        f"{count(total.input_tokens) or 0},{count(total.cached_input_tokens) or 0},"
        f"{count(total.cache_write_input_tokens) or 0},{count(total.output_tokens) or 0},"
        f"{count(total.reasoning_output_tokens) or 0},{count(total.total_tokens) or 0}"
    )


def quotas_of(limits: RateLimits, at_us: int | None) -> Iterator[Quota]:
    """One quota for each window that says something."""
    name = word(limits.limit_name) or word(limits.limit_id) or ""
    plan = word(limits.plan_type)
    for slot, window in (("primary", limits.primary), ("secondary", limits.secondary)):
        if window is not None:
            yield Quota(
                name=name,
                slot=slot,
                used_bp=_basis_points(window.used_percent),
                window_minutes=whole(window.window_minutes),
                resets_us=_resets_us(window, at_us),
                plan=plan,
            )


def _basis_points(percent: Any) -> int | None:
    if isinstance(percent, int | float) and 0 <= percent <= _PERCENT_MAX:
        return round(percent * 100)
    return None


def _resets_us(window: Window, at_us: int | None) -> int | None:
    seconds = whole(window.resets_at)
    if seconds is None and at_us is not None:
        left = whole(window.resets_in_seconds)
        seconds = None if left is None else at_us // _MICRO + left
    if seconds is None or not 0 <= seconds <= INTEGER_MAX // _MICRO:
        return None
    return seconds * _MICRO
