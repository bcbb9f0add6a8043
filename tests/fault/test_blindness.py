"""Watching is harmed for real: bytes still arrive, the blindness is told, and it ends.

Each test prints the figures it saw (`pytest -s`). Those marked `fault` wait for a damaged watch to
rest before it is made anew, which takes half a minute; the short ones end before that.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.tools.faults import HarmedService, harmed, limits_can_be_set, namespaces_work
from tests.tools.waiting import wait_for
from tests.tools.writers import append, prompt_line

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
own_limits = pytest.mark.skipif(
    not limits_can_be_set(), reason="no user namespace with inotify limits of its own here"
)
own_mounts = pytest.mark.skipif(
    not namespaces_work("-Urm"), reason="no user namespace with mounts of its own here"
)

SWEEP_S = 3
ARRIVES_S = SWEEP_S + 1
CHECK_S = 1.0
CANARY_S = 5.0
GAP_S = 30.0
SLACK_S = 8.0
"""What a busy test machine may add."""


@pytest.fixture
def root(tmp_path) -> Path:
    path = tmp_path / "sessions"
    (path / "ann/p").mkdir(parents=True)
    append(path / "ann/p/a.jsonl", prompt_line("first"))
    return path


@pytest.fixture
def db(tmp_path) -> Path:
    return tmp_path / "db" / "t.duckdb"


@pytest.fixture(autouse=True)
def _folder(db) -> None:
    db.parent.mkdir()


def figure(**values: float | str) -> None:
    shown = (f"{k}={v:.3f}" if isinstance(v, float) else f"{k}={v}" for k, v in values.items())
    print("FIGURE", " ".join(shown))


def wait_until_blind(service: HarmedService, reason: str, timeout_s: float) -> float:
    """The seconds until /readyz names the reason, and the metric agrees."""
    started_s = time.monotonic()
    wait_for(lambda: reason in str(service.reasons()), timeout_s + SLACK_S)
    took_s = time.monotonic() - started_s
    assert service.fetch("/readyz")[0] == 503
    assert service.metric("watch_blind_seconds") > 0
    assert service.metric("watch_blind") == 1
    assert service.metric("ready") == 0
    wait_for(lambda: reason in [line["reason"] for line in service.told("watch_blind")])
    return took_s


def wait_until_seeing(service: HarmedService, timeout_s: float) -> float:
    """The seconds until the service is ready again, and has said how long it was blind."""
    started_s = time.monotonic()
    service.wait_until(service.ready, timeout_s + SLACK_S)
    took_s = time.monotonic() - started_s
    assert service.metric("watch_blind_seconds") == 0
    assert service.metric("watch_blind") == 0
    assert wait_for(lambda: service.told("watch_restored"))[-1]["seconds"] > 0
    return took_s


def arrival_s(service: HarmedService, root: Path, path: str, number: int = 0) -> float:
    """The seconds from an append to its commit."""
    append(root / path, prompt_line(f"{path}-{number}"))
    return service.wait_for_bytes(root, path, ARRIVES_S + SLACK_S)


def blind_s(service: HarmedService) -> float:
    return float(service.told("watch_restored")[-1]["seconds"])


def test_a_root_that_is_away_for_a_while(root, db, tmp_path):
    with harmed(db, root, sweep_s=SWEEP_S) as service:
        root.rename(tmp_path / "away")
        told_s = wait_until_blind(service, "root_missing", 2 * CHECK_S)
        append(tmp_path / "away/ann/p/a.jsonl", prompt_line("while away"))
        (tmp_path / "away").rename(root)
        back_s = service.wait_for_bytes(root, "ann/p/a.jsonl", ARRIVES_S + SLACK_S)
        seeing_s = wait_until_seeing(service, 3 * CHECK_S)
        figure(told_s=told_s, arrived_s=back_s, seeing_s=seeing_s, blind_s=blind_s(service))
        figure(append_s=arrival_s(service, root, "ann/p/a.jsonl", 2))


def test_a_root_deleted_and_made_again(root, db):
    with harmed(db, root, sweep_s=SWEEP_S) as service:
        shutil.rmtree(root)
        told_s = wait_until_blind(service, "root_missing", 2 * CHECK_S)
        (root / "bob").mkdir(parents=True)
        append(root / "bob/b.jsonl", prompt_line("new"))
        back_s = service.wait_for_bytes(root, "bob/b.jsonl", ARRIVES_S + SLACK_S)
        seeing_s = wait_until_seeing(service, 3 * CHECK_S)
        figure(told_s=told_s, arrived_s=back_s, seeing_s=seeing_s, blind_s=blind_s(service))
        figure(append_s=arrival_s(service, root, "bob/b.jsonl", 2))


def test_a_root_replaced_while_nobody_looked(root, db, tmp_path):
    """Too quickly to be missed, so only its identity tells."""
    (tmp_path / "new/bob").mkdir(parents=True)
    append(tmp_path / "new/bob/b.jsonl", prompt_line("new"))
    with harmed(db, root, sweep_s=SWEEP_S) as service:
        with service.standing_still():
            root.rename(tmp_path / "old")
            (tmp_path / "new").rename(root)
        service.wait_for_bytes(root, "bob/b.jsonl", ARRIVES_S + SLACK_S)
        wait_for(lambda: service.told("watch_restored"))
        assert service.told("watch_blind")[0]["reason"] == "root_replaced"
        figure(blind_s=blind_s(service), append_s=arrival_s(service, root, "bob/b.jsonl", 2))


@own_limits
def test_a_watch_limit_is_told_and_the_rest_is_polled(root, db):
    lower = "echo 2 > /proc/sys/user/max_inotify_watches"
    with harmed(db, root, ready=False, namespace=["-Ur"], setup=lower, sweep_s=SWEEP_S) as service:
        told_s = wait_until_blind(service, "watch_limit", 2 * CHECK_S)
        hint = service.told("watch_blind")[0]["hint"]
        assert "sysctl -w user.max_inotify_watches=524288 (it is 2)" in hint
        assert hint in str(service.reasons())
        assert service.metric("unwatched_directories") >= 1
        polled_s = arrival_s(service, root, "ann/p/a.jsonl")
        (root / "bob/p").mkdir(parents=True)
        new_s = arrival_s(service, root, "bob/p/b.jsonl")
        figure(told_s=told_s, append_s=polled_s, new_folder_s=new_s)


@own_limits
@pytest.mark.fault
def test_a_raised_watch_limit_ends_the_blindness_without_a_restart(root, db):
    lower = "echo 2 > /proc/sys/user/max_inotify_watches"
    with harmed(db, root, ready=False, namespace=["-Ur"], setup=lower, sweep_s=SWEEP_S) as service:
        wait_until_blind(service, "watch_limit", 2 * CHECK_S)
        service.inside("echo 1000 > /proc/sys/user/max_inotify_watches")
        seeing_s = wait_until_seeing(service, GAP_S + 3 * CHECK_S)
        assert service.metric("watch_renewals") == 1
        assert service.metric("watched_directories") == service.metric("wanted_directories") == 3
        figure(seeing_s=seeing_s, blind_s=blind_s(service))
        figure(append_s=arrival_s(service, root, "ann/p/a.jsonl"))


@own_limits
def test_no_inotify_instance_is_told_polled_and_ends(root, db):
    lower = "echo 0 > /proc/sys/user/max_inotify_instances"
    with harmed(db, root, ready=False, namespace=["-Ur"], setup=lower, sweep_s=SWEEP_S) as service:
        told_s = wait_until_blind(service, "instance_limit", 2 * CHECK_S)
        assert "user.max_inotify_instances" in service.told("watch_blind")[0]["hint"]
        polled_s = arrival_s(service, root, "ann/p/a.jsonl")
        service.inside("echo 10 > /proc/sys/user/max_inotify_instances")
        seeing_s = wait_until_seeing(service, 3 * CHECK_S)
        figure(told_s=told_s, append_s=polled_s, seeing_s=seeing_s, blind_s=blind_s(service))
        figure(append_s=arrival_s(service, root, "ann/p/a.jsonl", 2))


def test_a_dead_reader_is_told_and_bytes_arrive(root, db):
    with harmed(db, root, sweep_s=SWEEP_S) as service:
        service.harm(signal.SIGUSR1)
        lost_s = arrival_s(service, root, "ann/p/a.jsonl")  # It dies of this event.
        told_s = wait_until_blind(service, "thread_died", 2 * CHECK_S)
        figure(lost_event_s=lost_s, told_s=told_s)
        figure(append_s=arrival_s(service, root, "ann/p/a.jsonl", 2))


@pytest.mark.fault
def test_a_dead_reader_is_replaced(root, db):
    with harmed(db, root, sweep_s=SWEEP_S) as service:
        service.harm(signal.SIGUSR1)
        append(root / "ann/p/a.jsonl", prompt_line("last event"))
        wait_until_blind(service, "thread_died", 2 * CHECK_S)
        seeing_s = wait_until_seeing(service, GAP_S + 3 * CHECK_S)
        assert service.metric("watch_renewals") == 1
        figure(seeing_s=seeing_s, blind_s=blind_s(service))
        figure(append_s=arrival_s(service, root, "ann/p/a.jsonl", 2))


@pytest.mark.fault
def test_a_reader_that_lives_and_hears_nothing_is_betrayed_by_the_canary(root, db):
    with harmed(db, root, sweep_s=600) as service:
        assert service.metric("canary_seconds_count") >= 1
        service.harm(signal.SIGUSR2)
        told_s = wait_until_blind(service, "canary_late", 2 * CANARY_S)
        polled_s = arrival_s(service, root, "ann/p/a.jsonl")
        seeing_s = wait_until_seeing(service, GAP_S + 3 * CHECK_S)
        figure(told_s=told_s, append_s=polled_s, seeing_s=seeing_s, blind_s=blind_s(service))
        figure(append_s=arrival_s(service, root, "ann/p/a.jsonl", 2))


def test_bytes_arrive_within_a_sweep_before_anybody_knows_of_the_blindness(root, db):
    with harmed(db, root, sweep_s=SWEEP_S, canary="false") as service:
        service.harm(signal.SIGUSR2)
        append(root / "ann/p/a.jsonl", prompt_line("last event"))
        figure(append_s=arrival_s(service, root, "ann/p/b.jsonl"))


def test_without_a_canary_the_missing_watches_are_counted(root, db):
    with harmed(db, root, sweep_s=SWEEP_S, canary="false") as service:
        service.harm(signal.SIGUSR2)
        append(root / "ann/p/a.jsonl", prompt_line("last event"))
        told_s = wait_until_blind(service, "watches_missing", 2 * SWEEP_S)
        assert service.metric("wanted_directories") > service.metric("watched_directories")
        figure(told_s=told_s, append_s=arrival_s(service, root, "ann/p/b.jsonl"))


@pytest.mark.parametrize(
    ("victim", "part"),
    [
        ("watcher-notes", "watcher"),
        ("timer", "timer"),
        ("timer-checks", "timer"),
        ("usage-1", "workers"),
    ],
)
def test_without_a_thread_of_ours_the_service_ends(root, db, victim, part):
    """They have no successors: a restart is the remedy."""
    with harmed(db, root, victim=victim) as service:
        service.harm(signal.SIGUSR1)
        append(root / "ann/p/a.jsonl", prompt_line("last event"))
        wait_for(lambda: service.returncode is not None, 60.0)
        assert service.returncode == 1
        assert service.told("thread_died")[0]["threads"] == f"['{part}']"


@pytest.mark.fault
def test_an_overflow_while_the_service_stands_still(root, db):
    with harmed(db, root, sweep_s=SWEEP_S) as service:
        with service.standing_still():
            flood(root / "ann")
            (root / "bob/p").mkdir(parents=True)  # Its event is lost, and with it the watch.
            append(root / "bob/p/b.jsonl", prompt_line("unheard"))
        arrived_s = service.wait_for_bytes(root, "bob/p/b.jsonl", ARRIVES_S + SLACK_S)
        told_s = wait_until_blind(service, "overflow", 2 * CHECK_S)
        polled_s = arrival_s(service, root, "bob/p/b.jsonl", 2)
        seeing_s = wait_until_seeing(service, GAP_S + 3 * CHECK_S)
        assert service.metric("watch_renewals") == 1
        assert service.metric("watched_directories") == service.metric("wanted_directories")
        figure(arrived_s=arrived_s, told_s=told_s, append_s=polled_s, seeing_s=seeing_s,
               blind_s=blind_s(service))  # fmt: skip
        figure(append_s=arrival_s(service, root, "bob/p/b.jsonl", 3))


@own_mounts
def test_a_root_that_may_not_be_written_to_is_watched_without_a_canary(root, db):
    read_only = f"mount --bind '{root}' '{root}' && mount -o remount,ro,bind '{root}'"
    with harmed(db, root, namespace=["-Urm"], setup=read_only, sweep_s=SWEEP_S) as service:
        took_s = arrival_s(service, root, "ann/p/a.jsonl")
        told = service.told("canary_refused")
        assert [line["reason"] for line in told] == ["Read-only file system"]
        assert service.ready()
        assert service.terminate() == 0
        figure(append_s=took_s)
    assert sorted(path.name for path in root.iterdir()) == ["ann"]


@own_mounts
def test_a_shared_file_system_is_polled_and_counts_as_watched(root, db):
    """A tmpfs stands for the share: its mount is found as that of an NFS would be."""
    share = f"mount -t tmpfs none '{root}'"
    with harmed(db, root, namespace=["-Urm"], setup=share, shared="tmpfs", sweep_s=600) as service:
        inside = service.seen(root)
        (inside / "bob/p").mkdir(parents=True)
        assert [line["reason"] for line in service.told("watch_polled")] == ["tmpfs"]
        assert service.metric("watched_directories") == 0
        new_s = arrival_s(service, inside, "bob/p/b.jsonl")
        append_s = arrival_s(service, inside, "bob/p/b.jsonl", 2)
        assert service.ready()
        assert sorted(path.name for path in inside.iterdir()) == ["bob"]
        figure(new_folder_s=new_s, append_s=append_s)


def test_the_canary_is_gone_after_the_end_and_after_a_kill_is_used_again(root, db):
    hidden = root / ".sessionwatch-canary"
    with harmed(db, root) as service:
        assert hidden.exists()
        service.kill()
        assert hidden.exists()
        service.start()
        assert service.terminate() == 0
    assert not hidden.exists()


@pytest.mark.fault
@pytest.mark.timeout(900)
def test_twenty_thousand_folders_with_an_overflow(tmp_path, db):
    """watchdog 7.1 alone would renew its watches for ever from here on."""
    root = tmp_path / "many"
    folders = [root / f"u{n % 50}" / f"p{n // 50}" for n in range(20_000)]
    line = prompt_line("x")
    for folder in folders:
        folder.mkdir(parents=True)
        for number in range(5):
            (folder / f"{number}.jsonl").write_bytes(line)
    with harmed(db, root, sweep_s=SWEEP_S) as service:
        figure(files=100_000, ready_mb=service.resident_mb())
        wait_for(lambda: service.metric("queue_depth") == 0, 600.0)
        assert service.metric("watched_directories") == 20_051
        quiet_s = arrival_s(service, root, "u0/p0/0.jsonl")
        figure(append_s=quiet_s, idle=idle_share(service), drained_mb=service.resident_mb())
        with service.standing_still():
            flood(root / "u1")
            (root / "new").mkdir()
            append(root / "new/b.jsonl", line)
        started_s = time.monotonic()
        arrived_s = service.wait_for_bytes(root, "new/b.jsonl", 30.0)
        service.wait_until(lambda: service.told("watch_blind"))  # It may be over by now.
        seeing_s = wait_until_seeing(service, 300.0)
        figure(arrived_s=arrived_s, seeing_s=seeing_s, since_s=time.monotonic() - started_s)
        assert service.metric("watch_renewals") == 1
        assert service.metric("watched_directories") == 20_052
        idle = idle_share(service)
        assert idle < 0.05, "it must not go round in circles"
        figure(idle=idle, sweep_s=sweep_mean_s(service))
        figure(append_s=arrival_s(service, root, "u0/p0/0.jsonl", 2))


def flood(folder: Path) -> None:
    """More events than the kernel keeps, none of them about a session file."""
    size = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    one, other = (os.open(folder / name, os.O_CREAT | os.O_WRONLY) for name in ("x", "y"))
    for _ in range(size):  # Equal events in a row would be one.
        os.write(one, b"x")
        os.write(other, b"y")
    os.close(one)
    os.close(other)


def idle_share(service: HarmedService, for_s: float = 15.0) -> float:
    """The share of a core it uses while nothing happens, not even a sweep."""
    while True:
        sweeps, before_s = service.metric("sweeps_total"), service.cpu_s()
        until_s = time.monotonic() + for_s
        wait_for(lambda: time.monotonic() >= until_s, 2 * for_s)  # noqa: B023
        used_s = service.cpu_s() - before_s
        if service.metric("sweeps_total") == sweeps:
            return used_s / for_s


def sweep_mean_s(service: HarmedService) -> float:
    return service.metric("sweep_seconds_sum") / service.metric("sweep_seconds_count")
