"""The time as a file system itself would stamp it, to tell how old a stat is.

The rule: an age is never overstated. A stat that is taken for older than it is would be trusted,
and a later change within the same tick of the clock would go unseen. Coarse kernel ticks and the
cache below both make files look younger, which costs a second look and nothing else.
"""

import os
import tempfile
import threading
import time
import weakref
from pathlib import Path

from core.ledger import FileStat

CACHED_S = 0.05


class FileClock:
    """Reads the clock by touching a nameless file in `scratch`.

    Files on another device are measured with the wall clock: exact for local disks, but a file
    server whose clock is behind ours makes its files look too old by the difference.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._now_ns = 0
        self._read_at_s = -CACHED_S
        self._device = -1
        if scratch is not None:
            self._fd, path = tempfile.mkstemp(prefix=".clock-", dir=scratch)
            weakref.finalize(self, os.close, self._fd)
            os.unlink(path)
            self._device = os.fstat(self._fd).st_dev

    def age_ns(self, stat: FileStat) -> int:
        """How long ago the file last changed; 0 if the stat is of this very moment."""
        now_ns = self.now_ns(stat.device)
        # A modification time in the future was set by hand, at the change time or before.
        changed_ns = stat.ctime_ns if stat.mtime_ns > now_ns else stat.changed_ns
        return max(0, now_ns - changed_ns)

    def now_ns(self, device: int) -> int:
        """The time on this device, at most `CACHED_S` behind."""
        if device != self._device:
            return time.time_ns()
        with self._lock:
            now_s = time.monotonic()
            if now_s - self._read_at_s >= CACHED_S:
                os.utime(self._fd)
                self._now_ns, self._read_at_s = os.fstat(self._fd).st_mtime_ns, now_s
            return self._now_ns
