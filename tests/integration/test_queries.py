"""Questions to a real database, among them those of somebody who means harm."""

import json
import threading
import time
from datetime import UTC, datetime

import pytest

from core.errors import ConfigurationError, TransientError
from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from core.rows import QUARANTINE, Commit
from processors import registry
from state import sandbox
from state.queries import Queries
from state.store import Store
from state.times import iso_utc
from state.usage.options import report_options
from tests.tools.processors import SeenLines
from tests.tools.waiting import wait_for

STAT = FileStat(1, 2, 300, 4, 5)
FAULT = (120, 0, 7, "invalid_json", "", False)

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "t.duckdb", [SeenLines()])
    yield opened
    opened.close()


@pytest.fixture
def queries(store):
    return Queries(store)


def commit(store, path="amara/p/one.jsonl", source="src", processor="seen", rows=None, **changes):
    entry = LedgerEntry(
        processor,
        SessionKey(source, path),
        generation=store.new_generation(),
        committed_bytes=300,
        processor_version=1,
        dialect="claude",
        stat=STAT,
        committed_at_us=1_700_000_000_123_456,
    )
    for name, value in changes.items():
        entry = entry.__class__(**{**_fields(entry), name: value})
    (answer,) = store.apply([Commit(None, entry, rows or {})])
    assert not isinstance(answer, Exception)
    return entry


def _fields(entry):
    return {name: getattr(entry, name) for name in entry.__dataclass_fields__}


def refusal(queries, text, **options):
    with pytest.raises(ConfigurationError) as refused:
        queries.sql(text, **options)
    return refused.value.reason


# The ledger.


def test_the_ledger_says_which_bytes_are_committed_and_when(store, queries):
    commit(store)

    found = queries.ledger("amara/p/one.jsonl")

    assert found["source"] == "src"
    seen = found["processors"]["seen"]
    assert seen["committed_bytes"] == 300
    assert seen["committed_at"] == "2023-11-14T22:13:20.123456Z"
    assert (seen["status"], seen["generation"], seen["dialect"]) == ("ok", 1, "claude")
    assert seen["source_gone"] is False


def test_a_failure_is_told_beside_the_last_good_version(store, queries):
    commit(store, status="retrying", attempts=2, reason="unreadable", error="EIO")

    seen = queries.ledger("amara/p/one.jsonl")["processors"]["seen"]

    assert (seen["status"], seen["attempts"], seen["reason"], seen["error"]) == (
        "retrying",
        2,
        "unreadable",
        "EIO",
    )
    assert seen["committed_bytes"] == 300


def test_an_unknown_path_is_not_found(queries):
    with pytest.raises(ConfigurationError) as refused:
        queries.ledger("no/such.jsonl")

    assert refused.value.reason == "not_found"


def test_a_path_in_two_sources_must_be_told_apart(store, queries):
    commit(store, source="left", committed_bytes=1)
    commit(store, source="right", committed_bytes=2)

    with pytest.raises(ConfigurationError) as refused:
        queries.ledger("amara/p/one.jsonl")

    assert refused.value.reason == "ambiguous"
    assert "source=left, source=right" in refused.value.hint
    right = queries.ledger("amara/p/one.jsonl", source="right")
    assert right["processors"]["seen"]["committed_bytes"] == 2


def test_a_path_that_is_not_utf8_is_found_by_its_real_and_its_stored_name(store, queries):
    commit(store, path="a\\xff.jsonl")

    assert queries.ledger("a\udcff.jsonl") == queries.ledger("a\\xff.jsonl")


def test_times_are_utc_with_all_digits():
    assert iso_utc(1) == "1970-01-01T00:00:00.000001Z"
    assert iso_utc(0) is None
    assert iso_utc(None) is None


@pytest.mark.parametrize("text", ["\ud800", "a\x00b"])
def test_text_that_is_no_text_finds_nothing_and_breaks_nothing(queries, text):
    assert queries.quarantine(processor=text) == []
    for ask in (queries.ledger, queries.sql):
        with pytest.raises(ConfigurationError):
            ask(text)


# The quarantine.


def test_faults_come_in_pages_that_lose_and_repeat_nothing(store, queries):
    rows = {QUARANTINE: [(n, 0, 7, "invalid_json", "", False) for n in range(7)]}
    commit(store, rows=rows)
    commit(store, path="b.jsonl", status="parked", reason="too_large", error="larger than 5")

    offsets, after = [], ""
    while after is not None:
        page = queries.quarantine_page(3, after)
        offsets += [(row["path"], row["offset"]) for row in page["quarantine"]]
        after = page["next"]

    assert offsets == [("amara/p/one.jsonl", n) for n in range(7)] + [("b.jsonl", 300)]
    assert page["reasons"] == {"invalid_json": 7, "too_large": 1}


def test_the_quarantine_is_filtered_by_processor_and_kind(store, queries):
    commit(store, rows={QUARANTINE: [FAULT]})
    commit(store, path="b.jsonl", status="parked", reason="too_large")

    assert [row["kind"] for row in queries.quarantine(kind="line")] == ["line"]
    assert [row["kind"] for row in queries.quarantine(kind="file")] == ["parked"]
    assert queries.quarantine(processor="other") == []


@pytest.mark.parametrize("after", ["x", "W10=", "WzFd", "\x00", "é"])
def test_a_place_nobody_gave_out_is_refused(queries, after):
    with pytest.raises(ConfigurationError, match="not a place"):
        queries.quarantine(after=after)


def test_answers_are_json(store, queries):
    commit(store, rows={QUARANTINE: [FAULT], "seen": [(0, 0, "user")]})

    for answer in (
        queries.quarantine_page(),
        queries.ledger("amara/p/one.jsonl"),
        queries.digests(),
        queries.sql("from seen"),
    ):
        json.dumps(answer, allow_nan=False)


# Digests and reports.


def test_digests_tell_rows_of_files_apart(store, queries):
    commit(store, rows={"seen": [(0, 0, "user")]})
    commit(store, path="b.jsonl", rows={"seen": [(0, 0, "other")]})

    one, other = sorted(queries.digests()["seen"])

    assert one[:3] == ("src", "amara/p/one.jsonl", 1)
    assert other[1] == "b.jsonl"
    assert one[3] != other[3]


def test_a_report_of_an_empty_database_has_no_rows(tmp_path):
    store = Store.open(tmp_path / "t.duckdb", registry.load().processors)
    try:
        assert Queries(store).usage("daily", report_options({"since": ""}, NOW))["daily"] == []
    finally:
        store.close()


def test_a_report_on_tables_that_are_not_there_says_what_to_do(queries):
    with pytest.raises(ConfigurationError) as refused:
        queries.usage("tool", report_options({}, NOW))

    assert refused.value.reason == "no_such_table"


# SQL: what it gives.


def test_sql_gives_columns_and_rows(store, queries):
    commit(store, rows={"seen": [(0, 0, "user"), (9, 0, "other")]})

    found = queries.sql('select type, "offset" from seen order by 2')

    assert found == {
        "columns": ["type", "offset"],
        "rows": [["user", 0], ["other", 9]],
        "truncated": False,
    }


def test_every_kind_of_value_becomes_json(queries):
    text = """
        select now() is not null, to_timestamp(0), timestamp '2026-01-02 03:04:05.6',
               date '2026-01-02', time '10:00', interval 3 hour, 1.50::decimal(9, 2),
               0.1234567890123456789::decimal(38, 19), 'ab'::blob, 'nan'::double, '-inf'::float,
               [1, null], {'a': 1}, map {1: 'x'}, 170141183460469231731687303715884105727::hugeint,
               uuid '00000000-0000-0000-0000-000000000001', null, [to_timestamp(0)]
    """

    (row,) = queries.sql(text)["rows"]

    assert json.loads(json.dumps(row, allow_nan=False)) == [
        True,
        "1970-01-01 00:00:00+00",
        "2026-01-02T03:04:05.600000",
        "2026-01-02",
        "10:00:00",
        "3:00:00",
        1.5,
        "0.1234567890123456789",
        "6162",
        "nan",
        "-inf",
        [1, None],
        {"a": 1},
        {"1": "x"},
        2**127 - 1,
        "00000000-0000-0000-0000-000000000001",
        None,
        "['1970-01-01 00:00:00+00']",
    ]


def test_rows_with_times_keep_their_order(queries):
    text = "select to_timestamp(i) as t, i from range(100000) r(i) order by i desc;"

    found = queries.sql(text, rows_max=100_000)

    assert [row[1] for row in found["rows"]] == list(range(99_999, -1, -1))
    assert found["columns"] == ["t", "i"]


@pytest.mark.parametrize(
    "text",
    [
        "select 1",
        "select 1;",
        "-- c\nselect 1 -- d",
        "values (1)",
        "explain select 1",
        "show tables",
        "describe seen",
        "from seen",
        "with x as (select 1) from x",
    ],
)
def test_reading_is_allowed(queries, text):
    assert queries.sql(text)["columns"]


def test_columns_of_one_name_are_all_there(queries):
    assert queries.sql("select 1 as a, 2 as a") == {
        "columns": ["a", "a"],
        "rows": [[1, 2]],
        "truncated": False,
    }


# SQL: what it refuses.

WRITES = (
    "insert into ledger select * from ledger",
    "delete from raw.seen",
    "update ledger set status = 'ok'",
    "create table x as select 1",
    "create temp table x as select 1",
    "create macro m() as 1",
    "drop view seen",
    "alter table ledger rename to l",
    "truncate raw.seen",
    "explain analyze delete from raw.seen",
    "explain insert into ledger select * from ledger",
    "with gone as (delete from raw.seen returning *) select * from gone",
    "checkpoint",
    "vacuum",
)
FILES = (
    "copy (select 1) to '{folder}/out.csv'",
    "copy seen to '{folder}/out.csv'",
    "export database '{folder}/out'",
    "attach '{folder}/other.duckdb'",
    "explain analyze copy (select 1) to '{folder}/out.csv'",
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from glob('/*')",
    "select * from duckdb_secrets()",
    "install httpfs",
    "load httpfs",
    "select getenv('HOME')",
    "select * from read_csv('https://localhost/x.csv')",
)
SETTINGS = (
    "set memory_limit = '100GB'",
    "set global threads = 64",
    "reset memory_limit",
    "pragma enable_external_access = true",
    "pragma database_list",
    "set lock_configuration = false",
    "select * from enable_logging()",
    "call enable_logging()",
    "use other",
)
TRANSACTIONS = (
    "commit",
    "rollback",
    "begin",
    "commit; insert into processor_tables values ('x', 'y')",
    "select 1; drop table ledger",
    "select 1; select 2",
    "prepare p as insert into processor_tables values ('x', 'y')",
    "execute p",
)


@pytest.mark.parametrize("text", [*WRITES, *FILES, *SETTINGS, *TRANSACTIONS])
def test_nothing_but_reading_is_possible(store, queries, tmp_path, text):
    commit(store, rows={"seen": [(0, 0, "user")]})
    before = queries.digests()

    assert refusal(queries, text.format(folder=tmp_path)) in ("sql_refused", "sql_failed")

    assert queries.digests() == before
    assert queries.sql("select count(*) from ledger")["rows"] == [[1]]
    assert queries.sql("select count(*) from processor_tables")["rows"] == [[1]]
    assert sorted(path.suffix for path in tmp_path.iterdir()) in (
        [".duckdb"],
        [".duckdb", ".wal"],
    )


@pytest.mark.parametrize("text", ["", " ", "-- only a comment", ";", "selec 1", "select (", "\x00"])
def test_what_is_no_statement_is_refused_with_a_reason(queries, text):
    assert refusal(queries, text) in ("sql_refused", "sql_failed")


def test_variables_of_the_program_are_no_tables(queries):
    secret = [(1,)]

    assert secret
    assert refusal(queries, "select * from secret") == "sql_failed"


def test_the_text_of_the_engine_says_what_is_wrong(queries):
    with pytest.raises(ConfigurationError, match="nosuchcolumn"):
        queries.sql("select nosuchcolumn from seen")


# SQL: limits.


def test_a_statement_without_end_is_stopped(queries):
    started_s = time.monotonic()

    reason = refusal(
        queries, "select count(*) from range(1e9::bigint), range(1e9::bigint)", timeout_s=0.3
    )

    assert reason == "sql_timed_out"
    assert time.monotonic() - started_s < 10
    assert queries.sql("select 1")["rows"] == [[1]]


def test_a_result_without_end_is_stopped_while_it_is_fetched(queries):
    text = "select a from range(1e12::bigint) t(a) where a % 1e12::bigint = 1"

    assert refusal(queries, text, timeout_s=0.3) == "sql_timed_out"


def test_too_many_rows_are_cut_off(queries):
    found = queries.sql("select * from range(1000000000)", rows_max=5)

    assert found["rows"] == [[0], [1], [2], [3], [4]]
    assert found["truncated"]
    assert not queries.sql("select * from range(5)", rows_max=5)["truncated"]


def test_too_much_text_is_cut_off(queries, monkeypatch):
    monkeypatch.setattr(sandbox, "RESULT_BYTES_MAX", 10_000)

    found = queries.sql("select repeat('x', 999), [repeat('y', 1000)] from range(100)")

    assert len(found["rows"]) == 5
    assert found["truncated"]


def test_a_statement_that_needs_too_much_memory_fails_alone(tmp_path):
    store = Store.open(tmp_path / "t.duckdb", [SeenLines()], memory_limit="64MB")
    queries = Queries(store)
    try:
        with pytest.raises((ConfigurationError, TransientError)):
            queries.sql("select list(i) from range(100000000) t(i)", timeout_s=20)

        commit(store, rows={"seen": [(0, 0, "user")]})
        assert queries.sql("select count(*) from seen")["rows"] == [[1]]
    finally:
        store.close()


def test_the_writer_goes_on_while_statements_run(store, queries):
    started = threading.Event()

    def ask():
        started.set()
        refusal(
            queries, "select count(*) from range(1e9::bigint), range(1e9::bigint)", timeout_s=1.0
        )

    asker = threading.Thread(target=ask)
    asker.start()
    started.wait(5)
    for number in range(20):
        commit(store, path=f"{number}.jsonl", rows={"seen": [(0, 0, "user")]})
    asker.join(10)

    assert queries.sql("select count(*) from seen")["rows"] == [[20]]


def test_only_so_many_statements_run_at_once(queries):
    def ask():
        refusal(
            queries, "select count(*) from range(1e9::bigint), range(1e9::bigint)", timeout_s=2.0
        )

    askers = [threading.Thread(target=ask) for _ in range(sandbox.AT_ONCE_MAX)]
    for asker in askers:
        asker.start()
    wait_for(lambda: queries._sandbox._slots._value == 0)

    with pytest.raises(TransientError) as refused:
        queries.sql("select 1", timeout_s=0.05)

    assert refused.value.reason == "sql_busy"
    for asker in askers:
        asker.join(10)


def test_a_stop_ends_what_runs(queries):
    ended = []

    def ask():
        try:
            queries.sql("select count(*) from range(1e9::bigint), range(1e9::bigint)", timeout_s=60)
        except TransientError as error:
            ended.append(error.reason)

    asker = threading.Thread(target=ask)
    asker.start()
    wait_for(lambda: queries._sandbox._slots._value < sandbox.AT_ONCE_MAX)
    queries.interrupt()
    asker.join(10)

    assert ended == ["stopping"]
