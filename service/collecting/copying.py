"""Brings one copy up to date with its source.

The rules: what is already copied is kept if it is proved to be how the source begins, and then only
the rest is appended; anything else is replaced by a new file in one step. So a reader sees at all
times how the source begins or began, and a kill leaves what the next look goes on from. The copy
gets the source's modification time only when all of it was proved or copied, is on the disk, and
the source had been at rest: equal size and time therefore mean an equal file.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from service.collecting.drop import Drop
from watcher.fileclock import FileClock
from watcher.walk import file_stat

CHUNK_BYTES = 1 << 20
ENDS_BYTES = 1 << 16
TRUSTED_NS = 2_000_000_000
"""A younger stat may hide a later change: `stat_trust_s` of the engine, for the same reason."""

_CLOCK = FileClock()


class Proof(NamedTuple):
    """That a copy was how its source began, and which files these were."""

    source: tuple[int, int]
    copy: tuple[int, int, int, int]


@dataclass(slots=True)
class Job:
    """One copy to make: what is there, what is known of it, and how much may be written."""

    source: int
    drop: Drop
    folder: int | None
    name: str
    known: Proof | None
    bytes_max: int
    stopping: Callable[[], bool]


class Copied(NamedTuple):
    """Whether anything was (in a dry run: would be) copied, how much, and the proof for later."""

    changed: bool
    size_bytes: int
    proof: Proof | None = None


def bring_up(job: Job, copy: int | None) -> Copied:
    """Copy what is missing. `copy` is the open copy, if there is one."""
    before = os.fstat(job.source)
    wanted = before.st_size
    have = os.fstat(copy).st_size if copy is not None else 0
    whole = copy is None or job.known is None or job.known != proof_of(job.source, copy)
    keeps = copy is not None and _begins_alike(job, copy, min(have, wanted + 1), whole=whole)
    if job.drop.dry_run or job.folder is None:
        return Copied(not keeps or wanted > have, min(wanted - have * keeps, job.bytes_max))
    if copy is None or not keeps:
        with job.drop.replacing(job.name, job.folder) as fd:
            written = _append(job, fd, 0, wanted)
            if written < wanted and job.stopping():
                raise Stopped  # Rather the old copy than a piece of the new one.
            _mark(job, fd, before, proved=True)
            return Copied(changed=True, size_bytes=written, proof=proof_of(job.source, fd))
    job.drop.restyle(copy)
    written = _append(job, copy, have, wanted)
    if whole and _at_rest(job.source, before):
        os.fsync(copy)  # A time that says "equal" must not be on the disk before the bytes.
    _mark(job, copy, before, proved=whole)
    return Copied(written > 0, written, proof_of(job.source, copy))


def proof_of(source: int, copy: int) -> Proof:
    """For a copy that has just been proved or written."""
    ours, found = os.fstat(source), os.fstat(copy)
    stat = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    return Proof((ours.st_dev, ours.st_ino), stat)


def _begins_alike(job: Job, copy: int, size: int, *, whole: bool) -> bool:
    """Does the source begin with these bytes of the copy? Of one that was proved before, and that
    nobody touched since, the ends speak for all."""
    if whole or size <= 2 * ENDS_BYTES:
        return _alike(job, copy, 0, size)
    return _alike(job, copy, 0, ENDS_BYTES) and _alike(job, copy, size - ENDS_BYTES, size)


def _alike(job: Job, copy: int, start: int, end: int) -> bool:
    for at in range(start, end, CHUNK_BYTES):
        size = min(CHUNK_BYTES, end - at)
        if job.stopping():
            raise Stopped
        theirs = os.pread(job.source, size, at)
        if len(theirs) < size or theirs != os.pread(copy, size, at):
            return False
    return True


def _append(job: Job, copy: int, at: int, end: int) -> int:
    """Copy from here on, and say how much that was: less if the source shrinks, the bytes for this
    run are used up or the run is to stop."""
    began, end = at, min(end, at + job.bytes_max)
    while at < end and not job.stopping():
        piece = os.pread(job.source, min(CHUNK_BYTES, end - at), at)
        if not piece:
            break
        at += os.pwrite(copy, piece, at)
    return at - began


def _mark(job: Job, copy: int, before: os.stat_result, *, proved: bool) -> None:
    """Give the copy its source's time, if it is all of it and the source has been at rest; else
    make sure that it has not got it by chance."""
    theirs, ours = os.fstat(job.source), os.fstat(copy)
    if proved and ours.st_size == theirs.st_size and _at_rest(job.source, before):
        os.utime(copy, ns=(theirs.st_atime_ns, theirs.st_mtime_ns))
    elif ours.st_mtime_ns == theirs.st_mtime_ns:
        os.utime(copy, ns=(theirs.st_atime_ns, theirs.st_mtime_ns + 1))


def _at_rest(source: int, before: os.stat_result) -> bool:
    after = file_stat(os.fstat(source))
    return after == file_stat(before) and _CLOCK.age_ns(after) > TRUSTED_NS


class Stopped(Exception):
    """The run is to stop; everything is left as it is."""
