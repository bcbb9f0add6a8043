"""watchdog's inotify observer, without the ways in which it harms itself. Linux only.

The rule: nothing that happens while events are read may end the reading, and nothing is repaired
here. Faults are counted, the owner (`watcher.source`) makes a new observer and wants a sweep.
Everything is done through watchdog's public names; what each works around is said beside it.
"""

import errno
import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path

from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter
from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchCallback,
    WatchDescriptor,
    inotify_add_watch,
    inotify_init,
)
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

# A file moved out of the tree holds up all events behind it until its other half may be given
# up: 0.5 s by default, and at times so does a plain rename. Two halves are written to the queue
# by one system call, so a fraction of that finds them; unpaired ones mean the same to us.
InotifyMoveEventGrouper.delay = 0.02

# At ERROR it tells that an emitter is asked for events while it stops, which is how it stops.
logging.getLogger("watchdog.observers.inotify").setLevel(logging.CRITICAL)

# `mkdir -p` makes watchdog watch the inner folder twice, which is harmless.
warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)


class Reader(InotifyFD):
    """The thread that reads the kernel's events and keeps a watch on every folder."""

    def __init__(self, on_fault: Callable[[str], None]) -> None:
        super().__init__()
        self.name = "watcher-inotify"
        self.damage = ""
        """What made this reader lose events, or the watch on a new folder."""
        self.refused_count = 0
        self.limit_reached = False
        """Were there too few watches for all folders?"""
        self._on_fault = on_fault

    def handle_event(self, event: InotifyEvent) -> None:
        """As watchdog does, but neither an overflow nor an error gets further than here.

        On an overflow watchdog 7.1 drops queued events and renews every watch, which floods the
        same queue again: with many folders for ever. On an error its thread ends unnoticed.
        """
        try:
            if event.is_queue_overflow:
                self._damaged("overflow")
            else:
                super().handle_event(event)
        except Exception:  # Foreign code, at the top of a thread.
            self._damaged("reader_error")

    def add_callback(
        self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId
    ) -> WatchDescriptor:
        """As watchdog does, but a folder that cannot be watched is counted.

        It swallows the error of a reached limit, and takes -1 for a watch on an unreadable one.
        """
        try:
            watch = super().add_callback(path, mask, callback, id_)
        except FileNotFoundError:
            raise
        except OSError as error:
            self.refused_count += 1
            self.limit_reached |= error.errno == errno.ENOSPC
            raise
        self.refused_count += watch == -1
        return watch

    @property
    def watch_count(self) -> int:
        """How many folders it holds watches on, as the kernel counts them."""
        return _watches_of(Path("/proc/self/fd", str(self._inotify_fd)))

    def _damaged(self, kind: str) -> None:
        self.damage = kind
        self._on_fault(kind)


class InotifyObserver(BaseObserver):
    """An observer with a reader of its own. Raises `OSError` when there are no instances left."""

    def __init__(self, on_fault: Callable[[str], None]) -> None:
        self.reader = Reader(on_fault)
        self.reader.start()
        super().__init__(InotifyEmitter, inotify_fd=self.reader)

    def on_thread_stop(self) -> None:
        """Ends the emitters, then the reader."""
        try:
            super().on_thread_stop()
        finally:
            self.reader.stop()
            self.reader.join()


def has_room(folder: Path) -> bool:
    """Could one more folder be watched now? True as well where that cannot be tried."""
    fd = inotify_init()
    if fd == -1:
        return True
    try:
        return inotify_add_watch(fd, os.fsencode(folder), InotifyConstants.IN_DELETE_SELF) != -1
    finally:
        os.close(fd)


def watch_count() -> int:
    """How many folders this process holds watches on, as the kernel counts them."""
    return sum(map(_watches_of, Path("/proc/self/fd").iterdir()))


def _watches_of(fd: Path) -> int:
    try:
        if os.readlink(fd) != "anon_inode:inotify":
            return 0
        return Path("/proc/self/fdinfo", fd.name).read_text().count("inotify wd:")
    except OSError:  # Closed meanwhile, as the one that lists the folder is.
        return 0
