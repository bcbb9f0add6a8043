"""Collecting from homes on a real file system: what is copied, what is refused, what stays as it
is."""

import grp
import os
import socket
import subprocess
import sys
import time

import pytest

from core.errors import ConfigurationError, TransientError
from service.collecting import beneath, copying, drop, homes
from service.collecting.collector import SKIP_VARIABLE, Collector
from service.collecting.drop import PARTIAL
from tests.tools.homes import IS_ROOT, PROJECTS, World, needs_root, reasons, tree
from tests.tools.writers import append


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


# What is copied.


def test_files_of_all_layouts_and_users_are_copied_with_their_path_below_the_pattern(world):
    world.session("ada", "p/s.jsonl", b"1\n")
    world.session("ada", "p/s/subagents/agent-a.jsonl", b"2\n")
    world.put("bob", "user/sessions/t.jsonl", b"3\n")
    world.put("bob", "user/sessions/deep/no.jsonl")
    world.session("bob", "p/no.txt")
    world.put("bob", ".claude/history.jsonl")

    stats = world.run()

    assert world.copies() == {
        "ada/p/s.jsonl": b"1\n",
        "ada/p/s/subagents/agent-a.jsonl": b"2\n",
        "bob/t.jsonl": b"3\n",
    }
    assert stats.as_dict() == {
        "users_processed": 2, "files_copied": 3, "files_skipped": 0, "errors": 0,
        "bytes_copied": 6, "errors_detail": [],
    }  # fmt: skip


def test_a_second_run_copies_nothing(world):
    world.session("ada", "p/s.jsonl")
    world.run()
    before = tree(world.drop)

    stats = world.run()

    assert (stats.files_copied, stats.files_skipped, stats.bytes_copied) == (0, 1, 0)
    assert tree(world.drop) == before


def test_a_file_that_grew_is_appended_to_in_place(world):
    source = world.session("ada", "p/s.jsonl", b"one\n" * 1000)
    world.run()
    inode = (world.drop / "ada/p/s.jsonl").stat().st_ino
    append(source, b"two\n")

    stats = world.run()

    assert (stats.files_copied, stats.bytes_copied) == (1, 4)
    assert world.copies() == {"ada/p/s.jsonl": b"one\n" * 1000 + b"two\n"}
    assert (world.drop / "ada/p/s.jsonl").stat().st_ino == inode


@pytest.mark.parametrize("now", [b"other\n", b"on", b"", b"One\ntwo\nthree\n", b"two\n"])
def test_a_file_that_was_rewritten_is_replaced_in_one_step(world, now):
    source = world.session("ada", "p/s.jsonl", b"one\n")
    world.run()
    inode = (world.drop / "ada/p/s.jsonl").stat().st_ino
    source.write_bytes(now)

    world.run()

    assert world.copies() == {"ada/p/s.jsonl": now}
    assert (world.drop / "ada/p/s.jsonl").stat().st_ino != inode


def test_a_copy_that_the_predecessor_made_and_froze_is_gone_on_with(world):
    world.put("ada", "user/sessions/s.jsonl", b"one\ntwo\n")
    copy = world.drop / "ada/s.jsonl"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"one\n")
    copy.chmod(0o600)

    assert world.run().bytes_copied == 4
    assert copy.read_bytes() == b"one\ntwo\n"
    assert copy.stat().st_mode & 0o7777 == 0o640


def test_a_copy_stays_when_its_source_vanishes(world):
    source = world.session("ada", "p/s.jsonl", b"one\n")
    world.run()
    source.unlink()

    assert world.run().errors == 0
    assert world.copies() == {"ada/p/s.jsonl": b"one\n"}


def test_a_copy_gets_the_time_of_its_source_once_that_is_at_rest(world, monkeypatch):
    """Only then may size and time speak for the content."""
    source = world.session("ada", "p/s.jsonl")
    world.run()
    copy = world.drop / "ada/p/s.jsonl"
    assert copy.stat().st_mtime_ns != source.stat().st_mtime_ns

    monkeypatch.setattr(copying, "TRUSTED_NS", -1)
    world.run()
    assert copy.stat().st_mtime_ns == source.stat().st_mtime_ns


def test_a_change_in_the_middle_is_found_by_the_next_whole_run(world):
    size = 4 * copying.ENDS_BYTES
    source = world.session("ada", "p/s.jsonl", b"a" * size)
    collector = world.collector()
    collector.run()
    with source.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"X")
    append(source, b"end\n")
    place = homes.Place(str(world.home), "ada", (".claude", "projects", "p", "s.jsonl"))

    collector.collect([place])
    assert world.copies()["ada/p/s.jsonl"] == b"a" * size + b"end\n"
    collector.run()

    assert world.copies()["ada/p/s.jsonl"] == source.read_bytes()


def test_one_file_may_be_collected_alone(world):
    world.session("ada", "p/s.jsonl", b"1\n")
    world.session("ada", "p/t.jsonl", b"2\n")
    parts = (".claude", "projects", "p")
    base = str(world.home)

    stats = world.collector().collect(
        [homes.Place(base, "ada", (*parts, name)) for name in ("t.jsonl", "gone.jsonl", "x.txt")]
    )

    assert (stats.files_copied, stats.errors) == (1, 0)
    assert world.copies() == {"ada/p/t.jsonl": b"2\n"}


def test_modes_are_those_of_the_settings_whatever_the_umask(world):
    world.session("ada", "p/s.jsonl")
    before = os.umask(0o077)
    try:
        world.run(file_mode="0644", folder_mode="2755")
    finally:
        os.umask(before)

    paths = (world.drop, world.drop / "ada", world.drop / "ada/p", world.drop / "ada/p/s.jsonl")
    assert [oct(path.stat().st_mode & 0o7777) for path in paths] == ["0o2755"] * 3 + ["0o644"]
    world.run(file_mode="0600", folder_mode="0700")
    assert [oct(path.stat().st_mode & 0o7777) for path in paths[1:]] == ["0o700"] * 2 + ["0o600"]


@needs_root
def test_the_group_is_that_of_the_settings(world):
    group = next(one for one in grp.getgrall() if one.gr_gid not in (0, os.getegid()))
    world.session("ada", "p/s.jsonl")

    world.run(group=group.gr_name)

    paths = (world.drop, world.drop / "ada/p", world.drop / "ada/p/s.jsonl")
    assert {path.stat().st_gid for path in paths} == {group.gr_gid}
    assert (world.drop / "ada/p").stat().st_mode & 0o7777 == 0o2750


def test_a_group_that_is_missing_is_warned_of_and_no_more(world, caplog):
    world.session("ada", "p/s.jsonl")

    assert world.run(group="no-such-group").files_copied == 1
    assert "collector_group_missing" in caplog.messages


# What is left alone.


@pytest.mark.parametrize("exists", [False, True])
def test_a_dry_run_touches_nothing_at_all(world, exists):
    world.session("ada", "p/new.jsonl", b"1\n")
    grown = world.session("ada", "p/grown.jsonl", b"1\n")
    other = world.session("bob", "p/other.jsonl", b"1\n")
    if exists:
        world.run()
        world.session("ada", "q/newer.jsonl", b"123\n")
        append(grown, b"22\n")
        other.write_bytes(b"9\n")
    before = tree(world.home), tree(world.drop.parent)

    stats = world.run(dry_run=True)

    expected = (3, 1, 9) if exists else (3, 0, 6)
    assert (stats.files_copied, stats.files_skipped, stats.bytes_copied) == expected
    assert (tree(world.home), tree(world.drop.parent)) == before


@pytest.mark.parametrize("word", ["1", "true", "TRUE", " 1 "])
def test_the_predecessors_switch_is_honoured(world, word):
    world.session("ada", "p/s.jsonl")

    stats = Collector(world.settings(), environ={SKIP_VARIABLE: word}).run()

    assert stats.as_dict() == {
        "users_processed": 0, "files_copied": 0, "files_skipped": 0, "errors": 0,
        "bytes_copied": 0, "errors_detail": [], "skipped": True,
    }  # fmt: skip
    assert not world.drop.exists()


def test_other_words_switch_nothing_off(world):
    world.session("ada", "p/s.jsonl")

    assert Collector(world.settings(), environ={SKIP_VARIABLE: "yes"}).run().files_copied == 1


def test_private_sessions_stay_where_they_are(world):
    world.session("ada", "p/open.jsonl")
    world.session("ada", "p/1a2b.jsonl")
    world.session("ada", "p/1a2b/subagents/agent-x.jsonl")
    world.session("bob", "p/1a2b.jsonl")
    world.put("ada", ".claude/private-sessions", b"# mine\n1a2b\n")

    stats = world.run()

    assert sorted(world.copies()) == ["ada/p/open.jsonl", "bob/p/1a2b.jsonl"]
    assert (stats.files_skipped, stats.errors) == (2, 0)


def test_a_private_list_that_cannot_be_read_keeps_all_of_its_user_private(world):
    world.session("ada", "p/s.jsonl")
    world.session("bob", "p/s.jsonl")
    world.put("ada", "elsewhere", b"")
    (world.home / "ada/.claude/private-sessions").symlink_to("../elsewhere")
    world.own("ada", world.home / "ada/.claude/private-sessions")

    stats = world.run()

    assert list(world.copies()) == ["bob/p/s.jsonl"]
    assert reasons(stats) == [("ada", "private_list_unreadable")]


def test_what_the_settings_exclude_is_not_copied(world):
    for user, path in (("ada", "p/s.jsonl"), ("ada", "drafts/s.jsonl"), ("eve", "p/s.jsonl")):
        world.session(user, path)

    stats = world.run(exclude=("*/drafts/*", "eve/*"))

    assert list(world.copies()) == ["ada/p/s.jsonl"]
    assert stats.users_processed == 1


@needs_root
def test_homes_of_system_users_are_none(world):
    world.session("ada", "p/s.jsonl")
    world.session("backup", "p/s.jsonl")
    os.chown(world.home / "backup", 34, 34)

    assert world.run().errors == 0
    assert list(world.copies()) == ["ada/p/s.jsonl"]


def test_of_two_files_for_one_place_the_first_pattern_is_meant(world):
    first = world.session("ada", "s.jsonl", b"first\n")
    world.put("ada", "user/sessions/s.jsonl", b"second\n")

    assert [reasons(world.run()) for _ in range(2)] == [[("ada", "place_taken")]] * 2
    assert world.copies() == {"ada/s.jsonl": first.read_bytes()}


def test_only_so_many_bytes_are_copied_in_a_run_and_users_share_them(world):
    for user in ("ada", "bob"):
        world.session(user, "p/s.jsonl", user.encode() * 100)

    sizes = []
    for _ in range(4):
        assert world.run(run_max_bytes=200).bytes_copied <= 200
        sizes.append({path: len(data) for path, data in world.copies().items()})

    assert sizes[0] == {"ada/p/s.jsonl": 100, "bob/p/s.jsonl": 100}
    assert sizes[-1] == {"ada/p/s.jsonl": 300, "bob/p/s.jsonl": 300}


# Who cannot be trusted.


def test_links_are_refused_wherever_they_are(world, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "s.jsonl").write_bytes(b"secret\n")
    world.session("ada", "p/s.jsonl")
    (world.home / "ada" / PROJECTS / "p/file.jsonl").symlink_to(secret / "s.jsonl")
    (world.home / "ada" / PROJECTS / "folder").symlink_to(secret)
    world.put("bob", "x")
    (world.home / "bob/.claude").symlink_to(secret)
    world.put("cy", ".claude/x")
    (world.home / "cy/.claude/projects").symlink_to(secret)
    (world.home / "dee").symlink_to(world.home / "ada")

    stats = world.run()

    assert list(world.copies()) == ["ada/p/s.jsonl"]
    assert {user for user, _ in reasons(stats)} == {"ada", "bob", "cy", "dee"}
    assert stats.errors == len(stats.errors_detail)
    # In bob's home the way to the private list is a link as well.
    assert {why for _, why in reasons(stats)} == {"symlink", "private_list_unreadable"}


def test_what_is_no_file_is_refused_without_waiting(world, monkeypatch):
    world.session("ada", "p/s.jsonl")
    folder = world.home / "ada" / PROJECTS / "p"
    os.mkfifo(folder / "fifo.jsonl")
    with socket.socket(socket.AF_UNIX) as server:
        # A socket's path may have 107 bytes, and the test's folder alone can have more.
        monkeypatch.chdir(folder)
        server.bind("socket.jsonl")
    if IS_ROOT:
        os.mknod(folder / "zero.jsonl", 0o20666, os.makedev(1, 5))

    stats = world.run()

    assert list(world.copies()) == ["ada/p/s.jsonl"]
    assert reasons(stats) == [("ada", "not_a_regular_file")] * (2 + IS_ROOT)


def test_a_file_with_a_second_name_is_refused(world):
    source = world.session("ada", "p/s.jsonl")
    os.link(source, world.home / "ada/other")

    assert reasons(world.run()) == [("ada", "hard_linked")]


@needs_root
def test_a_file_of_somebody_else_is_refused(world):
    os.chown(world.session("ada", "p/s.jsonl"), 0, 0)

    assert reasons(world.run()) == [("ada", "foreign_owner")]
    assert world.copies() == {}


def test_a_file_that_is_too_large_is_refused(world):
    with world.session("ada", "p/s.jsonl").open("r+b") as file:
        file.truncate(1 << 40)

    assert reasons(world.run()) == [("ada", "too_large")]


def test_a_tree_without_end_is_left_where_it_gets_too_deep(world):
    world.session("ada", "p/s.jsonl")
    world.session("ada", "/".join(["d"] * (homes.DEPTH_MAX + 2)) + "/s.jsonl")

    assert reasons(world.run()) == [("ada", "too_deep")]
    assert list(world.copies()) == ["ada/p/s.jsonl"]


def test_a_folder_that_cannot_be_read_costs_nobody_else_anything(world, monkeypatch):
    for user in ("ada", "bob", "cy"):
        world.session(user, "p/s.jsonl")
    enter = beneath.folder

    def unreadable(name, within, device=None):
        if name == "bob":
            raise PermissionError(13, "Permission denied")
        return enter(name, within, device)

    monkeypatch.setattr(beneath, "folder", unreadable)

    stats = world.run()
    assert reasons(stats) == [("bob", "EACCES")]
    assert sorted(world.copies()) == ["ada/p/s.jsonl", "cy/p/s.jsonl"]


SWAPPING = """
import os, sys
folder, aside, secret = sys.argv[1:]
while True:
    os.rename(folder, aside)
    os.symlink(secret, folder)
    os.unlink(folder)
    os.rename(aside, folder)
"""
"""A user who makes a folder a link and a folder again, as fast as that goes."""


@pytest.mark.parametrize("level", ["p", "../projects", "../../.claude"])
def test_whoever_swaps_a_folder_for_a_link_gets_nothing_copied_from_there(world, tmp_path, level):
    secret = tmp_path / "secret"
    # The attacker's own, so that nothing but the link speaks against it.
    for below in ("", "projects/p", "p"):
        (secret / below).mkdir(parents=True, exist_ok=True)
        (secret / below / "s.jsonl").write_bytes(b"secret\n")
        world.give("ada", secret / below / "s.jsonl")
    for number in range(20):
        world.session("ada", f"p/{number}.jsonl")
    folder = (world.home / "ada" / PROJECTS / level).resolve()
    aside = folder.with_name("aside")
    attacker = subprocess.Popen([sys.executable, "-c", SWAPPING, folder, aside, secret])
    seen: list[int] = []
    try:
        collector = world.collector()
        ends_s = time.monotonic() + 60.0
        while len(seen) < 300 or (not any(seen) and time.monotonic() < ends_s):
            seen.append(len(collector.run().errors_detail))
    finally:
        attacker.kill()
        attacker.wait()
    if not folder.is_dir() or folder.is_symlink():  # The kill may have come between two moves.
        folder.unlink(missing_ok=True)
        aside.rename(folder)

    assert max(seen) > 0, "the link was never met"
    assert b"secret\n" not in world.copies().values()
    assert collector.run().errors == 0
    assert {f"ada/p/{number}.jsonl" for number in range(20)} <= world.copies().keys()


@pytest.mark.parametrize("moment", ["after the folder was entered", "after the file was judged"])
def test_a_swap_at_the_worst_moment_leads_nowhere(world, tmp_path, monkeypatch, moment):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "s.jsonl").write_bytes(b"secret\n")
    world.give("ada", secret / "s.jsonl")
    source = world.session("ada", "p/s.jsonl", b"mine\n")
    stat = beneath.stat

    def swapped(name, within):
        found = stat(name, within)
        if name == "s.jsonl" and source.exists() and not source.is_symlink():
            if moment == "after the file was judged":
                source.unlink()
                source.symlink_to(secret / "s.jsonl")
            else:
                source.parent.rename(source.parent.with_name("aside"))
                source.parent.symlink_to(secret)
        return found

    monkeypatch.setattr(beneath, "stat", swapped)
    world.run()

    assert b"secret\n" not in world.copies().values()


# The drop folder, to which others may write.


@pytest.mark.parametrize("kind", ["link", "second name", "folder", "fifo"])
def test_a_copy_that_was_made_something_else_is_not_written_to(world, tmp_path, kind):
    victim = tmp_path / "victim"
    victim.write_bytes(b"one\n")
    world.session("ada", "p/s.jsonl", b"one\ntwo\n")
    copy = world.drop / "ada/p/s.jsonl"
    copy.parent.mkdir(parents=True)
    {
        "link": lambda: copy.symlink_to(victim),
        "second name": lambda: os.link(victim, copy),
        "folder": copy.mkdir,
        "fifo": lambda: os.mkfifo(copy),
    }[kind]()

    stats = world.run()

    [(_, reason)] = reasons(stats)
    assert reason.startswith("copy_")
    assert victim.read_bytes() == b"one\n"


@pytest.mark.parametrize("level", ["ada", "ada/p"])
def test_a_link_in_the_drop_folder_leads_no_write_elsewhere(world, tmp_path, level):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    world.session("ada", "p/s.jsonl")
    link = world.drop / level
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)

    assert reasons(world.run()) == [("ada", "symlink")]
    assert list(elsewhere.iterdir()) == []


@needs_root
def test_folders_of_others_in_the_drop_folder_are_not_written_to(world):
    world.session("ada", "p/s.jsonl")
    (world.drop / "ada").mkdir(parents=True)
    os.chown(world.drop / "ada", 2000, 2000)

    assert reasons(world.run()) == [("ada", "drop_folder_not_ours")]


@pytest.mark.parametrize("kind", ["file", "link", "open to all"])
def test_a_drop_folder_that_cannot_be_trusted_is_refused(world, tmp_path, kind):
    if kind == "file":
        world.drop.write_bytes(b"")
    elif kind == "link":
        world.drop.symlink_to(tmp_path)
    else:
        world.drop.mkdir()
        world.drop.chmod(0o777)

    with pytest.raises(ConfigurationError) as refused:
        world.run()
    assert refused.value.reason == "drop_folder"


def test_two_runs_into_one_folder_do_not_mix(world):
    world.session("ada", "p/s.jsonl")
    settings = world.settings()
    style = drop.Style(0o640, 0o2750)

    with drop.opened(settings.into, style, dry_run=False):
        with pytest.raises(TransientError) as busy:
            world.run()
        assert busy.value.reason == "collecting"
    assert world.run().files_copied == 1


def test_what_a_kill_left_behind_is_removed(world):
    world.session("ada", "p/s.jsonl")
    world.run()
    for folder in ("ada", "ada/p", "gone/q"):
        (world.drop / folder).mkdir(parents=True, exist_ok=True)
        (world.drop / folder / PARTIAL).write_bytes(b"half")

    world.run()

    assert list(world.copies()) == ["ada/p/s.jsonl"]


def test_a_stop_ends_the_run_between_two_files(world):
    for number in range(5):
        world.session("ada", f"p/{number}.jsonl")
    asked = []

    def stopping():
        asked.append(1)
        return len(asked) > 6

    world.collector().run(stopping=stopping)
    assert 0 < len(world.copies()) < 5
    world.run()
    assert len(world.copies()) == 5


def test_no_descriptor_is_left_open(world):
    world.session("ada", "p/s.jsonl")
    (world.home / "ada" / PROJECTS / "link").symlink_to("p")
    os.mkfifo(world.home / "ada" / PROJECTS / "f.jsonl")
    collector = world.collector()
    collector.run()
    before = len(os.listdir("/proc/self/fd"))

    for _ in range(3):
        collector.run()
        collector.collect([homes.Place(str(world.home), "ada", (".claude", "projects", "f.jsonl"))])

    assert len(os.listdir("/proc/self/fd")) == before
