"""Entering folders one by one: no link is followed, and no descriptor stays open."""

import os
from pathlib import Path

import pytest

from watcher.entering import FOLDER, enter


def step(name: str, within: int) -> int:
    return os.open(name, FOLDER, dir_fd=within)


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_the_way_ends_in_its_last_folder_and_only_that_stays_open(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    before = len(open_descriptors())

    found = enter(os.open(tmp_path, FOLDER), ("a", "b"), step)

    assert len(open_descriptors()) == before + 1
    assert os.fstat(found).st_ino == (tmp_path / "a" / "b").stat().st_ino
    os.close(found)


def test_no_way_is_the_start_itself(tmp_path: Path) -> None:
    start = os.open(tmp_path, FOLDER)

    assert enter(start, (), step) == start
    os.close(start)


@pytest.mark.parametrize("names", [("a", "link"), ("a", "missing"), ("a", "file"), ("link", "b")])
def test_a_way_with_a_link_or_no_folder_in_it_fails_and_leaves_nothing_open(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "link").symlink_to("b")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "a" / "file").touch()
    before = len(open_descriptors())

    with pytest.raises(OSError):
        enter(os.open(tmp_path, FOLDER), names, step)

    assert len(open_descriptors()) == before
