"""The bounds of the service: how much is held in memory, how long things may wait, how many there
may be of anything.

The rule: a new limit is one line in `Limits`, with its rule beside it, and is thereby a setting.
"""

from dataclasses import dataclass
from typing import Annotated

from service.rules import Rule, integer, seconds

MIB = 1 << 20
_DAY_S = 86_400


def _bytes(about: str) -> Rule:
    return integer(4096, 1 << 34, about)


def _count(about: str, high: int = 1_000_000) -> Rule:
    return integer(1, high, about)


def _wait(about: str) -> Rule:
    return seconds(0, _DAY_S, about)


@dataclass(frozen=True, slots=True)
class Limits:
    """Every value is a setting of the same name."""

    chunk_bytes: Annotated[int, _bytes("read, decoded and committed at a time")] = 4 * MIB
    line_max_bytes: Annotated[int, _bytes("a longer line is quarantined, not held")] = 64 * MIB
    document_max_bytes: Annotated[int, _bytes("a larger document is parked")] = 64 * MIB
    session_max_bytes: Annotated[
        int, _bytes("a larger session is parked by processors that need it whole")
    ] = 256 * MIB
    tail_quiet_s: Annotated[
        float, _wait("a last line without newline is taken after this long, if it is a record")
    ] = 30.0
    stat_trust_s: Annotated[
        float, _wait("a stat younger than this may hide a later change, so it is taken again")
    ] = 2.0
    proof_max_s: Annotated[
        float, _wait("what was taken on the proof of its ends is proved whole within this time")
    ] = 600.0
    stuck_file_s: Annotated[
        float,
        seconds(0, 30 * _DAY_S, "a file that waits longer is stuck; 0 is 8 times the cadence"),
    ] = 0.0
    quiet_max_s: Annotated[
        float, _wait("no processor of whole sessions waits longer than this for quiet")
    ] = 900.0
    attempts_max: Annotated[int, _count("tries before a failing file is parked", 1000)] = 8
    retry_first_s: Annotated[float, _wait("before the second try; doubled for each further")] = 5.0
    retry_max_s: Annotated[float, _wait("the longest wait between two tries")] = 3600.0
    notes_max: Annotated[int, _count("changed paths noted before they become one sweep")] = 1 << 16
    inbox_max: Annotated[int, _count("commits waiting for the writer", 10_000)] = 128
    group_commits_max: Annotated[int, _count("commits in one transaction", 10_000)] = 256
    group_rows_max: Annotated[int, _count("rows in one transaction, about", 10_000_000)] = 50_000
    connections_max: Annotated[int, _count("open HTTP connections; 503 above", 10_000)] = 256
    sql_s: Annotated[float, seconds(0.1, 3600, "for one statement of `sessionwatch sql`")] = 30.0
    sql_rows_max: Annotated[int, _count("rows of one such answer; it is cut off behind")] = 10_000
