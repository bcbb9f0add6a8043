"""The engine law: whatever happens to files, events and the process, the tables end up right.

A rule-based machine does everything to three files that agents, editors, rsync, operators and
power cuts do. When the dust has settled, the rows of every key ever seen must equal those of one
clean ingest of the last complete content the engine could have observed for it.
"""

import functools
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.blocks import BLOCK_BYTES
from core.keys import SessionKey
from core.lines import complete_length
from core.rows import Commit
from tests.tools.processors import SeenLines, WholeSession
from tests.tools.simulation import Crash, DuckStorage, World, key

PLACES = (
    ("seen", "seen"),
    ("whole", "whole"),
    ("quarantine_lines", "seen"),
    ("quarantine_lines", "whole"),
)
View = tuple[bytes, int]
LINES = (
    b'{"type":"user","n":1}',
    b'{"type":"other"}',
    b'{"type":"a"}{"type":"b"}',
    b"not json at all",
    b'{"type":"\\ud800"}',
    b'{"type":"\xff"}',
    b"",
    b"  ",
    b"[1]",
    b'{"type":"crlf"}\r',
    b'{"type":"x"} ',
)

names = st.sampled_from(["a", "b", "c"]).map(key)
texts = st.lists(st.sampled_from(LINES), min_size=1, max_size=4).map(
    lambda lines: b"".join(line + b"\n" for line in lines)
)
halves = st.sampled_from([b'{"ty', b'{"type":"half"}', b"\xef\xbb\xbf", b"{", b'"', b"}"])


class Versioned(SeenLines):
    """A later version of the line processor, with other rows."""

    version = 1

    def rows(self, line: Any) -> Any:
        for row in super().rows(line):
            yield row._replace(type=f"{row.type}/{self.version}")


def versioned(version: int) -> Versioned:
    processor = Versioned()
    processor.version = version
    return processor


@functools.cache
def oracle(version: int) -> World:
    """An engine of that version to which every content is a new file."""
    return World([versioned(version), WholeSession()])


@functools.cache
def expected(data: bytes, version: int, table: str, name: str) -> list[tuple[Any, ...]]:
    """The rows one processor makes of a content in one clean ingest."""
    world = oracle(version)
    one = key(f"file{len(world.files.inodes)}")
    world.files.write(one, data)
    world.clock.seconds += 1000.0  # Any tail has gone quiet.
    world.touch(one)
    world.clock.seconds += 1000.0
    world.engine.drain()
    return found(world, one, table, name)


def found(world: World, one: SessionKey, table: str, name: str) -> list[tuple[Any, ...]]:
    """One processor's live rows of one key in one table."""
    return [row for row in world.rows(table, one) if row[0] == name]


class EngineMachine(RuleBasedStateMachine):
    """Files, faults and operators against one engine. `views`: what may have been observed."""

    def __init__(self) -> None:
        super().__init__()
        self.version = 1
        self.world = World([versioned(1), WholeSession()], storage=self.storage())
        self.views: dict[tuple[str, SessionKey], list[View]] = {}
        self.stale: list[Commit] = []

    def storage(self) -> Any:
        """The simulated database: thousands of steps a second."""
        return None

    # What agents, editors and tools do to files; `event` says whether the watcher noticed.

    @rule(one=names, text=texts, event=st.booleans())
    def append_lines(self, one: SessionKey, text: bytes, event: bool) -> None:
        self.change(one, self.content(one) + text, event)

    @rule(one=names, text=halves, event=st.booleans())
    def append_half_a_line(self, one: SessionKey, text: bytes, event: bool) -> None:
        self.change(one, self.content(one) + text, event)

    @rule(one=names, cut=st.integers(0, 60), event=st.booleans())
    def truncate(self, one: SessionKey, cut: int, event: bool) -> None:
        self.change(one, self.content(one)[:cut], event)

    @rule(one=names, event=st.booleans())
    def rewrite_to_the_same_length(self, one: SessionKey, event: bool) -> None:
        self.change(one, self.content(one).replace(b"user", b"resu"), event)

    @rule(one=names, text=texts, event=st.booleans())
    def rewrite_and_grow(self, one: SessionKey, text: bytes, event: bool) -> None:
        self.change(one, self.content(one).replace(b"other", b"OTHER") + text, event)

    @rule(one=names, text=texts, old=st.booleans(), event=st.booleans())
    def replace_atomically(self, one: SessionKey, text: bytes, old: bool, event: bool) -> None:
        self.world.files.replace(one, text, mtime_ns=1 if old else None)
        self.notice(one, event)

    @rule(one=names, other=names, event=st.booleans())
    def rename(self, one: SessionKey, other: SessionKey, event: bool) -> None:
        if one in self.world.files.inodes and one != other:
            self.world.files.rename(one, other)
            self.notice(one, event)
            self.notice(other, event)

    @rule(one=names, event=st.booleans())
    def delete(self, one: SessionKey, event: bool) -> None:
        if one in self.world.files.inodes:
            self.world.files.delete(one)
            self.notice(one, event)

    # What the service and its operators do.

    @rule()
    def work(self) -> None:
        self.drain()

    @rule()
    def sweep(self) -> None:
        self.world.sweep()
        self.drain()

    @rule(seconds=st.sampled_from([0.05, 1.0, 3.0, 31.0, 130.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.seconds += seconds

    @rule(after=st.integers(0, 3), before_commit=st.booleans())
    def crash_and_restart(self, after: int, before_commit: bool) -> None:
        self.world.crash_after = after
        self.world.crash_before_commit = before_commit
        self.world.sweep()
        self.drain()
        self.world.crash_after = None
        self.world.restart()

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule()
    def operator_forces_a_rescan(self) -> None:
        self.world.rescan()

    @rule()
    def a_new_version_is_installed(self) -> None:
        self.version += 1
        self.world.processors = [versioned(self.version), WholeSession()]
        self.world.restart()

    @rule(one=names, name=st.sampled_from(["seen", "whole"]))
    def keep_a_batch_for_later(self, one: SessionKey, name: str) -> None:
        entry = self.world.database.ledger.get(name, one)
        if entry:
            grown = replace(entry, committed_bytes=entry.committed_bytes + 7)
            self.stale.append(Commit(entry, grown, {name: []}))

    @precondition(lambda self: self.stale)
    @rule()
    def a_stale_batch_arrives(self) -> None:
        commit = self.stale.pop()
        current = self.world.database.ledger.get(commit.after.processor, commit.after.key)
        if current != commit.before:
            assert self.world.submit(commit).result().fenced

    @rule(one=names)
    def a_disk_fails_for_a_while(self, one: SessionKey) -> None:
        if one in self.world.files.inodes:
            self.world.files.failing[one] = OSError(5, "Input/output error")
            self.world.touch(one)
            self.drain()
            self.world.files.failing.clear()

    # The law.

    @invariant()
    def readers_always_see_whole_generations(self) -> None:
        entries = self.world.database.ledger.entries("seen")
        live = [entry.generation for entry in entries if entry.generation]
        assert len(live) == len(set(live))

    def teardown(self) -> None:
        self.world.settle()
        for one in self.world.files.inodes:
            for table, name in PLACES:
                want = expected(self.content(one), self.version, table, name)
                assert found(self.world, one, table, name) == want, (one, self.content(one))
        for (name, one), views in self.views.items():
            if one not in self.world.files.inodes:
                self.check_vanished(name, one, views)
        before = self.world.storage.ledger_rows()
        self.world.settle()
        assert before == self.world.storage.ledger_rows(), "a quiet world must stay as it is"

    def check_vanished(self, name: str, one: SessionKey, views: list[View]) -> None:
        """Its rows are those of the last content observed, in every table alike."""
        tables = [table for table, owner in PLACES if owner == name]
        have = [found(self.world, one, table, name) for table in tables]
        wanted = [[expected(*view, table, name) for table in tables] for view in views]
        assert have in wanted, (name, one, views)

    def content(self, one: SessionKey) -> bytes:
        inode = self.world.files.inodes.get(one)
        return inode.data if inode else b""

    def change(self, one: SessionKey, data: bytes, event: bool) -> None:
        assert len(data) < BLOCK_BYTES
        self.world.clock.seconds += 0.01
        self.world.files.write(one, data)
        self.notice(one, event)

    def notice(self, one: SessionKey, event: bool) -> None:
        if event:
            self.world.touch(one)

    def drain(self) -> None:
        """Work until nothing is due, or until the process dies."""
        lanes = self.world.engine.lanes
        try:
            while any([self.run(lane) for lane in lanes]):
                pass
        except Crash:
            return

    def run(self, lane: Any) -> bool:
        """One key; what was opened and not refused is observed, for certain unless we died."""
        self.world.files.opened.clear()
        died = True
        try:
            ran = bool(lane.run(0))
            died = False
            return ran
        finally:
            for one in self.world.files.opened:
                self.observe(lane.processor.name, one, certain=not died)

    def observe(self, name: str, one: SessionKey, *, certain: bool) -> None:
        """A tail may have been too young to be taken, so both are allowed afterwards."""
        content = self.content(one)
        seen = [(content, self.version), (content[: complete_length(content)], self.version)]
        entry = self.world.database.ledger.get(name, one)
        if not certain:
            self.views.setdefault((name, one), [(b"", self.version)]).extend(seen)
        elif entry and entry.status == "ok":
            self.views[name, one] = seen


class DuckEngineMachine(EngineMachine):
    """The same with the real database."""

    def storage(self) -> Any:
        return DuckStorage()


EngineMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=40)
DuckEngineMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=30)
TestEngine = EngineMachine.TestCase
TestEngineOnDuckDB = DuckEngineMachine.TestCase
