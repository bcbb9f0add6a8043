"""What the ledger says of a file after a try: bytes taken, settled, or vanished. Pure.

The rule: every success leaves a clean entry, whatever had failed before, and says honestly what
it proved. (What a failure leaves is `core.plan.after_failure`, beside the rules for retrying.)
"""

from dataclasses import replace

from core.ledger import FileStat, LedgerEntry
from core.plan import (
    ENDS_BYTES,
    RETRY_FIRST_S,
    RETRY_MAX_S,
    Proof,
    backoff_s,
    unproved_since,
)

WAIT_MAX_S = 86_400.0
"""However long somebody says, it is asked for again after a day."""


def cleaned(entry: LedgerEntry, stat: FileStat, processor_version: int) -> LedgerEntry:
    """The entry of a try that went well, with the stat it began with; not settled yet."""
    return replace(
        entry, stat=stat, processor_version=processor_version, settled=False, status="ok",
        attempts=0, try_again_at_us=None, reason="", error="", source_gone=False,
    )  # fmt: skip


def advanced(
    entry: LedgerEntry,
    *,
    committed_bytes: int,
    blocks: bytes,
    dialect: str,
    proof: Proof,
    now_us: int,
) -> LedgerEntry:
    """The entry once the bytes up to `committed_bytes` are in the tables."""
    return replace(
        entry,
        committed_bytes=committed_bytes,
        blocks=blocks,
        dialect=dialect,
        committed_at_us=now_us,
        unproved_since_us=unproved_since(entry, committed_bytes, proof, now_us),
    )


def settled(
    entry: LedgerEntry, *, age_ns: int, wait_s: float, proof: Proof, now_us: int
) -> LedgerEntry:
    """The entry at the end of a look. A file that is `wait_s` old needs no second look.

    A younger one may change once more without another stat, and the second look compares only
    its ends: so it is left to the proof of the whole.
    """
    old = age_ns >= wait_s * 1e9
    since_us = unproved_since(entry, entry.committed_bytes, proof, now_us)
    if not old and entry.committed_bytes > ENDS_BYTES:
        since_us = since_us or now_us
    return replace(
        entry,
        settled=old,
        unproved_since_us=since_us,
        committed_at_us=entry.committed_at_us or now_us,
    )


def waiting(
    entry: LedgerEntry,
    before: LedgerEntry | None,
    *,
    reason: str,
    text: str,
    after_s: float | None,
    now_us: int,
    jitter: float,
    retry_first_s: float = RETRY_FIRST_S,
    retry_max_s: float = RETRY_MAX_S,
) -> LedgerEntry:
    """The entry of a file whose rows lack what the world did not give yet.

    It is looked at again not before `after_s`, and less and less often while nothing comes; it is
    never parked, however often that is.
    """
    waited = before is not None and before.status == "waiting"
    attempts = 1 + (before.attempts if before and waited else 0)
    again_s = backoff_s(attempts, jitter=jitter, first_s=retry_first_s, max_s=retry_max_s)
    wait_s = min(max(after_s or 0.0, again_s), WAIT_MAX_S)
    return replace(
        entry,
        status="waiting",
        attempts=attempts,
        tried_version=entry.processor_version,
        try_again_at_us=now_us + int(wait_s * 1e6),
        reason=reason,
        error=text[:500],
    )


def vanished(entry: LedgerEntry) -> LedgerEntry:
    """The entry of a file that is gone: its rows stay, and nothing is left to retry."""
    return replace(
        entry, source_gone=True, settled=False, status="ok", attempts=0, try_again_at_us=None,
        reason="", error="",
    )  # fmt: skip
