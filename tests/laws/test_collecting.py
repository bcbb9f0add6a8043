"""Laws of copying: whatever happens to a file, and wherever the collector is killed, the next run
leaves exactly the file's bytes, and a reader never saw anything but how it begins or began."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collecting import copying
from tests.tools.homes import World

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a kill needs a process to kill")

BYTES = st.binary(max_size=40)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.binary(min_size=1, max_size=40)),
        st.tuples(st.just("rewrite"), BYTES),
        st.tuples(st.just("cut"), st.integers(0, 20)),
        st.tuples(st.just("replace"), BYTES),
    ),
    max_size=4,
)
WRITING = ("pwrite", "fsync", "rename", "utime", "mkdir", "fchmod", "unlink", "open")


@contextmanager
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        yield World(Path(folder))


def change(made: World, kind: str, value: "bytes | int") -> bytes:
    """What the file holds afterwards."""
    path = made.home / "ada/.claude/projects/p/s.jsonl"
    before = path.read_bytes()
    if isinstance(value, int):
        after = before[:value]
    else:
        after = before + value if kind == "append" else value
    if kind == "replace":
        path.unlink()
    if kind == "append":
        with path.open("ab") as file:
            file.write(after[len(before) :])
    else:
        made.session("ada", "p/s.jsonl", after)
    return after


def killed(made: World, at: int) -> bool:
    """Collect in a process that is killed at its n-th system call that writes, in the middle of it
    if it writes bytes. Was it?"""
    child = os.fork()
    if child == 0:
        left = [at]
        for name in WRITING:
            setattr(os, name, deadly(name, getattr(os, name), left))
        made.run()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def deadly(name, call, left):
    def counted(*args, **kwargs):
        left[0] -= 1
        if left[0] < 0:
            if name == "pwrite":
                call(args[0], args[1][: len(args[1]) // 2], args[2])
            os._exit(9)
        return call(*args, **kwargs)

    return counted


def content(made: World) -> bytes | None:
    path = made.drop / "ada/p/s.jsonl"
    return path.read_bytes() if path.exists() else None


@given(BYTES, CHANGES, st.integers(0, 40))
def test_after_a_kill_anywhere_the_next_run_leaves_the_exact_bytes(first, changes, at):
    with world() as made, mock.patch.object(copying, "CHUNK_BYTES", 7):
        made.session("ada", "p/s.jsonl", first)
        made.run()
        states = [first, *(change(made, *one) for one in changes)]
        killed(made, at)
        seen = content(made)
        made.run()

        assert seen is not None
        assert any(state.startswith(seen) for state in (first, states[-1]))
        assert made.copies() == {"ada/p/s.jsonl": states[-1]}


@given(BYTES, st.integers(0, 40))
def test_a_first_copy_appears_whole_or_not_at_all(first, at):
    with world() as made, mock.patch.object(copying, "CHUNK_BYTES", 7):
        made.session("ada", "p/s.jsonl", first)
        killed(made, at)
        seen = content(made)
        made.run()

        assert seen in (None, first)
        assert made.copies() == {"ada/p/s.jsonl": first}


def test_every_point_is_come_to():
    """The laws above choose from a range that holds every kill there can be."""
    with world() as made, mock.patch.object(copying, "CHUNK_BYTES", 7):
        made.session("ada", "p/s.jsonl", b"x" * 40)

        assert killed(made, 0)
        assert not killed(made, 60)


@given(BYTES, st.lists(CHANGES, max_size=4))
def test_after_each_look_the_copy_is_what_the_file_says(first, rounds):
    with world() as made, mock.patch.object(copying, "ENDS_BYTES", 4):
        made.session("ada", "p/s.jsonl", first)
        collector = made.collector()
        collector.run()
        now = first
        for changes in rounds:
            for one in changes:
                now = change(made, *one)
            collector.run()

            assert made.copies() == {"ada/p/s.jsonl": now}
