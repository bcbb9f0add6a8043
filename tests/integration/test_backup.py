"""Backups as docs/operations.md describes them: cold, warm and restored over a later database."""

import shutil
import signal

import pytest

from processors import registry
from service import doctor
from service.client import Client
from service.wiring import open_store
from tests.tools.service import PROJECT, ServiceProcess, ingested, settings_for

DEMO = PROJECT / "demo/sessions"


@pytest.fixture
def sessions(tmp_path):
    return shutil.copytree(DEMO, tmp_path / "sessions")


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


def test_a_restored_cold_backup_catches_up_to_what_the_files_say(sessions, tmp_path):
    db = tmp_path / "t.duckdb"
    ingested(db, sessions)
    backup = copy(db, tmp_path / "backup")
    append(sessions)
    ingested(db, sessions)

    summary = ingested(backup, sessions)

    assert summary["changed"] == 2
    assert digests(backup, sessions) == digests(db, sessions)


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
