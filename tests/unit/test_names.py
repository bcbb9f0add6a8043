"""Whether a file lives on under another name, by files and a clock in the hand."""

import errno
from collections.abc import Iterator
from typing import Any

import pytest

from core.keys import SessionKey
from core.ledger import FileStat
from service.names import WALK_SHARE, Names
from tests.tools.simulation import SimClock

OLD, NEW = SessionKey("s", "u/old.jsonl"), SessionKey("s", "u/new.jsonl")
INODE = (1, 7)


class Folder:
    """One source whose walks are counted and take as long as told to."""

    def __init__(self, clock: SimClock) -> None:
        self.found: dict[SessionKey, FileStat] = {}
        self.walks = 0
        self.takes_s = 0.0
        self.missing = False
        self._clock = clock

    def walk(self, source: str) -> Iterator[tuple[SessionKey, FileStat]]:
        self.walks += 1
        self._clock.seconds += self.takes_s
        if self.missing:
            raise OSError(errno.ENOENT, "No such file or directory")
        return iter(self.found.items())


@pytest.fixture
def clock() -> SimClock:
    return SimClock(100.0)


@pytest.fixture
def folder(clock: SimClock) -> Folder:
    return Folder(clock)


@pytest.fixture
def names(folder: Any, clock: SimClock) -> Names:
    return Names(folder, clock)


@pytest.mark.parametrize(
    ("key", "inode", "size", "lives"),
    [
        (NEW, 7, 10, True),
        (NEW, 7, 11, True),
        (NEW, 7, 9, False),  # A new file that was given its inode.
        (NEW, 8, 10, False),
        (OLD, 7, 10, False),  # The same name is no other one.
    ],
)
def test_a_file_lives_on_where_its_inode_is_as_large_under_another_name(
    names: Names, folder: Folder, key: SessionKey, inode: int, size: int, lives: bool
) -> None:
    folder.found = {key: FileStat(1, inode, size, 0, 0)}

    assert names.lives_on(OLD, {INODE}, 10) is lives


def test_in_doubt_it_lives_on(names: Names, folder: Folder) -> None:
    folder.missing = True

    assert names.lives_on(OLD, {INODE}, 10)


def test_walks_take_a_bounded_share_and_the_last_one_answers_meanwhile(
    names: Names, folder: Folder, clock: SimClock
) -> None:
    folder.takes_s = 2.0
    assert not names.lives_on(OLD, {INODE}, 10)
    folder.found = {NEW: FileStat(1, 7, 10, 0, 0)}
    clock.seconds += 2.0 * WALK_SHARE - 0.1
    early = names.lives_on(OLD, {INODE}, 10)
    clock.seconds += 0.1

    assert (early, names.lives_on(OLD, {INODE}, 10), folder.walks) == (False, True, 2)


def test_what_was_forgotten_is_walked_again(names: Names, folder: Folder) -> None:
    folder.takes_s = 2.0
    names.lives_on(OLD, {INODE}, 10)
    names.forget()
    names.lives_on(OLD, {INODE}, 10)

    assert folder.walks == 2
