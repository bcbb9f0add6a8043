"""Folders watched by their descriptor, with the real inotify."""

import os
import sys
import threading
from pathlib import Path

import pytest

from tests.tools.waiting import wait_for
from watcher.folders import Change, FolderEvents

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


@pytest.fixture
def told():
    return []


@pytest.fixture
def events(told):
    made = FolderEvents(told.append, lambda: told.append("lost"))
    made.start()
    yield made
    assert made.stop(30.0)


def add(events, folder, place, **how):
    fd = os.open(folder, os.O_RDONLY)
    events.add(fd, place, **how)
    os.close(fd)


def test_what_happens_in_a_folder_is_told_under_the_name_it_was_given(events, told, tmp_path):
    add(events, tmp_path, "here")
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder").mkdir()

    wait_for(lambda: Change("here", "folder", is_folder=True) in told)
    assert Change("here", "file", is_folder=False) in told


def test_a_folder_is_watched_as_it_is_and_not_under_its_name(events, told, tmp_path):
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    add(events, folder, "folder")
    folder.rename(tmp_path / "moved")
    folder.symlink_to(elsewhere)

    (folder / "theirs").write_bytes(b"x")
    (tmp_path / "moved/ours").write_bytes(b"x")
    wait_for(lambda: told)
    assert {change.name for change in told} == {"ours"}


def test_where_only_names_matter_writes_are_not_told(events, told, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    add(events, tmp_path, "here", names_only=True)
    (tmp_path / "file").write_bytes(b"y")
    (tmp_path / "new").mkdir()

    wait_for(lambda: told)
    assert told == [Change("here", "new", is_folder=True)]


def test_a_folder_that_is_gone_is_watched_no_more(events, told, tmp_path):
    (tmp_path / "folder").mkdir()
    add(events, tmp_path / "folder", "folder")
    assert events.watch_count == 1
    (tmp_path / "folder").rmdir()

    wait_for(lambda: events.watch_count == 0)


def test_what_cannot_be_watched_is_counted(events, tmp_path, caplog):
    (tmp_path / "file").write_bytes(b"x")
    for _ in range(2):
        add(events, tmp_path / "file", "no folder")

    assert events.refused_count == 2
    assert caplog.messages == ["folders_not_watched"]


def test_events_that_are_lost_are_said_to_be(tmp_path):
    gate, lost = threading.Event(), threading.Event()
    events = FolderEvents[str](lambda change: bool(gate.wait(60.0)), lost.set)
    events.start()
    try:
        add(events, tmp_path, "here")
        with (tmp_path / "a").open("wb", 0) as one, (tmp_path / "b").open("wb", 0) as other:
            for _ in range(int(QUEUE.read_text())):
                one.write(b"x")
                other.write(b"x")
        gate.set()
        assert lost.wait(60.0)
    finally:
        assert events.stop(30.0)
