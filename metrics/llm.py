"""What asking a language model costs and how it goes.

The rule: labels are purposes, outcomes and kinds of tokens, all of them named in the code.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)


class ModelInstruments:
    """Counters of the model stack; budget and breaker are gauges, read at scrape time."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"sessionwatch_model_{name}", text, labels, registry=registry)

        self.calls = counter("calls", "Calls of the language model", "purpose", "outcome")
        self.recorded = counter("recorded", "Answers given from those recorded", "purpose")
        self.tokens = counter("tokens", "Tokens used, by kind", "kind")
        self.cost = counter("cost_dollars", "Dollars spent, or reserved and lost", "purpose")
        self.retries = counter("retries", "Calls repeated")
        self.seconds = Histogram(
            "sessionwatch_model_seconds", "Seconds per call that went out", ("purpose",),
            registry=registry, buckets=_SECONDS,
        )  # fmt: skip
