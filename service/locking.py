"""Runs that exclude each other take turns by a lock on an open file or folder.

The rule: the lock ends with the descriptor, so also with a killed process, and nothing has to be
tidied up.
"""

import fcntl
import time

LOOK_AGAIN_S = 0.05


def has_lock(fd: int, patience_s: float) -> bool:
    """Lock it for this descriptor; false if somebody else has it for longer than that."""
    until_s = time.monotonic() + patience_s
    while not _locked(fd):
        if time.monotonic() >= until_s:
            return False
        time.sleep(LOOK_AGAIN_S)
    return True


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
