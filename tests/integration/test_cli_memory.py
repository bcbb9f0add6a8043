"""The commands of the knowledge base, with and without a running service."""

import json

import pytest

from tests.tools.memory import team
from tests.tools.service import serving, sessionwatch

MONTHLY = "Churn is calculated monthly"
APPROVALS = "Deploys to production need two approvals"


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "sessions"
    for user, text in (("ada", f"- {MONTHLY}\n- {APPROVALS}\n"), ("bob", f"- {MONTHLY}\n")):
        (folder / user).mkdir(parents=True)
        (folder / user / "CLAUDE.local.md").write_text(text)
    return folder


def memory(*words, db, **more):
    return sessionwatch("memory", *words, "--db", db, **more)


def test_one_who_reviews_without_a_service_sees_what_an_ingest_found(root, tmp_path):
    db, rules = tmp_path / "t.duckdb", tmp_path / "rules"
    assert sessionwatch("ingest", root, "--db", db).code == 0
    first = memory("list", "--pending", "--json", db=db).json["items"][0]
    shown = memory("show", first["id"], db=db)
    approved = memory("approve", first["id"], db=db)
    refused = memory("revoke", "ki_none", "--reason", "x", db=db)
    told = memory("bundle", db=db)
    pulled = memory("pull", "--into", rules, "--json", db=db)
    gone = memory("revoke", first["id"], "--reason", "over", db=db)
    memory("pull", "--into", rules, db=db)

    assert (first["content"], first["people"]) == (MONTHLY, 2)
    assert "ada: note: Churn" in shown.out
    assert (approved.code, approved.out.split()[1]) == (0, "approved")
    assert (refused.code, refused.out.split()[1]) == (1, "not_found:")
    assert MONTHLY in told.out
    assert pulled.json["changes"] == 3, "two manifests and a file"
    assert gone.code == 0
    assert list(rules.glob("km_*.md")) == []


def test_the_same_of_a_running_service_and_of_one_elsewhere(root, tmp_path):
    db, rules = tmp_path / "t.duckdb", tmp_path / "rules"
    with serving(db, root) as service:
        service.wait_until(lambda: service.sql("FROM knowledge_items"))
        made = sessionwatch(
            "token", "create", "ada", "--role", "analyst", "--person", "ada", "--db", db, "--json"
        ).json["token"]
        found = memory("list", "--json", "--search", "deploys", db=db).json["items"]
        asked = memory("mandate", found[0]["id"], "--reason", "audit", db=db)
        rejected = memory("list", "--json", "--status", "rejected", db=db).json["total_count"]
        pulled = sessionwatch(
            "memory", "pull", "--url", service.url, "--into", rules, "--json", token=made
        )
        again = sessionwatch(
            "memory", "pull", "--url", service.url, "--into", rules, "--json", token=made
        )
        foreign = sessionwatch("memory", "pull", "--url", service.url, "--into", rules)

    assert "another person's mandate" in asked.out
    assert rejected == 0
    assert (pulled.code, again.json["changes"]) == (0, 0)
    assert APPROVALS in (rules / "km_approved.md").read_text()
    assert foreign.code == 2
    assert "who asks?" in foreign.err


@pytest.mark.parametrize("url", ["http://sessions.example.org", "https://u:p@x.org", "ftp://x"])
def test_a_token_is_not_sent_where_others_could_read_it(url, tmp_path):
    done = sessionwatch("memory", "pull", "--url", url, "--into", tmp_path / "r", token="x")

    assert done.code == 2
    assert not (tmp_path / "r").exists()


def test_nobody_answers_and_the_rules_stay(tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "km_approved.md").write_text("mine")

    done = sessionwatch("memory", "pull", "--url", "http://127.0.0.1:9", "--into", rules)

    assert done.code == 1
    assert (rules / "km_approved.md").read_text() == "mine"


def test_a_file_in_the_way_is_told_and_left_alone(tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "km_approved.md").write_text("mine")
    with team(tmp_path) as people:
        people.note("ada", f"- {MONTHLY}\n")
        people.rae.post("/admin/approve", item_id=people.rae.id_of(MONTHLY))
        done = sessionwatch(
            "memory", "pull", "--url", people.ada.url, "--into", rules, "--json",
            token=people.ada.token,
        )  # fmt: skip

    assert done.code == 1
    assert json.loads(done.out)["blocked"] == ["km_approved.md"]
    assert (rules / "km_approved.md").read_text() == "mine"
