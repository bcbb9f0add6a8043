"""The database refuses a write in the middle of a load: nothing half-written ever goes live."""

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from core.lines import Line
from core.record import Record
from core.rows import Chunk, Collect, Command, Commit
from processors.base import Document
from service.limits import Limits
from tests.tools.processors import Notes, Seen, SeenLines
from tests.tools.simulation import DuckStorage, World, key

ONE = key("one")
SMALL = Limits(chunk_bytes=4096)
CONTENT = b"".join(b'{"type":"t%06d"}\n' % number for number in range(1000))  # Five steps.


class Numbered(SeenLines):
    """Of record 500 it makes a row that no database can take."""

    def rows(self, line: Line[Record]) -> Any:
        refused = line.record.type == "t000500"
        yield Seen("\ud800" if refused else line.record.type)


def world_with(content: bytes, processor: Any = None) -> World:
    world = World([processor or SeenLines()], SMALL, DuckStorage())
    world.files.write(ONE, content)
    return world


def refuse_once(world: World, wanted: Callable[[Command], bool]) -> list[Command]:
    """The disk is full for the first such command; what was refused."""
    apply, refused = world.database._apply, []

    def applied(commands: list[Command]) -> list[Any]:
        if not refused and wanted(commands[0]):
            refused.append(commands[0])
            raise duckdb.IOException("no space left on device")
        return list(apply(commands))

    world.database._apply = applied
    return refused


def work(world: World, looks: int = 100) -> None:
    """Until nothing is due; a key that is looked at again and again is a failure."""
    for _ in range(looks):
        world.clock.seconds += 0.2  # Above the pace of the processor, below any back-off.
        if not any([lane.run(0) for lane in world.engine.lanes]):
            return
    raise AssertionError(f"not done after {looks} looks")


@pytest.fixture
def loaded():
    world = world_with(CONTENT)
    world.settle()
    assert len(world.rows("seen", ONE)) == 1000
    return world


def test_a_new_generation_that_lacks_a_refused_chunk_never_goes_live(loaded):
    before = loaded.rows("seen", ONE)
    loaded.rescan()
    refused = refuse_once(loaded, lambda command: isinstance(command, Chunk))

    loaded.sweep()
    work(loaded)

    assert refused
    assert loaded.rows("seen", ONE) == before
    assert loaded.database.ledger.get("seen", ONE).status == "retrying"


def test_a_load_whose_chunk_was_refused_is_done_again(loaded):
    before, old = loaded.rows("seen", ONE), loaded.database.ledger.get("seen", ONE)
    loaded.rescan()
    refuse_once(loaded, lambda command: isinstance(command, Chunk))
    loaded.sweep()

    loaded.settle()

    entry = loaded.database.ledger.get("seen", ONE)
    assert entry.status == "ok"
    assert entry.generation > old.generation
    assert loaded.rows("seen", ONE) == before


@pytest.mark.parametrize("refused_type", [Chunk, Commit])
def test_what_was_built_for_a_refused_load_is_collected(loaded, refused_type):
    def last_of_its_kind(command: Command) -> bool:
        generation = command.after.generation if isinstance(command, Commit) else 0
        new = generation > 1 and command.rows
        return bool(new) if refused_type is Commit else isinstance(command, Chunk)

    loaded.rescan()
    refuse_once(loaded, last_of_its_kind)
    loaded.sweep()
    loaded.settle()

    loaded.submit(Collect())

    stored = loaded.storage.db.execute("SELECT DISTINCT generation FROM raw.seen").fetchall()
    assert {generation for (generation,) in stored} == loaded.database.ledger.generations()
    assert loaded.database.garbage_count == 0


def test_a_refused_step_of_a_first_load_is_tried_again_and_loses_nothing():
    world = world_with(CONTENT)
    refused = refuse_once(world, lambda c: isinstance(c, Commit) and c.after.committed_bytes > 9000)

    world.sweep()
    work(world)
    world.settle()

    assert refused
    assert sorted(row[1] for row in world.rows("seen", ONE)) == [19 * n for n in range(1000)]


def test_a_row_that_is_always_refused_parks_its_file_instead_of_trying_for_ever():
    world = world_with(CONTENT, Numbered())

    world.sweep()
    work(world)

    entry = world.database.ledger.get("seen", ONE)
    assert (entry.status, entry.reason) == ("parked", "rows_refused")
    assert len(world.rows("seen", ONE)) < 500


def test_a_row_that_is_always_refused_parks_a_file_with_older_rows_too(loaded):
    before = loaded.rows("seen", ONE)
    numbered = Numbered()
    numbered.version = 2
    loaded.processors = [numbered]
    loaded.restart()

    loaded.sweep()
    work(loaded)

    entry = loaded.database.ledger.get("seen", ONE)
    assert (entry.status, entry.reason) == ("parked", "rows_refused")
    assert loaded.rows("seen", ONE) == before


def test_what_a_foreign_error_says_of_a_session_is_not_kept():
    class Quoting(Notes):
        def rows(self, document: Document) -> Any:
            raise ValueError(f"cannot parse {document.data!r}")

    world = World([Quoting()], SMALL, DuckStorage())
    world.files.write(ONE, b'{"type":"user","text":"my password"}\n')

    world.sweep()
    work(world)

    entry = world.database.ledger.get("notes", ONE)
    assert (entry.status, entry.reason) == ("retrying", "processor_error")
    assert entry.error.startswith("ValueError")
    assert "password" not in entry.error
