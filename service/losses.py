"""What one processor knows of bytes that wait to be read, so that none of them vanishes in silence.

The rules: a loss is computed from the entry that its commit starts from (the fence), so it is
written and counted once, whatever is tried again. What a sweep saw is kept in memory, and only as
long as the file waits for its turn.
"""

import logging
import threading
from concurrent.futures import Future
from typing import Any

from core import loss
from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from core.loss import Known, Loss
from core.rows import Commit, Receipt
from core.seams import OpenFile
from service.reading import prove
from service.world import World

log = logging.getLogger("sessionwatch.worker")

COMPRESSED = (".gz", ".zst")


class Losses:
    """`expect` is for sweeps; the worker calls the others, between `begin` and `end` of a run."""

    def __init__(self, world: World, processor: Any) -> None:
        self._world = world
        self._processor = processor
        self._lock = threading.Lock()
        self._waiting: dict[SessionKey, FileStat] = {}
        self._larger: dict[SessionKey, FileStat] = {}
        self._in_hand: dict[SessionKey, FileStat] = {}

    def expect(self, key: SessionKey, stat: FileStat) -> bool:
        """A sweep found this file due. False if it waits already and has not changed since."""
        with self._lock:
            before = self._waiting.get(key)
            if before == stat:
                return False
            if before and before.size_bytes > stat.size_bytes:
                self._larger.setdefault(key, before)
            self._waiting[key] = stat
            return True

    def begin(self, key: SessionKey) -> None:
        """A worker takes the file in hand: what a sweep sees from now on is for the next run."""
        with self._lock:
            seen, larger = self._waiting.pop(key, None), self._larger.pop(key, None)
        if seen and larger and larger.identity == seen.identity:
            seen = max(seen, larger, key=lambda stat: stat.size_bytes)
        if seen:
            self._in_hand[key] = seen

    def end(self, key: SessionKey) -> None:
        """The run has ended."""
        self._in_hand.pop(key, None)

    def by_change(
        self, key: SessionKey, entry: LedgerEntry | None, file: OpenFile, *, stands: bool | None
    ) -> Loss | None:
        """What was lost of a file that is there. `stands`: does it begin with what is committed?
        None if nobody looked; it is read for this only if there is cause."""
        known = self._known(key, entry)
        if self._processor.kind == "document" or not loss.unread_bytes(known):
            return None
        if stands is None:
            stands = entry is None or prove(file, entry, "all") is not None
        now_us = self._world.clock.now_us()
        found = loss.by_change(known, file.stat, stands=stands, now_us=now_us)
        if found and found.how == "replaced" and self._lives_on(key, known):
            return None
        return found

    def by_vanishing(self, key: SessionKey, entry: LedgerEntry | None) -> Loss | None:
        """What was lost with a file that is gone."""
        known = self._known(key, entry)
        found = loss.by_vanishing(known, now_us=self._world.clock.now_us())
        return None if found and self._lives_on(key, known) else found

    def count(self, future: "Future[Receipt]", commit: Commit) -> None:
        """The commit was answered. One that failed or was fenced is tried again, with its loss."""
        found = commit.loss
        if found is None or future.exception() or future.result().fenced:
            return
        name = self._processor.name
        self._world.instruments.lost_bytes.labels(name).inc(found.size_bytes)
        values = {"session": str(commit.after.key), "how": found.how, "bytes": found.size_bytes}
        log.warning("bytes_lost", extra={"processor": name, **values})

    def _known(self, key: SessionKey, entry: LedgerEntry | None) -> Known:
        compressed = key.path.endswith(COMPRESSED)
        return loss.known_of(entry, self._in_hand.get(key), compressed=compressed)

    def _lives_on(self, key: SessionKey, known: Known) -> bool:
        """Of two files that were known of one name it is enough if one is found."""
        size_bytes = max(stat.size_bytes for stat in known.stats)
        identities = {stat.identity for stat in known.stats}
        return self._world.names.lives_on(key, identities, size_bytes)
