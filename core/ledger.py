"""What the ledger remembers of one file for one processor, and what a file looked like on disk.

The rule: an entry describes bytes that are committed, never bytes that were merely seen, and a
failure is written beside the last good version without touching it.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from core.keys import SessionKey

Status = Literal["ok", "waiting", "retrying", "parked"]
"""`waiting`: its rows are in the tables, and lack what the world did not give yet. No failure."""


class FileStat(NamedTuple):
    """What `stat` said of a regular file, always taken before the read it belongs to."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int

    @property
    def identity(self) -> tuple[int, int]:
        """Same file as before? A replaced file has another inode, a remount another device."""
        return self.device, self.inode

    @property
    def changed_ns(self) -> int:
        """The latest moment this stat admits a change; ctime catches restored mtimes."""
        return max(self.mtime_ns, self.ctime_ns)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One (processor, file): which bytes are in the tables and how the last try went.

    `generation` names the load that is live (0: nothing loaded yet). Offsets count decompressed
    bytes. `blocks` holds one 16-byte xxh3-128 digest per started MiB of the committed bytes.
    `settled` means that this very stat needs no second look. `unproved_since_us` is the first
    append since the whole prefix was last proved. `tried_version` is the processor version whose
    failure `status`, `attempts`, `reason` and `error` speak of.
    """

    processor: str
    key: SessionKey
    generation: int = 0
    committed_bytes: int = 0
    blocks: bytes = b""
    processor_version: int = 0
    dialect: str = ""
    stat: FileStat | None = None
    settled: bool = False
    unproved_since_us: int | None = None
    committed_at_us: int = 0
    status: Status = "ok"
    attempts: int = 0
    tried_version: int = 0
    try_again_at_us: int | None = None
    reason: str = ""
    error: str = ""
    source_gone: bool = False

    @property
    def failed(self) -> bool:
        """Did the last try fail?"""
        return self.status in ("retrying", "parked")

    def outdated(self) -> "LedgerEntry":
        """The entry as an operator's rescan leaves it: no version matches 0, so it is rebuilt."""
        return replace(
            self, processor_version=0, settled=False, status="ok", attempts=0, try_again_at_us=None
        )

    def hurried(self) -> "LedgerEntry":
        """The entry of a failed try whose wait is over: what failed before still counts."""
        return replace(self, try_again_at_us=None)

    def requeued(self) -> "LedgerEntry":
        """The entry as an operator's requeue leaves it: tried now, as often as a new failure."""
        return replace(self, status="retrying", attempts=0, try_again_at_us=None)
