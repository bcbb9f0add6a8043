"""A hidden file in a watched root whose writes must come back as events.

The rules: only a file of our own is ever written to (regular, one name, our user's), no link is
followed, and it is named like no session. Where it cannot be written to there is no canary, which
is no fault: the other checks remain. It is removed at the end; what a killed process leaves behind
the next one uses again.
"""

import os
import stat as modes
from contextlib import suppress
from pathlib import Path

from watcher.entering import UNFOLLOWED

NAME = ".sessionwatch-canary"
EVERY_S = 5.0
"""A write must have come back when the next one is due. Ext4 gathers what changes in 5 s anyway."""

_TEXT = b"sessionwatch writes this file to see whether it is told of changes. It may be deleted.\n"
_FLAGS = os.O_WRONLY | os.O_CREAT | UNFOLLOWED


class Canary:
    """One root's canary. `write` is for the thread that checks, `came_back` for the one that
    works events off; times are of one monotonic clock."""

    def __init__(self, root: Path) -> None:
        self.refused = ""
        """Why there is none: the system's words."""
        self.seen_s: float | None = None
        """When a write last came back."""
        self._path = os.path.join(root, NAME)
        self._ours = False
        self._written_s: float | None = None
        self._waits_since_s: float | None = None

    def write_if_due(self, now_s: float) -> None:
        """Write, unless the last write is younger than `EVERY_S`."""
        if self._written_s is not None and now_s - self._written_s < EVERY_S:
            return
        self._written_s = now_s
        self._waits_since_s = self._waits_since_s or now_s
        try:
            self._write()
        except OSError as error:
            self.refused = error.strerror or type(error).__name__
            self._waits_since_s = None
        else:
            self.refused = ""

    def came_back(self, now_s: float) -> float | None:
        """An event named it: the seconds this took, None if no write was waited for."""
        since_s, self._waits_since_s = self._waits_since_s, None
        if since_s is None:
            return None
        self.seen_s = now_s
        return now_s - since_s

    def waits_s(self, now_s: float) -> float:
        """For how long a write has not come back; 0 if none is waited for."""
        since_s = self._waits_since_s
        return 0.0 if since_s is None else now_s - since_s

    def remove(self) -> None:
        """Leave the root as it was found."""
        if self._ours:
            with suppress(OSError):
                os.unlink(self._path)

    def _write(self) -> None:
        fd = os.open(self._path, _FLAGS, 0o600)
        try:
            found = os.fstat(fd)
            if not modes.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise FileExistsError(0, "something else has its name")
            if found.st_uid != os.geteuid():
                raise PermissionError(0, "it belongs to another user")
            self._ours = True
            os.write(fd, _TEXT)
        finally:
            os.close(fd)
