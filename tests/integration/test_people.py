"""Who is who, and taking somebody out of everything, in a running service."""

import shutil
from contextlib import contextmanager

import pytest

from core.errors import ConfigurationError
from core.identity import Alias, Identity
from service.client import Client
from tests.tools.service import PROJECT, in_process, quiet, sessionwatch, settings_for
from tests.tools.waiting import wait_for
from tests.tools.writers import append, assistant_line, prompt_line

MARK = "a-word-that-only-noor-ever-wrote"
UUID = "7d0c9f5e-1b1f-4c3e-9a39-6a9a5a1f2b3c"


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "sessions"
    for user in ("amara", UUID, "noor"):
        lines = [prompt_line(f"{user}-p", text=MARK if user == "noor" else "please")]
        lines += [assistant_line(f"{user}-{n}", text=MARK) for n in range(3)]
        (folder / user / "p").mkdir(parents=True)
        append(folder / user / "p" / "s.jsonl", b"".join(lines))
    return folder


@contextmanager
def running(tmp_path, root):
    with in_process(settings_for(tmp_path / "t.duckdb", root)) as service:
        quiet(service)
        yield service, Client(tmp_path / "t.duckdb")


def users(client):
    report = client.get("/api/v1/usage/user")
    return {row["user"]: row["totalTokens"] for row in report["users"]}


def test_somebody_under_three_names_is_one_person_everywhere(tmp_path, root):
    with running(tmp_path, root) as (service, client):
        before = users(client)
        client.post("/api/v1/people", {"person": "Amara Diallo", "aliases": ["amara@x.org", UUID]})
        after = users(client)
        append(root / "amara/p/s.jsonl", assistant_line("later"))
        append(root / UUID / "p/new.jsonl", assistant_line("other"))
        quiet(service)
        later = users(client)

    assert after == {"Amara Diallo": before["amara"] + before[UUID], "noor": before["noor"]}
    assert later["Amara Diallo"] > after["Amara Diallo"]
    assert later.keys() == after.keys()


def test_a_name_that_is_unlinked_stands_for_itself_again(tmp_path, root):
    with running(tmp_path, root) as (_, client):
        before = users(client)
        client.post("/api/v1/people", {"person": "Amara", "aliases": ["amara", UUID]})
        client.ask("DELETE", f"/api/v1/people/aliases/{UUID}")
        client.ask("DELETE", "/api/v1/people/aliases/amara")

        assert users(client) == before


def test_a_name_of_somebody_else_is_not_taken_unless_it_is_said_so(tmp_path, root):
    with running(tmp_path, root) as (_, client):
        client.post("/api/v1/people", {"person": "one", "aliases": ["amara"]})
        with pytest.raises(ConfigurationError, match="amara means one") as refused:
            client.post("/api/v1/people", {"person": "two", "aliases": ["amara"]})
        client.post("/api/v1/people", {"person": "two", "aliases": ["amara"], "move": True})

        assert refused.value.reason == "conflict"
        assert "two" in users(client)


def test_a_link_made_while_nothing_runs_holds_from_the_next_start(tmp_path, root):
    with running(tmp_path, root):
        pass
    db = tmp_path / "t.duckdb"

    done = sessionwatch("people", "link", "Amara", "amara", UUID, "--db", db, "--json")

    assert done.json == {"person": "Amara", "files": 2}
    with running(tmp_path, root) as (_, client):
        assert users(client).keys() == {"Amara", "noor"}


def everything(service):
    """Every text in every table, as the database has it."""
    cursor = service.store.cursor()
    found = []
    for schema, table in cursor.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT temporary"
    ).fetchall():
        found += map(str, cursor.execute(f'FROM {schema}."{table}"').fetchall())
    cursor.close()
    return found


def test_an_erasure_takes_everything_and_says_so(tmp_path, root):
    with running(tmp_path, root) as (service, client):
        users(client)  # The tally knows them as well.
        others = {name: n for name, n in users(client).items() if name != "noor"}
        assert any(MARK in row for row in everything(service)) is False  # No text is kept at all.
        found = client.post("/api/v1/people/noor/erase", {"confirm": "noor", "files": True})
        quiet(service)
        after = users(client)
        rows = [row for row in everything(service) if "noor" in row]

    assert found["rows"]["usage_messages"] == 3
    assert found["rows"]["files"] == found["files_deleted"] == 1
    assert found["files_left"] == []
    assert not (root / "noor/p/s.jsonl").exists()
    assert after == others
    assert len(rows) == 2, "who was erased, and the audit's row of it"
    assert [row for row in rows if "person.erase" in row]


def test_what_stays_on_disk_is_not_read_again_until_it_is_said_so(tmp_path, root):
    with running(tmp_path, root) as (service, client):
        before = users(client)
        found = client.post("/api/v1/people/noor/erase", {"confirm": "noor"})
        append(root / "noor/p/s.jsonl", assistant_line("after"))
        append(root / "noor/p/new.jsonl", assistant_line("new"))
        quiet(service)
        assert "noor" not in users(client)
        client.post("/api/v1/people/noor/readmit")
        service.timer.hurry("sweep")
        wait_for(lambda: users(client).get("noor", 0) > before["noor"], 30.0)

    assert [path.rpartition(":")[2] for path in found["files_left"]] == ["noor/p/s.jsonl"]


def test_who_was_erased_under_another_name_is_not_read_again_under_any(tmp_path, root):
    with running(tmp_path, root) as (service, client):
        body = {"person": "Noor A.", "aliases": ["noor", "kim@x.org"]}
        client.post("/api/v1/people", body)
        client.post("/api/v1/people/Noor A./erase", {"confirm": "Noor A."})
        (root / "kim/p").mkdir(parents=True)
        for folder in ("noor", "kim"):
            append(root / folder / "p/new.jsonl", assistant_line(f"{folder}-again"))
        quiet(service)

        assert users(client).keys() == {"amara", UUID}
        assert not [row for row in everything(service) if "kim" in row]


def test_an_erasure_while_files_grow_leaves_nothing(tmp_path, root):
    with running(tmp_path, root) as (service, client):
        for number in range(200):
            append(root / "noor/p/s.jsonl", assistant_line(f"grows-{number}"))
            if number == 100:
                client.post("/api/v1/people/noor/erase", {"confirm": "noor"})
        quiet(service)

        assert client.get("/api/v1/status")["files"] == 2
        assert "noor" not in users(client)


def test_an_erasure_wants_the_name_once_more_and_somebody_of_that_name(tmp_path, root):
    with running(tmp_path, root) as (_, client):
        with pytest.raises(ConfigurationError, match="cannot be undone"):
            client.post("/api/v1/people/noor/erase", {"confirm": "nor"})
        with pytest.raises(ConfigurationError, match="nobody is called nor"):
            client.post("/api/v1/people/nor/erase", {"confirm": "nor"})

        assert "noor" in users(client)


def test_a_name_means_the_person_it_was_given_to_before_the_one_with_the_address():
    known = Identity([Alias("sam@a.org", "Sam A", 1), Alias("sam", "Sam B", 2)])

    assert known.resolve("sam") == "Sam B"
    assert known.resolve("SAM@A.ORG") == "Sam A"
    assert known.resolve("kim") == "kim"


def test_of_two_addresses_the_one_that_was_set_last_has_the_folder():
    known = Identity([Alias("sam@b.org", "Sam B", 2), Alias("sam@a.org", "Sam A", 1)])

    assert known.resolve("sam") == "Sam B"


def test_the_demo_is_served_under_people(tmp_path):
    root = shutil.copytree(PROJECT / "demo/sessions", tmp_path / "demo")
    with running(tmp_path, root) as (_, client):
        people = client.get("/api/v1/people")["people"]

    assert all(one["files"] and one["folders"] for one in people)


def test_an_erasure_reaches_the_predecessors_archive_under_every_name(tmp_path, root):
    with running(tmp_path, root) as (service, client):
        client.post("/api/v1/people", {"person": "noor", "aliases": ["noor@x.org"]})
        cursor = service.store.cursor()
        cursor.execute(
            "INSERT INTO predecessor_sessions (session_file, username) VALUES "
            "('old/a.jsonl', 'NOOR@x.org'), ('noor/b.jsonl', NULL), ('amara/c.jsonl', 'amara')"
        )
        cursor.execute("INSERT INTO predecessor_knowledge (kind, row_key, source_user) VALUES "
                       "('item', '1', 'noor'), ('item', '2', NULL)")  # fmt: skip
        found = client.post("/api/v1/people/noor/erase", {"confirm": "noor"})
        left = cursor.execute("SELECT session_file FROM predecessor_sessions").fetchall()
        cursor.close()

    assert found["rows"]["predecessor_sessions"] == 2
    assert found["rows"]["predecessor_knowledge"] == 1
    assert left == [("amara/c.jsonl",)]
