"""How jobs are: how each one's last run ended, and whether the scheduler's clock is kept. Pure.

The rule: as in `metrics.health`, a check says what to do.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from metrics.checks import Check, Finding, joined, span

LATE_S_MAX = 300.0
"""A job starts within seconds of its time; minutes late, something holds it up."""


class JobFacts(NamedTuple):
    """The last run of a job; `state` as in the table of runs."""

    name: str
    state: str
    started_s: float
    error: str = ""


class SlotFacts(NamedTuple):
    """A job of the scheduler. `late_s`: since when it is due and not started, 0 if it is not due;
    `outcome`: the word and the text of its last run since the start of the service."""

    name: str
    late_s: float
    in_flight: bool
    outcome: tuple[str, str] | None


def job(facts: JobFacts) -> Check:
    """How did the last run of a job end?"""
    return joined(f"job:{facts.name}", [_ran(facts)], facts._asdict())


def scheduler(slots: Sequence[SlotFacts]) -> Check:
    """Does every job keep its clock, and does what it calls answer?"""
    found = [finding for slot in slots for finding in _kept(slot)]
    late_s = {slot.name: round(slot.late_s) for slot in slots if slot.late_s > LATE_S_MAX}
    return joined(
        "scheduler", found or [Finding("ok", "every job keeps its clock")], {"late_s": late_s}
    )


def _kept(slot: SlotFacts) -> Iterator[Finding]:
    if slot.late_s > LATE_S_MAX:
        text = f"{slot.name} is late by {span(slot.late_s)}"
        if slot.in_flight:
            yield Finding(
                "warning", f"{text}: its last run goes on",
                "give it a wider schedule, or look at what it does",
            )  # fmt: skip
        else:
            yield Finding("warning", text, "see the log; restart the service if it stays so")
    if slot.outcome and slot.outcome[0] in ("failed", "error"):
        word, text = slot.outcome
        yield Finding("warning", f"{slot.name} ended in {word}: {text}", "see the log")


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
