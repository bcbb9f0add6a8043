"""What one processor knows of bytes that wait to be read, so that none of them vanishes in silence.

The rules: a loss is computed from the entry that its commit starts from (the fence), so it is
written and counted once, whatever is tried again. What a sweep saw is kept in memory, and only as
long as the file waits for its turn.
"""

import logging
from concurrent.futures import Future
from typing import Any, NamedTuple

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


class _Seen(NamedTuple):
    """What sweeps saw of a file that waits: the last stat, and the same with the largest size."""

    stat: FileStat
    largest: FileStat


class Losses:
    """`expect` is for sweeps; the worker calls the others, between `begin` and `end` of a run."""

    def __init__(self, world: World, processor: Any) -> None:
        self._world = world
        self._processor = processor
        self._waiting: dict[SessionKey, _Seen] = {}
        self._in_hand: dict[SessionKey, FileStat] = {}

    def expect(self, key: SessionKey, stat: FileStat) -> bool:
        """A sweep found this file due. False if it waits already and has not changed since."""
        before = self._waiting.get(key)
        if before and before.stat == stat:
            return False
        same = before is not None and before.stat.identity == stat.identity
        known_bytes = before.largest.size_bytes if before and same else 0
        largest = stat._replace(size_bytes=max(known_bytes, stat.size_bytes))
        self._waiting[key] = _Seen(stat, largest)
        return True

    def begin(self, key: SessionKey) -> None:
        """A worker takes the file in hand: what a sweep sees from now on is for the next run."""
        seen = self._waiting.pop(key, None)
        if seen:
            self._in_hand[key] = seen.largest

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
        return Known(entry, self._in_hand.get(key), key.path.endswith(COMPRESSED))

    def _lives_on(self, key: SessionKey, known: Known) -> bool:
        """Of two files that were known of one name it is enough if one is found."""
        size_bytes = max(stat.size_bytes for stat in known.stats)
        identities = {stat.identity for stat in known.stats}
        return self._world.names.lives_on(key, identities, size_bytes)
