"""Walks the homes: which users there are, and the session files of one.

The rules: a home belongs to one user, on one file system, and nothing of it is entered by a link
(`beneath`); a folder that cannot be read is told and left out, and costs its neighbours nothing.
"""

import os
import stat as modes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NamedTuple

from core.errors import PermanentError
from service.collecting import beneath
from service.collecting.beneath import Owner
from service.collecting.patterns import Choice, HomePattern, Parts

DEPTH_MAX = 32
"""Each level holds a folder open, so a user must not decide how many there are."""


class Place(NamedTuple):
    """A file or folder of a home: the folder with the homes, the home, and the path below it."""

    base: str
    user: str
    parts: Parts

    @property
    def path(self) -> str:
        """As the system spells it."""
        return "/".join((self.base, *filter(None, (self.user,)), *self.parts))


Entered = Callable[[int, Place], None]
"""Told of every folder that is entered, while it is open."""
Failed = Callable[[Place, Exception], None]


@dataclass(frozen=True, slots=True)
class Home:
    """An open home. `fd` is valid as long as `opened` says."""

    place: Place
    fd: int
    owner: Owner


class Found(NamedTuple):
    """A place that is wanted, and the open folder it is in. Not yet judged: it may be anything."""

    place: Place
    folder: int


def users(base: str, patterns: Sequence[HomePattern], entered: Entered) -> list[str]:
    """The names of the homes in a folder. Raises `OSError` if that cannot be listed."""
    fd = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        entered(fd, Place(base, "", ()))
        with os.scandir(fd) as entries:
            return sorted(
                entry.name
                for entry in entries
                if any(pattern.has_user(entry.name) for pattern in patterns)
                and (entry.is_symlink() or entry.is_dir(follow_symlinks=False))
            )
    finally:
        os.close(fd)


@contextmanager
def opened(base: str, user: str, min_uid: int) -> Iterator[Home | None]:
    """A home; None if it belongs to no user. Raises `PermanentError` (`symlink`) or `OSError`."""
    within = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = beneath.folder(user, within)
    finally:
        os.close(within)
    try:
        found = os.fstat(fd)
        owner = Owner(found.st_uid, found.st_dev)
        is_user = found.st_uid >= min_uid
        yield Home(Place(base, user, ()), fd, owner) if is_user else None
    finally:
        os.close(fd)


class Walk:
    """Iterates over the files of a home that a pattern means; what cannot be read or is a link goes
    to `failed`."""

    def __init__(
        self, home: Home, pattern: HomePattern, choice: Choice, entered: Entered, failed: Failed
    ) -> None:
        self._home = home
        self._pattern = pattern
        self._choice = choice
        self._entered = entered
        self._failed = failed

    def __iter__(self) -> Iterator[Found]:
        return self._folder(os.dup(self._home.fd), self._home.place)

    def _folder(self, fd: int, place: Place) -> Iterator[Found]:
        """What is in a folder, which is closed at the end."""
        try:
            self._entered(fd, place)
            for name, mode in self._names(fd, place.parts):
                inner = place._replace(parts=(*place.parts, name))
                if modes.S_ISDIR(mode):
                    yield from self._inner(fd, inner)
                elif modes.S_ISLNK(mode) and self._enters(inner):
                    self._failed(inner, beneath.refused("symlink"))
                elif self._choice.place(self._pattern, place.user, inner.parts):
                    yield Found(inner, fd)
        except OSError as error:
            self._failed(place, error)
        finally:
            os.close(fd)

    def _inner(self, within: int, place: Place) -> Iterator[Found]:
        if not self._enters(place):
            return
        try:
            if len(place.parts) > DEPTH_MAX:
                raise beneath.refused("too_deep")
            fd = beneath.folder(place.parts[-1], within, self._home.owner.device)
        except FileNotFoundError:
            return  # It vanished a moment ago.
        except (PermanentError, OSError) as error:
            self._failed(place, error)
            return
        yield from self._folder(fd, place)

    def _names(self, fd: int, parts: Parts) -> Iterator[tuple[str, int]]:
        """The names in a folder that may lead somewhere, with the type in their mode."""
        step = self._pattern.step(parts)
        if step:
            with suppress(FileNotFoundError):
                yield step, beneath.stat(step, fd).st_mode
            return
        with os.scandir(fd) as entries:
            for entry in entries:
                if self._pattern.leads((*parts, entry.name)):
                    yield entry.name, _type_of(entry)

    def _enters(self, place: Place) -> bool:
        return self._choice.enters(self._pattern, place.user, place.parts)


def _type_of(entry: "os.DirEntry[str]") -> int:
    """Without a system call: a sweep asks this of every file."""
    if entry.is_symlink():
        return modes.S_IFLNK
    return modes.S_IFDIR if entry.is_dir(follow_symlinks=False) else modes.S_IFREG
