"""kill -9 while people's notes become knowledge: nothing lost, nothing twice."""

import random
from pathlib import Path

import pytest

from knowledge.clusters import relations_among
from knowledge.relations import Statement
from tests.tools.service import ServiceProcess
from tests.tools.waiting import wait_for

QUICK = {"sweep_s": 1, "stat_trust_s": 0.5, "drain_s": 60}
SUBJECTS = ("churn", "revenue", "attendance", "the backlog", "stock")
PERIODS = ("daily", "weekly", "monthly")


def note(root: Path, user: str, facts: list[str]) -> None:
    folder = root / user
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / "new"
    whole.write_text("".join(f"- {fact}\n" for fact in facts))
    whole.rename(folder / "CLAUDE.local.md")


def in_base(service: ServiceProcess) -> set[tuple[str, str]]:
    return {(u, s) for u, s in service.sql('SELECT "user", said FROM knowledge_evidence')}


@pytest.mark.slow
def test_kills_while_notes_become_knowledge_lose_nothing_and_write_nothing_twice(tmp_path):
    root, chance = tmp_path / "sessions", random.Random(5)
    root.mkdir()
    facts = [f"Since 2020 {one} is counted {how}" for one in SUBJECTS for how in PERIODS]
    wanted: dict[str, list[str]] = {user: [] for user in ("ada", "bob", "cid")}
    service = ServiceProcess(tmp_path / "live.duckdb", root, **QUICK)
    try:
        for _ in range(4):
            service.start()
            for user, said in wanted.items():
                said += chance.sample([f for f in facts if f not in said], 3)
                note(root, user, said)
            before = len(in_base(service))
            # In the middle of it: some of what was just written is in the base, or all, or none.
            wait_for(lambda start=before: len(in_base(service)) > start, 30.0)
            service.kill()
        service.start()
        everything = {(user, fact) for user, said in wanted.items() for fact in said}
        wait_for(lambda: in_base(service) == everything, 30.0)
        evidence = service.sql(
            "SELECT count(*), count(DISTINCT evidence_id) FROM knowledge_evidence"
        )
        items = service.sql("SELECT item_id, statement, observed_at_us FROM knowledge_items")
        relations = service.sql("SELECT left_id, right_id, kind FROM knowledge_relations")
        assert service.terminate() == 0
    finally:
        service.close()

    assert evidence == [[len(everything)] * 2]
    assert sorted(s for _, s, _ in items) == sorted({fact for _, fact in everything})
    pure = relations_among(Statement(i, s, observed_at_us=at) for i, s, at in items)
    assert sorted(map(tuple, relations)) == sorted((r.left, r.right, r.kind) for r in pure)
