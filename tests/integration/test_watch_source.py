import ctypes
import errno
import logging
import os
import shutil
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from watchdog.events import FileModifiedEvent
from watchdog.observers import inotify_c
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, WatchDescriptor

from core.errors import ConfigurationError
from core.keys import SessionKey
from metrics.instruments import Instruments
from tests.tools.waiting import wait_for
from watcher import canary, inotify, mounts, rootwatch, sight
from watcher.disk import Disk, Source
from watcher.lookout import Lookout
from watcher.rootwatch import RootWatch
from watcher.source import Observer

linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


class Seen:
    """What an observer reported. `after(change)` tells what one change led to."""

    def __init__(self, root: Path, **options) -> None:
        self.root = root
        self.keys: list[str] = []
        self.sweeps: list[str] = []
        self.observer = Observer(
            Disk([Source("s", root)]),
            touch=lambda key: self.keys.append(key.path),
            sweep_wanted=self.sweeps.append,
            **options,
        )

    @property
    def lookout(self) -> Lookout:
        return self.observer._lookouts["s"]

    @property
    def watch(self) -> RootWatch:
        assert self.lookout.watch
        return self.lookout.watch

    @property
    def reader(self) -> Any:
        return self.watch._reader

    def forget(self) -> None:
        self.keys.clear()
        self.sweeps.clear()

    def wait_for_keys(self, *paths: str) -> None:
        try:
            wait_for(lambda: set(paths) <= set(self.keys))
        except AssertionError:
            raise AssertionError(f"wanted {paths}, saw {self.keys} and {self.sweeps}") from None

    def wait_for_sweep(self, reason: str) -> None:
        wait_for(lambda: reason in self.sweeps)

    def checked(self) -> list[str]:
        self.observer.check()
        return self.sweeps

    def settle(self) -> None:
        """Everything that happened so far has been reported, and is forgotten."""
        mark = self.root / "settled.jsonl"
        mark.write_bytes(b"")
        self.wait_for_keys(mark.name)
        mark.unlink()
        wait_for(lambda: not self.observer._notes._batch)
        self.forget()


@contextmanager
def watching(root: Path, **options):
    seen = Seen(root, **options)
    seen.observer.start()
    try:
        yield seen
    finally:
        seen.observer.stop()
        assert not seen.observer.alive()


@pytest.fixture
def root(tmp_path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def seen(root):
    (root / "ann/p").mkdir(parents=True)
    (root / "ann/p/old.jsonl").write_bytes(b"{}\n")
    with watching(root) as one:
        yield one


@pytest.fixture
def unrested(monkeypatch) -> None:
    """A damaged watch is made anew at once, however young it is."""
    monkeypatch.setattr(sight, "RENEWAL_GAP_S", 0.0)
    monkeypatch.setattr(sight, "RENEWAL_SHARE", 0)


def append(path: Path, data: bytes = b"{}\n") -> None:
    with path.open("ab") as file:
        file.write(data)


def test_a_new_file_is_touched(seen):
    append(seen.root / "ann/p/new.jsonl")

    seen.wait_for_keys("ann/p/new.jsonl")


def test_an_append_is_touched(seen):
    append(seen.root / "ann/p/old.jsonl")

    seen.wait_for_keys("ann/p/old.jsonl")


def test_an_append_to_a_file_kept_open_is_touched(seen):
    with (seen.root / "ann/p/old.jsonl").open("ab", buffering=0) as file:
        file.write(b"{}\n")

        seen.wait_for_keys("ann/p/old.jsonl")


def test_only_session_files_are_touched(seen):
    append(seen.root / "ann/p/notes.txt")
    append(seen.root / "ann/p/new.jsonl")

    seen.wait_for_keys("ann/p/new.jsonl")
    assert "ann/p/notes.txt" not in seen.keys


def test_a_file_made_together_with_its_folders_is_touched(seen):
    for number in range(30):
        folder = seen.root / f"user{number}/p/s/subagents"
        folder.mkdir(parents=True)
        append(folder / "a.jsonl")

    seen.wait_for_keys(*(f"user{number}/p/s/subagents/a.jsonl" for number in range(30)))


def test_files_of_a_tree_moved_in_are_touched(seen, tmp_path):
    for path in ("bob/a.jsonl", "bob/p/b.jsonl", "bob/p/q/c.jsonl.gz"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        append(tmp_path / path)
    (tmp_path / "bob").rename(seen.root / "bob")

    seen.wait_for_keys("bob/a.jsonl", "bob/p/b.jsonl", "bob/p/q/c.jsonl.gz")
    append(seen.root / "bob/p/q/late.jsonl")
    seen.wait_for_keys("bob/p/q/late.jsonl")


def test_a_rename_touches_both_names(seen):
    (seen.root / "ann/p/old.jsonl").rename(seen.root / "ann/p/new.jsonl")

    seen.wait_for_keys("ann/p/old.jsonl", "ann/p/new.jsonl")


def test_a_file_replaced_by_rename_is_touched(seen):
    append(seen.root / "ann/p/old.tmp")
    (seen.root / "ann/p/old.tmp").replace(seen.root / "ann/p/old.jsonl")

    seen.wait_for_keys("ann/p/old.jsonl")


def test_a_renamed_folder_goes_on_being_watched_under_its_new_name(seen):
    (seen.root / "ann").rename(seen.root / "bob")
    seen.wait_for_keys("bob/p/old.jsonl")
    seen.wait_for_sweep("folder_gone")
    seen.forget()
    append(seen.root / "bob/p/old.jsonl")

    seen.wait_for_keys("bob/p/old.jsonl")


def test_a_deleted_file_is_touched(seen):
    (seen.root / "ann/p/old.jsonl").unlink()

    seen.wait_for_keys("ann/p/old.jsonl")


def test_a_deleted_folder_asks_for_a_sweep(seen, tmp_path):
    (seen.root / "ann").rename(tmp_path / "gone")

    seen.wait_for_sweep("folder_gone")


def test_names_that_are_not_utf8_are_touched(seen):
    append(seen.root / os.fsdecode(b"ann/p/caf\xe9.jsonl"))

    seen.wait_for_keys("ann/p/caf\\xe9.jsonl")


def test_a_link_out_of_the_root_is_touched_and_not_entered(seen, tmp_path):
    (tmp_path / "outside").mkdir()
    append(tmp_path / "outside/secret.jsonl")
    (seen.root / "linked").symlink_to(tmp_path / "outside")
    (seen.root / "a.jsonl").symlink_to(tmp_path / "outside/secret.jsonl")

    seen.wait_for_keys("a.jsonl")
    append(tmp_path / "outside/secret.jsonl")
    seen.settle()
    assert [path for path in seen.keys if path.startswith("linked")] == []


def test_a_root_that_comes_later_is_watched_from_then_on(seen, tmp_path):
    root = tmp_path / "later"
    with watching(root, root_retry_s=0.0) as late:
        assert late.observer.blind == {"s": "root_missing"}
        assert late.observer.alive()
        assert late.checked() == []
        (root / "u").mkdir(parents=True)

        assert late.checked() == ["root_missing"]
        wait_for(lambda: late.checked() and not late.observer.blind)
        append(root / "u/a.jsonl")
        late.wait_for_keys("u/a.jsonl")


def test_a_root_removed_and_made_again_is_watched_again(seen):
    shutil.rmtree(seen.root)
    seen.root.mkdir()  # It may well get the inode of the old one.

    def touched() -> bool:
        seen.observer.check()
        append(seen.root / "a.jsonl")
        return "a.jsonl" in seen.keys

    wait_for(touched)
    assert "root_replaced" in seen.sweeps
    assert seen.observer.renewed_count <= 1
    assert seen.observer.alive()


def test_a_root_that_is_away_for_a_while_is_watched_again(seen, tmp_path):
    seen.lookout._retry_s = 0.0
    seen.root.rename(tmp_path / "away")
    seen.observer.check()
    assert seen.observer.blind == {"s": "root_missing"}
    assert seen.observer.alive()
    (tmp_path / "away").rename(seen.root)
    seen.observer.check()
    append(seen.root / "ann/p/old.jsonl")

    seen.wait_for_keys("ann/p/old.jsonl")
    assert "root_missing" in seen.sweeps


def test_another_folder_in_the_roots_place_is_watched_instead(seen, tmp_path):
    (tmp_path / "new").mkdir()
    seen.root.rename(tmp_path / "old")
    (tmp_path / "new").rename(seen.root)
    wait_for(lambda: "root_replaced" in seen.checked())
    append(seen.root / "a.jsonl")

    seen.wait_for_keys("a.jsonl")


def test_a_sound_watch_is_left_alone(seen):
    for _ in range(3):
        seen.observer.check()

    assert seen.observer.renewed_count == 0
    assert seen.sweeps == []


def test_a_root_may_be_a_link_and_follows_it_elsewhere(tmp_path, root):
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(root)
    with watching(tmp_path / "link") as seen:
        append(root / "a.jsonl")
        seen.wait_for_keys("a.jsonl")
        (tmp_path / "next").symlink_to(tmp_path / "other")
        (tmp_path / "next").replace(tmp_path / "link")
        assert seen.checked() == ["root_replaced"]
        append(tmp_path / "other/b.jsonl")

        seen.wait_for_keys("b.jsonl")


def test_a_root_that_is_a_file_is_missing(tmp_path):
    append(tmp_path / "root")
    with watching(tmp_path / "root") as seen:
        assert seen.observer.blind == {"s": "root_missing"}


def test_sources_are_watched_apart(tmp_path):
    keys: list[SessionKey] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    sources = [Source("s", tmp_path / "one"), Source("t", tmp_path / "two")]
    observer = Observer(Disk(sources), touch=keys.append, sweep_wanted=lambda _: None)
    observer.start()
    try:
        append(tmp_path / "one/a.jsonl")
        append(tmp_path / "two/a.jsonl")
        both = {SessionKey("s", "a.jsonl"), SessionKey("t", "a.jsonl")}
        wait_for(lambda: set(keys) == both)
    finally:
        observer.stop()


def test_a_moved_out_file_does_not_hold_up_what_follows(root, tmp_path):
    took_s = []
    with watching(root) as seen:
        for number in range(13):
            append(root / "out.jsonl")
            (root / "out.jsonl").rename(tmp_path / "out.jsonl")
            started_s = time.monotonic()
            append(root / f"{number}.jsonl")
            seen.wait_for_keys(f"{number}.jsonl")
            took_s.append(time.monotonic() - started_s)

    # The middle one, because a busy machine may hold up some of them.
    assert sorted(took_s)[6] < 0.4


def test_callbacks_that_raise_are_counted_and_end_nothing(root):
    with watching(root) as seen:
        touch, seen.observer._touch = seen.observer._touch, lambda key: 1 / 0
        append(root / "a.jsonl")
        seen.wait_for_sweep("touch_error")
        seen.observer._touch = touch
        append(root / "b.jsonl")

        seen.wait_for_keys("b.jsonl")
        assert seen.observer.fault_counts["touch_error"] >= 1
        assert seen.observer.alive()


def test_a_sweep_that_is_refused_is_not_asked_for_again(root):
    with watching(root) as seen:
        seen.observer._sweep_wanted = lambda reason: 1 / 0
        seen.observer._notes.want_sweep("folder_gone")
        append(root / "a.jsonl")
        seen.wait_for_keys("a.jsonl")

        wait_for(lambda: seen.observer.fault_counts == {"sweep_error": 1})


def test_an_event_that_cannot_be_noted_ends_no_thread(root):
    no_path: Any = None
    with watching(root) as seen:
        watch = seen.watch
        watch.dispatch(FileModifiedEvent(no_path))
        seen.wait_for_sweep("handler_error")
        append(root / "a.jsonl")

        seen.wait_for_keys("a.jsonl")


def test_more_changes_than_can_be_noted_become_a_sweep(root):
    with watching(root, notes_max=2) as seen:
        hold = threading.Event()
        seen.observer._touch = lambda key: hold.wait(10.0)
        for number in range(20):
            append(root / f"{number}.jsonl")
        wait_for(lambda: "too_many_changes" in seen.observer.fault_counts)
        hold.set()

        seen.wait_for_sweep("too_many_changes")


@linux
def test_an_overflow_asks_for_a_sweep_and_later_for_a_new_watch(root, request):
    overflow = InotifyEvent(WatchDescriptor(-1), InotifyConstants.IN_Q_OVERFLOW, 0, b"")
    with watching(root) as seen:
        first = seen.watch
        seen.reader.handle_event(overflow)
        seen.wait_for_sweep("overflow")
        seen.forget()

        assert seen.checked() == []  # not at once: a loop of overflows must not become one of ours
        append(root / "a.jsonl")
        seen.wait_for_keys("a.jsonl")
        assert seen.observer.blind == {"s": "overflow"}
        request.getfixturevalue("unrested")
        assert seen.checked() == ["overflow"]
        assert seen.watch is not first
        append(root / "b.jsonl")
        seen.wait_for_keys("b.jsonl")
        assert seen.observer.fault_counts == {"overflow": 1}


@linux
def test_a_flood_of_events_is_survived(root):
    queue_size = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if queue_size > 1 << 16:
        pytest.skip("the event queue of this machine is too long to be flooded quickly")
    with watching(root) as seen:
        reader, ready = seen.reader, threading.Event()
        handle = reader.handle_event
        reader.handle_event = lambda event: ready.wait(30.0) and handle(event)
        for _ in range(queue_size // 2):
            append(root / "a.jsonl")
            (root / "a.jsonl").unlink()
        ready.set()
        seen.wait_for_sweep("overflow")
        (root / "u").mkdir()
        append(root / "u/b.jsonl")

        seen.wait_for_keys("u/b.jsonl")
        assert seen.observer.fault_counts == {"overflow": 1}


@linux
def test_an_error_while_reading_events_does_not_end_the_reading(root):
    with watching(root) as seen:
        reader = seen.reader
        reader.handle_event(None)
        seen.wait_for_sweep("reader_error")
        append(root / "a.jsonl")

        seen.wait_for_keys("a.jsonl")


@linux
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_reader_is_replaced(root, unrested):
    with watching(root) as seen:
        reader = seen.reader
        reader.read_events = lambda: 1 / 0
        append(root / "a.jsonl")
        wait_for(lambda: not reader.is_alive())

        assert seen.checked() == ["thread_died"]
        assert seen.observer.blind == {"s": "thread_died"}
        append(root / "b.jsonl")
        seen.wait_for_keys("b.jsonl")
        wait_for(lambda: seen.checked() and not seen.observer.blind)


@linux
def test_watched_folders_are_counted_as_the_kernel_counts_them(root):
    for number in range(7):
        (root / f"{number}/p").mkdir(parents=True)
    with watching(root) as seen:
        assert seen.observer.watched_directories() == 15
        assert seen.observer.refused_directories() == 0
        (root / "8").mkdir()
        wait_for(lambda: seen.observer.watched_directories() == 16)


@linux
def test_folders_that_cannot_be_watched_are_counted(root, monkeypatch):
    add_watch = inotify_c.inotify_add_watch

    def limited(fd: int, path: bytes, mask: int) -> int:
        if not path.endswith((b"full", b"shut")):
            return add_watch(fd, path, mask)
        ctypes.set_errno(errno.ENOSPC if path.endswith(b"full") else errno.EACCES)
        return -1

    for name in ("full", "shut", "fine"):
        (root / name).mkdir()
    monkeypatch.setattr(inotify_c, "inotify_add_watch", limited)
    with watching(root) as seen:
        assert seen.observer.refused_directories() == 2
        assert seen.observer.watched_directories() == 2
        append(root / "fine/a.jsonl")
        seen.wait_for_keys("fine/a.jsonl")
        seen.observer.check()
        assert seen.observer.blind == {"s": "watch_limit"}
        assert seen.observer.unheard == ["s"]
        assert "fs.inotify.max_user_watches" in seen.observer.complaints()[0]


@linux
def test_at_the_limit_a_watch_is_made_anew_once_there_is_room_for_one_more(
    root, unrested, monkeypatch
):
    add_watch = inotify_c.inotify_add_watch

    def limited(fd: int, path: bytes, mask: int) -> int:
        ctypes.set_errno(errno.ENOSPC)
        return add_watch(fd, path, mask) if path == os.fsencode(root) else -1

    (root / "u").mkdir()
    monkeypatch.setattr(inotify_c, "inotify_add_watch", limited)
    monkeypatch.setattr(inotify, "inotify_add_watch", lambda *_: -1)
    with watching(root) as seen:
        for _ in range(3):
            seen.observer.check()
        assert (seen.observer.blind, seen.observer.renewed_count) == ({"s": "watch_limit"}, 0)

        monkeypatch.setattr(inotify_c, "inotify_add_watch", add_watch)
        monkeypatch.setattr(inotify, "inotify_add_watch", add_watch)
        wait_for(lambda: seen.checked() and not seen.observer.blind)
        assert (seen.observer.renewed_count, seen.observer.refused_directories()) == (1, 0)
        append(root / "u/a.jsonl")
        seen.wait_for_keys("u/a.jsonl")


@linux
def test_an_unreadable_folder_makes_nothing_blind(root, monkeypatch):
    add_watch = inotify_c.inotify_add_watch

    def refused(fd: int, path: bytes, mask: int) -> int:
        ctypes.set_errno(errno.EACCES)
        return -1 if path.endswith(b"shut") else add_watch(fd, path, mask)

    (root / "shut").mkdir()
    monkeypatch.setattr(inotify_c, "inotify_add_watch", refused)
    with watching(root) as seen:
        seen.observer.check()

        assert seen.observer.refused_directories() == 1
        assert seen.observer.blind == {}


@linux
def test_folders_without_a_watch_are_noticed_at_a_second_look(root, unrested):
    (root / "a").mkdir()
    with watching(root) as seen:
        seen.observer.swept("s", 2)
        seen.observer.check()
        assert (seen.sweeps, seen.observer.blind) == ([], {})
        seen.observer.swept("s", 3)
        seen.observer.check()
        assert (seen.sweeps, seen.observer.blind) == (["watches_missing"], {})
        seen.observer.swept("s", 3)
        seen.observer.check()

        assert seen.observer.blind == {"s": "watches_missing"}
        assert seen.observer.wanted_directories() == 3
        wait_for(lambda: seen.checked() and not seen.observer.blind)


def test_the_canary_comes_back_and_is_removed_at_the_end(root):
    instruments = Instruments()
    with watching(root, instruments=instruments) as seen:
        wait_for(lambda: seen.watch.proved_s(time.monotonic()))
        assert (root / canary.NAME).read_bytes().startswith(b"sessionwatch writes this file")
        took_s = instruments.registry.get_sample_value("sessionwatch_canary_seconds_sum")
        assert 0 < took_s < 5
    assert list(root.iterdir()) == []


def test_a_canary_that_does_not_come_back_makes_blind(root, unrested, monkeypatch):
    with watching(root) as seen:
        wait_for(lambda: seen.watch.proved_s(time.monotonic()))
        seen.watch.dispatch = lambda event: None
        monkeypatch.setattr(canary, "EVERY_S", 0.0)
        monkeypatch.setattr(rootwatch, "EVERY_S", 0.2)

        def blind() -> bool:
            seen.observer.check()
            return seen.observer.blind == {"s": "canary_late"}

        wait_for(blind)
        assert seen.observer.blind_seconds() > 0.1
        monkeypatch.setattr(rootwatch, "EVERY_S", 5.0)
        seen.wait_for_sweep("canary_late")
        wait_for(lambda: seen.checked() and not seen.observer.blind)
        assert seen.observer.blind_seconds() == 0.0
        append(root / "a.jsonl")
        seen.wait_for_keys("a.jsonl")


def test_every_reason_of_blindness_is_counted_from_0(root, tmp_path):
    instruments = Instruments()
    with watching(root, instruments=instruments) as seen:
        counted = {why: count_of(instruments, why) for why in sight.REMEDIES}
        root.rename(tmp_path / "away")
        seen.observer.check()

        assert set(counted.values()) == {0.0}
        assert count_of(instruments, "root_missing") == 1


def count_of(instruments: Instruments, reason: str) -> float | None:
    name = "sessionwatch_watch_blindness_total"
    return instruments.registry.get_sample_value(name, {"reason": reason})


def test_without_a_canary_the_root_is_left_untouched(root):
    with watching(root, with_canary=False) as seen:
        seen.observer.check()
        assert (list(root.iterdir()), seen.observer.blind) == ([], {})


def test_a_canary_that_would_be_taken_for_a_session_is_not_written(root):
    everything = Disk([Source("s", root, patterns=("*",))])
    observer = Observer(everything, touch=lambda _: None, sweep_wanted=lambda _: None)
    observer.start()
    observer.check()
    observer.stop()

    assert list(root.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "link", "second name", "pipe"])
def test_nothing_but_a_file_of_our_own_is_written_to(root, tmp_path, kind, caplog):
    caplog.set_level(logging.INFO, "sessionwatch.watcher")
    victim, name = tmp_path / "victim", root / canary.NAME
    victim.write_bytes(b"precious")
    make = {
        "folder": name.mkdir,
        "link": lambda: name.symlink_to(victim),
        "second name": lambda: name.hardlink_to(victim),
        "pipe": lambda: os.mkfifo(name),
    }
    make[kind]()
    with watching(root) as seen:
        seen.observer.check()
        seen.observer.check()

        assert seen.observer.blind == {}
        assert [record.message for record in caplog.records] == ["canary_refused"]
    assert victim.read_bytes() == b"precious"
    assert os.path.lexists(name)


def test_a_file_of_another_user_is_not_written_to(root, monkeypatch):
    (root / canary.NAME).write_bytes(b"precious")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with watching(root) as seen:
        seen.observer.check()

        assert seen.watch.canary.refused == "it belongs to another user"
        assert seen.observer.blind == {}
    assert (root / canary.NAME).read_bytes() == b"precious"


@pytest.mark.parametrize("forced", [True, False])
def test_what_is_polled_is_not_watched_but_asked_for(root, monkeypatch, forced):
    monkeypatch.setattr(mounts, "shared_type", lambda root: "" if forced else "nfs4")
    with watching(root, observer="polling" if forced else "auto", root_retry_s=0.0) as seen:
        seen.observer.check()
        assert (seen.observer.unheard, seen.observer.blind) == (["s"], {})
        assert seen.lookout.watch is None
        assert list(root.iterdir()) == []
        seen.observer.unlisted("s")
        seen.observer.check()
        assert (seen.observer.unheard, seen.observer.blind) == (["s"], {"s": "root_missing"})
        seen.observer.swept("s", 1)
        assert (seen.observer.unheard, seen.observer.blind) == (["s"], {})
        monkeypatch.setattr(sight, "SWEEP_LATE_S", -1.0)
        monkeypatch.setattr(seen.lookout, "_between_sweeps_s", -1.0)
        seen.observer.check()
        assert seen.observer.blind == {"s": "sweep_late"}


def test_a_root_that_does_not_answer_holds_up_the_checks_alone_and_that_is_told(
    root, tmp_path, monkeypatch, caplog
):
    (tmp_path / "other").mkdir()
    sources = [Source("s", root), Source("t", tmp_path / "other")]
    observer = Observer(Disk(sources), touch=lambda _: None, sweep_wanted=lambda _: None)
    observer.start()
    asked, answers = threading.Event(), threading.Event()
    check = observer._lookouts["s"].check

    def hang() -> None:
        asked.set()
        assert answers.wait(30.0)
        check()

    monkeypatch.setattr(observer._lookouts["s"], "check", hang)
    checks = threading.Thread(target=observer.check)
    checks.start()
    assert asked.wait(10.0)
    observer.mind_the_checks()
    assert observer.blind == {}

    monkeypatch.setattr(sight, "CHECKS_LATE_S", 0.0)
    wait_for(lambda: observer.blind == {"s": "checks_late", "t": "checks_late"})
    observer.swept("t", 1)  # It would wait for ever.
    observer.mind_the_checks()
    assert caplog.records == []
    observer.mind_the_checks()
    observer.mind_the_checks()
    assert (observer.unheard, observer.blind_seconds() > 0) == (["s", "t"], True)
    assert "look at the disks" in observer.complaints()[0]
    told = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [(one.message, one.source) for one in told] == [
        ("watch_blind", "s"),
        ("watch_blind", "t"),
    ]

    monkeypatch.setattr(sight, "CHECKS_LATE_S", 60.0)
    answers.set()
    checks.join(10.0)
    assert observer.blind == {}
    observer.stop()


def test_a_stop_does_not_wait_for_a_root_that_does_not_answer(root, monkeypatch):
    asked, answers = threading.Event(), threading.Event()
    seen = Seen(root)
    seen.observer.start()
    monkeypatch.setattr(seen.lookout, "check", lambda: asked.set() or answers.wait(30.0))
    checks = threading.Thread(target=seen.observer.check)
    checks.start()
    assert asked.wait(10.0)
    started_s = time.monotonic()
    seen.observer.stop(timeout_s=0.2)

    assert time.monotonic() - started_s < 10.0
    answers.set()
    checks.join(10.0)
    seen.lookout.stop(5.0)


def test_inotify_may_be_forced_on_a_shared_file_system(root, monkeypatch):
    monkeypatch.setattr(mounts, "shared_type", lambda root: "nfs4")
    with watching(root, observer="inotify") as seen:
        append(root / "a.jsonl")

        seen.wait_for_keys("a.jsonl")
        assert seen.observer.unheard == []


def test_the_end_of_a_blindness_is_told_with_its_length(root, tmp_path, caplog):
    caplog.set_level(logging.INFO, "sessionwatch.watcher")
    with watching(root, root_retry_s=0.0) as seen:
        root.rename(tmp_path / "away")
        seen.observer.check()
        (tmp_path / "away").rename(root)
        wait_for(lambda: seen.checked() and not seen.observer.blind)

    told = [record for record in caplog.records if record.name == "sessionwatch.watcher"]
    assert [one.message for one in told] == ["watch_blind", "watch_renewed", "watch_restored"]
    assert [one.levelname for one in told] == ["ERROR", "INFO", "INFO"]
    assert {one.reason for one in told} == {"root_missing"}
    assert told[-1].seconds > 0


def test_nothing_is_watched_again_after_the_end(root):
    with watching(root) as seen:
        seen.observer.stop()
        seen.observer.check()
        seen.observer.swept("s", 7)

        assert seen.lookout.watch is None


@linux
def test_no_event_is_made_by_reading(root):
    append(root / "a.jsonl")
    with watching(root) as seen:
        seen.settle()
        before = seen.observer.event_count
        for _ in range(10):
            (root / "a.jsonl").read_bytes()
            os.listdir(root)
        seen.settle()

        assert "a.jsonl" not in seen.keys
        assert seen.observer.event_count - before < 10


def test_inotify_is_refused_where_it_does_not_exist(root, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(ConfigurationError):
        Seen(root, observer="inotify")


def test_stopping_before_starting_is_harmless(root):
    Seen(root).observer.stop()
