"""When a file is looked at again that failed, or whose rows lack what the world did not give yet.

The rule: what to do is decided by `core.plan` and `core.outcome`; here they get the clock, the
limits and the chance that spreads many files' next tries.
"""

import random
from typing import Any

from core import outcome, plan
from core.errors import with_reason
from core.ledger import FileStat, LedgerEntry
from processors.base import Later
from service.world import World


def after_failure(
    world: World, processor: Any, entry: LedgerEntry, error: Exception, stat: FileStat | None
) -> LedgerEntry:
    """The entry with the failure noted beside the last good version."""
    limits = world.limits
    return plan.after_failure(
        entry,
        with_reason(error),
        stat,
        processor_version=processor.version,
        now_us=world.clock.now_us(),
        jitter=random.random(),  # noqa: S311 (not a secret)
        attempts_max=limits.attempts_max,
        retry_first_s=limits.retry_first_s,
        retry_max_s=limits.retry_max_s,
    )


def while_waiting(
    world: World, entry: LedgerEntry, before: LedgerEntry | None, later: Later
) -> LedgerEntry:
    """The entry of a file that is wanted again."""
    return outcome.waiting(
        entry,
        before,
        reason=later.reason,
        text=later.text,
        after_s=later.after_s,
        now_us=world.clock.now_us(),
        jitter=random.random(),  # noqa: S311 (not a secret)
        retry_first_s=world.limits.retry_first_s,
        retry_max_s=world.limits.retry_max_s,
    )


def wait_s(world: World, entry: LedgerEntry) -> float:
    """Seconds until it is to be looked at again."""
    assert entry.try_again_at_us is not None
    return (entry.try_again_at_us - world.clock.now_us()) / 1e6
