"""The drop folder: the only place that uploads write to.

The rules: folders are entered as `watcher.entering` says, so whoever may write there cannot lead a
write elsewhere; a new file appears whole, by a rename, and
until then under a hidden name that no source wants.
"""

import errno
import fcntl
import os
import secrets
import stat as modes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import ConfigurationError, TransientError
from watcher.entering import FOLDER, UNFOLLOWED, enter

PARTIAL = ".sessionwatch-upload-"
PIECE_BYTES = 1 << 20
_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
"""The root itself may be a link: where a source is, is the operator's word."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Drop:
    """`mode` is that of files; folders may be entered by whoever may read these."""

    def __init__(self, root: Path, mode: int) -> None:
        self._root = root
        self._mode = mode
        self._folder_mode = 0o700 | mode | (mode & 0o444) >> 2

    @contextmanager
    def folder(self, parts: Sequence[str], *, make: bool = False) -> Iterator[int]:
        """The folder at this place, open; made where it is missing if asked to. Raises
        `FileNotFoundError`, or `ConfigurationError` if something stands in the way."""
        with refusing():
            step = self._made if make else _step
            fd = enter(os.open(self._root, _ROOT), parts, step)
            try:
                yield fd
            finally:
                os.close(fd)

    @contextmanager
    def spool(self, folder: int) -> Iterator["Spool"]:
        """A hidden file in this folder to write to, gone at the end unless it was `placed`."""
        name = PARTIAL + secrets.token_hex(8)
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | UNFOLLOWED, 0o600, dir_fd=folder)
        spool = Spool(fd, folder, name)
        try:
            yield spool
        finally:
            if not spool.is_placed:
                with suppress(OSError):
                    os.unlink(name, dir_fd=folder)
            os.close(fd)

    def place(self, spool: "Spool", name: str) -> None:
        """Have it take this name, whatever had it before; on the disk when this returns."""
        os.fchmod(spool.fd, self._mode)
        os.fsync(spool.fd)
        os.rename(spool.name, name, src_dir_fd=spool.folder, dst_dir_fd=spool.folder)
        spool.is_placed = True
        os.fsync(spool.folder)

    def tidy(self) -> int:
        """Remove what kills left behind, wherever it is; how many. Not while anything is taken."""
        removed = 0
        for _, _, files, folder in os.fwalk(os.path.realpath(self._root)):
            for name in files:
                if name.startswith(PARTIAL):
                    with suppress(OSError):
                        os.unlink(name, dir_fd=folder)
                        removed += 1
        return removed

    def _made(self, name: str, within: int) -> int:
        """As `_step`, but a folder that is missing is made."""
        try:
            os.mkdir(name, 0o700, dir_fd=within)
        except FileExistsError:
            return _step(name, within)
        fd = _step(name, within)
        try:
            os.fchmod(fd, self._folder_mode)
            os.fsync(within)
        except BaseException:
            os.close(fd)
            raise
        return fd


def _step(name: str, within: int) -> int:
    return os.open(name, FOLDER, dir_fd=within)


class Spool:
    """A file that is not visible yet."""

    def __init__(self, fd: int, folder: int, name: str) -> None:
        self.fd, self.folder, self.name = fd, folder, name
        self.is_placed = False


def opened(name: str, folder: int) -> int | None:
    """The file of this name to read and write, or at least to read; the caller closes it. None if
    there is none. Raises `ConfigurationError` for what is no plain file."""
    for flags in (os.O_RDWR, os.O_RDONLY):
        try:
            fd = os.open(name, flags | UNFOLLOWED, dir_fd=folder)
        except FileNotFoundError:
            return None
        except (PermissionError, IsADirectoryError):
            continue
        if modes.S_ISREG(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
        break
    raise in_the_way()


def is_ours(fd: int) -> bool:
    """May it be added to in place? Under a second name it is somebody else's as well."""
    found = os.fstat(fd)
    return found.st_nlink == 1 and found.st_uid == os.geteuid() and _is_writable(fd)


def _is_writable(fd: int) -> bool:
    return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR


def pieces(fd: int, start: int, end: int) -> Iterator[bytes]:
    """The bytes between two offsets, as far as they are there."""
    while start < end and (piece := os.pread(fd, min(PIECE_BYTES, end - start), start)):
        yield piece
        start += len(piece)


def write_all(fd: int, data: bytes) -> None:
    """At the position of the descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


@contextmanager
def refusing() -> Iterator[None]:
    """What the system says, in words for whoever sent the upload."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise TransientError(
                "the disk of the drop folder is full", reason="disk_full", hint="make room there"
            ) from error
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise in_the_way() from error
        if isinstance(error, FileNotFoundError):
            raise
        raise TransientError(
            f"the drop folder cannot be used: {error.strerror}", reason="drop_folder",
            hint="see that the service may write there",
        ) from error  # fmt: skip


def in_the_way() -> ConfigurationError:
    return ConfigurationError(
        "a link, a folder or the like has this name", reason="conflict",
        hint="remove it from the drop folder",
    )  # fmt: skip
