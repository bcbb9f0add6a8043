"""Opens what lies directly in an open folder, and nothing else.

The rules: the way there is that of `watcher.entering`; what was opened is judged again by its own
stat, for homes are written by those whom nobody trusts. Nothing here waits for a FIFO, device,
lease or lock.
"""

import errno
import os
import stat as modes
from collections.abc import Iterable
from typing import NamedTuple

from core.errors import PermanentError
from watcher.entering import FOLDER, UNFOLLOWED, enter


class Owner(NamedTuple):
    """Whom a home belongs to, and the file system it lies on."""

    uid: int
    device: int


def refused(reason: str) -> PermanentError:
    """An error that says in a word why something is left alone."""
    return PermanentError(reason.replace("_", " "), reason=reason)


def reason_of(error: Exception) -> str:
    """The short word for a refusal or for what the system said."""
    if isinstance(error, PermanentError):
        return error.reason
    number = error.errno if isinstance(error, OSError) else None
    return errno.errorcode.get(number or 0, type(error).__name__)


def stat(name: str, within: int) -> os.stat_result:
    """Of the name itself, be it a link."""
    return os.stat(name, dir_fd=within, follow_symlinks=False)


def folder(name: str, within: int, device: int | None = None) -> int:
    """An open folder; the caller closes it.

    Raises `PermanentError` (`symlink`, `another_file_system`) or what the system says.
    """
    try:
        fd = os.open(name, FOLDER, dir_fd=within)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP) and _is_link(name, within):
            raise refused("symlink") from error
        raise
    if device is not None and os.fstat(fd).st_dev != device:
        os.close(fd)
        raise refused("another_file_system")
    return fd


def descend(names: Iterable[str], within: int, device: int | None = None) -> int:
    """The folder at the end of a path; the caller closes it."""
    return enter(os.dup(within), names, lambda name, outer: folder(name, outer, device))


def file(name: str, within: int, owner: Owner, flags: int = os.O_RDONLY) -> int:
    """An open regular file with one name that belongs to `owner`; the caller closes it."""
    refuse_foreign(stat(name, within), owner)
    try:
        fd = os.open(name, flags | UNFOLLOWED, dir_fd=within)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise refused("symlink") from error
        raise
    try:
        refuse_foreign(os.fstat(fd), owner)
    except BaseException:
        os.close(fd)
        raise
    return fd


def refuse_foreign(found: os.stat_result, owner: Owner) -> None:
    """Raises `PermanentError` unless it is a regular file, of this owner alone and under one name:
    a second name may be the work of somebody who could not have read the file."""
    if modes.S_ISLNK(found.st_mode):
        raise refused("symlink")
    if not modes.S_ISREG(found.st_mode):
        raise refused("not_a_regular_file")
    if found.st_uid != owner.uid:
        raise refused("foreign_owner")
    if found.st_nlink != 1:
        raise refused("hard_linked")
    if found.st_dev != owner.device:
        raise refused("another_file_system")


def _is_link(name: str, within: int) -> bool:
    try:
        return modes.S_ISLNK(stat(name, within).st_mode)
    except OSError:
        return False
