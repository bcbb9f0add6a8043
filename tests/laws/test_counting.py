"""The law of counting: in whatever steps files came, the counted messages are those of all rows.

Files of several users share messages, as resumed, forked and copied sessions do; they grow, are
rewritten and vanish, and somebody counts now and then.
"""

import json
import random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.keys import SessionKey
from core.rows import Collect
from processors.usage import Usage
from processors.usage_documents import UsageDocuments
from state.usage import tally
from state.usage.tally import Tally
from tests.tools import codex
from tests.tools.codex import counts, meta, rollout, turn
from tests.tools.examples import fewer
from tests.tools.simulation import SOURCE, DuckStorage, World

KEYS = [
    SessionKey(SOURCE, path)
    for path in (
        "ada/p/s1.jsonl",
        "ada/p/s1/subagents/agent-1.jsonl",
        "ada/p/s2.jsonl",
        "bob/p/s1.jsonl",
    )
]
COUNTED = """
    SELECT
        c.* EXCLUDE (winner_file_id, file_ids), w.path AS winner_path,
        list_sort(list_transform(c.file_ids, lambda i: files.paths[i])) AS paths
    FROM usage_counted c
    JOIN files w ON w.file_id = c.winner_file_id
    CROSS JOIN (SELECT map_from_entries(list((file_id, path))) AS paths FROM files) files
    ORDER BY ALL
"""
QUARTERS = "SELECT * FROM usage_quarters ORDER BY ALL"


def line(
    message_id: str | None,
    request_id: str | None,
    output: int,
    minute: int | None,
    model: str,
    flags: int,
) -> bytes:
    message = {"id": message_id, "model": model, "role": "assistant", "content": []}
    record: dict[str, Any] = {
        "type": "assistant",
        "isSidechain": bool(flags & 1),
        "uuid": f"line-{message_id}-{output}" if flags & 2 else None,
        "sessionId": "s1",
        "requestId": request_id,
        "message": message
        | {"usage": {"input_tokens": 3, "output_tokens": output}}
        | {"stop_reason": "end_turn" if flags & 4 else None},
    }
    if minute is not None:
        record["timestamp"] = f"2026-05-01T10:{minute:02}:00.000Z"
    return json.dumps(record).encode() + b"\n"


lines = st.builds(
    line,
    st.sampled_from(["m1", "m2", "m3", None]),
    st.sampled_from(["r1", "r2", None]),
    st.sampled_from([0, 5, 90]),
    st.sampled_from([0, 14, 16, 59, None]),
    st.sampled_from(["claude-opus-4-6", "claude-opus-4-6", "no-such-model"]),
    st.integers(0, 7),
)
contents = st.lists(lines, max_size=3).map(b"".join)
steps = st.tuples(
    st.sampled_from(
        ["append", "append", "rewrite", "delete", "tally", "collect", "rescan", "upgrade"]
    ),
    st.sampled_from(KEYS),
    contents,
)

OPUS = "claude-opus-4-6"
HISTORY = codex.counts((10, 0, 5, 0), (20, 0, 5, 0), (30, 4, 5, 1))
PARENT = [codex.meta("A"), codex.turn("gpt-5"), *HISTORY]
CHILD = [codex.meta("B", fork="A"), codex.meta("A"), codex.turn("gpt-5.1"), *HISTORY]
CHILD += codex.counts((7, 0, 1, 0), before=(60, 4, 15, 1))
GRANDCHILD = [codex.meta("C", fork="B"), *CHILD, *codex.counts((9, 0, 2, 0), before=(67, 4, 16, 1))]


def copilot(name: str) -> bytes:
    """Two runs of a session: of one there is a total."""

    def said(message: str, output: int) -> dict[str, Any]:
        return {"messageId": message, "model": "gpt-5", "outputTokens": output}

    used = {"gpt-5": {"usage": {"inputTokens": 40, "outputTokens": 12}}}
    data = [
        ("session.start", {}),
        ("assistant.message", said("c1", 5)),
        ("assistant.message", said(f"c2-{name}", 7)),
        ("session.shutdown", {"modelMetrics": used}),
        ("session.resume", {}),
        ("assistant.message", said("c3", 9)),
    ]
    events = (
        {"type": kind, "data": one, "id": f"{name}-{n}", "timestamp": f"2026-05-01T10:00:0{n}Z"}
        for n, (kind, one) in enumerate(data)
    )
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


WHOLES = [
    *(codex.rollout(lines) for lines in (PARENT, CHILD, GRANDCHILD)),
    copilot("a"),
    copilot("b"),
    line("m1", "r1", 5, 0, OPUS, 4) + line("m2", "r1", 5, 0, OPUS, 4),
    b"no agent wrote this\n",
]


def cut(whole: bytes, begin: int, end: int) -> bytes:
    return b"".join(whole.splitlines(keepends=True)[begin:end])


pieces = st.builds(
    cut, st.sampled_from(WHOLES), st.sampled_from([0, 0, 0, 1, 3]), st.sampled_from([1, 4, 6, 99])
)
family_steps = st.tuples(
    st.sampled_from(
        ["append", "append", "rewrite", "delete", "tally", "tally", "collect", "upgrade"]
    ),
    st.sampled_from(KEYS),
    pieces,
)


class Counted:
    """An engine over files in memory, and the tally of its database."""

    def __init__(self) -> None:
        self.world = World([Usage(), UsageDocuments()], storage=DuckStorage())
        self.tally = Tally(self.world.database.cursor)
        self.version = Usage.version

    def do(self, what: str, key: SessionKey, data: bytes) -> None:
        files = self.world.files
        have = files.inodes[key].data if key in files.inodes else b""
        match what:
            case "append":
                files.write(key, have + data)
            case "rewrite":
                files.replace(key, data)
            case "delete" if key in files.inodes:
                files.delete(key)
            case "tally":
                self.tally.catch_up()
            case "rescan":
                self.world.rescan()
            case "upgrade":
                self.upgrade()
        self.world.clock.seconds += 10.0
        self.world.sweep()
        self.world.engine.drain()
        if what == "collect":
            self.collect()

    def upgrade(self) -> None:
        """Another version of the processor: every file that is there is read anew."""
        self.world.processors[0] = processor = Usage()
        self.version += 1
        processor.version = self.version
        self.world.restart()

    def collect(self) -> None:
        """Rows of replaced generations go, as the service's timer has it."""
        while self.world.database.garbage_count:
            self.world.submit(Collect())

    def tables(self) -> tuple[Any, Any]:
        db = self.world.database.cursor()
        try:
            return db.execute(COUNTED).fetchall(), db.execute(QUARTERS).fetchall()
        finally:
            db.close()

    def rebuilt(self) -> tuple[Any, Any]:
        db = self.world.database.cursor()
        try:
            tally.rebuild(db)
        finally:
            db.close()
        return self.tables()


@pytest.mark.slow
@fewer(0.25)
@given(found=st.lists(steps, max_size=12))
@example(
    found=[
        ("append", KEYS[0], line("m1", "r1", 5, 0, "claude-opus-4-6", 4)),
        ("tally", KEYS[0], b""),
        ("append", KEYS[3], line("m1", "r1", 90, 14, "claude-opus-4-6", 0)),
        ("tally", KEYS[0], b""),
        ("rewrite", KEYS[3], line("m2", "r1", 5, 16, "claude-opus-4-6", 0)),
        ("collect", KEYS[0], b""),
    ]
)
def test_counting_in_steps_gives_what_counting_everything_gives(found: list[Any]) -> None:
    counted = Counted()
    for what, key, data in found:
        counted.do(what, key, data)
    counted.tally.catch_up()

    assert counted.tally.prove() == []
    stepped = counted.tables()
    assert stepped == counted.rebuilt()


@pytest.mark.slow
@fewer(0.25)
@given(found=st.lists(family_steps, max_size=10))
@example(
    found=[
        ("append", KEYS[0], WHOLES[0]),
        ("append", KEYS[1], WHOLES[1]),
        ("tally", KEYS[0], b""),
        ("rewrite", KEYS[0], WHOLES[5]),
    ]
)
@example(
    found=[
        ("append", KEYS[0], WHOLES[3]),
        ("append", KEYS[1], cut(WHOLES[3], 0, 2)),
        ("tally", KEYS[0], b""),
        ("rewrite", KEYS[0], WHOLES[6]),
    ]
)
def test_agents_whose_files_count_together_are_counted_in_steps_as_well(found: list[Any]) -> None:
    counted = Counted()
    for what, key, data in found:
        counted.do(what, key, data)
    counted.tally.catch_up()

    assert counted.tally.prove() == []
    stepped = counted.tables()
    assert stepped == counted.rebuilt()


@pytest.mark.slow
@fewer(0.1)
@given(
    contents=st.lists(contents, min_size=len(KEYS), max_size=len(KEYS)),
    seed=st.integers(0, 1 << 30),
)
def test_any_split_of_the_files_over_time_and_any_order_counts_the_same(
    contents: list[bytes], seed: int
) -> None:
    whole, split = Counted(), Counted()
    for key, data in zip(KEYS, contents, strict=True):
        whole.do("append", key, data)
    chance = random.Random(seed)
    left = {key: data.splitlines(keepends=True) for key, data in zip(KEYS, contents, strict=True)}
    while any(left.values()):
        key = chance.choice([key for key, lines in left.items() if lines])
        split.do("append", key, left[key].pop(0))
        if chance.random() < 0.5:
            split.tally.catch_up()
    whole.tally.catch_up()
    split.tally.catch_up()

    assert whole.tables() == split.tables()


def test_nothing_is_counted_again_while_nothing_changes() -> None:
    counted = Counted()
    counted.do("append", KEYS[0], line("m1", "r1", 5, 0, "claude-opus-4-6", 0))

    assert [counted.tally.catch_up() for _ in range(3)] == [1, 0, 0]


def test_a_message_of_a_rewritten_file_falls_back_to_the_copy_that_is_left() -> None:
    counted = Counted()
    counted.do("append", KEYS[3], line("m1", "r1", 5, 14, "claude-opus-4-6", 0))
    counted.do("append", KEYS[0], line("m1", "r1", 90, 0, "claude-opus-4-6", 4))
    counted.tally.catch_up()
    before = counted.world.database.cursor().execute(
        'SELECT "user", output_tokens, final, copies FROM usage_counted'
    )
    assert before.fetchall() == [("ada", 90, True, 2)]

    counted.do("rewrite", KEYS[0], line("m2", "r1", 1, 0, "claude-opus-4-6", 0))
    counted.collect()
    counted.tally.catch_up()

    after = counted.world.database.cursor().execute(
        'SELECT id, "user", output_tokens, final, copies FROM usage_counted ORDER BY id'
    )
    assert after.fetchall() == [("m1", "bob", 5, False, 1), ("m2", "ada", 1, False, 1)]


def test_rows_that_came_since_the_last_count_are_no_difference() -> None:
    counted = Counted()
    counted.do("append", KEYS[0], line("m1", "r1", 5, 0, OPUS, 0))
    counted.tally.catch_up()
    counted.do("append", KEYS[0], line("m2", "r1", 5, 0, OPUS, 0))

    assert counted.tally.prove() == []


def test_a_tally_that_somebody_changed_is_found_out() -> None:
    counted = Counted()
    for key, name in zip(KEYS, ("m1", "m2", "m3", "m4"), strict=True):
        counted.do("append", key, line(name, "r1", 5, 0, "claude-opus-4-6", 0))
    counted.tally.catch_up()
    db = counted.world.database.cursor()
    db.execute("UPDATE usage_counted SET output_tokens = 6 WHERE id = 'm1'")
    db.execute("DELETE FROM usage_counted WHERE id = 'm2'")
    db.execute("INSERT INTO usage_counted SELECT * REPLACE ('m5' AS id) FROM usage_counted LIMIT 1")

    assert counted.tally.prove()[:3] == ["m1", "m2", "m5"]


def test_sums_that_somebody_changed_are_found_out() -> None:
    counted = Counted()
    counted.do("append", KEYS[0], line("m1", "r1", 5, 0, OPUS, 0))
    counted.tally.catch_up()
    assert counted.tally.prove() == []
    counted.world.database.cursor().execute("UPDATE usage_quarters SET output_tokens = 6")

    (found,) = counted.tally.prove()
    assert found.startswith("sum of ada in quarter ")


def test_many_changed_messages_are_counted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted()
    counted.do("append", KEYS[0], line("m1", "r1", 5, 0, "claude-opus-4-6", 0))
    counted.tally.catch_up()
    monkeypatch.setattr(tally, "DIRTY_IDS_MAX", 1)
    monkeypatch.setattr(tally, "PART_ROWS", 1)
    for key, name in zip(KEYS, ("m2", "m3", "m4", "m1"), strict=True):
        counted.do("append", key, line(name, "r1", 9, 20, "claude-opus-4-6", 0))

    assert counted.tally.catch_up() == 4
    assert counted.tally.catch_up() == 0
    assert counted.tables() == counted.rebuilt()


def test_a_codex_file_that_becomes_another_agents_leaves_the_copies_of_its_messages() -> None:
    codex = rollout([meta("t"), turn("gpt-5.5"), *counts((100, 40, 10, 4))])
    counted = Counted()
    for key in KEYS[:2]:
        counted.do("append", key, codex)
    counted.tally.catch_up()

    counted.do("rewrite", KEYS[0], line("m1", "r1", 5, 0, "claude-opus-4-6", 0))
    counted.tally.catch_up()

    stepped = counted.tables()
    assert len(stepped[0]) == 2
    assert stepped == counted.rebuilt()
