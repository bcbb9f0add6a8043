"""Enters folders one by one, each looked up in the one before, which is held open.

The rule: no link is followed on the way, so whoever renames, swaps or links meanwhile changes what
is found and never where. How one step is made differs (what it demands of a folder, what it makes
or mends there) and is the caller's; that none is left open is settled here.
"""

import os
from collections.abc import Callable, Iterable

UNFOLLOWED = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""With these flags `os.open` follows no link and waits for no FIFO or device."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | UNFOLLOWED


def enter(start: int, names: Iterable[str], step: Callable[[str, int], int]) -> int:
    """The open folder at the end of the way, which the caller closes; `start` is closed, also if
    this raises. `step(name, within)` opens the next one."""
    fd = start
    try:
        for name in names:
            outer, fd = fd, step(name, fd)
            os.close(outer)
    except BaseException:
        os.close(fd)
        raise
    return fd
