"""Watches single folders by their open descriptor: for folders that their users may swap.

The rules: whoever enters a folder safely has it watched as it is, under no name, so no link leads
the watch elsewhere; one reader for any number of folders; and nothing is promised. What is lost is
said (`on_lost`), and the caller looks at everything again. Where the system has no such events
there are none.
"""

import errno
import logging
import os
import select
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

log = logging.getLogger("sessionwatch.watcher")

P = TypeVar("P")
_HEAD = struct.Struct("iIII")
_READ_BYTES = 1 << 16


class Change(NamedTuple, Generic[P]):
    """Something happened to a name in a folder, which is called as `add` was told."""

    folder: P
    name: str
    is_folder: bool


class FolderEvents(Generic[P]):
    """`on_change` and `on_lost` are called by its thread and only take note."""

    def __init__(self, on_change: Callable[[Change[P]], None], on_lost: Callable[[], None]) -> None:
        self.refused_count = 0
        """Folders that could not be watched."""
        self._on_change = on_change
        self._on_lost = on_lost
        self._folders: dict[int, P] = {}
        self._fd = self._wake = self._woken = -1
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="watcher-folders", daemon=True)

    def start(self) -> None:
        """Open the queue. Without one (another system, no instances left) nothing is told."""
        self._woken, self._wake = os.pipe()
        if sys.platform == "linux":
            from watchdog.observers.inotify_c import inotify_init

            self._fd = inotify_init()
        if self._fd == -1:
            log.warning("folders_not_watched", extra={"hint": "they are looked at by the clock"})
        else:
            os.set_inheritable(self._fd, False)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def watch_count(self) -> int:
        """How many folders are watched."""
        return len(self._folders)

    def add(self, folder: int, place: P, *, names_only: bool = False) -> None:
        """Watch an open folder, or call it by another name. With `names_only` writes to the files
        in it are not told."""
        if self._fd == -1 or self._closed:
            return
        from watchdog.observers.inotify_c import InotifyConstants as Kind
        from watchdog.observers.inotify_c import inotify_add_watch

        mask = Kind.IN_CREATE | Kind.IN_MOVED_TO | Kind.IN_ONLYDIR
        if not names_only:
            mask |= Kind.IN_MODIFY | Kind.IN_CLOSE_WRITE
        with self._lock:  # So that no event of it is read before its place is known.
            watch = inotify_add_watch(self._fd, b"/proc/self/fd/%d" % folder, mask)
            if watch != -1:
                self._folders[watch] = place
                return
        self.refused_count += 1
        if self.refused_count == 1:
            hint = "raise fs.inotify.max_user_watches; meanwhile they are looked at by the clock"
            log.warning("folders_not_watched", extra={"hint": hint})

    def stop(self, timeout_s: float) -> bool:
        """False if the thread did not end in time."""
        self._closed = True
        if self._thread.ident is None:
            return True
        os.write(self._wake, b"x")
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        for fd in filter(_is_open, (self._fd, self._wake, self._woken)):
            os.close(fd)
        self._fd = self._wake = self._woken = -1
        return True

    def _run(self) -> None:
        ready = select.poll()
        for fd in filter(_is_open, (self._woken, self._fd)):
            ready.register(fd, select.POLLIN)
        while not self._closed:
            if self._fd in dict(ready.poll()):
                self._read()

    def _read(self) -> None:
        try:
            content = os.read(self._fd, _READ_BYTES)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EINTR):
                raise
            return
        for watch, mask, name in _events(content):
            self._tell(watch, mask, os.fsdecode(name))

    def _tell(self, watch: int, mask: int, name: str) -> None:
        from watchdog.observers.inotify_c import InotifyConstants as Kind

        if mask & Kind.IN_Q_OVERFLOW:
            self._on_lost()
            return
        with self._lock:
            place = self._folders.get(watch)
            if mask & Kind.IN_IGNORED:
                self._folders.pop(watch, None)
        if place is not None and name:
            self._on_change(Change(place, name, bool(mask & Kind.IN_ISDIR)))


def _is_open(fd: int) -> bool:
    return fd != -1


def _events(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Watch, mask and name of every event of a read, as inotify(7) lays them out."""
    at = 0
    while at < len(content):
        watch, mask, _, size = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        yield watch, mask, content[at : at + size].rstrip(b"\0")
        at += size
