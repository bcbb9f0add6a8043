"""The database file: what is committed, what readers see of it, and what it refuses."""

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from core.errors import ConfigurationError, PermanentError
from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from core.rows import QUARANTINE, Abandon, Chunk, Collect, Command, Commit, Receipt, RowSet
from core.tables import ENGINE_TABLES
from service.backfill import to_arrow
from service.limits import Limits
from state import digest
from state.migrations import Migration, released
from state.store import Store
from state.usage import sources
from tests.tools.processors import SeenLines
from tests.tools.simulation import DuckStorage, World
from tests.tools.simulation import key as simulated

ROOT = Path(__file__).resolve().parents[2]
KEY = SessionKey("src", "amara/p/one.jsonl")
OTHER = SessionKey("src", "amara/p/two.jsonl")
ANOTHER = SessionKey("src", "jonas/q/three.jsonl")
FULL = LedgerEntry(
    "all", KEY, generation=1, committed_bytes=2**62, blocks=bytes(range(32)), processor_version=3,
    dialect="claude", stat=FileStat(2**64 - 1, 2**64 - 1, 300, -4, 2**62), settled=True,
    unproved_since_us=7, committed_at_us=8, status="retrying", attempts=2, tried_version=3,
    try_again_at_us=9, reason="unreadable", error="it's \"quoted\" 😀", source_gone=True,
)  # fmt: skip


class All(NamedTuple):
    """A column of every type."""

    number: int | None
    text: str | None
    flag: bool | None
    share: float | None


class Recorder:
    """A processor as far as the database knows one."""

    def __init__(self, name: str = "all", **tables: type) -> None:
        self.name = name
        self.tables: Mapping[str, type] = tables or {name: All}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.duckdb"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., Store]]:
    """Opens stores, each in place of the one before, as a new process would."""
    held: list[Store] = []

    def close() -> None:
        while held:
            with suppress(duckdb.ConnectionException):  # The test has closed it already.
                held.pop().close()

    def open_store(*processors: Recorder, **options: Any) -> Store:
        close()
        held.append(Store.open(path, processors or [Recorder()], **options))
        return held[-1]

    yield open_store
    close()


@pytest.fixture
def store(opened: Callable[..., Store]) -> Store:
    return opened()


def row(offset: int, number: int | None = 1, seq: int = 0) -> tuple[Any, ...]:
    return offset, seq, number, "text", True, 0.5


def entry(store: Store, key: SessionKey = KEY, **changes: Any) -> LedgerEntry:
    fresh = LedgerEntry("all", key, generation=store.new_generation(), processor_version=1)
    return replace(fresh, **changes)


def first(store: Store, *rows: tuple[Any, ...], key: SessionKey = KEY, **changes: Any) -> Commit:
    """A file's first load."""
    return Commit(None, entry(store, key, **changes), {"all": list(rows)})


def receipts(store: Store, *commands: Command) -> list[Receipt]:
    """The receipts of one group of which every command can be written."""
    answers = store.apply(commands)
    assert all(isinstance(answer, Receipt) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Receipt)]


def asked(store: Store, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    cursor = store.cursor()
    try:
        return cursor.execute(sql, list(values)).fetchall()
    finally:
        cursor.close()


def seen(store: Store, key: SessionKey = KEY, table: str = "all") -> list[Any]:
    """Offsets of a file's live rows, as readers see them."""
    sql = f'SELECT "offset" FROM "{table}" WHERE source = $1 AND path = $2 ORDER BY 1'
    return [offset for (offset,) in asked(store, sql, *key)]


def stored(store: Store, table: str = "all") -> list[int]:
    """The generation of every row on disk, whoever may see it."""
    return [n for (n,) in asked(store, f'SELECT generation FROM raw."{table}" ORDER BY 1')]


# Fenced commits.


def test_rows_and_the_ledger_entry_are_committed_together(store: Store) -> None:
    commit = first(store, row(0), row(50), committed_bytes=90)

    (receipt,) = receipts(store, commit)

    assert receipt == Receipt(rows_written=2)
    assert seen(store) == [0, 50]
    assert store.ledger.get("all", KEY) == commit.after
    assert asked(store, "SELECT committed_bytes FROM ledger") == [(90,)]


def test_an_append_adds_rows_to_the_same_generation(store: Store) -> None:
    load = first(store, row(0), committed_bytes=50)
    append = Commit(load.after, replace(load.after, committed_bytes=90), {"all": [row(50)]})

    receipts(store, load)
    receipts(store, append)

    assert seen(store) == [0, 50]
    assert asked(store, "SELECT count(*) FROM ledger") == [(1,)]


def test_a_commit_whose_fence_does_not_hold_writes_nothing(store: Store) -> None:
    load = first(store, row(0))
    receipts(store, load)
    before = store.ledger.get("all", KEY)

    (again,) = receipts(store, first(store, row(70)))
    (stale,) = receipts(store, Commit(replace(load.after, attempts=9), load.after, load.rows))

    assert again == stale == Receipt(fenced=True)
    assert seen(store) == [0]
    assert stored(store) == [load.after.generation]
    assert store.ledger.get("all", KEY) == before


def test_the_same_commit_again_is_fenced(store: Store) -> None:
    load = first(store, row(0), committed_bytes=50)
    append = Commit(load.after, replace(load.after, committed_bytes=90), {"all": [row(50)]})

    found = receipts(store, load, append, append, load)

    assert [receipt.fenced for receipt in found] == [False, False, True, True]
    assert seen(store) == [0, 50]


def test_the_fence_holds_between_commits_of_one_group(store: Store) -> None:
    load = first(store, row(0))
    left = Commit(load.after, replace(load.after, committed_bytes=60), {"all": [row(51)]})
    right = Commit(load.after, replace(load.after, committed_bytes=70), {"all": [row(52)]})

    found = receipts(store, load, left, right)

    assert [receipt.fenced for receipt in found] == [False, False, True]
    assert seen(store) == [0, 51]
    assert asked(store, "SELECT committed_bytes FROM ledger") == [(60,)]


def test_every_field_of_an_entry_survives_the_process(opened: Callable[..., Store]) -> None:
    receipts(opened(), Commit(None, FULL))

    found = opened().ledger.get("all", KEY)

    assert found == FULL


def test_a_commit_after_the_restart_goes_on_from_the_stored_entry(
    opened: Callable[..., Store],
) -> None:
    load = first(store := opened(), row(0))
    receipts(store, load)

    store = opened()
    append = Commit(load.after, replace(load.after, committed_bytes=9), {"all": [row(50)]})

    assert receipts(store, append) == [Receipt(rows_written=1)]
    assert seen(store) == [0, 50]


# Generations.


def test_a_generation_is_invisible_until_its_commit_and_whole_from_then_on(store: Store) -> None:
    load = first(store, row(0), row(50))
    receipts(store, load)
    before = digest.by_file(store.cursor(), "all")
    rebuilt = entry(store)

    receipts(store, Chunk(rebuilt.generation, {"all": [row(0, 7)]}))
    receipts(store, Chunk(rebuilt.generation, {"all": [row(60, 7)]}))

    assert seen(store) == [0, 50]
    assert digest.by_file(store.cursor(), "all") == before
    receipts(store, Commit(load.after, rebuilt, {"all": [row(70, 7)]}))
    assert seen(store) == [0, 60, 70]
    assert asked(store, 'SELECT DISTINCT number FROM "all"') == [(7,)]


def test_faults_come_and_go_with_their_generation(store: Store) -> None:
    fault = (10, 0, 5, "invalid_json", "", False)
    load = Commit(None, entry(store), {QUARANTINE: [fault]})
    receipts(store, load)
    quarantined = 'SELECT path, "offset", reason FROM quarantine'

    assert asked(store, quarantined) == [(KEY.path, 10, "invalid_json")]
    receipts(store, Commit(load.after, entry(store)))
    assert asked(store, quarantined) == []


def test_the_old_rows_go_when_they_are_collected(store: Store) -> None:
    load, other = first(store, row(0)), first(store, row(5), key=OTHER)
    rebuilt = entry(store)
    receipts(store, load, other, Commit(load.after, rebuilt, {"all": [row(1)]}))

    assert store.garbage_count == 1
    receipts(store, Collect())
    assert stored(store) == [other.after.generation, rebuilt.generation]
    assert store.garbage_count == 0
    assert (seen(store), seen(store, OTHER)) == ([1], [5])


def test_so_many_generations_are_collected_at_a_time(store: Store) -> None:
    current = None
    for number in range(6):
        after = entry(store, committed_bytes=number)
        receipts(store, Commit(current, after, {"all": [row(number)]}))
        current = after

    receipts(store, Collect(limit=2))

    assert store.garbage_count == 3
    assert len(stored(store)) == 4
    assert seen(store) == [5]


def test_what_is_under_construction_is_not_collected(store: Store) -> None:
    load = first(store, row(0))
    receipts(store, load)
    rebuilt = entry(store)

    receipts(store, Chunk(rebuilt.generation, {"all": [row(1)]}), Collect())
    receipts(store, Collect())
    receipts(store, Commit(load.after, rebuilt, {"all": [row(2)]}), Collect())

    assert seen(store) == [1, 2]


def test_what_was_given_up_is_collected(store: Store) -> None:
    load = first(store, row(0))
    given_up = store.new_generation()

    receipts(store, load, Chunk(given_up, {"all": [row(1)]}))
    receipts(store, Abandon(given_up))
    receipts(store, Collect())

    assert stored(store) == [load.after.generation]


def test_what_is_live_already_is_never_given_up(store: Store) -> None:
    load = first(store, row(0))

    receipts(store, load, Abandon(load.after.generation))
    receipts(store, Abandon(load.after.generation))
    receipts(store, Collect())

    assert seen(store) == [0]


def test_a_rebuild_that_lost_its_race_is_collected(store: Store) -> None:
    load = first(store, row(0))
    winner, loser = entry(store), entry(store)
    receipts(store, load, Chunk(loser.generation, {"all": [row(1)]}))

    receipts(store, Commit(load.after, winner, {"all": [row(2)]}))
    (late,) = receipts(store, Commit(load.after, loser, {"all": [row(3)]}))
    receipts(store, Collect())

    assert late.fenced
    assert seen(store) == [2]
    assert stored(store) == [winner.generation]


def test_a_rebuild_that_a_crash_broke_off_is_never_seen_and_dropped(
    path: Path, opened: Callable[..., Store]
) -> None:
    """The process dies between two chunks, with no chance to say so."""
    receipts(store := opened(), first(store, row(0)))
    store.close()
    dies = """
        import os, sys
        from core.rows import Chunk
        from state.store import Store
        from tests.integration.test_store import Recorder, row

        store = Store.open(sys.argv[1], [Recorder()])
        generation = store.new_generation()
        store.apply([Chunk(generation, {"all": [row(1)]})])
        store.apply([Chunk(generation, {"all": [row(2)]})])
        os._exit(9)
    """
    done = python(dies, path)

    store = opened()

    assert done.returncode == 9, done.stderr
    assert seen(store) == [0]
    assert len(stored(store)) == 3
    assert store.garbage_count == 1
    assert store.new_generation() > max(stored(store))
    receipts(store, Collect())
    assert len(stored(store)) == 1
    assert seen(store) == [0]


# Rows that the database refuses.

REFUSED = [
    pytest.param((2**63, "x", True, 0.5), id="an integer beyond 64 bits"),
    pytest.param((-(2**63) - 1, "x", True, 0.5), id="a negative one"),
    pytest.param((10**400, "x", True, 0.5), id="an integer beyond everything"),
    pytest.param((1, "\ud800", True, 0.5), id="half a character"),
    pytest.param(("x", "x", True, 0.5), id="text for a number"),
    pytest.param(("12", "x", True, 0.5), id="digits for a number"),
    pytest.param((1.5, "x", True, 0.5), id="a fraction for an integer"),
    pytest.param((1.0, "x", True, 0.5), id="a float for an integer"),
    pytest.param((1, 5, True, 0.5), id="a number for text"),
    pytest.param((1, b"x", True, 0.5), id="bytes for text"),
    pytest.param((1, ["x"], True, 0.5), id="a list for text"),
    pytest.param((1, "x", 1, 0.5), id="a number for a flag"),
    pytest.param((1, "x", True, "0.5"), id="text for a float"),
    pytest.param((object(), "x", True, 0.5), id="an object"),
    pytest.param((1, "x", True), id="a column too few"),
    pytest.param((1, "x", True, 0.5, 1), id="a column too many"),
]


@pytest.mark.parametrize("columns", REFUSED)
def test_a_refused_row_fails_its_own_command_and_leaves_the_others_as_they_are(
    store: Store, columns: tuple[Any, ...]
) -> None:
    exact = 2**60 + 1  # A double could not hold it.
    good, bad = first(store, row(0, exact)), first(store, (0, 0, *columns), key=OTHER)
    last = first(store, row(9, -exact), key=ANOTHER)

    answers = store.apply([good, bad, last])

    assert answers[::2] == [Receipt(rows_written=1)] * 2
    assert isinstance(answers[1], PermanentError)
    assert answers[1].reason == "rows_refused"
    assert store.ledger.get("all", OTHER) is None
    assert asked(store, 'SELECT number FROM "all" ORDER BY number') == [(-exact,), (exact,)]


def test_the_reason_of_a_refusal_holds_no_content(store: Store) -> None:
    (answer,) = store.apply([first(store, (0, 0, "hunter2", "hunter2", True, 0.5))])

    assert isinstance(answer, PermanentError)
    assert "hunter2" not in str(answer)


def test_what_a_column_may_hold_comes_back_as_it_was(store: Store) -> None:
    rows = [
        (0, 0, None, None, None, None),
        (1, 0, 2**63 - 1, "a\x00b", False, float("inf")),
        (2, 0, -(2**63), 'it\'s "quoted" \\ 😀\n', True, -0.0),
        (3, 0, True, "", True, 1),
    ]

    receipts(store, first(store, *rows))

    found = asked(store, 'SELECT * EXCLUDE (generation) FROM raw."all" ORDER BY "offset"')
    assert found == rows


def test_a_rebuild_with_a_refused_chunk_never_becomes_live(store: Store) -> None:
    load = first(store, row(0))
    receipts(store, load)
    rebuilt = entry(store)

    store.apply([Chunk(rebuilt.generation, {"all": [row(1)]})])
    store.apply([Chunk(rebuilt.generation, {"all": [row(2**63)]})])
    answers = store.apply(
        [
            Chunk(rebuilt.generation, {"all": [row(3)]}),
            Commit(load.after, rebuilt, {"all": [row(4)]}),
            first(store, row(5), key=OTHER),
        ]
    )

    assert isinstance(answers[1], PermanentError)
    assert answers[2] == Receipt(rows_written=1)
    assert store.ledger.get("all", KEY) == load.after
    assert (seen(store), seen(store, OTHER)) == ([0], [5])
    receipts(store, Collect())
    assert rebuilt.generation not in stored(store)


def test_nor_if_both_come_in_one_group(store: Store) -> None:
    load = first(store, row(0))
    receipts(store, load)
    rebuilt = entry(store)

    answers = store.apply(
        [
            Chunk(rebuilt.generation, {"all": [row(2**63)]}),
            Commit(load.after, rebuilt, {"all": [row(4)]}),
        ]
    )

    assert [type(answer) for answer in answers] == [PermanentError, PermanentError]
    assert store.ledger.get("all", KEY) == load.after
    assert seen(store) == [0]


# Opening.


def test_a_second_process_is_refused(path: Path, store: Store) -> None:
    opens = """
        import sys
        from core.errors import ConfigurationError
        from state.store import Store

        try:
            Store.open(sys.argv[1], [])
        except ConfigurationError as error:
            print(error.reason, "|", error.hint)
    """

    done = python(opens, path)

    assert done.stdout.startswith("database_locked | stop the other sessionwatch"), done


def test_a_file_that_is_no_database_is_refused(path: Path, opened: Callable[..., Store]) -> None:
    path.write_bytes(b"not a database at all" * 500)

    with pytest.raises(ConfigurationError) as refused:
        opened()

    assert refused.value.reason == "database_unreadable"


def test_a_newer_database_is_refused_and_left_as_it_is(
    path: Path, opened: Callable[..., Store]
) -> None:
    extra = Migration(len(released()) + 1, "later", "CREATE TABLE later (x INTEGER)")
    opened(migrations=[*released(), extra]).close()
    before = path.read_bytes()

    with pytest.raises(ConfigurationError) as refused:
        Store.open(path, [Recorder()])

    assert refused.value.reason == "newer_database"
    assert path.read_bytes() == before
    assert python("import duckdb, sys; duckdb.connect(sys.argv[1])", path).returncode == 0


def test_an_older_database_is_migrated_and_keeps_its_rows(opened: Callable[..., Store]) -> None:
    receipts(store := opened(migrations=released()[:1]), first(store, row(0)))
    extra = Migration(2, "note", "ALTER TABLE files ADD COLUMN note VARCHAR DEFAULT 'none'")

    store = opened(migrations=[*released()[:1], extra])

    assert store.schema_version == 2
    assert asked(store, "SELECT note FROM files") == [("none",)]
    assert seen(store) == [0]
    applied = asked(store, "SELECT version, name FROM schema_migrations ORDER BY 1")
    assert applied == [(1, "core"), (2, "note")]
    assert opened(migrations=[*released()[:1], extra]).schema_version == 2


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    opened: Callable[..., Store],
) -> None:
    receipts(store := opened(migrations=released()[:1]), first(store, row(0)))
    broken = Migration(2, "broken", "CREATE TABLE half (x INTEGER); SELECT nosuchcolumn FROM files")

    with pytest.raises(duckdb.Error):
        opened(migrations=[*released()[:1], broken])

    store = opened(migrations=released()[:1])
    assert store.schema_version == 1
    assert seen(store) == [0]
    assert asked(store, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'half'") == [(0,)]


def test_the_names_that_no_processor_may_take_are_those_of_the_engine(
    opened: Callable[..., Store],
) -> None:
    store = opened(Recorder("none", **{}), migrations=None)

    found = asked(
        store,
        "SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views() "
        "WHERE NOT internal",
    )
    # The views over tables of processors are made once those are there.
    assert {name for (name,) in found} - {"none"} | sources.VIEWS.keys() == ENGINE_TABLES


# Tables of processors.


class Wider(NamedTuple):
    """`All` in a later version: new columns in the middle and at the end, another order."""

    text: str | None
    added: str | None
    number: int | None
    flag: bool | None
    share: float | None
    last: int | None


class Narrower(NamedTuple):
    """`All` in a later version, without two of its columns."""

    share: float | None
    number: int | None


class Retyped(NamedTuple):
    """`All` with another type."""

    number: str


@pytest.mark.parametrize("arrow", [False, True])
def test_columns_may_be_added_and_moved_and_old_rows_are_kept(
    opened: Callable[..., Store], arrow: bool
) -> None:
    receipts(store := opened(), first(store, row(0)))

    store = opened(Recorder(all=Wider))
    rows: dict[str, RowSet] = {"all": [(9, 0, "t", "new", 5, False, 0.25, 6)]}
    if arrow:
        rows = dict(to_arrow(rows, {"all": Wider}))
    receipts(store, Commit(None, entry(store, OTHER), rows))

    found = asked(
        store, 'SELECT text, added, number, flag, share, last FROM "all" ORDER BY "offset"'
    )
    assert found == [("text", None, 1, True, 0.5, None), ("t", "new", 5, False, 0.25, 6)]


@pytest.mark.parametrize("arrow", [False, True])
def test_columns_may_be_left_out(opened: Callable[..., Store], arrow: bool) -> None:
    receipts(store := opened(), first(store, row(0)))

    store = opened(Recorder(all=Narrower))
    rows: dict[str, RowSet] = {"all": [(9, 0, 0.25, 5)]}
    if arrow:
        rows = dict(to_arrow(rows, {"all": Narrower}))
    receipts(store, Commit(None, entry(store, OTHER), rows))

    found = asked(store, 'SELECT number, share FROM "all" ORDER BY "offset"')
    assert found == [(1, 0.5), (5, 0.25)]


def test_a_column_of_another_type_is_refused(opened: Callable[..., Store]) -> None:
    opened()

    with pytest.raises(ConfigurationError, match=r"all\.number is BIGINT in the database"):
        opened(Recorder(all=Retyped))

    assert opened().schema_version


def test_a_table_of_another_processor_is_refused(opened: Callable[..., Store]) -> None:
    opened()

    with pytest.raises(ConfigurationError, match="belongs to all"):
        opened(Recorder("thief", all=All))


def test_rows_of_a_retired_processor_stay_and_are_still_collected(
    opened: Callable[..., Store],
) -> None:
    store = opened()
    load = first(store, row(0))
    receipts(store, load)
    receipts(store, Commit(load.after, entry(store), {"all": [row(1)]}))

    store = opened(Recorder("other", other=All))
    receipts(store, Collect())

    assert seen(store) == [1]
    assert len(stored(store)) == 1


# What readers see.


def test_a_view_says_where_a_row_came_from(store: Store) -> None:
    key = SessionKey("drop", "amara/p/s1/subagents/agent-2.jsonl")
    load = first(store, row(5, seq=2), key=key)
    receipts(store, load)
    receipts(store, Commit(load.after, replace(load.after, source_gone=True)))

    assert asked(store, 'SELECT * FROM "all"') == [
        ("drop", key.path, "amara", "s1", True, 5, 2, 1, "text", True, 0.5)
    ]


def test_whose_file_it_is_may_be_decided_elsewhere(opened: Callable[..., Store]) -> None:
    store = opened(user=lambda key: f"{key.source}'s")

    receipts(store, first(store, row(0)))

    assert asked(store, 'SELECT "user" FROM "all"') == [("src's",)]


@pytest.mark.parametrize(
    "key",
    [
        SessionKey("it's", 'o\'brien/"quoted"/a;b--.jsonl'),
        SessionKey("src", "zoë/项目/😀.jsonl"),
        SessionKey("src", r"a\xff\\b/$1?.jsonl"),
        SessionKey("", ""),
        SessionKey("src", "x" * 4000),
        SessionKey("src", "line\nbreak\ttab\x01.jsonl"),
    ],
)
def test_a_file_of_any_name_is_the_same_file_after_a_restart(
    opened: Callable[..., Store], key: SessionKey
) -> None:
    load = first(store := opened(), row(0), key=key)
    receipts(store, load)

    store = opened()
    append = Commit(load.after, replace(load.after, committed_bytes=9), {"all": [row(50)]})

    assert receipts(store, append) == [Receipt(rows_written=1)]
    assert seen(store, key) == [0, 50]
    assert digest.by_file(store.cursor(), "all").keys() == {key}


def test_a_reader_does_not_see_half_of_a_transaction(store: Store) -> None:
    cursor = store.cursor()
    cursor.execute("BEGIN")
    before = cursor.execute('SELECT count(*) FROM "all"').fetchall()

    receipts(store, first(store, row(0)))

    assert cursor.execute('SELECT count(*) FROM "all"').fetchall() == before
    cursor.execute("COMMIT")
    assert cursor.execute('SELECT count(*) FROM "all"').fetchall() == [(1,)]
    cursor.close()


def test_arrow_and_tuples_make_the_same_table(store: Store) -> None:
    rows: dict[str, RowSet] = {
        "all": [
            row(0, 2**60 + 1),
            (7, 1, None, None, None, None),
            (9, 0, 1, "é\x00😀", False, 1.0),
        ],
        QUARANTINE: [(3, 0, 5, "invalid_json", "", False)],
    }
    arrow = to_arrow(rows, {"all": All})

    found = receipts(
        store,
        Commit(None, entry(store, KEY), rows),
        Commit(None, entry(store, OTHER), arrow),
        Commit(None, entry(store, ANOTHER), arrow),
    )

    assert found == [Receipt(rows_written=4)] * 3
    for table in rows:
        digests = digest.by_file(store.cursor(), table)
        assert digests[KEY] == digests[OTHER] == digests[ANOTHER]


# The digest of all tables.


def digest_of(store: Store) -> list[dict[SessionKey, digest.FileDigest]]:
    cursor = store.cursor()
    try:
        return [digest.by_file(cursor, table) for table in ("all", QUARANTINE)]
    finally:
        cursor.close()


def test_the_digest_does_not_depend_on_order_generations_or_pieces(tmp_path: Path) -> None:
    fault = {QUARANTINE: [(3, 0, 5, "invalid_json", "", False)]}
    one = Store.open(tmp_path / "one.duckdb", [Recorder()])
    load = first(one, row(0), row(50, seq=1))
    receipts(one, load, first(one, row(5), key=OTHER), Commit(None, entry(one, ANOTHER), fault))

    two = Store.open(tmp_path / "two.duckdb", [Recorder()])
    wrong = first(two, row(99))
    receipts(two, Commit(None, entry(two, ANOTHER), fault))
    receipts(two, first(two, row(5), key=OTHER), wrong)
    rebuilt = entry(two)
    receipts(two, Chunk(rebuilt.generation, {"all": [row(50, seq=1)]}))
    receipts(two, Commit(wrong.after, rebuilt, {"all": [row(0)]}))

    assert digest_of(one) == digest_of(two)
    receipts(two, Collect())
    assert digest_of(one) == digest_of(two)
    one.close()
    two.close()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([row(0), row(0)], id="a row twice"),
        pytest.param([], id="a row missing"),
        pytest.param([row(1)], id="another offset"),
        pytest.param([row(0, seq=1)], id="another position"),
        pytest.param([row(0, 2)], id="another value"),
        pytest.param([row(0, None)], id="no value"),
        pytest.param([(0, 0, 1, "tex", True, 0.5)], id="another text"),
    ],
)
def test_the_digest_tells_any_other_rows_apart(
    opened: Callable[..., Store], path: Path, other: list[tuple[Any, ...]]
) -> None:
    receipts(store := opened(), first(store, row(0)))
    want = digest_of(store)
    store.close()
    path.unlink()

    receipts(store := opened(), first(store, *other))

    assert digest_of(store) != want


def test_the_digest_leaves_out_files_that_vanished(store: Store) -> None:
    receipts(store, first(store, row(0)))
    want = digest_of(store)

    receipts(store, first(store, row(5), key=OTHER, source_gone=True))

    assert digest_of(store) == want
    assert digest.by_file(store.cursor(), "all", gone=True).keys() == {KEY, OTHER}


# Refused rows through the engine: a processor that is wrong about one line.


class Wrong(SeenLines):
    """Its second version makes a row that no database takes, of the record that says so."""

    version = 1

    def rows(self, line: Any) -> Any:
        for made in super().rows(line):
            bad = made.type == "bad" and self.version == 2
            yield made._replace(type="\ud800" if bad else made.type)


LINES = [b'{"type":"a","pad":"%s"}\n' % (b"x" * 80)] * 5


def wrong(version: int) -> Wrong:
    processor = Wrong()
    processor.version = version
    return processor


@pytest.mark.parametrize("place", [0, 2, 5])
def test_a_first_load_with_a_refused_row_is_parked_and_not_tried_for_ever(place: int) -> None:
    world = World([wrong(2)], Limits(chunk_bytes=100), DuckStorage())
    key = simulated("one")
    world.files.write(key, b"".join([*LINES[:place], b'{"type":"bad"}\n', *LINES[place:]]))

    world.touch(key)
    run(world, times=20)

    entry = world.database.ledger.get("seen", key)
    assert entry is not None
    assert (entry.status, entry.reason) == ("parked", "rows_refused")
    assert world.engine.idle


@pytest.mark.parametrize("place", [0, 2, 5])
def test_a_rebuild_with_a_refused_row_is_parked_and_the_old_rows_stay(place: int) -> None:
    world = World([wrong(1)], Limits(chunk_bytes=100), DuckStorage())
    key = simulated("one")
    world.files.write(key, b"".join([*LINES[:place], b'{"type":"bad"}\n', *LINES[place:]]))
    world.settle()
    before = world.rows("seen", key)

    world.processors = [wrong(2)]
    world.restart()
    world.sweep()
    run(world, times=20)

    entry = world.database.ledger.get("seen", key)
    assert len(before) == 6
    assert world.rows("seen", key) == before
    assert entry is not None
    assert (entry.status, entry.reason) == ("parked", "rows_refused")
    assert world.engine.idle


def run(world: World, *, times: int) -> None:
    """Let its only lane work so often, and no more."""
    for _ in range(times):
        world.clock.seconds += 1.0
        world.engine.lanes[0].run(0)


def python(code: str, path: Path) -> "subprocess.CompletedProcess[str]":
    """Run code in a process of its own, with the database's path as its argument."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
