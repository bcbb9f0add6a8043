"""Which sources are blind, since when, why, and what a person can do about it. Pure.

The rule: a source is blind from the last moment it was known to be watched as a whole until a check
finds it so again, and a watch that was made anew is believed once it has proved itself. In doubt a
blindness is told too long, never too short.
"""

import errno
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

RENEWAL_GAP_S = 30.0
"""A watch that is damaged again and again is made anew no more often than this."""
SWEEP_LATE_S = 60.0
"""A polled source is blind when it was not swept for so long, and three times as long as usual."""
CHECKS_LATE_S = 60.0
"""Checks that have not ended for so long tell nothing any more: a root holds them up."""
RENEWAL_SHARE = 100
"""Nor does making it take more than a hundredth of a core."""

REMEDIES: Mapping[str, str] = {
    "not_started": "it is being started",
    "root_missing": "create the folder or mount it; it is watched once it is there",
    "root_replaced": "nothing: the new folder is being watched",
    "watch_limit": "raise the limit",
    "instance_limit": "raise the limit, or that of open files",
    "watch_refused": "look at the rights to the folder, and at the limits of this process",
    "thread_died": "nothing: it is started anew; if this repeats, report it",
    "sweep_late": "look at the server and the mount: the file system does not answer",
    "checks_late": "look at the disks of the roots: one of them does not answer",
    "canary_late": "nothing: it is watched anew; if this repeats, the machine is too busy",
    "overflow": "nothing: a sweep makes up for it; if this repeats, raise"
    " fs.inotify.max_queued_events",
    "reader_error": "nothing: it is watched anew; if this repeats, report it",
    "watches_missing": "nothing: it is watched anew",
}
"""Every reason there is, and what a person can do."""

_NEEDS_A_PERSON = frozenset(
    {"root_missing", "watch_limit", "instance_limit", "watch_refused", "sweep_late", "checks_late"}
)
_AT_ONCE = frozenset({"root_missing", "root_replaced"})
_LIMITS = {
    "watch_limit": ("fs.inotify.max_user_watches", "user.max_inotify_watches"),
    "instance_limit": ("fs.inotify.max_user_instances", "user.max_inotify_instances"),
}
LIMIT_NAMES = tuple(name for names in _LIMITS.values() for name in names)
_ENOUGH = {"watch_limit": 1 << 19, "instance_limit": 1 << 10}
_ALSO = {"watch_limit": "", "instance_limit": " or ulimit -n,"}


class Facts(NamedTuple):
    """What a check saw of one root and its watch. `folders_missing`: by how many the folders that
    a walk saw exceeded the kernel's watches, at the last two looks."""

    root_there: bool = True
    root_same: bool = True
    threads_alive: bool = True
    canary_late: bool = False
    damage: str = ""
    limit_reached: bool = False
    folders_missing: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Sight:
    """Whether a source is watched: `why` not, and when it was last known to be (`well_s`)."""

    well_s: float
    why: str = ""

    @property
    def blind(self) -> bool:
        return bool(self.why)

    def blind_s(self, now_s: float) -> float:
        """For how long it has been blind; 0 if it is not."""
        return max(0.0, now_s - self.well_s) if self.blind else 0.0


class News(NamedTuple):
    """A log line."""

    event: str
    level: int
    values: Mapping[str, object]


def fault(facts: Facts) -> str:
    """What is wrong with a watch, the cause rather than its effects; "" if nothing is."""
    found = (
        (not facts.root_there, "root_missing"),
        (not facts.root_same, "root_replaced"),
        (not facts.threads_alive, "thread_died"),
        (facts.limit_reached, "watch_limit"),
        (bool(facts.damage), facts.damage),
        (facts.canary_late, "canary_late"),
        # A single look may fall between the making of a folder and its watch.
        (min(facts.folders_missing) > 0, "watches_missing"),
    )
    return next((word for is_so, word in found if is_so), "")


def refusal(error: Exception) -> str:
    """Why a root could not be watched at all."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "root_missing"
    number = getattr(error, "errno", None)
    return {errno.ENOSPC: "watch_limit", errno.EMFILE: "instance_limit"}.get(
        number or 0, "watch_refused"
    )


def looked(before: Sight, why: str, *, proved_s: float | None) -> Sight:
    """After a check. `proved_s`: when the watch last proved itself; None if it has not yet."""
    if why:
        return replace(before, why=why)
    if proved_s is None:
        return before
    return Sight(max(proved_s, before.well_s))


def news(before: Sight, after: Sight, now_s: float, limits: Mapping[str, int]) -> News:
    """What to say about another `why` than before."""
    if after.blind:
        level = logging.ERROR if after.why in _NEEDS_A_PERSON else logging.WARNING
        values = {"reason": after.why, "hint": remedy(after.why, limits)}
        return News("watch_blind", level, values)
    seconds = round(before.blind_s(now_s), 3)
    return News("watch_restored", logging.INFO, {"reason": before.why, "seconds": seconds})


def remedy(why: str, limits: Mapping[str, int]) -> str:
    """What a person can do; `limits` are the kernel's by their sysctl names, as far as known."""
    known = [(limits[name], name) for name in _LIMITS.get(why, ()) if name in limits]
    if not known:
        return REMEDIES[why]
    value, name = min(known)
    enough = max(_ENOUGH[why], 4 * value)
    return f'sysctl -w {name}={enough} (it is {value}),{_ALSO[why]} or observer = "polling"'


def renewal_s(why: str, *, started_s: float, took_s: float) -> float:
    """When a watch with this fault, that was started then and took so long, may be made anew."""
    if why in _AT_ONCE:
        return started_s
    return started_s + max(RENEWAL_GAP_S, RENEWAL_SHARE * took_s)


def sweep_is_late(*, since_s: float, before_s: float) -> bool:
    """Of a polled source: swept so long ago, and the time between the two sweeps before that."""
    return since_s > max(SWEEP_LATE_S, 3 * before_s)


def unless_late(before: Sight, *, checked_s: float, now_s: float) -> Sight:
    """What is known of a source now, if its last check ended then."""
    late = now_s - checked_s > CHECKS_LATE_S
    return replace(before, why="checks_late") if late and not before.blind else before


def is_unheard(known: Sight) -> bool:
    """Do events not speak for it as a whole, while a sweep might?"""
    return known.blind and known.why != "root_missing"


def blind_seconds(sights: Iterable[Sight], now_s: float) -> float:
    """Since the first source that is blind became so; 0 if none is."""
    return max((sight.blind_s(now_s) for sight in sights), default=0.0)
