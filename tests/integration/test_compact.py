"""After an erasure the bytes leave the database file, and nothing else does."""

import os
from contextlib import contextmanager

import pytest

from service.client import Client
from service.redaction_key import key_path
from tests.tools import databases
from tests.tools.service import (
    in_process,
    ingested,
    quiet,
    serving,
    sessionwatch,
    settings_for,
)
from tests.tools.writers import append, assistant_line, prompt_line

CANARY = b"a-folder-that-only-noor-ever-had"


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "sessions"
    for user in ("amara", "noor"):
        project = CANARY.decode() if user == "noor" else "p"
        (folder / user / project).mkdir(parents=True)
        for number in range(20):
            append(
                folder / user / project / f"s{number}.jsonl",
                prompt_line(f"{user}-{number}-p") + assistant_line(f"{user}-{number}"),
            )
    return folder


@pytest.fixture
def db(tmp_path):
    return tmp_path / "state" / "t.duckdb"


@contextmanager
def running(db, root):
    db.parent.mkdir(exist_ok=True)
    with in_process(settings_for(db, root)) as service:
        quiet(service)
        yield service, Client(db)


def canaries(db):
    """How often the canary stands in any file of the database."""
    return sum(file.read_bytes().count(CANARY) for file in db.parent.iterdir() if file.is_file())


@pytest.fixture
def erased(db, root):
    """A database out of which somebody was erased; `amara` is as before."""
    with running(db, root) as (_, client):
        client.get("/api/v1/usage/user")
        report = client.post("/api/v1/people/noor/erase", {"confirm": "noor", "files": True})
    assert report["compaction_needed"]
    return db


def test_a_checkpoint_leaves_the_bytes_and_a_rewritten_file_has_none(erased, root):
    assert canaries(erased), "else there is no need for all this"
    before = databases.digests(erased)

    done = sessionwatch("compact", "--db", erased, "--json")

    assert done.code == 0, done.err
    assert done.json["done"]
    assert canaries(erased) == 0
    assert databases.digests(erased) == before
    assert set(erased.parent.iterdir()) == {erased, key_path(erased)}
    with running(erased, root) as (_, client):
        assert [row["user"] for row in client.get("/api/v1/usage/user")["users"]] == ["amara"]
    assert sessionwatch("doctor", "--deep", root, "--db", erased).code == 0
    assert canaries(erased) == 0


def test_only_if_needed_looks_for_an_erasure(erased):
    first = sessionwatch("compact", "--if-needed", "--db", erased, "--json").json
    inode = erased.stat().st_ino
    again = sessionwatch("compact", "--if-needed", "--db", erased, "--json").json

    assert (first["done"], again["done"]) == (True, False)
    assert erased.stat().st_ino == inode


def test_the_file_keeps_its_mode_and_a_link_stays_a_link(erased, tmp_path):
    erased.chmod(0o640)
    link = tmp_path / "linked.duckdb"
    link.symlink_to(erased)

    assert sessionwatch("compact", "--db", link).code == 0

    assert erased.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert canaries(erased) == 0


def test_what_a_killed_one_left_behind_is_in_nobodys_way(erased):
    left = erased.with_name(f".{erased.name}.compacting")
    left.write_bytes(b"half a file")

    assert sessionwatch("compact", "--db", erased).code == 0

    assert not left.exists()


def test_a_running_service_is_not_taken_its_database_from(db, root):
    db.parent.mkdir()
    with serving(db, root):
        done = sessionwatch("compact", "--db", db)

    assert done.code == 3
    assert "in use" in done.err


def test_a_file_that_is_no_database_of_ours_stays_as_it_is(tmp_path):
    import duckdb

    for name, fill in (("other", lambda p: duckdb.connect(str(p)).close()),
                       ("text", lambda p: p.write_text("no database"))):  # fmt: skip
        path = tmp_path / f"{name}.duckdb"
        fill(path)
        before = path.read_bytes()
        done = sessionwatch("compact", "--db", path)
        assert done.code == 2
        assert path.read_bytes() == before
    assert sessionwatch("compact", "--db", tmp_path / "none.duckdb").code == 2


def test_a_folder_that_may_not_be_written_says_so(db, root):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    db.parent.mkdir()
    ingested(db, root)
    db.parent.chmod(0o500)

    done = sessionwatch("compact", "--db", db)

    db.parent.chmod(0o700)
    assert done.code == 1
    assert "yours" in done.err
