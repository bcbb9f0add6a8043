"""What may be spent: a reservation is made before a call and settled after it.

The rule: a reservation counts in full until it is settled, on the day it was made. One whose call
was killed is never settled and stays spent, because nobody knows whether it was billed.
"""

import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, Protocol

NANO = 1_000_000_000
Limit = Literal["day", "month", "calls"]


@dataclass(frozen=True, slots=True)
class Caps:
    """Hard limits, in nano-dollars of a UTC day and month, and the calls of a day: a second fuse
    in case prices are wrong."""

    day_nano: int = NANO
    month_nano: int = 20 * NANO
    day_calls: int = 2000


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most that one call can cost."""

    id: str
    at_us: int
    amount_nano: int


class Spent(NamedTuple):
    """Settled and reserved, so far."""

    day_nano: int = 0
    month_nano: int = 0
    day_calls: int = 0


def limit_hit(caps: Caps, spent: Spent, amount_nano: int) -> Limit | None:
    """What forbids to spend `amount_nano` more, the longest wait first."""
    if spent.month_nano + amount_nano > caps.month_nano:
        return "month"
    if spent.day_nano + amount_nano > caps.day_nano:
        return "day"
    return "calls" if spent.day_calls >= caps.day_calls else None


def left_nano(caps: Caps, spent: Spent) -> int:
    return max(0, min(caps.day_nano - spent.day_nano, caps.month_nano - spent.month_nano))


def opens_in_s(limit: Limit, at_us: int) -> float:
    """Seconds until the next UTC month or day, when a limit no longer holds."""
    now = _time(at_us)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    day = midnight + timedelta(days=1)
    month = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return ((month if limit == "month" else day) - now).total_seconds()


def day_of(at_us: int) -> str:
    return _time(at_us).strftime("%Y-%m-%d")


class Purse(Protocol):
    """The one place that knows what is spent; both calls are atomic among all threads."""

    def reserve(self, reservation: Reservation, caps: Caps) -> Limit | None:
        """Kept for good before this returns None; otherwise nothing is reserved."""

    def settle(self, reservation_id: str, amount_nano: int) -> None:
        """What the call really cost. A second time changes nothing but the amount; what was never
        reserved is not spent by it."""

    def spent(self, at_us: int) -> Spent:
        """Of the day and month of `at_us`."""


class MemoryPurse:
    """A purse that forgets with the process: for one-off runs, and the pattern for a kept one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reserved: dict[str, Reservation] = {}

    def reserve(self, reservation: Reservation, caps: Caps) -> Limit | None:
        with self._lock:
            spent = self._spent(reservation.at_us)
            if limit := limit_hit(caps, spent, reservation.amount_nano):
                return limit
            self._reserved[reservation.id] = reservation
            return None

    def settle(self, reservation_id: str, amount_nano: int) -> None:
        with self._lock:
            if reserved := self._reserved.get(reservation_id):
                self._reserved[reservation_id] = replace(reserved, amount_nano=amount_nano)

    def spent(self, at_us: int) -> Spent:
        with self._lock:
            return self._spent(at_us)

    def _spent(self, at_us: int) -> Spent:
        day = day_of(at_us)
        in_month = [one for one in self._reserved.values() if day_of(one.at_us)[:7] == day[:7]]
        in_day = [one.amount_nano for one in in_month if day_of(one.at_us) == day]
        return Spent(sum(in_day), sum(one.amount_nano for one in in_month), len(in_day))


def _time(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1e6, UTC)
