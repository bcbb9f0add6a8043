"""Takes one key in hand: look at the file, decide, read, submit. The only place the rooms meet.

The rule: `core.plan.decide` says what to do and this module obeys. A run never raises; whatever
happens to it ends as a commit, a failure noted in the ledger, or another touch. The key stays in
hand until the writer has answered, so the next run of the file starts from this one's entry.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from core import outcome, plan
from core.blocks import BlockDigester
from core.errors import ChangedError, SessionwatchError, TransientError
from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from core.loss import Loss
from core.rows import Abandon, Chunk, Commit, Receipt
from core.seams import OpenFile
from processors.base import Later
from service import retrying
from service.losses import COMPRESSED, Losses
from service.reading import LineReading, Step, WholeReading, has_unread, prove
from service.world import Reading, Stopping, World
from watcher.disk import SourceMissing

log = logging.getLogger("sessionwatch.worker")


class Worker:
    """Runs one processor over keys. `touch(key, after_s)` asks for another run later."""

    def __init__(
        self, world: World, processor: Any, touch: Callable[[SessionKey, float], None]
    ) -> None:
        self._world = world
        self._processor = processor
        self._touch = touch
        self._failed: dict[SessionKey, Exception] = {}
        self.losses = Losses(world, processor)

    def run(self, key: SessionKey, done: Callable[[], None]) -> None:
        """Do what the file needs; `done` is called once its last commit has been answered."""
        failed = self._failed.pop(key, None)
        self.losses.begin(key)
        try:
            last = self._fail(key, failed) if failed else self._attempt(key)
        except FileNotFoundError:
            last = self._gone(key)
        except (SourceMissing, Stopping):
            last = None  # Says nothing about the file; the sweep after the return or restart will.
        except ChangedError:
            last = None
            self._touch(key, 0.0)
        except Exception as error:  # Processors and file systems are foreign code.
            last = self._fail(key, error)
        self.losses.end(key)
        if last is None:
            done()
        else:
            last.add_done_callback(lambda future: self._answered(key, future, done))

    def _attempt(self, key: SessionKey) -> "Future[Receipt] | None":
        world, processor = self._world, self._processor
        entry = world.ledger.get(processor.name, key)
        with world.files.open(key) as file:
            step = plan.decide(
                entry,
                file.stat,
                processor_version=processor.version,
                now_us=world.clock.now_us(),
                proof_max_us=int(world.limits.proof_max_s * 1e6),
                compressed=key.path.endswith(COMPRESSED),
            )
            match step:
                case plan.Skip(reason):
                    self._count("skipped_" + reason)
                    return None
                case plan.Wait(until_us):
                    self._touch(key, (until_us - world.clock.now_us()) / 1e6)
                    return None
                case plan.Look(proof) if entry:
                    return self._look(key, entry, file, proof)
                case _:
                    return self._load(key, entry, file)

    def _look(
        self, key: SessionKey, entry: LedgerEntry, file: OpenFile, proof: plan.Proof
    ) -> "Future[Receipt] | None":
        """Go on from the committed bytes if they still stand."""
        digester = prove(file, entry, proof)
        if digester is None or self._must_load(entry, file):
            return self._load(key, entry, file, stands=digester is not None)
        lost = self.losses.by_change(key, entry, file, stands=True)
        if self._processor.kind != "line":
            return self._write(entry, entry, None, file, proof, lost)
        reading = self._reading(key, file, entry, digester)
        return self._write(entry, entry, reading, file, proof, lost)

    def _must_load(self, entry: LedgerEntry, file: OpenFile) -> bool:
        """Do the committed bytes stand, and is there more than could be added to their rows?

        Documents and sessions are always read whole; so is a file whose dialect is not known yet,
        since its first decisive line decides for all of them. A session that failed may have waited
        for something before, so it is read in any case.
        """
        if self._processor.kind == "session" and entry.status != "ok":
            return True
        if self._processor.kind == "line" and (entry.dialect or not entry.committed_bytes):
            return False
        return has_unread(file, entry, self._processor.kind, self._world.limits)

    def _load(
        self,
        key: SessionKey,
        entry: LedgerEntry | None,
        file: OpenFile,
        *,
        stands: bool | None = None,
    ) -> "Future[Receipt] | None":
        """Read everything into a new generation, beside the old one's rows if there are any.

        `stands`: do the committed bytes stand? None if nobody looked.
        """
        lost = self.losses.by_change(key, entry, file, stands=stands)
        generation = self._world.new_generation()
        base = entry or LedgerEntry(self._processor.name, key)
        fresh = replace(base, generation=generation, committed_bytes=0, blocks=b"", settled=False)
        reading = self._reading(key, file, fresh, BlockDigester())
        try:
            return self._write(entry, fresh, reading, file, "all", lost)
        except Exception:
            self._world.submit(Abandon(generation))
            raise

    def _write(
        self,
        before: LedgerEntry | None,
        start: LedgerEntry,
        reading: Reading | None,
        file: OpenFile,
        proof: plan.Proof,
        lost: Loss | None,
    ) -> "Future[Receipt] | None":
        """Submit every step from `start` on; the last one also notes what this look found.

        What was `lost` is written with the first commit, from which on `before` knows no more.

        Of a file's first load and of an append every step is visible at once. Any other load is
        written beside the rows that readers see, and its last step makes it live.
        """
        beside = before is not None and before.generation not in (0, start.generation)
        after = outcome.cleaned(start, file.stat, self._processor.version)
        held = None
        for step in reading or ():
            if self._world.stopping():
                raise Stopping
            if held and beside:
                self._world.submit(Chunk(after.generation, held.rows))
                self._count_step(held)
            elif held:
                self._submit_step(before, after, held, file, lost)
                before, lost = after, None
            after, held = self._advanced(after, step, proof), step
        tail_bytes = reading.tail_bytes if reading else 0
        settled = self._settled(after, file, tail_bytes, proof)
        if reading and reading.later:
            settled = self._waiting(settled, before, reading.later)
        if held:
            return self._submit_step(before, settled, held, file, lost)
        return None if settled == before else self._commit(Commit(before, settled, loss=lost))

    def _reading(
        self, key: SessionKey, file: OpenFile, entry: LedgerEntry, digester: BlockDigester
    ) -> Reading:
        world, processor = self._world, self._processor
        if processor.kind != "line":
            return WholeReading(
                file, processor, world.limits, key=key, tools=world.tools(key),
                dialect=world.agent(key),
            )  # fmt: skip
        offset = entry.committed_bytes
        dialect = entry.dialect if offset else world.agent(key)
        if world.backfill:
            elsewhere = world.backfill.reading(key, file, processor, offset, entry.blocks, dialect)
            if elsewhere:
                return elsewhere
        return LineReading(
            file, processor, world.limits, offset=offset, digester=digester, dialect=dialect,
            decode=world.decode,
        )  # fmt: skip

    def _advanced(self, entry: LedgerEntry, step: Step, proof: plan.Proof) -> LedgerEntry:
        return outcome.advanced(
            entry,
            committed_bytes=step.committed_bytes,
            blocks=step.blocks,
            dialect=step.dialect,
            proof=proof,
            now_us=self._world.clock.now_us(),
        )

    def _settled(
        self, entry: LedgerEntry, file: OpenFile, tail_bytes: int, proof: plan.Proof
    ) -> LedgerEntry:
        """The entry at the end of this look; a tail that is too young is looked at again."""
        limits, now_us = self._world.limits, self._world.clock.now_us()
        wait_s = limits.tail_quiet_s if tail_bytes else limits.stat_trust_s
        if tail_bytes and file.age_ns < wait_s * 1e9:
            self._touch(entry.key, wait_s - file.age_ns / 1e9 + 0.01)
        return outcome.settled(entry, age_ns=file.age_ns, wait_s=wait_s, proof=proof, now_us=now_us)

    def _waiting(self, entry: LedgerEntry, before: LedgerEntry | None, later: Later) -> LedgerEntry:
        """The entry of a file that is wanted again; it is touched in time."""
        noted = retrying.while_waiting(self._world, entry, before, later)
        self._touch(entry.key, retrying.wait_s(self._world, noted))
        self._count(noted.status)
        return noted

    def _gone(self, key: SessionKey) -> "Future[Receipt] | None":
        """The file vanished: its rows stay, marked. If it was only seen, it is listed where bytes
        were lost with it."""
        version, now_us = self._processor.version, self._world.clock.now_us()
        entry = self._world.ledger.get(self._processor.name, key)
        lost = self.losses.by_vanishing(key, entry)
        if not lost and (entry is None or entry.source_gone):
            return None
        self._count("gone")
        seen = LedgerEntry(
            self._processor.name, key, processor_version=version, committed_at_us=now_us
        )
        return self._commit(Commit(entry, outcome.vanished(entry or seen), loss=lost))

    def _fail(self, key: SessionKey, error: Exception) -> "Future[Receipt]":
        """Note a failure beside the last good version."""
        world, processor = self._world, self._processor
        entry = world.ledger.get(processor.name, key)
        seen = entry or LedgerEntry(processor.name, key, committed_at_us=world.clock.now_us())
        noted = retrying.after_failure(world, processor, seen, error, self._stat(key))
        world.instruments.failures.labels(processor.name, noted.reason).inc()
        self._count(noted.status)
        if noted.try_again_at_us is not None:
            world.instruments.retries.labels(processor.name).inc()
            self._touch(key, retrying.wait_s(world, noted))
        log.warning(
            noted.status,
            extra={"processor": processor.name, "session": str(key), "reason": noted.reason},
        )
        return world.submit(Commit(entry, noted))

    def _stat(self, key: SessionKey) -> FileStat | None:
        try:
            return self._world.files.stat(key)
        except (OSError, SessionwatchError):
            return None

    def _submit_step(
        self,
        before: LedgerEntry | None,
        after: LedgerEntry,
        step: Step,
        file: OpenFile,
        lost: Loss | None,
    ) -> "Future[Receipt]":
        self._count_step(step)
        future = self._commit(Commit(before, after, step.rows, lost))
        future.add_done_callback(lambda done: self._note(after.key, done))
        if before is not None and before.generation == after.generation:
            future.add_done_callback(lambda done: self._observe_lag(done, file.stat))
        return future

    def _commit(self, commit: Commit) -> "Future[Receipt]":
        future = self._world.submit(commit)
        if commit.loss:
            future.add_done_callback(lambda done: self.losses.count(done, commit))
        return future

    def _observe_lag(self, future: "Future[Receipt]", stat: FileStat) -> None:
        if not future.exception() and not future.result().fenced:
            lag_s = self._world.clock.now_us() / 1e6 - stat.mtime_ns / 1e9
            self._world.instruments.lag.labels(self._processor.name).observe(max(0.0, lag_s))

    def _answered(
        self, key: SessionKey, future: "Future[Receipt]", done: Callable[[], None]
    ) -> None:
        """Called by the writer's thread, so it may only note and touch, never submit."""
        if future.exception():
            if self._note(key, future):
                self._touch(key, 0.0)
        elif future.result().fenced:
            self._world.instruments.fenced.labels(self._processor.name).inc()
            self._touch(key, 0.0)
        else:
            self._count("committed")
        done()

    def _note(self, key: SessionKey, future: "Future[Receipt]") -> bool:
        """Keep why a step failed: those behind it are fenced, and the last alone is answered."""
        error = future.exception()
        stopping = isinstance(error, TransientError) and error.reason == "stopping"
        if not isinstance(error, Exception) or stopping:
            return False
        self._failed[key] = error
        return True

    def _count(self, outcome: str) -> None:
        self._world.instruments.runs.labels(self._processor.name, outcome).inc()

    def _count_step(self, step: Step) -> None:
        name, instruments = self._processor.name, self._world.instruments
        instruments.bytes.labels(name).inc(step.size_bytes)
        instruments.lines.labels(name).inc(step.line_count)
        instruments.rows.labels(name).inc(sum(len(rows) for rows in step.rows.values()))
        for reason in step.faults:
            instruments.quarantined.labels(name, reason).inc()
