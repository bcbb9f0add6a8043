"""What is well of the language model: rules over plain values, as in `metrics.health`. Pure.

The rule: that nobody answers is said by the model's status, and windows that wait are no fault;
here is what would wait for ever if nobody looked.
"""

from typing import NamedTuple

from metrics.checks import Check, span

BATCH_S_MAX = 26 * 3600.0
"""The API ends a batch after 24 hours, and then somebody has to look."""


class BatchFacts(NamedTuple):
    """Batches of requests under way at a model's API, and how long the oldest has been."""

    batches: int
    requests: int
    oldest_s: float


def batches(facts: BatchFacts) -> Check:
    """Do batches come back?"""
    about = facts._asdict()
    if not facts.batches:
        return Check("batches", "ok", "none is under way", facts=about)
    text = f"{facts.batches} with {facts.requests} requests under way"
    if facts.oldest_s <= BATCH_S_MAX:
        return Check("batches", "ok", text, facts=about)
    return Check(
        "batches", "warning", f"{text}, the oldest for {span(facts.oldest_s)}",
        "the API ends a batch after 24 hours: is it reached (sessionwatch model status), and with "
        "the key that sent the batch? Its windows wait, and nothing is lost",
        about,
    )  # fmt: skip
