"""One pass over a source: every session file below its root, and which folders could not be seen.

The rule: a file that was not found is only missing if its folder was listed. Links are never
followed, so nothing outside the root is found; what is named like a session and is none (a FIFO,
a folder, a link that leads out) is found as well, because it must be listed with a reason.
"""

import errno
import os
import stat as modes
from collections.abc import Callable, Iterator

from core.keys import SessionKey, escape_path
from core.ledger import FileStat
from watcher.wanted import Wanted

Found = tuple[SessionKey, FileStat]
_new = tuple.__new__


def file_stat(found: os.stat_result) -> FileStat:
    """What the ledger remembers. Of anything but a regular file that is the identity alone, so
    that a folder named like a session does not look changed whenever something is put in it."""
    if not modes.S_ISREG(found.st_mode):
        return FileStat(found.st_dev, found.st_ino, 0, 0, 0)
    # Not by its own constructor, which is Python code: a sweep makes one for every file.
    return _new(
        FileStat,
        (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns),
    )


class Walk(Iterator[Found]):
    """Iterate it once, then ask it what it could not see.

    `folder_count` says how many folders were listed; `unreadable` maps the others (escaped, below
    the root, with a `/` at the end) to the reason; `links_out` lists linked folders that lead out
    of every root and hold sessions nobody reads. Iterating raises `OSError` if the root (or the
    folder to start from) cannot be listed.
    """

    def __init__(
        self,
        source: str,
        root: str,
        wanted: Wanted,
        is_read_elsewhere: Callable[[str], bool],
        below: str = "",
    ) -> None:
        self.unreadable: dict[str, str] = {}
        self.links_out: list[str] = []
        self.finished = False
        self.folder_count = 0
        self._source = source
        self._root = os.path.join(root, below)
        self._below = f"{below}/" if below else ""
        self._prefix = escape_path(self._below)
        self._wanted = wanted
        self._is_read_elsewhere = is_read_elsewhere
        self._found = self._run()

    def __iter__(self) -> Iterator[Found]:
        return self._found

    def __next__(self) -> Found:
        return next(self._found)

    def unlisted(self, key: SessionKey) -> bool:
        """Might this file exist although it was not found?"""
        if not self.finished or key.source != self._source:
            return True
        if not key.path.startswith(self._prefix):
            return True
        return key.path.startswith(tuple(self.unreadable))

    def _run(self) -> Iterator[Found]:
        identity = _identity(self._root)
        folders = [(self._root, self._below)]
        while folders:
            yield from self._list(*folders.pop(), folders)
        if _identity(self._root) != identity:
            raise OSError(errno.ESTALE, "the root was replaced while it was walked", self._root)
        self.finished = True

    def _list(self, path: str, below: str, folders: list[tuple[str, str]]) -> list[Found]:
        """The session files of one folder, which lies at `below` below the root (ending with a
        `/`); its subfolders go on the list of `folders`."""
        source, wanted, prefix = self._source, self._wanted, escape_path(below)
        found: list[Found] = []
        try:
            with os.scandir(path) as entries:
                self.folder_count += 1
                for entry in entries:
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            if wanted.folder(below + entry.name):
                                folders.append((entry.path, f"{below}{entry.name}/"))
                        elif entry.is_symlink() and self._is_ignored(entry, below):
                            continue
                        if wanted.name(entry.name) and (
                            not wanted.by_path or wanted.path(below + entry.name)
                        ):
                            key = _new(SessionKey, (source, prefix + escape_path(entry.name)))
                            found.append((key, file_stat(entry.stat(follow_symlinks=False))))
                    except FileNotFoundError:
                        continue  # It vanished a moment ago.
                    except OSError as error:
                        self.unreadable[prefix] = _reason(error)
        except OSError as error:
            if prefix == self._prefix:
                raise
            if not isinstance(error, FileNotFoundError | NotADirectoryError):
                self.unreadable[prefix] = _reason(error)
        return found

    def _is_ignored(self, link: "os.DirEntry[str]", below: str) -> bool:
        """Is this link of no interest, because what it leads to is read by its own name?"""
        if self._wanted(below + link.name):
            return self._is_read_elsewhere(link.path)
        if link.is_dir() and not self._is_read_elsewhere(link.path):
            self.links_out.append(escape_path(below + link.name))
        return True


def _identity(folder: str) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def _reason(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, type(error).__name__)
