"""Collecting while the service runs: a write in a home reaches the drop folder without a clock."""

import os
import sys

import pytest

from service.clock import SystemClock
from service.collecting import part
from service.collecting.part import Collecting
from tests.tools.homes import PROJECTS, World
from tests.tools.waiting import wait_for
from tests.tools.writers import append

linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def running(world, **values):
    seen = []
    given = {"settle_s": 0.01, **values}
    made = Collecting(world.settings(**given), SystemClock(), on_stats=seen.append)
    made.start()
    wait_for(lambda: seen)
    return made


@pytest.fixture
def collecting(world):
    world.session("ada", "p/s.jsonl", b"one\n")
    made = running(world)
    yield made
    assert made.stop(30.0)
    assert not made.alive


def copied(world, path, data):
    copy = world.drop / path
    wait_for(lambda: copy.exists() and copy.read_bytes() == data)


@linux
def test_a_write_is_copied_at_once(world, collecting):
    source = world.session("ada", "p/s.jsonl", b"one\n")
    for number in range(20):
        append(source, b"%d\n" % number)
        copied(world, "ada/p/s.jsonl", source.read_bytes())


@linux
def test_new_files_folders_and_subagents_are_noticed(world, collecting):
    world.session("ada", "p/new.jsonl", b"1\n")
    copied(world, "ada/p/new.jsonl", b"1\n")
    source = world.session("ada", "q/s/subagents/agent.jsonl", b"2\n")
    copied(world, "ada/q/s/subagents/agent.jsonl", b"2\n")
    append(source, b"3\n")
    copied(world, "ada/q/s/subagents/agent.jsonl", b"2\n3\n")


@linux
def test_a_folder_that_is_moved_into_place_is_noticed_and_followed(world, collecting):
    source = world.put("ada", "elsewhere/p/s.jsonl", b"1\n")
    (world.home / "ada/elsewhere").rename(world.home / "ada" / PROJECTS / "moved")
    copied(world, "ada/moved/p/s.jsonl", b"1\n")
    source = world.home / "ada" / PROJECTS / "moved/p/s.jsonl"
    append(source, b"2\n")
    copied(world, "ada/moved/p/s.jsonl", b"1\n2\n")


@linux
def test_a_user_whose_first_session_comes_later_is_noticed(world, collecting):
    world.put("ada", "x")
    world.put("ada", "user/sessions/s.jsonl", b"1\n")
    copied(world, "ada/s.jsonl", b"1\n")


@linux
def test_what_a_user_makes_private_meanwhile_is_copied_no_further(world, collecting):
    source = world.session("ada", "p/s.jsonl", b"one\n")
    world.put("ada", ".claude/private-sessions", b"s\n")
    append(source, b"secret\n")
    world.session("ada", "p/t.jsonl", b"open\n")

    copied(world, "ada/p/t.jsonl", b"open\n")
    assert world.copies()["ada/p/s.jsonl"] == b"one\n"


@linux
def test_a_link_is_neither_followed_nor_watched(world, collecting, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    watched = collecting._events.watch_count
    (world.home / "ada" / PROJECTS / "link").symlink_to(elsewhere)
    (elsewhere / "s.jsonl").write_bytes(b"secret\n")
    world.session("ada", "p/t.jsonl", b"1\n")

    copied(world, "ada/p/t.jsonl", b"1\n")
    assert collecting._events.watch_count == watched
    assert "ada/link/s.jsonl" not in world.copies()


@linux
def test_more_changes_than_are_noted_become_one_look_at_everything(world, monkeypatch):
    monkeypatch.setattr(part, "TOUCHED_MAX", 3)
    world.session("ada", "p/s.jsonl", b"one\n")
    collecting = running(world, settle_s=1.0)
    try:
        for number in range(10):
            world.session("ada", f"p/{number}.jsonl", b"1\n")
        for number in range(10):
            copied(world, f"ada/p/{number}.jsonl", b"1\n")
    finally:
        assert collecting.stop(30.0)


def test_without_events_a_run_finds_everything(world):
    source = world.session("ada", "p/s.jsonl", b"one\n")
    collecting = running(world, watch=False)
    try:
        append(source, b"two\n")
        assert collecting.run_now().files_copied == 1
        assert (world.drop / "ada/p/s.jsonl").read_bytes() == b"one\ntwo\n"
        assert collecting.alive
    finally:
        assert collecting.stop(30.0)


def test_a_drop_folder_that_cannot_be_used_ends_no_thread(world, caplog, monkeypatch):
    monkeypatch.setattr(part, "TRY_AGAIN_S", 0.01)
    world.drop.write_bytes(b"")
    collecting = Collecting(world.settings(), SystemClock())
    collecting.start()
    try:
        wait_for(lambda: caplog.messages.count("collect_failed") > 1)
        assert collecting.alive
        world.drop.unlink()
        world.session("ada", "p/s.jsonl", b"one\n")
        copied(world, "ada/p/s.jsonl", b"one\n")
    finally:
        assert collecting.stop(30.0)


def test_a_stop_leaves_no_descriptor_and_no_thread(world):
    world.session("ada", "p/s.jsonl")
    before = len(os.listdir("/proc/self/fd"))

    assert running(world).stop(30.0)

    assert len(os.listdir("/proc/self/fd")) == before
