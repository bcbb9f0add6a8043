"""Counts every call and writes down those that went out.

The rule: each attempt is a call of its own, so a retry that was billed is seen.
"""

from core.seams import Clock
from metrics.llm import ModelInstruments
from processors.llm.seams import Call, Calls
from processors.llm.values import Answer, Model, Request


class Counted:
    def __init__(
        self, inner: Model, calls: Calls, clock: Clock, instruments: ModelInstruments
    ) -> None:
        self._inner = inner
        self._calls = calls
        self._clock = clock
        self._instruments = instruments

    def ask(self, request: Request) -> Answer:
        at_us, begun_s = self._clock.now_us(), self._clock.monotonic_s()
        answer = self._inner.ask(request)
        took_s = self._clock.monotonic_s() - begun_s
        count(self._instruments, request.purpose, answer, took_s)
        if answer.sent:
            self._calls.record(call_of(request, answer, at_us=at_us, latency_s=took_s))
        return answer


def count(
    instruments: ModelInstruments, purpose: str, answer: Answer, took_s: float | None = None
) -> None:
    instruments.calls.labels(purpose, answer.outcome).inc()
    instruments.cost.labels(purpose).inc(answer.cost_nano / 1e9)
    if answer.sent and took_s is not None:
        instruments.seconds.labels(purpose).observe(took_s)
    for kind in ("input", "cache_write_5m", "cache_write_1h", "cache_read", "output"):
        instruments.tokens.labels(kind).inc(getattr(answer.tokens, kind, 0))


def call_of(request: Request, answer: Answer, *, at_us: int, latency_s: float) -> Call:
    return Call(
        id=answer.call_id,
        at_us=at_us,
        request_hash=request.hash,
        model=request.model,
        purpose=request.purpose,
        outcome=answer.outcome,
        reason=answer.reason,
        tokens=answer.tokens,
        cost_nano=answer.cost_nano,
        latency_ms=round(latency_s * 1000),
        request_id=answer.request_id,
    )
