"""Which files must be looked at: what is on disk against what the ledger remembers. Pure.

The rule: the sweep is not a second pipeline. It only finds keys to touch, by comparing stat with
stat, and what then happens to a key is decided as after any other touch. At start it is the
recovery, after an overflow the repair, after an upgrade the migration, and always the truth.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from core.keys import SessionKey
from core.ledger import FileStat, LedgerEntry
from core.plan import proof_due


@dataclass(frozen=True, slots=True)
class Due:
    """`gone` is to be touched as well: looking at the file tells whether it really vanished.

    `unlisted_count`: files that were not found but may exist, in folders nobody could list.
    """

    touch: list[SessionKey]
    gone: list[SessionKey]
    unlisted_count: int


def due(
    on_disk: Mapping[SessionKey, FileStat],
    entries: Collection[LedgerEntry],
    *,
    processor_version: int,
    now_us: int,
    unlisted: Callable[[SessionKey], bool],
    proof_max_us: int | None = None,
) -> Due:
    """What one processor's ledger lacks. `unlisted(key)`: might this file exist unseen?

    Files changed since they were read come first, then new ones from the youngest to the oldest,
    because what people look at first is today. `proof_max_us` None: proofs are not asked for.
    """
    changed: list[SessionKey] = []
    gone: list[SessionKey] = []
    unlisted_count = 0
    for entry in entries:
        stat = on_disk.get(entry.key)
        if stat is not None:
            if _is_due(entry, stat, processor_version, now_us, proof_max_us):
                changed.append(entry.key)
        elif not entry.source_gone:
            if unlisted(entry.key):
                unlisted_count += 1
            else:
                gone.append(entry.key)
    unknown = on_disk.keys() - {entry.key for entry in entries}
    return Due(changed + _youngest_first(unknown, on_disk), gone, unlisted_count)


def unread(
    on_disk: Mapping[SessionKey, FileStat],
    entries: Collection[LedgerEntry],
    *,
    processor_version: int,
) -> list[SessionKey]:
    """What a forced run of one processor has to do, in the order of `due`.

    Other than a sweep it has an answer to give, so what only waits for its second look or its
    proof is no part of it. A file that failed is tried whatever its wait; a parked one only after
    it changed, else those that nobody mends would fill every run.
    """
    changed = [
        entry.key
        for entry in entries
        if (stat := on_disk.get(entry.key)) is not None
        and not _is_read(entry, stat, processor_version)
        and not _is_parked(entry, stat, processor_version)
    ]
    unknown = on_disk.keys() - {entry.key for entry in entries}
    return changed + _youngest_first(unknown, on_disk)


def _is_read(entry: LedgerEntry, stat: FileStat, version: int) -> bool:
    same = not entry.source_gone and entry.stat == stat and entry.processor_version == version
    return same and entry.status == "ok"


def _is_parked(entry: LedgerEntry, stat: FileStat, version: int) -> bool:
    same = not entry.source_gone and entry.stat == stat and entry.tried_version == version
    return same and entry.status == "parked"


def _youngest_first(
    keys: Iterable[SessionKey], on_disk: Mapping[SessionKey, FileStat]
) -> list[SessionKey]:
    return sorted(keys, key=lambda key: (-on_disk[key].changed_ns, key))


def _is_due(
    entry: LedgerEntry,
    stat: FileStat,
    processor_version: int,
    now_us: int,
    proof_max_us: int | None,
) -> bool:
    if entry.source_gone or entry.stat != stat:
        return True
    if entry.status != "ok" and entry.tried_version == processor_version:
        return _tried_again(entry, now_us)
    if entry.processor_version != processor_version or not entry.settled:
        return True
    return proof_max_us is not None and proof_due(entry, now_us, proof_max_us)


def _tried_again(entry: LedgerEntry, now_us: int) -> bool:
    """Is it time to try a file again that failed as it is, with this version?"""
    if entry.status == "parked":
        return False
    return entry.try_again_at_us is None or now_us >= entry.try_again_at_us
