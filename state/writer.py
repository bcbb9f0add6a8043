"""The writer thread: takes commands from a bounded inbox and commits them in groups.

The rule: one thread, values in, a future out for every command. What was submitted before `stop`
is still written; if the thread dies, every future it holds fails, so nobody waits for ever.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Protocol

from core.errors import TransientError
from core.rows import ArrowRows, Chunk, Command, Commit, Receipt

COMMANDS_MAX = 256
ROWS_MAX = 50_000
LINGER_S = 0.2
"""A group that nobody waits for is held this long for more: a transaction costs about 5 ms however
many rows it has, and a backfill would otherwise commit file by file."""
_LOOK_S = 0.01
"""How often a held group looks whether more is still expected."""


class Applies(Protocol):
    """The database as the writer sees it (`core.seams.Database`)."""

    def apply(self, commands: Sequence[Command]) -> list[Receipt | Exception]: ...


class Writer:
    """Owns the thread; `on_group(commands, rows, seconds)` is called after each commit."""

    def __init__(
        self,
        database: Applies,
        *,
        clock: Callable[[], float],
        on_group: Callable[[int, int, float], None] = lambda commands, rows, seconds: None,
        inbox_max: int = 128,
        group_commits_max: int = COMMANDS_MAX,
        group_rows_max: int = ROWS_MAX,
        patient: bool = False,
        expecting: Callable[[], bool] = lambda: True,
    ) -> None:
        """`patient`: nobody waits for any command (one-shot runs). `expecting`: may more of what
        nobody waits for come soon?"""
        self._database = database
        self._clock = clock
        self._on_group = on_group
        self._patient = patient
        self._expecting = expecting
        self._group_commits_max = group_commits_max
        self._group_rows_max = group_rows_max
        self._inbox: queue.Queue[tuple[Command, Future[Receipt]] | None] = queue.Queue(inbox_max)
        self._stopped = False
        self._ended = False
        self._began_s: float | None = None
        self._committed_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def __repr__(self) -> str:
        return f"<Writer alive={self.alive} inbox={self.depth}>"

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def depth(self) -> int:
        """Commands waiting."""
        return self._inbox.qsize()

    @property
    def writing_s(self) -> float:
        """How long the transaction of now has taken so far; 0 if there is none."""
        began_s = self._began_s
        return 0.0 if began_s is None else self._clock() - began_s

    @property
    def rested_s(self) -> float | None:
        """Since the last transaction; None before the first."""
        committed_s = self._committed_s
        return None if committed_s is None else self._clock() - committed_s

    def start(self) -> None:
        self._thread.start()

    def submit(self, command: Command) -> Future[Receipt]:
        """Queue a command; blocks while the inbox is full. The future fails if the writer stops."""
        future: Future[Receipt] = Future()
        if self._stopped or not self._put((command, future)):
            future.set_exception(_stopped())
        elif self._ended:
            self._fail_waiting()  # Its last look at the inbox may have been before our command.
        return future

    def stop(self, timeout_s: float) -> bool:
        """Write what was submitted, then end. False if that took longer than `timeout_s`."""
        self._stopped = True
        deadline_s = self._clock() + timeout_s
        with suppress(queue.Full):  # A transaction without end; the thread dies with the process.
            self._inbox.put(None, timeout=timeout_s)
        self._thread.join(max(0.0, deadline_s - self._clock()))
        return not self._thread.is_alive()

    def _put(self, item: tuple[Command, Future[Receipt]]) -> bool:
        """Wait for room. False if the writer ended meanwhile."""
        while not self._ended:
            try:
                self._inbox.put(item, timeout=1.0)
            except queue.Full:
                continue
            return True
        return False

    def _run(self) -> None:
        group: list[tuple[Command, Future[Receipt]]] = []
        try:
            while True:
                group, more = self._take()
                self._write(group)
                if not more:
                    return
        finally:
            self._stopped = self._ended = True
            for _, future in group:
                if not future.done():
                    future.set_exception(_stopped())
            self._fail_waiting()

    def _take(self) -> tuple[list[tuple[Command, Future[Receipt]]], bool]:
        """Wait for one command, then take whatever else is there, within the limits.

        Only rows of the backfill are waited for; one live commit ends the wait for all.
        """
        item = self._inbox.get()
        group: list[tuple[Command, Future[Receipt]]] = []
        rows, deadline_s = 0, self._clock() + LINGER_S
        while item is not None:
            group.append(item)
            rows += _row_count(item[0])
            if len(group) >= self._group_commits_max or rows >= self._group_rows_max:
                return group, True
            if not (self._patient or _is_backfill(item[0])):
                deadline_s = 0.0
            try:
                item = self._next(deadline_s)
            except queue.Empty:
                return group, True
        return group, False

    def _next(self, deadline_s: float) -> tuple[Command, Future[Receipt]] | None:
        while (left_s := deadline_s - self._clock()) > 0 and self._expecting():
            with suppress(queue.Empty):
                return self._inbox.get(timeout=min(left_s, _LOOK_S))
        return self._inbox.get_nowait()

    def _write(self, group: Sequence[tuple[Command, Future[Receipt]]]) -> None:
        if not group:
            return
        self._began_s = started = self._clock()
        answers = self._database.apply([command for command, _ in group])
        self._began_s, self._committed_s = None, self._clock()
        rows = sum(a.rows_written for a in answers if isinstance(a, Receipt))
        self._on_group(len(group), rows, self._clock() - started)
        for (_, future), answer in zip(group, answers, strict=True):
            if isinstance(answer, Receipt):
                future.set_result(answer)
            else:
                future.set_exception(answer)

    def _fail_waiting(self) -> None:
        """Called by whoever comes last, the thread or a submitter: a command is taken only once."""
        while True:
            try:
                item = self._inbox.get_nowait()
            except queue.Empty:
                return
            if item is not None:
                item[1].set_exception(_stopped())


def _row_count(command: Command) -> int:
    if isinstance(command, Commit | Chunk):
        return sum(len(rows) for rows in command.rows.values())
    return 0


def _is_backfill(command: Command) -> bool:
    """Rows that come as Arrow were read elsewhere, in bulk."""
    return isinstance(command, Chunk) or (
        isinstance(command, Commit)
        and any(isinstance(rows, ArrowRows) for rows in command.rows.values())
    )


def _stopped() -> TransientError:
    return TransientError("the writer has stopped", reason="stopping")
