"""The story of docs/memory-story.md, with a real service, real sessions and the real commands.

Three people teach, confirm and contradict one fact while they work; two review it; their agents are
told and it is withdrawn. The rule: every row of evidence, audit and history, every delivery and
every file is compared as a whole, so that nothing is there that nobody did.
"""

import json
from pathlib import Path

import pytest

from tests.tools.memory import Asker
from tests.tools.service import ServiceProcess, serving, sessionwatch

MONTHLY = "churn is calculated monthly, not weekly."
CONFIRMED = "churn is calculated monthly."
WEEKLY = "churn is calculated weekly, not monthly."
PEOPLE = {"ada": "analyst", "bob": "analyst", "cid": "analyst", "rae": "admin", "sam": "admin"}
READERS = ("ada", "bob", "cid")
QUICK = {"sweep_s": 1, "stat_trust_s": 0.5, "tail_quiet_s": 0.5, "quiet_max_s": 0.5}


class Day:
    """A service with tokens for five people, and what they type in their sessions."""

    def __init__(self, folder: Path, service: ServiceProcess) -> None:
        self.folder = folder
        self.service = service
        self.tokens = {
            name: sessionwatch(
                "token", "create", name, "--role", role, "--person", name, "--db", service.db,
                "--json",
            ).json["token"]
            for name, role in PEOPLE.items()
        }  # fmt: skip
        self.lines = 0

    def asker(self, name: str) -> Asker:
        return Asker(self.service.url, self.tokens[name])

    def typed(self, user: str, session: str, agent: str, person: str, at: str) -> None:
        """One exchange is appended to a session, as Claude Code would."""
        path = self.folder / "sessions" / user / "-work-shop" / f"{session}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        said = [{"type": "text", "text": agent}]
        usage = {"input_tokens": 9, "output_tokens": 9}
        with path.open("ab") as file:
            for role, content in (("assistant", said), ("user", person)):
                self.lines += 1
                message = {"role": role, "content": content}
                if role == "assistant":
                    message |= {"id": f"msg_{self.lines}", "type": "message",
                                "model": "claude-sonnet-4-5-20250929", "usage": usage}  # fmt: skip
                record = {
                    "parentUuid": None, "isSidechain": False, "userType": "external",
                    "cwd": "/srv/shop", "sessionId": session, "version": "2.1.0",
                    "gitBranch": "main", "type": role, "message": message,
                    "uuid": f"{session}-{self.lines}", "timestamp": f"{at}:00.000Z",
                }  # fmt: skip
                file.write(json.dumps(record).encode() + b"\n")

    def wait_for_evidence(self, count: int) -> None:
        query = "SELECT count(*) FROM knowledge_evidence"
        self.service.wait_until(lambda: self.service.sql(query) == [[count]])

    def rules(self, user: str) -> Path:
        return self.folder / "repositories" / user / ".claude" / "rules"

    def pull(self, user: str) -> int:
        """How many changes a pull made."""
        done = sessionwatch(
            "memory", "pull", "--url", self.service.url, "--into", self.rules(user), "--json",
            token=self.tokens[user],
        )  # fmt: skip
        assert (done.code, done.json["blocked"], done.json["strays"]) == (0, [], [])
        return int(done.json["changes"])

    def told(self, user: str) -> dict[str, str]:
        return {one.name: one.read_text() for one in self.rules(user).glob("km_*.md")}


@pytest.fixture
def day(tmp_path):
    (tmp_path / "sessions").mkdir()
    with serving(tmp_path / "s.duckdb", tmp_path / "sessions", **QUICK) as service:
        yield Day(tmp_path, service)


def teach(day: Day) -> None:
    """Ada corrects her agent, Bob confirms to his, Cid says the contrary to his."""
    day.typed("ada", "a1", "I calculate churn weekly, from the events table.",
              f"No, {MONTHLY}", "2026-05-04T09:00")  # fmt: skip
    day.wait_for_evidence(1)
    day.typed("bob", "b1", "So churn is calculated monthly?",
              f"Yes, exactly, {CONFIRMED}", "2026-05-05T09:00")  # fmt: skip
    day.wait_for_evidence(2)
    day.typed("cid", "c1", "I take churn as calculated monthly.",
              f"No, {WEEKLY}", "2026-05-06T09:00")  # fmt: skip
    day.wait_for_evidence(3)


def test_a_fact_from_three_sessions_to_three_repositories_and_out_of_them(day):
    teach(day)
    rae, sam = day.asker("rae"), day.asker("sam")
    pending = {one["content"]: one for one in rae.get("/admin/pending")["items"]}
    (conflict,) = rae.get("/admin/contradictions")["contradictions"]

    # What waits: two facts, one of them said by two people in two wordings.
    assert {text: one["people"] for text, one in pending.items()} == {MONTHLY: 2, WEEKLY: 1}
    fact, other = pending[MONTHLY], pending[WEEKLY]
    assert [one["content"] for one in fact["wordings"]] == [CONFIRMED]
    assert fact["contributors"] == ["ada", "bob"]
    # Cid's agent had said what he rejects, so his word is proposed as the newer one. Until a person
    # has settled that, each speaks against the other, and two people outweigh one.
    assert (fact["contradicted_by"], other["contradicted_by"]) == ([other["id"]], [fact["id"]])
    assert fact["confidence"] > other["confidence"]
    assert (conflict["relation"], conflict["explanation"]) in (
        ("supersedes", "period: month → week"), ("supersedes", "period: week → month"),
    )  # fmt: skip
    assert {one: len(day.asker(one).get()["items"]) for one in READERS} == dict.fromkeys(READERS, 1)

    # Two people review it.
    id_, gone = fact["id"], other["id"]
    wording = fact["wordings"][0]["id"]
    newer, older = sorted(("kept_a", "kept_b"), reverse=conflict["item_a_id"] != gone)
    assert conflict["suggested_resolution"] == newer
    approved = rae.post("/admin/approve", {"reason": "as finance does"}, item_id=id_)
    settled = rae.post(f"/admin/contradictions/{conflict['id']}/resolve", {"resolution": older})
    asked = rae.post("/admin/mandate", {"reason": "board report"}, item_id=id_)
    given = sam.post("/admin/mandate", {"reason": "board report"}, item_id=id_)

    assert approved["status"] == asked["status"] == "approved"
    assert given["status"] == "mandatory"
    assert settled["changed"] == [gone]
    assert rae.get(f"/{gone}")["status"] == "rejected"
    assert rae.get("/admin/contradictions")["count"] == 0
    assert rae.get("/admin/pending")["items"] == []
    assert rae.get(f"/{id_}")["confidence"] > fact["confidence"]

    # Their agents are told, once.
    name = f"km_{id_}.md"
    assert [day.pull(user) for user in READERS] == [3, 3, 3], "two manifests and a file"
    assert [day.pull(user) for user in READERS] == [0, 0, 0]
    for user in READERS:
        ((found, text),) = day.told(user).items()
        assert found == name
        assert f"- {MONTHLY} _({id_}, 2 people, confirmed " in text

    # Who was told says it again: evidence, and nobody more.
    before = rae.get(f"/{id_}")
    day.typed("cid", "c2", "Churn is calculated monthly?",
              f"Yes, exactly, {CONFIRMED}", "2099-05-30T09:00")  # fmt: skip
    day.wait_for_evidence(4)
    after = rae.get(f"/{id_}")
    figures = ("people", "sessions", "contributors")
    assert [after[name] for name in figures] == [2, 2, [*READERS]]
    assert after["confidence"] >= before["confidence"]

    # Withdrawn: the files go.
    sam.post("/admin/revoke", {"reason": "the definition moves to the wiki"}, item_id=id_)
    assert [day.pull(user) for user in READERS] == [2, 2, 2]
    assert [day.told(user) for user in READERS] == [{}, {}, {}]
    assert [day.pull(user) for user in READERS] == [0, 0, 0]

    _every_row(day, id_, wording, gone, older, conflict["id"])


def _every_row(day: Day, id_: str, wording: str, gone: str, choice: str, conflict: str) -> None:
    rae = day.asker("rae")
    evidence = [
        (one["user"], one["session"], one["item_id"], one["kind"], one["extractor"], one["quote"],
         one["path"])
        for one in rae.get(f"/{id_}/provenance")["evidence"]
    ]  # fmt: skip
    assert evidence == [
        ("ada", "a1", id_, "correction", "rules", f"No, {MONTHLY}", "ada/-work-shop/a1.jsonl"),
        ("bob", "b1", wording, "confirmation", "rules", f"Yes, exactly, {CONFIRMED}",
         "bob/-work-shop/b1.jsonl"),
        ("cid", "c2", wording, "confirmation", "rules", f"Yes, exactly, {CONFIRMED}",
         "cid/-work-shop/c2.jsonl"),
    ]  # fmt: skip
    (contrary,) = rae.get(f"/{gone}/provenance")["evidence"]
    assert (contrary["user"], contrary["quote"]) == ("cid", f"No, {WEEKLY}")
    for one in [*rae.get(f"/{id_}/provenance")["evidence"], contrary]:
        _stands_there(day, one)

    history = [
        (one["act"], one["actor"], one["before"], one["after"], one["reason"])
        for one in rae.get(f"/{id_}/provenance")["history"]
    ]
    assert history == [
        ("approve", "rae", "pending", "approved", "as finance does"),
        ("mandate", "rae", "approved", "approved", "board report"),
        ("mandate", "sam", "approved", "mandatory", "board report"),
        ("revoke", "sam", "mandatory", "revoked", "the definition moves to the wiki"),
    ]
    assert [(o["act"], o["actor"]) for o in rae.get(f"/{gone}/provenance")["history"]] == [
        (choice, "rae")
    ]
    audit = [
        (one["actor"], one["role"], one["action"], one["resource"], one["result"])
        for one in reversed(rae.get("/admin/audit")["audit"])
    ]
    assert audit == [
        ("rae", "admin", "corporate_memory.approve", id_, "ok"),
        ("rae", "admin", "corporate_memory.contradiction_resolve", conflict, "ok"),
        ("rae", "admin", "corporate_memory.mandate", id_, "ok"),
        ("sam", "admin", "corporate_memory.mandate", id_, "ok"),
        ("sam", "admin", "corporate_memory.revoke", id_, "ok"),
    ]
    told = 'SELECT "user", item_id FROM knowledge_deliveries ORDER BY ALL'
    assert day.service.sql(told) == [[user, id_] for user in READERS]
    assert "churn" not in day.service.log


def _stands_there(day: Day, evidence: dict[str, object]) -> None:
    """The place that the evidence names is the line in which the quote stands."""
    data = (day.folder / "sessions" / str(evidence["path"])).read_bytes()
    line = json.loads(data[int(str(evidence["line_offset"])) :].splitlines()[0])
    text = line["message"]["content"]
    assert (
        text[int(str(evidence["quote_start"])) : int(str(evidence["quote_end"]))]
        == (evidence["quote"])
    )
