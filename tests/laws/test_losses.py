"""The law of losses: never more is called lost than went, and nothing that anybody read.

A machine does to two files what agents and operators do, with and without events, sweeps, crashes
and restarts. Losses are append-only, so a single wrong row would stay.
"""

from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.keys import SessionKey
from tests.tools.processors import SeenLines
from tests.tools.simulation import Crash, DuckStorage, World, key

LINE = b'{"type":"user"}\n'
names = st.sampled_from(["a", "b"]).map(key)
texts = st.sampled_from([LINE, LINE * 3, b'{"ty', b'pe":1}\n', b"  ", b"\n"])


class LossMachine(RuleBasedStateMachine):
    """`went`: the bytes of each key that were cut off, replaced or deleted so far."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World([SeenLines()], storage=DuckStorage())
        self.went: dict[SessionKey, int] = {}

    @rule(one=names, text=texts, event=st.booleans())
    def append(self, one: SessionKey, text: bytes, event: bool) -> None:
        self.change(one, self.content(one) + text, event)

    @rule(one=names, cut=st.integers(0, 40), event=st.booleans())
    def truncate(self, one: SessionKey, cut: int, event: bool) -> None:
        content = self.content(one)
        self.add(one, len(content[cut:]))
        self.change(one, content[:cut], event)

    @rule(one=names, text=texts, event=st.booleans())
    def replace(self, one: SessionKey, text: bytes, event: bool) -> None:
        self.add(one, len(self.content(one)))
        self.world.files.replace(one, text)
        self.notice(one, event)

    @rule(one=names, event=st.booleans())
    def delete(self, one: SessionKey, event: bool) -> None:
        if one in self.world.files.inodes:
            self.add(one, len(self.content(one)))
            self.world.files.delete(one)
            self.notice(one, event)

    @rule(event=st.booleans())
    def rename(self, event: bool) -> None:
        one, other = key("a"), key("b")
        if one in self.world.files.inodes:
            self.add(one, len(self.content(one)))
            self.add(other, len(self.content(other)))
            self.world.files.rename(one, other)
            self.notice(one, event)
            self.notice(other, event)

    @rule(seconds=st.sampled_from([0.2, 3.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.seconds += seconds

    @rule()
    def sweep(self) -> None:
        self.world.sweep()

    @rule()
    def work(self) -> None:
        self.world.engine.drain()

    @rule(after=st.integers(0, 2), before_commit=st.booleans())
    def crash_and_restart(self, after: int, before_commit: bool) -> None:
        self.world.crash_after, self.world.crash_before_commit = after, before_commit
        self.world.sweep()
        with suppress(Crash):
            self.world.engine.drain()
        self.world.crash_after = None
        self.world.restart()

    @rule()
    def all_is_read_and_deleted(self) -> None:
        """Complete lines that were read are never lost, whatever happened before."""
        for one in (key("a"), key("b")):
            self.change(one, self.content(one).rpartition(b"\n")[0] + b"\n", event=True)
        self.world.settle()
        before = self.lost()
        for one in (key("a"), key("b")):
            self.add(one, len(self.content(one)))
            self.world.files.delete(one)
        self.world.settle()

        assert self.lost() == before

    @invariant()
    def no_more_is_lost_than_went(self) -> None:
        assert all(lost <= self.went.get(one, 0) for one, lost in self.lost().items())

    def teardown(self) -> None:
        self.world.settle()
        before = self.lost()
        self.world.restart()
        self.world.settle()
        assert self.lost() == before, "a loss is written once"

    def lost(self) -> dict[SessionKey, int]:
        rows = self.world.storage.db.execute(
            "SELECT source, path, sum(lost_bytes) FROM losses GROUP BY ALL"
        ).fetchall()
        return {SessionKey(source, path): int(size) for source, path, size in rows}

    def content(self, one: SessionKey) -> bytes:
        inode = self.world.files.inodes.get(one)
        return inode.data if inode else b""

    def add(self, one: SessionKey, size_bytes: int) -> None:
        self.went[one] = self.went.get(one, 0) + size_bytes

    def change(self, one: SessionKey, data: bytes, event: bool) -> None:
        self.world.clock.seconds += 0.01
        self.went.setdefault(one, 0)
        self.add(one, max(0, len(self.content(one)) - len(data)))
        self.world.files.write(one, data)
        self.notice(one, event)

    def notice(self, one: SessionKey, event: bool) -> None:
        if event:
            self.world.touch(one)


LossMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=25)
TestLosses = LossMachine.TestCase
