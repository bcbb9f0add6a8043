"""Backups as docs/operations.md describes them: by command, cold, warm, and the way back."""

import os
import shutil
import signal
import stat
import threading
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import duckdb
import pytest

from core.errors import ConfigurationError, SessionwatchError, TransientError
from core.rows import Hold
from processors import registry
from service import backup, copying, doctor
from service.client import Client
from service.wiring import open_store
from state import copies
from tests.tools.databases import assert_same, opened
from tests.tools.service import (
    PROJECT,
    ServiceProcess,
    in_process,
    ingested,
    serving,
    sessionwatch,
    settings_for,
)
from tests.tools.waiting import wait_for

DEMO = PROJECT / "demo/sessions"


@pytest.fixture
def sessions(tmp_path):
    return shutil.copytree(DEMO, tmp_path / "sessions")


@pytest.fixture
def db(sessions, tmp_path):
    """A database of the sessions that nobody serves."""
    ingested(tmp_path / "t.duckdb", sessions)
    return tmp_path / "t.duckdb"


def digests(db, *roots):
    known = registry.load()
    store = open_store(settings_for(db, *roots), known)
    try:
        return doctor.digests(store.cursor, known)
    finally:
        store.close()


def append(sessions):
    """What comes after the backup: one session goes on, one is new."""
    first, *_ = sorted(sessions.rglob("*.jsonl"))
    content = first.read_bytes()
    with first.open("ab") as file:
        file.write(content)
    (sessions / "amara/new.jsonl").write_bytes(content)


def copy(db, into):
    """Both files, as far as they are there."""
    into.mkdir()
    for path in db.parent.glob(f"{db.name}*"):
        if path.suffix != ".sock":
            shutil.copy(path, into)
    return into / db.name


def left_over(folder):
    """Parts of copies that are nobody's."""
    return [path.name for path in folder.iterdir() if "partial" in path.name]


@contextmanager
def growing(sessions):
    """Session files that grow without pause; gives the number of writes so far."""
    files = sorted(sessions.rglob("*.jsonl"))
    contents = [file.read_bytes() for file in files]
    written, done = [], threading.Event()

    def write():
        while not done.is_set():
            for file, content in zip(files, contents, strict=True):
                with file.open("ab") as out:
                    out.write(content)
                written.append(file)
                done.wait(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield written
    finally:
        done.set()
        writer.join()


# By command.


def test_a_backup_made_under_load_and_caught_up_is_as_if_nothing_had_happened(sessions, tmp_path):
    db, target = tmp_path / "t.duckdb", tmp_path / "backup.duckdb"
    with serving(db, sessions) as service:
        with growing(sessions) as written:
            wait_for(lambda: len(written) > 20)
            before = service.metric("rows_total")
            made = sessionwatch("backup", target, "--json", "--db", db)
            after = service.metric("rows_total")
            wait_for(lambda: service.metric("rows_total") > after)
        assert service.terminate() == 0
    assert made.code == 0, made.err
    assert before < after, "nothing was committed while the backup was made"
    with opened(target) as copied, opened(db) as served:
        count = "SELECT count(*) FROM raw.usage_messages"
        assert copied.execute(count).fetchall() < served.execute(count).fetchall()

    restored = sessionwatch("restore", target, "--force", "--json", "--db", db)
    assert restored.code == 0, restored.err
    ingested(db, sessions)
    ingested(tmp_path / "fresh.duckdb", sessions)

    assert_same(db, tmp_path / "fresh.duckdb")


def test_a_backup_without_a_service_is_one_proved_file_of_mode_0600(db, tmp_path):
    made = sessionwatch("backup", tmp_path / "b.duckdb", "--json", "--db", db)

    assert made.code == 0, made.err
    assert made.json["bytes"] == (tmp_path / "b.duckdb").stat().st_size
    assert made.json["files"] == 9
    assert stat.S_IMODE((tmp_path / "b.duckdb").stat().st_mode) == 0o600
    assert copies.contents(tmp_path / "b.duckdb") == copies.contents(db)
    assert left_over(tmp_path) == []


def test_a_backup_holds_what_was_only_in_the_log(db, tmp_path):
    with opened_for_writing(db) as connection:
        connection.execute("CREATE TABLE late (a INTEGER)")
        connection.execute("INSERT INTO late VALUES (1)")
        crashed = copy(db, tmp_path / "crashed")
    assert crashed.with_name(f"{db.name}.wal").exists()

    backup.backup(settings_for(crashed), tmp_path / "b.duckdb", replace=False)

    assert copies.contents(tmp_path / "b.duckdb").tables["main.late"].rows == 1


def test_a_backup_replaces_nothing_without_being_told(db, tmp_path):
    (tmp_path / "b.duckdb").write_text("mine")

    refused = sessionwatch("backup", tmp_path / "b.duckdb", "--db", db)
    forced = sessionwatch("backup", tmp_path / "b.duckdb", "--force", "--db", db)

    assert refused.code == 2
    assert "--force" in refused.err
    assert forced.code == 0
    assert copies.contents(tmp_path / "b.duckdb") == copies.contents(db)


@pytest.mark.parametrize("name", ["t.duckdb", "t.duckdb.wal", "t.duckdb.sock", "link"])
def test_a_backup_is_never_the_database_itself(db, tmp_path, name):
    (tmp_path / "link").symlink_to(db)
    before = copies.contents(db)

    with pytest.raises(ConfigurationError, match="the database itself"):
        backup.backup(settings_for(db), tmp_path / name, replace=True)

    assert copies.contents(db) == before


def test_a_folder_that_is_not_there_is_said_and_nothing_is_held(db, sessions, tmp_path):
    with in_process(settings_for(db, sessions)) as service:
        with pytest.raises(TransientError, match="No such file"):
            backup.backup(service.settings, tmp_path / "none/b.duckdb", replace=False)

        backup.backup(service.settings, tmp_path / "b.duckdb", replace=False)


# The hold.


def test_the_lock_on_the_database_outlives_a_backup(db, sessions, tmp_path):
    with in_process(settings_for(db, sessions)) as service:
        backup.backup(service.settings, tmp_path / "b.duckdb", replace=False)

        with copying.copier() as ask, pytest.raises(ConfigurationError, match="in use"):
            ask(copies.contents, db)


def test_no_checkpoint_comes_while_the_file_is_held_and_commits_go_on(db, sessions):
    def header():
        return ask(Path.read_bytes, db)[: copies.HEADER_BYTES]

    def checkpoint():
        with suppress(duckdb.TransactionException), closing(service.store.cursor()) as cursor:
            cursor.execute("CHECKPOINT")

    def written_again():
        checkpoint()  # The tally may be in the way for a moment.
        return header() != held

    with copying.copier() as ask, in_process(settings_for(db, sessions)) as service:
        service.control.hold()
        held, revision = header(), service.store.revision
        append(sessions)
        service.control.sweep()
        wait_for(lambda: service.store.revision > revision)
        checkpoint()
        assert header() == held

        service.control.release()

        wait_for(written_again)


def test_one_backup_at_a_time(db, sessions, tmp_path):
    with in_process(settings_for(db, sessions)) as service:
        service.control.hold()

        with pytest.raises(TransientError, match="already"):
            backup.backup(service.settings, tmp_path / "b.duckdb", replace=False)

        service.control.release()
        backup.backup(service.settings, tmp_path / "b.duckdb", replace=False)
    assert left_over(tmp_path) == []


def test_a_hold_that_nobody_releases_ends_by_itself(db, sessions):
    with in_process(settings_for(db, sessions)) as service:
        service.control.hold()
        service.holding._ends_s = 0.0
        service.timer.hurry("hold")

        def ended():
            try:
                service.store.holder.contents()
            except TransientError as error:
                return error.reason == "hold_ended"
            return False

        wait_for(ended)


def test_a_hold_waits_for_a_transaction_that_writes(db, sessions):
    with in_process(settings_for(db, sessions)) as service:
        other = service.store.cursor()
        other.execute("BEGIN")
        other.execute("CREATE TABLE t (a INTEGER)")
        found = []
        asking = threading.Thread(target=lambda: found.append(service.control.hold()))
        asking.start()
        refused = service.writer.submit(Hold()).exception(30.0)
        other.execute("COMMIT")
        asking.join()

        assert isinstance(refused, SessionwatchError)
        assert refused.reason == "database_busy"
        assert "main.t" in found[0]["tables"]


def test_a_copy_over_a_checkpoint_is_refused(db, tmp_path, monkeypatch):
    fill = copying._fill

    def slow_fill(have, copy):
        fill(have, copy)
        with opened_for_writing(db) as connection:
            connection.execute("CREATE TABLE meanwhile (a INTEGER)")
            connection.execute("CHECKPOINT")

    monkeypatch.setattr(copying, "_fill", slow_fill)

    with pytest.raises(TransientError, match="while it was copied"):
        copying.copied(db, tmp_path / "b.duckdb")


def test_a_service_that_stops_during_a_backup_closes_its_database(db, sessions):
    with in_process(settings_for(db, sessions)) as service:
        service.control.hold()

    assert not db.with_name(f"{db.name}.wal").exists()
    with opened_for_writing(db) as connection:
        assert connection.execute("SELECT count(*) FROM files").fetchall() == [(9,)]


# The way back.


def test_a_restore_keeps_the_old_database_beside_the_new_one(db, sessions, tmp_path):
    backup.backup(settings_for(db), tmp_path / "b.duckdb", replace=False)
    old = copies.contents(tmp_path / "b.duckdb")
    append(sessions)
    ingested(db, sessions)
    new = copies.contents(db)
    db.chmod(0o640)

    done = sessionwatch("restore", tmp_path / "b.duckdb", "--force", "--json", "--db", db)

    assert done.code == 0, done.err
    assert copies.contents(db) == old
    assert copies.contents(tmp_path / os.path.basename(done.json["kept"])) == new
    assert stat.S_IMODE(db.stat().st_mode) == 0o640
    assert left_over(tmp_path) == []


def test_a_restore_replaces_nothing_without_being_told(db, tmp_path):
    backup.backup(settings_for(db), tmp_path / "b.duckdb", replace=False)
    before = db.stat()

    refused = sessionwatch("restore", tmp_path / "b.duckdb", "--db", db)

    assert refused.code == 2
    assert "--force" in refused.err
    assert db.stat() == before


def test_a_restore_where_there_is_no_database_needs_no_force(db, tmp_path):
    backup.backup(settings_for(db), tmp_path / "b.duckdb", replace=False)

    done = sessionwatch("restore", tmp_path / "b.duckdb", "--db", tmp_path / "new.duckdb")

    assert done.code == 0, done.err
    assert copies.contents(tmp_path / "new.duckdb") == copies.contents(db)


def test_a_log_without_its_database_never_meets_the_restored_one(db, tmp_path):
    backup.backup(settings_for(db), tmp_path / "b.duckdb", replace=False)
    (tmp_path / "new.duckdb.wal").write_bytes(b"of another database")

    done = sessionwatch("restore", tmp_path / "b.duckdb", "--db", tmp_path / "new.duckdb")

    assert done.code == 0, done.err
    assert not (tmp_path / "new.duckdb.wal").exists()
    [kept] = tmp_path.glob("new.duckdb.before-*.wal")
    assert kept.read_bytes() == b"of another database"


def test_a_restore_while_the_service_runs_is_refused(db, sessions, tmp_path):
    backup.backup(settings_for(db), tmp_path / "b.duckdb", replace=False)
    with in_process(settings_for(db, sessions)):
        refused = sessionwatch("restore", tmp_path / "b.duckdb", "--force", "--db", db)

    assert refused.code == 3


def test_a_restore_while_another_command_has_the_database_is_refused(db, tmp_path):
    backup.backup(settings_for(db), tmp_path / "b.duckdb", replace=False)
    with opened_for_writing(db):
        refused = sessionwatch("restore", tmp_path / "b.duckdb", "--force", "--db", db)

    assert refused.code == 3
    assert left_over(tmp_path) == []


def test_a_restore_over_a_database_that_is_broken_puts_both_its_files_aside(db, tmp_path):
    backup.backup(settings_for(db), tmp_path / "b.duckdb", replace=False)
    db.write_bytes(b"broken")
    db.with_name("t.duckdb.wal").write_bytes(b"too")

    done = sessionwatch("restore", tmp_path / "b.duckdb", "--force", "--json", "--db", db)

    assert done.code == 0, done.err
    assert copies.contents(db) == copies.contents(tmp_path / "b.duckdb")
    kept = tmp_path / os.path.basename(done.json["kept"])
    assert kept.read_bytes() == b"broken"
    assert kept.with_name(f"{kept.name}.wal").read_bytes() == b"too"


@pytest.mark.parametrize("damage", ["cut", "flipped", "no database", "empty", "of others"])
def test_what_is_no_whole_backup_replaces_nothing(db, tmp_path, damage):
    bad = tmp_path / "bad.duckdb"
    backup.backup(settings_for(db), bad, replace=False)
    content = bytearray(bad.read_bytes())
    if damage == "cut":
        bad.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        for place in range(copies.HEADER_BYTES + 1000, len(content), 100_000):
            content[place] ^= 0xFF
        bad.write_bytes(content)
    elif damage == "no database":
        bad.write_bytes(b"x" * 100_000)
    elif damage == "empty":
        bad.write_bytes(b"")
    else:
        bad.unlink()
        with opened_for_writing(bad) as connection:
            connection.execute("CREATE TABLE theirs (a INTEGER)")
    before = db.read_bytes()

    refused = sessionwatch("restore", bad, "--force", "--db", db)

    assert refused.code == 2, refused.err
    assert f"{bad} " in refused.err
    assert db.read_bytes() == before
    assert left_over(tmp_path) == []
    assert list(tmp_path.glob("*.before-*")) == []


def test_a_backup_of_a_newer_version_is_refused(db, tmp_path):
    newer = copy(db, tmp_path / "newer")
    with opened_for_writing(newer) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (9000, 'later', 0)")

    with pytest.raises(ConfigurationError, match="schema 9000"):
        backup.restore(settings_for(tmp_path / "n.duckdb"), newer, replace=False, now=None)


# By hand.


def test_a_restored_cold_backup_catches_up_to_what_the_files_say(db, sessions, tmp_path):
    backup = copy(db, tmp_path / "backup")
    append(sessions)
    ingested(db, sessions)

    summary = ingested(backup, sessions)

    assert summary["changed"] == 2
    assert digests(backup, sessions) == digests(db, sessions)


def test_a_cold_backup_is_restored_with_its_log(db, tmp_path):
    with opened_for_writing(db) as connection:
        connection.execute("CREATE TABLE late (a INTEGER)")
        cold = copy(db, tmp_path / "cold")

    done = sessionwatch("restore", cold, "--db", tmp_path / "new.duckdb")

    assert done.code == 0, done.err
    assert "main.late" in copies.contents(tmp_path / "new.duckdb").tables
    assert cold.with_name(f"{db.name}.wal").exists()


def test_a_snapshot_of_the_running_service_opens_as_after_a_power_cut(sessions, tmp_path):
    service = ServiceProcess(tmp_path / "t.duckdb", sessions)
    try:
        service.start()
        service.wait_until(lambda: service.client.get("/api/v1/status")["files"] >= 9)
        append(sessions)
        # Stopped between two instructions, as a snapshot of the file system would find it.
        service.process.send_signal(signal.SIGSTOP)
        backup = copy(service.db, tmp_path / "backup")
        service.process.send_signal(signal.SIGCONT)
    finally:
        service.close()

    ingested(backup, sessions)

    assert not Client(backup).available()
    assert doctor.deep(
        settings_for(backup, sessions), registry.load(), digests(backup, sessions)
    ) == []  # fmt: skip


@contextmanager
def opened_for_writing(db):
    """As another program would have it."""
    connection = duckdb.connect(str(db))
    try:
        yield connection
    finally:
        connection.close()
