"""Session files on a real file system: `core.seams.Files` as the service uses it.

The rules: a file is read only under the one name that `walk` finds it by; no link is followed on
the way to it, so a key never leads out of its root; and reading never blocks on what is not a
regular file. A root that is missing says nothing about its files (`SourceMissing`).
"""

import errno
import hashlib
import os
import re
import stat as modes
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from core.errors import ConfigurationError, PermanentError
from core.keys import SessionKey, escape_path, unescape_path, user_of
from core.ledger import FileStat
from core.seams import OpenFile
from watcher.content import content
from watcher.entering import UNFOLLOWED, enter
from watcher.fileclock import FileClock
from watcher.walk import Walk, file_stat
from watcher.wanted import Wanted

SESSION_FILES = ("*.jsonl", "*.jsonl.gz", "*.jsonl.zst")

# O_PATH needs no right to list a folder, only to pass it.
_FOLDER = os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
_FILE = os.O_RDONLY | UNFOLLOWED
_NO_SUCH_PATH = (errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


class SourceMissing(OSError):
    """The source's root is not there (or not configured), which says nothing about its files:
    note nothing, the sweep after its return will."""


@dataclass(frozen=True, slots=True)
class Source:
    """A root whose session files are read, under a name that tells equal paths apart.

    `user`: whose files they are, where that is not the first folder below the root. `include`
    and `exclude`: patterns of paths below the root (`watcher.wanted`). `agent`: the dialect of all
    its files, where that is not for their content to say.
    """

    name: str
    root: Path
    user: str | None = None
    patterns: tuple[str, ...] = SESSION_FILES
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    agent: str = ""

    @classmethod
    def at(
        cls,
        root: str | Path,
        name: str = "",
        *,
        user: str | None = None,
        patterns: Iterable[str] = SESSION_FILES,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        agent: str = "",
    ) -> "Source":
        """A source for any path; without a name it gets one from the folder it really is."""
        path = Path(os.path.abspath(root))
        chosen = (tuple(patterns), tuple(include), tuple(exclude))
        return cls(name or _default_name(path), path, user, *chosen, agent)


class Disk:
    """The files of all sources. `scratch`: a private folder to read the file system's clock in."""

    def __init__(self, sources: Iterable[Source], scratch: Path | None = None) -> None:
        self.sources = tuple(sources)
        _refuse_overlap(self.sources)
        self._by_name = {source.name: source for source in self.sources}
        self._wanted = {
            source.name: Wanted(source.patterns, source.include, source.exclude)
            for source in self.sources
        }
        self._clock = FileClock(scratch)

    def stat(self, key: SessionKey) -> FileStat:
        """What `walk` would say of this file; `FileNotFoundError` if it would not find it."""
        with self._folder_of(key) as (folder, name):
            return file_stat(self._found(key, folder, name))

    @contextmanager
    def open(self, key: SessionKey) -> Iterator[OpenFile]:
        """See `core.seams.Files`. A file that may not be read raises `PermissionError`."""
        with self._folder_of(key) as (folder, name):
            _refuse_irregular(key, self._found(key, folder, name))
            fd = os.open(name, _FILE, dir_fd=folder)
        try:
            found = os.fstat(fd)
            _refuse_irregular(key, found)
            stat = file_stat(found)
            yield content(name, fd, stat, self._clock.age_ns(stat))
        finally:
            os.close(fd)

    def walk(self, source: str, below: str = "") -> Walk:
        """Every session file of the source, or of one folder in it (not escaped, no link)."""
        root = os.fspath(self._source(source).root)
        return Walk(source, root, self._wanted[source], self._is_read_elsewhere, below)

    def key_of(self, path: str | Path) -> SessionKey | None:
        """The key of an absolute path; None if no source has it or wants it."""
        path = os.path.normpath(path)
        for source in self.sources:
            for root in (os.fspath(source.root), os.path.realpath(source.root)):
                if path.startswith(os.path.join(root, "")):
                    return self.key_below(source.name, os.path.relpath(path, root))
        return None

    def key_below(self, source: str, path: str) -> SessionKey | None:
        """The key of a path relative to the source's root; None if the file is not wanted."""
        if not self._wanted[source](path):
            return None
        return SessionKey(source, escape_path(path))

    def refuse(self, refuses: Callable[[str], bool]) -> None:
        """Files of users (`user_of`) that this fits are not wanted, from now on."""
        for source in self.sources:
            fixed = source.user

            def by_path(path: str, fixed: str | None = fixed) -> bool:
                return refuses(user_of(escape_path(path)) if fixed is None else fixed)

            self._wanted[source.name].refuse(by_path)

    def remove(self, key: SessionKey) -> None:
        """Delete a session file. Raises `OSError`; a folder swapped for a link is not followed."""
        root = self._source(key.source).root
        *folders, name = unescape_path(key.path).split("/")
        fd = _enter(_open_root(root), folders)
        try:
            os.unlink(name, dir_fd=fd)
        finally:
            os.close(fd)

    def user_of(self, key: SessionKey) -> str:
        """Whose file it is."""
        source = self._by_name.get(key.source)
        return user_of(key.path) if source is None or source.user is None else source.user

    def agent_of(self, key: SessionKey) -> str:
        """The dialect it is read in; empty if its content says."""
        source = self._by_name.get(key.source)
        return source.agent if source else ""

    def _source(self, name: str) -> Source:
        try:
            return self._by_name[name]
        except KeyError:
            raise SourceMissing(errno.ENODEV, "no such source", name) from None

    def _is_read_elsewhere(self, link: str) -> bool:
        """Does this link lead to something that is found by its own name?"""
        real = os.path.realpath(link)
        if os.path.isdir(real):
            return any(_is_within(real, source.root) for source in self.sources)
        return self.key_of(real) is not None

    @contextmanager
    def _folder_of(self, key: SessionKey) -> Iterator[tuple[int, str]]:
        """The file's folder, entered from the root link by link, and its name in there."""
        root = self._source(key.source).root
        *folders, name = self._parts(key)
        fd = _enter(_open_root(root), folders)
        try:
            yield fd, name
        finally:
            os.close(fd)

    def _parts(self, key: SessionKey) -> list[str]:
        """The names on the way to the file; a key that no walk could yield is no file's."""
        try:
            path = unescape_path(key.path)
            found = self.key_below(key.source, path)
        except UnicodeError:  # Not even the name of a file.
            found = None
        if found != key or "\0" in path or not {"", ".", ".."}.isdisjoint(path.split("/")):
            raise FileNotFoundError(errno.ENOENT, "no session file has this name", str(key))
        return path.split("/")

    def _found(self, key: SessionKey, folder: int, name: str) -> os.stat_result:
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            _raise_if_missing(error)
            raise
        if modes.S_ISLNK(found.st_mode):
            path = os.path.join(self._source(key.source).root, unescape_path(key.path))
            if self._is_read_elsewhere(path):
                raise FileNotFoundError(errno.ENOENT, "read by the name it links to", str(key))
        return found


def _enter(fd: int, folders: Iterable[str]) -> int:
    """As `watcher.entering`, in the words of our contract."""
    try:
        return enter(fd, folders, _step)
    except OSError as error:
        _raise_if_missing(error)
        raise


def _step(name: str, within: int) -> int:
    return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=within)


def _raise_if_missing(error: OSError) -> None:
    """There are many ways to say that no file is there; the contract knows one."""
    if error.errno in _NO_SUCH_PATH:
        raise FileNotFoundError(errno.ENOENT, error.strerror, error.filename) from error


def _open_root(root: Path) -> int:
    try:
        return os.open(root, _FOLDER)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceMissing(errno.ENODEV, "the root is missing", str(root)) from error


def _refuse_irregular(key: SessionKey, found: os.stat_result) -> None:
    if modes.S_ISREG(found.st_mode):
        return
    if modes.S_ISLNK(found.st_mode):
        raise PermanentError(
            f"{key} is a link to a file that no source reads",
            reason="symlink_outside_root",
            hint="put the file itself below the root, or add its folder as a source",
        )
    raise PermanentError(f"{key} is not a regular file", reason="not_a_regular_file")


def _refuse_overlap(sources: tuple[Source, ...]) -> None:
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"two sources are called {name!r}", hint="rename one")
    for outer, inner in pairwise(sorted(_real_folder(source.root) for source in sources)):
        if inner.startswith(outer):
            raise ConfigurationError(
                f"{inner} lies within {outer}, so its files would be counted twice",
                hint="name only one of the two roots",
            )


def _real_folder(path: str | Path) -> str:
    """With a `/` at the end, so that a folder's path starts with that of what it is in."""
    return os.path.join(os.path.realpath(path), "")


def _is_within(folder: str, root: Path) -> bool:
    return _real_folder(folder).startswith(_real_folder(root))


def _default_name(root: Path) -> str:
    real = os.path.realpath(root)
    folder = re.sub(r"[^\w.-]", "-", os.path.basename(real)) or "root"
    return f"{folder}-{hashlib.blake2b(os.fsencode(real), digest_size=4).hexdigest()}"
