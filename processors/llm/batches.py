"""Asks many requests at half the price and lets the answers come when they come: for a backfill.

Not in use yet: the service asks call by call, and nothing keeps a `BatchBook` in the database.
What is here is held by its tests alone (`tests/integration/test_model_batches.py`).

The rule: a batch fills the recordings and nothing else, so whoever asks the same request later
finds its answer there. What is under way stands in a book before it is sent, and each step may be
repeated: after a kill, `collect` goes on with what the book says.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

from core.seams import Clock
from metrics.llm import ModelInstruments
from processors.llm import payload, reply
from processors.llm.budget import Till
from processors.llm.counted import count
from processors.llm.online import fault_of
from processors.llm.provider import Connection
from processors.llm.purse import Reservation
from processors.llm.recorded import KEPT, recording_of
from processors.llm.seams import Call, Calls, NewId, Payloads, Recordings
from processors.llm.values import Answer, Outcome, Request, Tokens

ITEMS_MAX = 1000
"""Far below what the API takes, so that a batch is one moment's work to send and to read."""
_LOST_AFTER_US = 26 * 3600 * 1_000_000
_LISTED_MAX = 200
_GONE = Answer(
    Outcome.OUTAGE, reason="gone", message="the batch is not known any more", tokens=None, sent=True
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a batch, known there by its hash."""

    request_hash: str
    model: str
    purpose: str
    reservation: Reservation


@dataclass(frozen=True, slots=True)
class Batch:
    """`id` "" until the API has said it: a batch that was perhaps sent."""

    key: str
    at_us: int
    items: tuple[Item, ...] = field(repr=False)
    id: str = ""


class BatchBook(Protocol):
    """Which batches are under way."""

    def put(self, batch: Batch) -> None:
        """Kept for good before this returns; the same key again replaces."""

    def close(self, key: str) -> None: ...

    def open(self) -> Sequence[Batch]: ...


class Submitted(NamedTuple):
    """`batch` None: nothing went out. `stopped` says why not all of it did, None if all did."""

    batch: Batch | None
    stopped: Answer | None = None


class Collected(NamedTuple):
    """`answers` by request hash once `ended`; `failure` is why nothing is known at the moment."""

    ended: bool
    answers: Mapping[str, Answer] = {}
    failure: Answer | None = None


@dataclass(frozen=True, slots=True)
class Batches:
    """Message Batches; `Stack.batches` makes it from the parts of a stack."""

    connection: Connection
    till: Till
    book: BatchBook
    payloads: Payloads
    recordings: Recordings
    calls: Calls
    clock: Clock
    instruments: ModelInstruments
    new_id: NewId

    def submit(self, requests: Iterable[Request]) -> Submitted:
        """Send what is neither answered nor under way, as far as the budget goes and up to
        `ITEMS_MAX`. The requests name their model (`Stack.named`)."""
        if fault := fault_of(self.connection.endpoint):
            return Submitted(None, fault)
        chosen: dict[Item, Request] = {}
        stopped: Answer | None = None
        for request in islice(self._wanted(requests), ITEMS_MAX):
            reserved = self.till.reserve(request, batch=True)
            if isinstance(reserved, Answer):
                stopped = reserved
                break
            chosen[Item(request.hash, request.model, request.purpose, reserved)] = request
        return self._sent(chosen, stopped) if chosen else Submitted(None, stopped)

    def collect(self, batch: Batch) -> Collected:
        """Look whether it has ended, and if so take its answers and close it."""
        found = self._asked(lambda: self._found(batch))
        if isinstance(found, Answer):
            gone = found.reason == "not_found_error"
            return self._closed(batch, {}) if gone else Collected(ended=False, failure=found)
        if found is None:
            late = self.clock.now_us() - batch.at_us > _LOST_AFTER_US
            return self._closed(batch, {}) if late and not batch.id else Collected(ended=False)
        answers = self._asked(lambda: self._results(found))
        if isinstance(answers, Answer):
            return Collected(ended=False, failure=answers)
        return self._closed(batch, answers)

    def _wanted(self, requests: Iterable[Request]) -> Iterable[Request]:
        seen = {item.request_hash for batch in self.book.open() for item in batch.items}
        for request in requests:
            key = request.hash
            if key not in seen and self.recordings.get(key) is None:
                seen.add(key)
                yield request

    def _sent(self, chosen: Mapping[Item, Request], stopped: Answer | None) -> Submitted:
        from processors.llm import sdk

        batch = Batch(self.new_id(), self.clock.now_us(), tuple(chosen))
        self.book.put(batch)
        bodies = {
            item.request_hash: payload.payload(request, sdk.transform_schema, batch=True)
            for item, request in chosen.items()
        }
        for key, body in bodies.items():
            self.payloads.keep(key, body)
        said = [body["messages"] for body in bodies.values()]
        made = self._asked(lambda: self._create(bodies), said)
        if isinstance(made, Answer):
            return self._unsent(batch, made)
        self.book.put(known := replace(batch, id=made))
        return Submitted(known, stopped)

    def _unsent(self, batch: Batch, failure: Answer) -> Submitted:
        """What may have arrived stays open: `collect` looks for it."""
        if failure.tokens is not None:
            for item in batch.items:
                self.till.settle(item.reservation, item.model, Tokens(), batch=True)
            self.book.close(batch.key)
        return Submitted(None, failure)

    def _closed(self, batch: Batch, answers: Mapping[str, Answer]) -> Collected:
        taken = {
            item.request_hash: self._taken(item, answers.get(item.request_hash, _GONE))
            for item in batch.items
        }
        self.book.close(batch.key)
        return Collected(ended=True, answers=taken)

    def _taken(self, item: Item, answer: Answer) -> Answer:
        """One item's answer, paid for and kept. A truncated one is not: alone it gets more room."""
        cost = self.till.settle(item.reservation, item.model, answer.tokens, batch=True)
        answer = replace(answer, cost_nano=cost, call_id=item.reservation.id)
        if answer.outcome in KEPT - {Outcome.TRUNCATED}:
            recording = recording_of(item.model, answer, self.clock.now_us())
            self.recordings.put(item.request_hash, recording)
        self.calls.record(_call(item, answer))
        count(self.instruments, item.purpose, answer)
        return answer

    # What follows speaks with the SDK; its errors are turned into answers by `_asked`.

    def _asked(self, ask: Callable[[], T], sent: object = None) -> T | Answer:
        from processors.llm import sdk

        try:
            return ask()
        except sdk.AnthropicError as error:
            return sdk.failure(error, sent)
        except (sdk.HTTPError, ValueError):  # While results are streamed, as they come.
            return Answer(Outcome.OUTAGE, reason="cut", tokens=None, sent=True)

    def _create(self, bodies: Mapping[str, Any]) -> str:
        from processors.llm import sdk

        items = [{"custom_id": key, "params": body} for key, body in bodies.items()]
        return sdk.batch_create(self.connection.client(), items)

    def _found(self, batch: Batch) -> str | None:
        """The API's id of a batch that has ended, None if it has not (or was never seen)."""
        from processors.llm import sdk

        client = self.connection.client()
        if batch.id:
            return batch.id if sdk.batch_ended(client, batch.id) else None
        known = {one.id for one in self.book.open()}
        ours = {item.request_hash for item in batch.items}
        for batch_id in islice(sdk.batches_ended(client), _LISTED_MAX):
            if batch_id not in known and sdk.batch_has(client, batch_id, ours):
                return batch_id
        return None

    def _results(self, batch_id: str) -> dict[str, Answer]:
        from processors.llm import sdk

        results = sdk.batch_results(self.connection.client(), batch_id)
        return {key: _answer(result) for key, result in results}


def _answer(result: Mapping[str, object]) -> Answer:
    from processors.llm import sdk

    match result:
        case {"type": "succeeded", "message": message}:
            return reply.answer(reply.body_of(message))
        case {"type": "errored", "error": {"error": {"type": str(kind), "message": str(text)}}}:
            outcome, reason = sdk.error_outcome(kind, text)
            return Answer(outcome, reason=reason, sent=True)
        case _:  # It ran out of time or was canceled: not begun, not billed, asked again.
            return Answer(Outcome.OUTAGE, reason=str(result.get("type")), sent=True)


def _call(item: Item, answer: Answer) -> Call:
    return Call(
        id=item.reservation.id,
        at_us=item.reservation.at_us,
        request_hash=item.request_hash,
        model=item.model,
        purpose=item.purpose,
        outcome=answer.outcome,
        reason=answer.reason,
        tokens=answer.tokens,
        cost_nano=answer.cost_nano,
        latency_ms=0,
        batch=True,
    )
