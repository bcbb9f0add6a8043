"""The drop folder: the only place that the collector writes to.

The rules: folders are entered link by link and only if they are ours, so others who may write there
cannot lead a write elsewhere; a new file appears whole, by a rename, and until then under a hidden
name of which there is one a folder; every mode and group is set explicitly. With `dry_run` nothing
is written at all.
"""

import grp
import logging
import os
import stat as modes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from core.errors import ConfigurationError, TransientError
from service.collecting import beneath
from service.collecting.beneath import Owner
from service.collecting.patterns import HIDDEN, Parts
from service.locking import has_lock
from watcher.entering import FOLDER, UNFOLLOWED, enter

log = logging.getLogger("sessionwatch.collector")

PARTIAL = HIDDEN + "collecting"


class Style(NamedTuple):
    """Modes of what is written, and its group (-1 leaves that to the system)."""

    file_mode: int
    folder_mode: int
    gid: int = -1


def gid_of(group: str) -> int:
    """The group's number; -1, and a warning, if there is none of this name."""
    try:
        return grp.getgrnam(group).gr_gid if group else -1
    except KeyError:
        hint = "create it, or set [collector] group"
        log.warning("collector_group_missing", extra={"group": group, "hint": hint})
        return -1


class Drop:
    """An open and locked drop folder; in a dry run it may be missing (`fd` is None)."""

    def __init__(self, fd: int | None, style: Style, *, dry_run: bool) -> None:
        self.dry_run = dry_run
        self.owner = Owner(os.geteuid(), os.fstat(fd).st_dev if fd is not None else 0)
        self._fd = fd
        self._style = style
        self._last: tuple[Parts, int] | None = None

    def close(self) -> None:
        """Close the folder that was asked for last."""
        if self._last:
            os.close(self._last[1])
            self._last = None

    def folder(self, place: Parts) -> int | None:
        """The folder at this place, made where it is missing; open until the next is asked for.
        None if it is missing in a dry run."""
        if self._last is None or self._last[0] != place:
            self.close()
            fd = self._enter(place)
            if fd is None:
                return None
            self._last = (place, fd)
        return self._last[1]

    def is_styled(self, found: os.stat_result) -> bool:
        """Has a file the mode and group it should have?"""
        return _is_styled(found, self._style.file_mode, self._style.gid)

    def restyle(self, fd: int) -> None:
        """Give a file of ours the mode and group it should have."""
        _restyle(fd, self._style.file_mode, self._style.gid)

    @contextmanager
    def replacing(self, name: str, within: int) -> Iterator[int]:
        """A new file to write to. At the end it takes this name at once, its bytes on the disk. If
        that fails nothing is left of it; what a kill leaves, the next in this folder removes."""
        with suppress(FileNotFoundError):
            os.unlink(PARTIAL, dir_fd=within)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        fd = os.open(PARTIAL, flags | UNFOLLOWED, 0o600, dir_fd=within)
        try:
            yield fd
            self.restyle(fd)
            os.fsync(fd)
            # The folder is not synced: a name that a power cut takes back is made again.
            os.rename(PARTIAL, name, src_dir_fd=within, dst_dir_fd=within)
        except BaseException:
            with suppress(OSError):
                os.unlink(PARTIAL, dir_fd=within)
            raise
        finally:
            os.close(fd)

    def remove_partial(self) -> None:
        """Remove what kills left behind, wherever it is."""
        for _, _, files, fd in os.fwalk(".", dir_fd=self._fd):
            if PARTIAL in files:
                with suppress(OSError):
                    os.unlink(PARTIAL, dir_fd=fd)

    def _enter(self, place: Parts) -> int | None:
        if self._fd is None:
            return None
        try:
            return enter(os.dup(self._fd), place, self._step)
        except FileNotFoundError:
            if self.dry_run:
                return None
            raise

    def _step(self, name: str, within: int) -> int:
        if not self.dry_run:
            self._make(name, within)
        fd = beneath.folder(name, within, self.owner.device)
        try:
            self._restyle_folder(fd, os.fstat(fd))
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _restyle_folder(self, fd: int, found: os.stat_result) -> None:
        if found.st_uid not in (self.owner.uid, 0):
            raise beneath.refused("drop_folder_not_ours")
        if found.st_uid == self.owner.uid and not self.dry_run:
            _restyle(fd, self._style.folder_mode, self._style.gid)

    def _make(self, name: str, within: int) -> None:
        try:
            beneath.stat(name, within)
        except FileNotFoundError:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=within)


@contextmanager
def opened(into: str, style: Style, *, dry_run: bool, patience_s: float = 0.0) -> Iterator[Drop]:
    """The drop folder, made if it is missing (except in a dry run) and for this run alone.

    Raises `ConfigurationError` if it cannot be used, `TransientError` if another run has it for
    longer than `patience_s`.
    """
    fd = _open_root(into, style, dry_run=dry_run)
    if fd is None:
        yield Drop(None, style, dry_run=dry_run)
        return
    try:
        if not has_lock(fd, patience_s):
            raise TransientError(
                f"another run collects into {into}", reason="collecting", hint="try again later"
            )
        drop = Drop(fd, style, dry_run=dry_run)
        try:
            yield drop
        finally:
            drop.close()
    finally:
        os.close(fd)  # Which also ends the lock.


def _open_root(into: str, style: Style, *, dry_run: bool) -> int | None:
    """How to get there is the operator's word, so links are followed but for the last step."""
    made = False
    try:
        if not os.path.lexists(into):
            if dry_run:
                return None
            os.mkdir(into, 0o700)
            made = True
        fd = os.open(into, FOLDER)
    except OSError as error:
        raise _unusable(into, f"{error.strerror}") from error
    try:
        _judge(into, os.fstat(fd))
        if made:
            _restyle(fd, style.folder_mode, style.gid)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _judge(into: str, found: os.stat_result) -> None:
    if found.st_uid not in (os.geteuid(), 0):
        raise _unusable(into, "it belongs to somebody else")
    if found.st_mode & modes.S_IWOTH:
        raise _unusable(into, "everybody may write to it")


def _unusable(into: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{into} cannot be the drop folder: {why}", reason="drop_folder",
        hint="[collector] into names a folder of the user this runs as, or of root, and no link",
    )  # fmt: skip


def _is_styled(found: os.stat_result, mode: int, gid: int) -> bool:
    return modes.S_IMODE(found.st_mode) == mode and gid in (-1, found.st_gid)


def _restyle(fd: int, mode: int, gid: int) -> None:
    """The group first, because a change of it may take away what the mode gives."""
    found = os.fstat(fd)
    if gid not in (-1, found.st_gid):
        os.fchown(fd, -1, gid)
    if modes.S_IMODE(os.fstat(fd).st_mode) != mode:
        os.fchmod(fd, mode)
