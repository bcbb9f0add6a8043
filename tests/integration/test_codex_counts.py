"""Codex token counts: what is one message, and what ccusage makes of the same lines."""

import random
from datetime import timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.lines import INTEGER_MAX
from state.sql import load
from state.usage.ccusage_codex import LARGE_TOKENS, daily
from tests.tools.codex import NAMES, START, count, counts, event, meta, rollout, turn
from tests.tools.usage_tables import add, create

QUERIES = load("usage/codex.sql")
TOKENS = "input_tokens, cache_read_tokens, output_tokens, reasoning_tokens"
LATER = START + timedelta(hours=5)

A, B, C = (100, 40, 10, 4), (200, 150, 20, 5), (300, 250, 30, 6)
X, Y = (70, 0, 7, 0), (90, 10, 9, 1)


@pytest.fixture
def db():
    with duckdb.connect() as connection:
        create(connection)
        yield connection


def put(db, **files: bytes) -> None:
    for name, data in files.items():
        add(db, f"ada/{name}.jsonl", data)


def copies(db, wanted: str = "path, message_id") -> list[tuple]:
    query = f'SELECT {wanted} FROM ({QUERIES["codex_copies"]}) ORDER BY path, "offset"'
    return db.execute(query).fetchall()


def ids(db) -> dict[str, list[str]]:
    """Message ids in the order of each file."""
    found: dict[str, list[str]] = {}
    for path, message_id in copies(db):
        found.setdefault(path.removeprefix("ada/").removesuffix(".jsonl"), []).append(message_id)
    return found


def tokens(db) -> list[tuple]:
    return copies(db, TOKENS)


def ccusage(db, timezone: str = "UTC") -> list[tuple]:
    asked = {"timezone": timezone, "large_tokens": LARGE_TOKENS}
    return [row[:-1] for row in db.execute(QUERIES["ccusage_codex_daily"], asked).fetchall()]


# One row per count


def test_a_copy_has_the_columns_of_a_message(db):
    put(db, a=rollout([meta("t"), turn("gpt-5.5"), *counts(A)]))

    messages = db.execute("SELECT * FROM usage_messages").description
    ours = db.execute(QUERIES["codex_copies"]).description
    assert [(column[0], column[1]) for column in ours] == [(c[0], c[1]) for c in messages]


def test_tokens_do_not_overlap_but_for_reasoning(db):
    put(db, a=rollout([meta("t"), *counts(A, (50, 80, 5, 1))]))

    assert tokens(db) == [(60, 40, 10, 4), (0, 50, 5, 1)]


def test_a_message_is_of_the_turn_that_was_opened_last(db):
    before = count(X, model="gpt-4")
    lines = [meta("t"), before, turn("gpt-5.5", "high"), *counts(A, B), turn("gpt-5.4")]
    put(db, a=rollout([*lines, *counts(C, before=(300, 190, 30, 9)), count(Y, model="own")]))

    assert copies(db, "model, effort") == [
        ("gpt-4", None),
        ("gpt-5.5", "high"),
        ("gpt-5.5", "high"),
        ("gpt-5.4", None),
        ("own", None),
    ]


def test_a_file_without_a_turn_has_no_model_and_one_with_a_thread_has_its_id(db):
    put(db, a=rollout([meta("t1"), *counts(A)]), b=rollout(counts(A)))

    assert copies(db, "path, model, session_id") == [
        ("ada/a.jsonl", None, "t1"),
        ("ada/b.jsonl", None, None),
    ]


def test_rows_of_other_agents_are_no_copies(db):
    line = b'{"type":"assistant","message":{"id":"m","role":"assistant","content":[],"usage":'
    put(db, a=line + b'{"input_tokens":1}},"timestamp":"2026-05-01T10:00:00Z"}\n')

    assert copies(db) == []


# Repeats


def test_a_count_that_is_written_again_is_the_same_message(db):
    a, b = counts(A, B)
    put(db, a=rollout([meta("t"), a, a, turn("gpt-5.5"), b, event("agent_message"), b, b]))

    first, again, second, *repeats = ids(db)["a"]
    assert first == again != second
    assert repeats == [second, second]


def test_two_messages_that_used_the_same_are_two(db):
    put(db, a=rollout([meta("t"), *counts(A, A, A)]))

    assert len(set(ids(db)["a"])) == 3


def test_counts_without_totals_are_never_repeats(db):
    put(db, a=rollout([meta("t"), count(A), count(A)]))

    assert len(set(ids(db)["a"])) == 2


def test_the_zeros_behind_a_compaction_are_no_message_and_hide_no_repeat(db):
    a, b = counts(A, B)
    zeros = count((0, 0, 0, 0), A)
    put(db, a=rollout([meta("t"), a, zeros, a, b]))

    assert tokens(db) == [(60, 40, 10, 4)] * 2 + [(50, 150, 20, 5)]
    assert len(set(ids(db)["a"])) == 2


# Running totals


def test_totals_alone_count_by_what_went_by_since_the_totals_before(db):
    put(db, a=rollout([meta("t"), count(None, A), count(None, (300, 190, 30, 9)), count(None, A)]))

    assert tokens(db) == [(60, 40, 10, 4), (50, 150, 20, 5), (60, 40, 10, 4)]
    assert len(set(ids(db)["a"])) == 3  # The last ones are smaller: they began again at zero.


def test_totals_alone_go_on_from_a_count_that_has_both(db):
    a, _, c = counts(A, B, C)
    only = count(None, (300, 190, 30, 9))
    put(db, a=rollout([meta("t"), a, only, only, c]))

    assert tokens(db) == [(60, 40, 10, 4), (50, 150, 20, 5), (50, 250, 30, 6)]


def test_the_largest_counts_there_can_be_are_counted(db):
    most = (INTEGER_MAX, INTEGER_MAX, INTEGER_MAX, INTEGER_MAX)
    put(db, a=rollout([meta("t"), count(None, A), count(None, most), count(most, most)]))

    assert len(tokens(db)) == 3
    assert ccusage(db)


# Families


def test_a_forked_history_is_its_parents_whatever_its_times(db):
    parent = rollout([meta("p"), turn("gpt-5.5"), *counts(A, B, C)])
    child = [meta("c", fork="p"), turn("gpt-5.5"), *counts(A, B, X)]
    put(db, p=parent, c=rollout(child, start=LATER, pace_s=0))

    found = ids(db)
    assert found["c"][:2] == found["p"][:2]
    assert found["c"][2] != found["p"][2]


def test_repeats_do_not_shift_the_history_behind_them(db):
    a, b, c = counts(A, B, C)
    put(db, p=rollout([meta("p"), a, a, b, c]), c=rollout([meta("c", fork="p"), a, b, b, c]))

    assert len({i for found in ids(db).values() for i in found}) == 3


def test_a_spawned_thread_is_of_the_family(db):
    put(
        db,
        p=rollout([meta("p"), *counts(A, B)]),
        c=rollout([meta("c", spawn="p"), *counts(A, B, X)]),
        d=rollout([meta("d", session_id="p"), *counts(A, Y)]),
    )

    found = ids(db)
    assert found["c"][:2] == found["p"]
    assert found["d"][0] == found["p"][0]
    assert len({i for message_ids in found.values() for i in message_ids}) == 4


def test_siblings_share_their_history_although_the_file_of_their_parent_is_missing(db):
    put(
        db,
        a=rollout([meta("a", fork="gone"), *counts(A, B, X)]),
        b=rollout([meta("b", fork="gone"), *counts(A, B, Y)], start=LATER),
    )

    found = ids(db)
    assert found["a"][:2] == found["b"][:2]
    assert found["a"][2] != found["b"][2]


def test_a_copied_history_names_the_ancestors_whose_files_are_missing(db):
    put(
        db,
        a=rollout([meta("a"), *counts(A, B)]),
        c=rollout([meta("c", fork="b"), meta("b", fork="a"), meta("a"), *counts(A, B, X)]),
        e=rollout([meta("e"), meta("d"), meta("a"), *counts(A, Y)]),
    )

    found = ids(db)
    assert found["c"][:2] == found["a"]
    assert found["e"][0] == found["a"][0]


def test_threads_that_are_no_family_never_share_a_message(db):
    put(
        db,
        a=rollout([meta("a"), *counts(A, B)]),
        b=rollout([meta("b"), *counts(A, B)]),
        c=rollout(counts(A, B)),
        d=rollout(counts(A, B)),
    )

    assert len({i for found in ids(db).values() for i in found}) == 8


def test_cousins_that_used_the_same_behind_different_histories_are_different(db):
    put(
        db,
        a=rollout([meta("a", fork="p"), *counts(A, X, Y, C)]),
        b=rollout([meta("b", fork="p"), *counts(A, Y, X, C)]),
    )

    found = ids(db)
    assert found["a"][0] == found["b"][0]
    assert set(found["a"][1:]).isdisjoint(found["b"][1:])


def test_a_file_that_lies_in_two_places_counts_once(db):
    data = rollout([meta("t"), *counts(A, B)])
    add(db, "ada/sessions/2026/t.jsonl", data)
    add(db, "ada/archived_sessions/t.jsonl", data)
    add(db, "bob/t.jsonl", data, "other")

    assert len({i for _, i in copies(db)}) == 2


def test_threads_that_name_each_other_as_parents_end_the_search(db):
    put(
        db,
        a=rollout([meta("a", fork="b"), *counts(A)]),
        b=rollout([meta("b", fork="a"), *counts(A)]),
        c=rollout([meta("c", fork="c"), *counts(A)]),
    )

    found = ids(db)
    assert found["a"] == found["b"] != found["c"]


def test_a_history_that_begins_in_the_middle_is_found_in_the_family(db):
    """A child may be given only its parent's last turns."""
    a, b, c = counts(A, B, C)
    x, y = counts(X, Y, before=(600, 440, 60, 15))
    put(
        db,
        p=rollout([meta("p"), a, b, c]),
        c=rollout([meta("c", spawn="p"), b, c, x]),
        d=rollout([meta("d", spawn="c"), c, x, y]),
        e=rollout([meta("e", spawn="d"), x, y]),
    )

    found = ids(db)
    assert found["c"][:2] == found["p"][1:]
    assert found["d"][:2] == found["c"][1:]
    assert found["e"] == found["d"][1:]
    assert len({i for message_ids in found.values() for i in message_ids}) == 5


def test_a_child_that_goes_on_with_its_parents_totals_but_not_its_lines_is_all_new(db):
    (x,) = counts(X, before=(300, 190, 30, 9))
    put(db, p=rollout([meta("p"), *counts(A, B)]), c=rollout([meta("c", spawn="p"), x]))

    assert len({i for found in ids(db).values() for i in found}) == 3


def test_runs_of_exec_that_used_the_same_are_different_messages(db):
    line = b'{"type":"turn.completed","usage":{"input_tokens":10,"output_tokens":2}}\n'
    for name in "ab":
        start = b'{"type":"thread.started","thread_id":"%s"}\n' % name.encode()
        put(db, **{name: start + line + line})

    assert len({i for _, i in copies(db)}) == 4
    assert tokens(db) == [(10, 0, 2, 0)] * 4


def made_up_family(draw: random.Random) -> tuple[dict[str, bytes], set[tuple[str, int]]]:
    """Files of a family, some of them missing, and the messages that the others hold."""
    files: dict[str, bytes] = {}
    histories: dict[str, list[tuple[tuple[str, int], dict]]] = {}
    heads: dict[str, list] = {}
    held: set[tuple[str, int]] = set()
    for number in range(draw.randint(1, 6)):
        name = f"t{number}"
        parent = draw.choice(sorted(histories)) if histories and draw.random() < 0.8 else None
        history = histories[parent][: draw.randint(0, len(histories[parent]))] if parent else []
        history = history[draw.choice([0, 0, len(history) // 2]) :]
        total = [0, 0, 0, 0]
        if history:
            total = [history[-1][1]["payload"]["info"]["total_token_usage"][n] for n in NAMES]
        for place in range(draw.randint(0, 4)):
            last = [draw.randint(1, 10**6) for _ in NAMES]
            total = [a + b for a, b in zip(total, last, strict=True)]
            history = [*history, ((name, place), count(last, total))]
        kind = draw.choice(["fork", "spawn"])
        heads[name] = [meta(name, **{kind: parent} if parent else {}), *heads.get(parent, ())]
        histories[name] = history
        if draw.random() < 0.8:
            repeated = [c for _, c in history for _ in range(draw.choice([1, 1, 2]))]
            files[name] = rollout([*heads[name], *repeated], pace_s=draw.choice([0, 30]))
            held |= {message for message, _ in history}
    return files, held


@settings(max_examples=settings().max_examples // 4)  # Each asks DuckDB twice.
@given(seed=st.integers(0, 10**9))
def test_every_message_of_any_family_counts_once_in_any_order_of_arrival(seed):
    files, held = made_up_family(random.Random(seed))
    seen = []
    for names in (sorted(files), sorted(files, reverse=True)):
        with duckdb.connect() as db:
            create(db)
            for name in names:
                put(db, **{name: files[name]})
            seen.append(copies(db, "message_id, *"))

    assert len({message_id for message_id, *_ in seen[0]}) == len(held)
    assert seen[0] == seen[1]


# As ccusage counts


def test_ccusage_leaves_out_counts_whose_totals_stand_still(db):
    a, b = counts(A, B)
    put(db, a=rollout([meta("t"), turn("gpt-5.5"), a, a, b, count(X, (300, 190, 30, 9))]))

    assert ccusage(db) == [("2026-05-01", "gpt-5.5", 110, 190, 30, 9)]


def test_ccusage_counts_by_the_days_of_a_time_zone_and_by_model(db):
    lines = [meta("t"), count(A), turn("gpt-5.5"), count(B), turn("codex-auto-review"), count(C)]
    put(db, a=rollout(lines, start=START.replace(hour=23)))

    assert ccusage(db, "Asia/Tokyo") == [
        ("2026-05-02", "gpt-5", 60, 40, 10, 4),
        ("2026-05-02", "gpt-5.4", 50, 250, 30, 6),
        ("2026-05-02", "gpt-5.5", 50, 150, 20, 5),
    ]
    assert {row[0] for row in ccusage(db)} == {"2026-05-01"}


def test_ccusage_matches_a_child_with_its_parent_but_not_with_its_siblings(db):
    put(
        db,
        p=rollout([meta("p"), *counts(A, B)]),
        c=rollout([meta("c", fork="p"), *counts(A, B, X)], start=LATER),
        d=rollout([meta("d", fork="gone"), *counts(C, Y)], start=LATER),
        e=rollout([meta("e", fork="gone"), *counts(C)], start=LATER + timedelta(hours=1)),
    )

    ((_, _, uncached, *_),) = ccusage(db)
    assert uncached == 60 + 50 + 70 + 50 + 80 + 50


def test_ccusage_takes_what_opens_an_orphans_file_at_once_for_its_parents(db):
    burst = rollout([meta("c", spawn="gone"), *counts(A, B)], pace_s=0.1)
    own = rollout(counts(X, before=(300, 190, 30, 9)), start=LATER)
    put(db, c=burst + own)

    assert ccusage(db) == [("2026-05-01", "gpt-5", 70, 0, 7, 0)]


def test_ccusage_prefers_a_session_to_its_archived_copy(db):
    lines = [meta("t"), *counts(A)]
    add(db, "ada/sessions/t.jsonl", rollout([*lines, *counts(B, before=A)]))
    add(db, "ada/archived_sessions/t.jsonl", rollout(lines, start=LATER))

    assert ccusage(db) == [("2026-05-01", "gpt-5", 110, 190, 30, 9)]


def test_ccusage_has_no_day_for_lines_without_a_time(db):
    put(db, a=b'{"type":"turn.completed","usage":{"input_tokens":10,"output_tokens":2}}\n')

    assert ccusage(db) == [("undated", "gpt-5", 10, 0, 2, 0)]


def test_a_request_with_much_input_costs_more_in_all_its_tokens(db):
    small, large = (272_000, 0, 100, 0), (272_001, 0, 100, 0)
    put(db, a=rollout([meta("t1"), turn("gpt-5.5"), *counts(small)]))
    put(db, b=rollout([meta("t2"), turn("gpt-5.5"), *counts(large)]))

    totals = daily(db, "UTC", None, None)["totals"]
    assert totals["costUSD"] == pytest.approx(
        272_000 * 5e-6 + 100 * 30e-6 + 272_001 * 10e-6 + 100 * 45e-6
    )
