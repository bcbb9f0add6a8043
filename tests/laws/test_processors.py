"""The laws of processors, over every one that the registry finds and those of the tests.

Nobody registers anything here: a new file in `processors/` is under these laws at once.
"""

import copy
import itertools
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.blocks import BlockDigester
from core.keys import SessionKey
from core.ledger import LedgerEntry
from core.lines import INTEGER_MAX, Line, read_lines
from core.rows import QUARANTINE, Collect, Command, Commit, Receipt
from core.tables import columns
from processors import dialects, registry
from service.backfill import to_arrow
from service.decoding import decode
from service.limits import Limits
from service.mapping import line_rows
from state.store import Store
from tests.tools import processors as doubles
from tests.tools.examples import fewer
from tests.tools.hostile import files
from tests.tools.reading import Rows, Taken, tried
from tests.tools.simulation import SOURCE, DuckStorage, World

LOADED = registry.load()
PROCESSORS = (*LOADED.processors, doubles.SeenLines(), doubles.WholeSession(), doubles.Notes())
FAULT_TYPES = (int, int, int, str, str, bool)

DECISIVE = b'{"type":"user","isSidechain":false}'
PADDED = b'{"type":"user","isSidechain":false,"text":"' + b"x" * 200_000 + b'"}'
"""Lines by which a file is known to be an agent's; the second is longer than the head."""

every_processor = pytest.mark.parametrize("processor", PROCESSORS, ids=lambda p: p.name)
limits = st.sampled_from([64, 300, 1024, 4096, 65_536, 1 << 20]).map(
    lambda size: Limits(chunk_bytes=size, line_max_bytes=1 << 20)
)
cuts = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=5)


@pytest.fixture(scope="module", autouse=True)
def closed_databases() -> Iterator[None]:
    yield
    while _stores:
        _stores.popitem()[1].close()


def test_every_built_in_processor_loads() -> None:
    assert LOADED.unavailable == ()


@every_processor
@given(data=files(), places=cuts, limits=limits)
@example(b"{}\n" + DECISIVE + b"\n", [], Limits(chunk_bytes=64))
@example(b"{}\n" + DECISIVE + b"\n", [(0.999, True)], Limits())
@example(b"{}\n" * 22_000 + DECISIVE + b"\n", [(0.5, True)], Limits(chunk_bytes=5000))
@example(b"{}\n" + PADDED + b"\n" + DECISIVE + b"\n", [(0.5, True)], Limits(chunk_bytes=5000))
def test_growing_in_steps_gives_the_rows_of_reading_once(
    processor: Any, data: bytes, places: list[tuple[float, bool]], limits: Limits
) -> None:
    """Cut anywhere; where the file rested long enough, an open last line has been taken too."""
    stepped = Taken()
    for share, quiet in sorted(places):
        part = data[: int(share * len(data))]
        stepped = tried(processor, part, limits, stepped, quiet=quiet)
    stepped = tried(processor, data, limits, stepped)

    once = tried(processor, data)
    assert stepped.rows == once.rows
    assert stepped.committed_bytes == once.committed_bytes
    assert stepped.blocks == digests(data[: once.committed_bytes])


@every_processor
@given(data=files(), other=files(lines_max=3))
def test_the_same_bytes_give_the_same_rows_whatever_was_read_before(
    processor: Any, data: bytes, other: bytes
) -> None:
    fresh = copy.deepcopy(processor)
    first = tried(processor, data).rows
    tried(processor, other)

    assert tried(processor, data).rows == first
    assert tried(fresh, data).rows == first


@every_processor
@given(data=files())
def test_a_line_says_the_same_alone_and_in_any_order(processor: Any, data: bytes) -> None:
    if processor.kind != "line":
        return
    lines, _ = decode(data, 0, dialects.detect(data + b"\n"))

    together, _ = line_rows(processor, lines)
    backwards, _ = line_rows(processor, reversed(lines))
    alone = [line_rows(processor, [line])[0] for line in lines]
    assert {table: sorted(rows, key=place) for table, rows in backwards.items()} == together
    for table, rows in together.items():
        assert [row for one in alone for row in one[table]] == rows


@every_processor
@given(data=files() | st.binary(max_size=200), limits=limits)
def test_no_bytes_make_it_raise_or_lose_a_line(processor: Any, data: bytes, limits: Limits) -> None:
    """Only a document may be refused, with an error that says what the engine may do."""
    taken = tried(processor, data, limits)

    assert taken.reasons["processor_error"] == 0
    assert not taken.refused or processor.kind == "document"
    assert taken.committed_bytes <= len(data)


@every_processor
@given(data=files(), limits=limits)
def test_rows_are_of_declared_tables_and_types(processor: Any, data: bytes, limits: Limits) -> None:
    for table, rows in tried(processor, data, limits).rows.items():
        assert table in {*processor.tables, QUARANTINE}
        for row in rows:
            assert fits(row, column_types(processor, table)), (table, row)


@every_processor
@given(data=files(), limits=limits)
def test_a_row_stands_at_the_offset_of_its_record(
    processor: Any, data: bytes, limits: Limits
) -> None:
    taken = tried(processor, data, limits)

    offsets = record_offsets(data) if processor.kind == "line" else {0}
    made = [(row[0], row[1]) for table in processor.tables for row in taken.rows.get(table, ())]
    assert len(set(made)) == len(made), "(offset, seq) names a row"
    assert {offset for offset, _ in made} <= offsets
    for table in processor.tables:
        assert taken.rows.get(table, []) == sorted(taken.rows.get(table, []), key=place)
    for offset, _, length_bytes, reason, *_ in taken.rows.get(QUARANTINE, ()):
        assert 0 <= offset <= offset + length_bytes <= len(data)
        assert reason


@every_processor
@fewer(0.2)
@given(contents=st.lists(files(lines_max=5), min_size=1, max_size=4))
def test_the_database_takes_every_row_and_gives_it_back(
    processor: Any, contents: list[bytes]
) -> None:
    """As tuples and as the backfill's Arrow, several files in one transaction."""
    store = store_of(processor)
    taken = [tried(processor, data).rows for data in contents]
    tables = processor.tables
    tuples = [commit(store, processor, rows) for rows in taken]
    arrows = [commit(store, processor, to_arrow(rows, tables)) for rows in taken]

    answers = store.apply([*tuples, *arrows])

    assert [a for a in answers if not isinstance(a, Receipt)] == []
    for sent, *commits in zip(taken, tuples, arrows, strict=True):
        for one in commits:
            assert stored(store, processor, one) == ordered(sent)


@every_processor
@fewer(0.2)
@given(data=files(lines_max=6), places=cuts, limits=limits)
def test_the_engine_makes_of_a_growing_file_what_it_makes_of_a_finished_one(
    processor: Any, data: bytes, places: list[tuple[float, bool]], limits: Limits
) -> None:
    """Twice is once, too: looking again, or forced to read it all again, changes no row.

    A document that is refused leaves the rows of one that was taken before, if any was.
    """
    world, key = World([processor], limits), wanted_by(processor)
    states = [data[: int(share * len(data))] for share, _ in sorted(places)]
    for state, (_, rests) in zip(states, sorted(places), strict=True):
        world.files.write(key, state)
        world.clock.seconds += 1000.0 if rests else 0.01
        world.touch(key)
        world.engine.drain()
    world.files.write(key, data)
    world.settle()

    grown, once = live_rows(world, processor, key), tried(processor, data)
    entry = world.database.ledger.get(processor.name, key)
    if once.refused:
        assert grown in ({}, *(ordered(tried(processor, state).rows) for state in states))
    else:
        assert grown == ordered(once.rows)
    world.settle()
    last = world.database.ledger.get(processor.name, key)
    assert last and last.status == "parked" if once.refused else last == entry
    world.rescan()
    world.settle()
    assert live_rows(world, processor, key) == grown


@every_processor
@fewer(0.1)
@given(data=files(lines_max=6), other=files(lines_max=6), limits=limits)
def test_readers_see_all_the_old_rows_or_all_the_new_ones(
    processor: Any, data: bytes, other: bytes, limits: Limits
) -> None:
    """After every command of a rebuild, and whatever is collected meanwhile."""
    world, key = Watched([processor], limits, DuckStorage()), wanted_by(processor)
    world.files.write(key, data)
    world.settle()
    old = world.look()

    world.files.replace(key, other)
    world.seen.clear()
    world.settle()

    new, taken = world.look(), tried(processor, other)
    assert new == old if taken.refused else len(new) == sum(map(len, taken.rows.values()))
    assert world.seen
    assert [rows for rows in world.seen if rows not in (old, new)] == []
    world.storage.db.close()


LAWS = tuple(value for name, value in vars().items() if hasattr(value, "hypothesis"))
"""Every law that takes a processor, for those who want to try one that is not installed."""


class Watched(World):
    """Collects garbage and looks at the tables, as a reader would, after every command."""

    def __init__(self, *arguments: Any) -> None:
        self.seen: list[Any] = []
        super().__init__(*arguments)

    def submit(self, command: Command) -> "Future[Receipt]":
        future = super().submit(command)
        self.database.apply([Collect()])
        self.seen.append(self.look())
        return future

    def look(self) -> list[Any]:
        tables = (*self.processors[0].tables, QUARANTINE)
        key = wanted_by(self.processors[0])
        return [(table, *row) for table in tables for row in self.rows(table, key)]


def wanted_by(processor: Any) -> SessionKey:
    """A file of a name that the processor wants."""
    name = processor.match[0].replace("*", "one").replace("?", "x")
    return SessionKey(SOURCE, f"u/{name}")


def digests(data: bytes) -> bytes:
    digester = BlockDigester()
    digester.extend(data)
    return digester.blocks


def place(row: tuple[Any, ...]) -> tuple[int, int]:
    return row[0], row[1]


def record_offsets(data: bytes) -> set[int]:
    """Where records begin, found by the slow reader over the whole content."""
    shape = dialects.by_name("unknown")
    return {item.offset for item in read_lines(data, 0, shape) if isinstance(item, Line)}


def column_types(processor: Any, table: str) -> tuple[type, ...]:
    if table == QUARANTINE:
        return FAULT_TYPES
    return (int, int, *(column.python_type for column in columns(processor.tables[table])))


def fits(row: tuple[Any, ...], types: tuple[type, ...]) -> bool:
    return len(row) == len(types) and all(map(_fits, row, types))


def _fits(value: Any, kind: type) -> bool:
    if value is None:
        return True
    if isinstance(value, str):
        return kind is str and not any("\ud800" <= sign <= "\udfff" for sign in value)
    if type(value) is int:
        return kind is int and -INTEGER_MAX - 1 <= value <= INTEGER_MAX
    return type(value) is kind


_stores: dict[type, Store] = {}
_numbers = itertools.count()


def store_of(processor: Any) -> Store:
    """One real database in memory for each processor: opening one per example would be slow."""
    kind = type(processor)
    if kind not in _stores:
        _stores[kind] = Store.open(":memory:", [processor])
    return _stores[kind]


def commit(store: Store, processor: Any, rows: Any) -> Commit:
    """A first load of a file that nobody has seen."""
    key = SessionKey("here", f"u/{next(_numbers)}.jsonl")
    entry = LedgerEntry(processor.name, key, generation=store.new_generation())
    return Commit(None, replace(entry, processor_version=processor.version), rows)


def stored(store: Store, processor: Any, commit: Commit) -> Rows:
    """What the tables hold of one generation, sorted."""
    found: Rows = {}
    cursor = store.cursor()
    for table in (*processor.tables, QUARANTINE):
        rows = cursor.execute(
            f'SELECT * EXCLUDE (generation) FROM raw."{table}" WHERE generation = $1',
            [commit.after.generation],
        ).fetchall()
        if rows:
            found[table] = rows
    cursor.close()
    return ordered(found)


def ordered(rows: Rows) -> Rows:
    return {table: sorted(found, key=place) for table, found in rows.items() if found}


def live_rows(world: World, processor: Any, key: SessionKey) -> Rows:
    """The rows of the live generation in the simulated database."""
    entry = world.database.ledger.get(processor.name, key)
    if entry is None:
        return {}
    tables: Iterator[tuple[str, list[tuple[Any, ...]]]] = iter(world.database.tables.items())
    return ordered(
        {t: [row[1:] for row in rows if row[0] == entry.generation] for t, rows in tables}
    )
