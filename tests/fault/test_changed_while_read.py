"""Files that change in place between two reads of one look: the ledger must not vouch for bytes
whose rows are those of other bytes."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from core.blocks import BLOCK_BYTES
from service.backfill import Pool
from service.limits import Limits
from tests.tools.databases import assert_same
from tests.tools.processors import SeenLines
from tests.tools.service import ingested
from tests.tools.simulation import DuckStorage, Opened, World, key
from tests.tools.writers import append, assistant_line, replace

ONE = key("one")


def lines(name: str, count: int) -> bytes:
    return b"".join(assistant_line(f"{name}-{number:06d}") for number in range(count))


@pytest.mark.parametrize("how", ["in place", "another file"])
def test_a_file_that_is_rewritten_before_a_child_goes_on_in_it_gets_the_rows_of_the_new_content(
    tmp_path, monkeypatch, how
):
    root, db = tmp_path / "sessions", tmp_path / "live.duckdb"
    path = root / "user" / "p" / "s.jsonl"
    path.parent.mkdir(parents=True)
    append(path, lines("old", 1000))
    ingested(db, root)
    append(path, lines("old-too", 2000))
    new = lines("new", 4000)
    child, rewritten = Pool.child, []

    def rewriting(pool: Pool) -> Any:
        """The parent has proved its bytes, the child has not opened the file."""
        if not rewritten:
            rewritten.append(how)
            path.write_bytes(new) if how == "in place" else replace(path, new)
        return child(pool)

    monkeypatch.setattr(Pool, "child", rewriting)
    monkeypatch.setattr("service.backfill.READ_ALONE_BYTES", 1)

    assert ingested(db, root)["failed"] == 0
    assert rewritten
    monkeypatch.undo()
    ingested(db, root)

    ingested(tmp_path / "clean.duckdb", root)
    assert_same(db, tmp_path / "clean.duckdb")


def test_a_file_that_shrinks_and_grows_while_it_is_read_ends_with_the_rows_of_what_it_is(tmp_path):
    """The same in one process: every read of the file is followed by another content."""
    world = World([SeenLines()], Limits(chunk_bytes=4096), DuckStorage())
    old = b"".join(b'{"type":"old%05d"}\n' % n for n in range(2000))
    new = b"".join(b'{"type":"new%05d"}\n' % n for n in range(3000))
    world.files.write(ONE, old)
    with changed_after_read(3, lambda: world.files.write(ONE, new)):
        world.sweep()
        world.engine.drain()

    world.settle()

    types = [row[-1] for row in world.rows("seen", ONE)]
    assert types == [f"new{n:05d}" for n in range(3000)]


def test_an_over_long_line_that_becomes_many_lines_while_it_is_read_is_read_again():
    limits = Limits(chunk_bytes=4096, line_max_bytes=8192)
    world = World([SeenLines()], limits, DuckStorage())
    many = b'{"type":"now lines"}\n' * 1000
    long = b'"' + b"x" * (len(many) - 3) + b'"\n'
    world.files.write(ONE, long)
    # Two reads find it too long, three more find its end: then it is read for its digest.
    with changed_after_read(5, lambda: world.files.write(ONE, many)):
        world.sweep()
        world.engine.drain()

    world.settle()

    assert len(world.rows("seen", ONE)) == 1000
    assert world.rows("quarantine_lines", ONE) == []


def test_a_rewrite_of_the_same_size_within_the_tick_of_a_load_is_found_by_the_proof():
    """Its stat cannot tell, and a look at the ends cannot either."""
    world = World([SeenLines()], Limits(), DuckStorage())
    line = b'{"type":"a%04083d"}\n'  # 4096 bytes each, so that blocks are full of whole lines.
    old = b"".join(line % n for n in range(6 * BLOCK_BYTES // 4096))
    world.files.write(ONE, old)
    world.sweep()
    world.engine.drain()
    middle = 3 * BLOCK_BYTES
    inode = world.files.inodes[ONE]
    inode.data = old[:middle] + old[middle:].replace(b'"a', b'"b', 1)

    assert len(line % 0) == 4096

    world.settle()

    assert [row[-1][0] for row in world.rows("seen", ONE)].count("b") == 1


@contextmanager
def changed_after_read(count: int, change: Callable[[], None]) -> Iterator[None]:
    """Call `change` after the `count`-th read of a simulated file."""
    read, reads = Opened.read, itertools.count(1)

    def changing(file: Opened, offset: int, size_bytes: int) -> bytes:
        data = read(file, offset, size_bytes)
        if next(reads) == count:
            change()
        return data

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Opened, "read", changing)
        yield
    assert next(reads) > count, "the file was not read often enough"
