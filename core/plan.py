"""What must be done about a file: skip it, wait, look at it, or load it anew. Pure.

The rule: the answer follows from the ledger entry, the stat of the open file and the time, and
from nothing else, so that an event, a sweep, a retry and an operator all end in the same place.
A stat is only ever compared with a stat. What was taken on the proof of its ends is proved whole
within `proof_max_us`.
"""

from dataclasses import dataclass, replace
from typing import Literal

from core.blocks import BLOCK_BYTES, block_count
from core.errors import ConfigurationError, PermanentError
from core.ledger import FileStat, LedgerEntry

ATTEMPTS_MAX = 8
RETRY_FIRST_S = 5.0
RETRY_MAX_S = 3600.0

ENDS_BYTES = 3 * BLOCK_BYTES
"""Of this much the ends and one block between are everything."""

Proof = Literal["ends", "all"]


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing to do, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Not before this instant."""

    until_us: int


@dataclass(frozen=True, slots=True)
class Look:
    """Prove the committed bytes; go on from them if they still stand, else load."""

    proof: Proof


@dataclass(frozen=True, slots=True)
class Load:
    """Read everything into a new generation."""

    reason: str


Plan = Skip | Wait | Look | Load


def decide(
    entry: LedgerEntry | None,
    stat: FileStat,
    *,
    processor_version: int,
    now_us: int,
    proof_max_us: int,
    compressed: bool = False,
) -> Plan:
    """What the file needs. `compressed`: sizes cannot be compared, so content decides."""
    if entry is None:
        return Load("new")
    same = stat == entry.stat and not entry.source_gone
    if entry.status == "waiting" and not same:
        return Load("changed")
    if entry.status != "ok" and entry.tried_version == processor_version:
        if entry.status == "parked" and same:
            return Skip("parked")
        if entry.try_again_at_us is not None and now_us < entry.try_again_at_us:
            return Wait(entry.try_again_at_us)
    if not entry.generation:
        return Load("new")
    if entry.processor_version != processor_version:
        return Load("outdated")
    if entry.status == "waiting":
        return Load("waiting")
    if same and entry.settled and entry.status == "ok":
        return Look("all") if proof_due(entry, now_us, proof_max_us) else Skip("unchanged")
    return _compare(entry, stat, now_us, proof_max_us, compressed=compressed)


def proof_due(entry: LedgerEntry, now_us: int, proof_max_us: int) -> bool:
    """Has something been taken on the proof of its ends for too long?"""
    since = entry.unproved_since_us
    return since is not None and now_us - since >= proof_max_us


def blocks_to_prove(entry: LedgerEntry, stat: FileStat, proof: Proof) -> list[int]:
    """Indexes of the committed blocks to compare, ascending: all, or the ends and one between.

    The one between is chosen by the new size, so that every block gets its turn as a file grows.
    """
    count = block_count(entry.committed_bytes)
    if proof == "all" or count <= 3:
        return list(range(count))
    between = 1 + stat.size_bytes % (count - 2)
    return [0, between, count - 1]


def after_failure(
    entry: LedgerEntry,
    error: Exception,
    stat: FileStat | None,
    *,
    processor_version: int,
    now_us: int,
    jitter: float,
    attempts_max: int = ATTEMPTS_MAX,
    retry_first_s: float = RETRY_FIRST_S,
    retry_max_s: float = RETRY_MAX_S,
) -> LedgerEntry:
    """The entry with the failure noted beside the last good version.

    A permanent error parks at once; anything else is tried again with back-off and parked after
    `attempts_max` tries. A parked file is tried again when its stat or the version changes.
    """
    # A file that waited did not fail: an outage must not use up its tries.
    counts = entry.tried_version == processor_version and entry.status != "waiting"
    attempts = 1 + (entry.attempts if counts else 0)
    permanent = isinstance(error, PermanentError | ConfigurationError)
    parked = permanent or attempts >= attempts_max
    wait_s = backoff_s(attempts, jitter=jitter, first_s=retry_first_s, max_s=retry_max_s)
    return replace(
        entry,
        stat=stat or entry.stat,
        settled=False,
        status="parked" if parked else "retrying",
        attempts=attempts,
        tried_version=processor_version,
        try_again_at_us=None if parked else now_us + int(wait_s * 1e6),
        reason=getattr(error, "reason", "") or type(error).__name__,
        error=str(error)[:500],
    )


def backoff_s(
    attempts: int, *, jitter: float, first_s: float = RETRY_FIRST_S, max_s: float = RETRY_MAX_S
) -> float:
    """Seconds to wait before the next try: 5 s, 10 s, 20 s … at most 1 h.

    `jitter` in [0, 1) spreads the wait over its upper half, so that a disk or provider that comes
    back is not met by everybody at once (AWS Architecture Blog, "Exponential Backoff", 2015).
    """
    full = min(first_s * 2.0 ** min(attempts - 1, 20), max_s)
    return full / 2 + full / 2 * jitter


def _compare(
    entry: LedgerEntry, stat: FileStat, now_us: int, proof_max_us: int, *, compressed: bool
) -> Plan:
    before = entry.stat
    if compressed or before is None:
        return Look("all")
    if stat.size_bytes < entry.committed_bytes:
        return Load("truncated")
    if stat.identity != before.identity:
        return Load("replaced")
    # A failed try noted its own stat, so the comparison below would miss what came before it.
    if entry.status != "ok" or proof_due(entry, now_us, proof_max_us):
        return Look("all")
    # Bytes that changed without growth were rewritten in place, or only touched: only all tells.
    grown = stat.size_bytes > before.size_bytes
    return Look("ends") if grown or stat == before else Look("all")


def unproved_since(
    entry: LedgerEntry, committed_bytes: int, proof: Proof, now_us: int
) -> int | None:
    """When the oldest byte was taken that only the ends vouch for; None if all are proved."""
    whole = proof == "all" or entry.committed_bytes <= ENDS_BYTES
    if whole or (committed_bytes == entry.committed_bytes and entry.unproved_since_us is None):
        return None
    return entry.unproved_since_us or now_us
