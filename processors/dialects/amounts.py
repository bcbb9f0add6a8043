"""Amounts from fields that may hold anything: tokens, dollars and times of the document dialects.

The rule: what is no amount is nothing, whatever its type, and every sum fits 64 bits, because a
document must never be lost for one number in it.
"""

from decimal import Decimal
from typing import Any

from core.lines import INTEGER_MAX
from core.record import cost_nano
from processors.dialects.values import count, whole


def amount(value: Any) -> int:
    """A token count, 0 for what is none."""
    found = count(value) if isinstance(value, int | float | str) else None
    return found if found is not None and 0 <= found <= INTEGER_MAX else 0


def added(*amounts: int) -> int:
    return min(sum(amounts), INTEGER_MAX)


def spent_nano(value: Any) -> int | None:
    """Dollars that an agent computed itself. It writes 0 where it knew no price."""
    if not isinstance(value, int | float) or not 0 < value <= INTEGER_MAX:
        return None
    return cost_nano(Decimal(str(value)))


def milliseconds_us(value: Any) -> int | None:
    """Microseconds since 1970 of a time in milliseconds."""
    found = whole(value)
    return found * 1000 if found is not None and 0 < found <= INTEGER_MAX // 1000 else None
