"""Blocks: five hours of use each, as ccusage cuts them and Anthropic's limits were once counted.

The rule: a block starts at the full hour, in UTC, of its first message and ends five hours later;
the first message after that, or more than five hours after the one before, starts the next one. A
pause of more than five hours is a gap and listed too.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from state.usage.asking import Row
from state.usage.days import iso_ms

Block = dict[str, Any]

HOUR_MS = 3_600_000
BLOCK_MS = 5 * HOUR_MS
_MINUTE_MS = 60_000
_COUNTS = ("inputTokens", "outputTokens", "cacheCreationInputTokens", "cacheReadInputTokens")


def blocks(rows: Iterable[Row], now_ms: float) -> list[tuple[int, Block]]:
    """(start, block) of rows (at_ms, model, four token classes, cost) in the order of time."""
    found: list[tuple[int, Block]] = []
    current: list[Row] = []
    start_ms = 0
    for row in rows:
        last_ms = current[-1][0] if current else 0
        if current and max(row[0] - start_ms, row[0] - last_ms) > BLOCK_MS:
            found.append((start_ms, _block(start_ms, current, now_ms)))
            if row[0] - last_ms > BLOCK_MS:
                found.append((last_ms + BLOCK_MS, _gap(last_ms + BLOCK_MS, row[0])))
            current = []
        if not current:
            start_ms = row[0] // HOUR_MS * HOUR_MS
        current.append(row)
    if current:
        found.append((start_ms, _block(start_ms, current, now_ms)))
    return sorted(found, key=lambda one: one[0])


def _block(start_ms: int, rows: Sequence[Row], now_ms: float) -> Block:
    last_ms, end_ms = rows[-1][0], start_ms + BLOCK_MS
    active = now_ms - last_ms < BLOCK_MS and now_ms < end_ms
    counts = {name: sum(row[i] for row in rows) for i, name in enumerate(_COUNTS, 2)}
    cost = 0.0
    for row in rows:  # One after the other: floats add up differently otherwise.
        cost += row[6]
    block = {
        "actualEndTime": iso_ms(last_ms),
        "burnRate": _burn_rate(rows, counts, cost) if active else None,
        "costUSD": _number(cost),
        "endTime": iso_ms(end_ms),
        "entries": len(rows),
        "id": iso_ms(start_ms),
        "isActive": active,
        "isGap": False,
        "models": list(dict.fromkeys(row[1] for row in rows if row[1] is not None)),
        "projection": None,
        "startTime": iso_ms(start_ms),
        "tokenCounts": dict(sorted(counts.items())),
        "totalTokens": sum(counts.values()),
    }
    return block | {"projection": _projection(block, cost, end_ms - now_ms)}


def _gap(start_ms: int, end_ms: int) -> Block:
    return {
        "actualEndTime": None,
        "burnRate": None,
        "costUSD": 0,
        "endTime": iso_ms(end_ms),
        "entries": 0,
        "id": f"gap-{iso_ms(start_ms)}",
        "isActive": False,
        "isGap": True,
        "models": [],
        "projection": None,
        "startTime": iso_ms(start_ms),
        "tokenCounts": dict.fromkeys(sorted(_COUNTS), 0),
        "totalTokens": 0,
    }


def _burn_rate(rows: Sequence[Row], counts: dict[str, int], cost: float) -> Block | None:
    minutes = (rows[-1][0] - rows[0][0]) / _MINUTE_MS
    if minutes <= 0:
        return None
    return {
        "costPerHour": cost / minutes * 60.0,
        "tokensPerMinute": sum(counts.values()) / minutes,
        "tokensPerMinuteForIndicator": (counts["inputTokens"] + counts["outputTokens"]) / minutes,
    }


def _projection(block: Block, cost: float, left_ms: float) -> Block | None:
    """Where the block ends up if it goes on like this."""
    rate = block["burnRate"]
    if rate is None:
        return None
    minutes = _round(left_ms / _MINUTE_MS)
    dollars = cost + rate["costPerHour"] / 60.0 * minutes
    return {
        "remainingMinutes": minutes,
        "totalCost": _round(dollars * 100.0) / 100.0,
        "totalTokens": _round(block["totalTokens"] + rate["tokensPerMinute"] * minutes),
    }


def _round(value: float) -> int:
    """Halves go up, as in ccusage."""
    return math.floor(value + 0.5)


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() else value
