"""What is well and what is not: rules over plain values, one check for each part. Pure.

The rule: a check names the part that is at fault and says what to do about it, because words that
send people to the wrong part are worse than none.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from metrics.checks import Check, Finding, Status, amount, joined, span

GRACES = 4
"""After so many times its grace a file is stuck and not only late (as in the predecessor)."""
ATTEMPTS_MANY = 4
"""With waits of 5, 10, 20 and 40 s between tries it has lasted for a minute, and is no hiccup."""
WRITE_S_MAX = 60.0
"""A transaction is milliseconds; one of a minute has a disk to blame."""
LISTED_LATE = 3
"""A source is late when it was not compared for so many times as long as usual …"""
LISTED_LATE_S = 60.0
"""… and this."""
FREE_LOW_BYTES = 2_000_000_000
"""As the alert SessionwatchDiskLow."""
FREE_OUT_BYTES = 200_000_000
"""A checkpoint and what a statement spills need about that."""


class ProcessorFacts(NamedTuple):
    """`waiting_s` is how long the oldest file has been known to wait, `lag_s` how long ago it
    changed; both compare files with the ledger. `success_s`: since its last commit, None if there
    is none. `listed`: every source was compared since the start. `attempts`: the most of any file
    that is tried again."""

    name: str
    listed: bool
    files: int
    behind_files: int
    behind_bytes: int
    oldest: str
    waiting_s: float
    lag_s: float
    parked: int
    retrying: int
    success_s: float | None
    grace_s: float
    stuck_s: float
    paused_by: str | None = None
    attempts: int = 0


class SourceFacts(NamedTuple):
    """`listed`: could it be compared the last time, None if that was never tried. `blind`: why it
    is not watched as a whole and what to do, in words."""

    name: str
    listed: bool | None
    swept_s: float | None
    every_s: float
    blind: str | None = None


class WriterFacts(NamedTuple):
    """`writing_s`: how long the transaction of now has taken; `commit_s`: since the last one."""

    alive: bool
    depth: int
    depth_max: int
    writing_s: float
    commit_s: float | None


class DatabaseFacts(NamedTuple):
    """`schema` is None if the database does not answer. `erased_s`: since somebody was erased whose
    bytes are still in the file."""

    schema: int | None
    schema_known: int
    size_bytes: int
    log_bytes: int
    log_bytes_max: int
    erased_s: float | None = None


class JobFacts(NamedTuple):
    """The last run of a job; `state` as in the table of runs."""

    name: str
    state: str
    started_s: float
    error: str = ""


class ShieldFacts(NamedTuple):
    """Files of a source that some line processor may not have read before their agent deletes
    them, `days` after their last change (None: nobody wants to know). `left_s`: until the first of
    them goes; below 0 it may be gone at any time."""

    source: str
    days: int | None
    files: int = 0
    oldest: str = ""
    left_s: float = 0.0


def processor(facts: ProcessorFacts) -> Check:
    """Is everything that lies in the sources in this processor's tables?"""
    about = facts._asdict()
    name = about.pop("name")
    if facts.paused_by is not None:
        text = f"paused by {facts.paused_by}; {_behind(facts)} wait"
        found = [Finding("info", text, f"when the reason is gone: sessionwatch resume {name}")]
    else:
        found = [*_lateness(facts), *_failures(facts)]
    if not found:
        found = [_nothing_wrong(facts)]
    return joined(f"processor:{name}", found, about)


def _lateness(facts: ProcessorFacts) -> Iterable[Finding]:
    late, stuck = facts.waiting_s > facts.grace_s, facts.waiting_s > facts.stuck_s
    if not facts.behind_files or not (late or stuck):
        return
    silent = facts.success_s is None or facts.success_s > facts.grace_s
    if silent:
        yield Finding(
            "warning",
            f"{_behind(facts)} have waited for up to {span(facts.waiting_s)} and it has committed "
            f"nothing {_since(facts.success_s)}",
            "the files are safe where they are; look at the checks `writer` and `disk`, and in the "
            f"log for {facts.name}",
        )
    elif stuck:
        yield Finding(
            "warning",
            f"{facts.oldest} has waited for {span(facts.waiting_s)}, while others were committed",
            "what became of its last try: GET /api/v1/ledger/PATH; to try now: sessionwatch rescan "
            "--session PATH",
        )
    else:
        yield Finding("info", f"{_behind(facts)} are being worked off")


def _failures(facts: ProcessorFacts) -> Iterable[Finding]:
    if facts.parked:
        yield Finding(
            "warning",
            f"{_files(facts.parked)} given up",
            f"why: sessionwatch quarantine --processor {facts.name}; they are tried again when "
            "they change, or with sessionwatch rescan",
        )
    if facts.attempts >= ATTEMPTS_MANY:
        text = f"{_files(facts.retrying)} tried again, one of them for the {facts.attempts}th time"
        yield Finding("warning", text, f"why: sessionwatch quarantine --processor {facts.name}")
    elif facts.retrying:
        yield Finding("info", f"{_files(facts.retrying)} tried again after a failure")


def _nothing_wrong(facts: ProcessorFacts) -> Finding:
    if not facts.listed:
        return Finding("unknown", "not every source was compared with its tables yet")
    if facts.behind_files:
        return Finding("ok", f"{_behind(facts)} are on their way")
    return Finding("ok", f"all {facts.files} files are read" if facts.files else "no files yet")


def unavailable(name: str, reason: str) -> Check:
    """A processor that could not be loaded: nothing is processed by it."""
    do = "mend or remove its distribution, and restart: sessionwatch processors"
    return Check(f"processor:{name}", "warning", f"could not be loaded: {reason}", do)


def source(facts: SourceFacts) -> Check:
    """Would every change below a root be noticed?"""
    return joined(f"source:{facts.name}", [_seen(facts)], {"swept_s": facts.swept_s})


def _seen(facts: SourceFacts) -> Finding:
    if facts.listed is None or facts.swept_s is None:
        return Finding("unknown", "has not been compared yet")
    if not facts.listed:
        return Finding(
            "error", "cannot be listed, so nothing new is seen in it",
            "is the folder there, mounted, and readable for the user of the service?",
        )  # fmt: skip
    if facts.swept_s > LISTED_LATE * facts.every_s + LISTED_LATE_S:
        return Finding(
            "warning", f"was last compared {span(facts.swept_s)} ago",
            "its file system does not answer, or slowly: look at its mount and its disk",
        )  # fmt: skip
    if facts.blind:
        text = "is not watched, so changes are noticed by comparing alone"
        return Finding("warning", text, facts.blind)
    return Finding("ok", f"watched, and compared {span(facts.swept_s)} ago")


def writer(facts: WriterFacts) -> Check:
    """Do rows reach the database?"""
    return joined("writer", [_written(facts)], facts._asdict())


def _written(facts: WriterFacts) -> Finding:
    if not facts.alive:
        return Finding("error", "the writer has ended", "restart the service; the log says why")
    disk = "look at the disk under the database, and at what else runs on it"
    if facts.writing_s > WRITE_S_MAX:
        text = f"a transaction has taken {span(facts.writing_s)} so far, {facts.depth} commits wait"
        return Finding("warning", text, disk)
    if facts.depth > 0.8 * facts.depth_max:
        return Finding("warning", f"{facts.depth} commits wait: workers are held up", disk)
    return Finding("ok", f"{facts.depth} commits wait")


def database(facts: DatabaseFacts) -> Check:
    """Is the file as this program needs it?"""
    found = list(_amiss(facts)) or [Finding("ok", f"schema {facts.schema}")]
    return joined("database", found, facts._asdict())


def _amiss(facts: DatabaseFacts) -> Iterable[Finding]:
    if facts.schema is None:
        yield Finding("error", "the database does not answer", "restart the service; see its log")
    elif facts.schema != facts.schema_known:
        yield Finding(
            "error", f"it has schema {facts.schema}, this program needs {facts.schema_known}",
            "another version has opened it: run one version alone",
        )  # fmt: skip
    if facts.log_bytes > 2 * facts.log_bytes_max:
        yield Finding(
            "warning", f"its log has {amount(facts.log_bytes)} and no checkpoint takes it in",
            "a reader holds an old state: end long statements, or restart",
        )  # fmt: skip
    if facts.erased_s is not None:
        yield Finding(
            "warning",
            f"bytes of somebody who was erased {span(facts.erased_s)} ago are still in the file",
            "stop the service, sessionwatch compact, start it",
        )


def disk(free_bytes: int, total_bytes: int) -> Check:
    """Is there room for the database?"""
    text = f"{amount(free_bytes)} of {amount(total_bytes)} are free beside the database"
    do = "make room there; nothing is lost, and nothing new comes in once it is full"
    facts = {"free_bytes": free_bytes, "total_bytes": total_bytes}
    status: Status = "error" if free_bytes < FREE_OUT_BYTES else "warning"
    if free_bytes >= FREE_LOW_BYTES:
        status, do = "ok", ""
    return Check("disk", status, text, do, facts)


def job(facts: JobFacts) -> Check:
    """How did the last run of a job end?"""
    return joined(f"job:{facts.name}", [_ran(facts)], facts._asdict())


def _ran(facts: JobFacts) -> Finding:
    when = f"{span(facts.started_s)} ago"
    if facts.state == "running":
        return Finding("ok", f"runs since {span(facts.started_s)}")
    if facts.state == "ok":
        return Finding("ok", f"ran {when}")
    if facts.state in ("interrupted", "cancelled"):
        return Finding("info", f"its run of {when} was cut short; the next one takes it up")
    text = f"its run of {when} ended in {facts.state}" + (f": {facts.error}" if facts.error else "")
    return Finding("warning", text, f"see GET /api/v1/runs?job={facts.name} and the log")


def tally(*, alive: bool, failed: str | None) -> Check:
    """Are messages counted? Reports count what is missing themselves, so none is wrong."""
    if not alive:
        return Check("tally", "error", "the counting has ended", "restart the service; see its log")
    if failed:
        do = "reports are slower meanwhile, not wrong; raise memory_limit if this is about memory"
        return Check("tally", "warning", f"the last count failed: {failed}", do)
    return Check("tally", "ok", "messages are counted")


def threads(dead: Sequence[str]) -> Check:
    """Do all parts of the service run?"""
    if not dead:
        return Check("service", "ok", "every part runs")
    do = "it ends itself with exit code 1: let systemd or the container start it again"
    return Check("service", "error", f"{', '.join(dead)} has ended", do, {"dead": list(dead)})


def shield(facts: ShieldFacts) -> Check:
    """Will an agent delete sessions before they are read?"""
    name, about = f"shield:{facts.source}", facts._asdict()
    if facts.days is None:
        return Check(name, "ok", "not wanted: shield_days is 0", facts=about)
    if not facts.files:
        return Check(name, "ok", "no unread session is near its end", facts=about)
    when = f"in {span(facts.left_s)}" if facts.left_s > 0 else "at any time"
    return Check(
        name, "warning",
        f"{_files(facts.files)} not read by every line processor, and agents delete them "
        f"{facts.days} days after their last change: {facts.oldest} goes {when}",
        "copy them away or raise the agent's own limit (Claude Code: cleanupPeriodDays), then see "
        "the checks of the processors for why they are not read", about,
    )  # fmt: skip


def _behind(facts: ProcessorFacts) -> str:
    noun = "file" if facts.behind_files == 1 else "files"
    return f"{facts.behind_files} {noun} ({amount(facts.behind_bytes)})"


def _files(count: int) -> str:
    return "1 file is" if count == 1 else f"{count} files are"


def _since(seconds: float | None) -> str:
    return "yet" if seconds is None else f"for {span(seconds)}"
