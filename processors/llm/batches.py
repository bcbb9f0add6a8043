"""Asks many requests at half the price and lets the answers come when they come: for a backfill.

The rules:
- a batch fills the recordings and nothing else, so whoever asks the same request later finds its
  answer there;
- what is under way stands in a book before it is sent, and each step may be repeated: after a
  kill, `collect` goes on with what the book says;
- what stands there as planned never went out, so its reservations are given back.

One thread sends and collects.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import TransientError
from core.seams import Clock
from metrics.llm import ModelInstruments
from processors.llm import payload, reply
from processors.llm.batch_book import Batch, BatchBook, Collected, Item, Submitted
from processors.llm.breaker import Guarded
from processors.llm.budget import Till
from processors.llm.counted import count
from processors.llm.online import fault_of
from processors.llm.provider import Connection
from processors.llm.recorded import recording_of
from processors.llm.seams import Call, Calls, NewId, Payloads, Recordings
from processors.llm.tray import Tray
from processors.llm.values import PERSON, Answer, Outcome, Request, Tokens

if TYPE_CHECKING:
    from processors.llm.sdk import Seen

ITEMS_MAX = 1000
"""Far below what the API takes, so that a batch is one moment's work to send and to read."""
LOST_AFTER_S = 26 * 3600.0
"""The API ends a batch after a day."""
_UNSEEN_AFTER_S = 3600.0
"""What the API does not list by then never arrived there."""
_UNREADABLE_AFTER_S = 30 * 86_400.0
"""The API keeps results for 29 days."""
_LISTED_MAX = 200
_GONE = Answer(
    Outcome.OUTAGE, reason="gone", message="the batch is not known any more", tokens=None, sent=True
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batches:
    """Message Batches, from the parts of a stack. `learned` says a request as its server takes
    it."""

    connection: Connection
    till: Till
    guard: Guarded
    book: BatchBook
    tray: Tray
    payloads: Payloads
    recordings: Recordings
    calls: Calls
    clock: Clock
    instruments: ModelInstruments
    learned: Callable[[Request], Request]
    new_id: NewId

    def __post_init__(self) -> None:
        self._told()

    def submit(self, requests: Iterable[Request]) -> Submitted:
        """Send what is neither answered nor under way, as far as the budget goes, the cheapest
        first, and up to `ITEMS_MAX`. The requests name their model (`Stack.named`)."""
        if fault := fault_of(self.connection.endpoint) or self.guard.shut():
            return Submitted(None, fault)
        wanted, unpriced = self._planned(requests)
        if not wanted:
            return Submitted(None, unpriced)
        batch = Batch(self.new_id(), self.clock.now_us(), tuple(wanted), planned=True)
        self._put(batch)
        reserved, short = self._reserved(wanted)
        bodies = self._kept(reserved)
        stopped = short or unpriced
        if not bodies:
            self._drop(batch)
            return Submitted(None, stopped)
        return self._sent(replace(batch, items=tuple(bodies), planned=False), bodies, stopped)

    def collect(self, batch: Batch) -> Collected:
        """Look whether it has ended, and if so take its answers and close it."""
        if batch.planned:
            self._withdraw(batch)
            return Collected(ended=True)
        found = self._asked(lambda: self._seen(batch))
        if found is None:
            return self._closed(batch, {})
        if isinstance(found, Answer):
            return self._failed(batch, found)
        if not found.ended:
            return Collected(ended=False)
        ended = found.id
        answers = self._asked(lambda: self._results(ended))
        if isinstance(answers, Answer):
            return self._failed(batch, answers)
        return self._closed(batch, answers)

    def _planned(self, requests: Iterable[Request]) -> tuple[dict[Item, Request], Answer | None]:
        """What is to be sent, the cheapest first, and why not all of it is."""
        unpriced: Answer | None = None
        wanted: dict[Item, Request] = {}
        for request in islice(self._wanted(requests), ITEMS_MAX):
            planned = self.till.planned(request, batch=True)
            if isinstance(planned, Answer):
                unpriced = planned
            else:
                wanted[Item(request.hash, request.model, request.purpose, planned)] = request
        cheapest = sorted(wanted, key=lambda item: item.reservation.amount_nano)
        return {item: wanted[item] for item in cheapest}, unpriced

    def _wanted(self, requests: Iterable[Request]) -> Iterable[Request]:
        seen = set(self.tray.under_way)
        for request in requests:
            key = request.hash
            if key in seen or self.recordings.get(key) or self.calls.said_in_batch(key):
                continue
            seen.add(key)
            yield request

    def _reserved(
        self, wanted: Mapping[Item, Request]
    ) -> tuple[dict[Item, Request], Answer | None]:
        """As far as the budget goes, and why no further."""
        reserved: dict[Item, Request] = {}
        for item, request in wanted.items():
            if stopped := self.till.take(item.reservation):
                return reserved, stopped
            reserved[item] = request
        return reserved, None

    def _kept(self, reserved: Mapping[Item, Request]) -> dict[Item, dict[str, Any]]:
        """The bodies, all of them kept. What cannot be kept, because its person was erased since it
        was asked, is not sent."""
        from processors.llm import sdk

        bodies: dict[Item, dict[str, Any]] = {}
        for item, request in reserved.items():
            body = payload.payload(self.learned(request), sdk.transform_schema, batch=True)
            try:
                self.payloads.keep(item.request_hash, body)
            except TransientError:
                self._free(item)
            else:
                bodies[item] = body
        return bodies

    def _sent(
        self, batch: Batch, bodies: Mapping[Item, Mapping[str, Any]], stopped: Answer | None
    ) -> Submitted:
        self._put(batch)
        items = [{"custom_id": item.request_hash, "params": body} for item, body in bodies.items()]
        said = [body["messages"] for body in bodies.values()]
        made = self._asked(lambda: self._create(items), said)
        if isinstance(made, Answer):
            if made.tokens is not None:  # Else it may have arrived: `collect` looks for it.
                self._withdraw(batch)
            return Submitted(None, made)
        self._put(known := replace(batch, id=made))
        return Submitted(known, stopped)

    def _withdraw(self, batch: Batch) -> None:
        """It never went out."""
        for item in batch.items:
            self._free(item)
        self._drop(batch)

    def _free(self, item: Item) -> None:
        self.till.settle(item.reservation, item.model, Tokens(), batch=True)

    def _failed(self, batch: Batch, failure: Answer) -> Collected:
        """Nothing is known now, and nothing ever will be once the API has forgotten it."""
        if self._age_s(batch) > _UNREADABLE_AFTER_S:
            return self._closed(batch, {})
        return Collected(ended=False, failure=failure)

    def _closed(self, batch: Batch, answers: Mapping[str, Answer]) -> Collected:
        taken = {
            item.request_hash: self._taken(item, answers.get(item.request_hash, _GONE))
            for item in batch.items
        }
        self.book.close(batch.key)
        self._told()
        for answer in taken.values():
            if answer.outcome in PERSON:
                self.guard.learned(answer)
                break
        return Collected(ended=True, answers=taken)

    def _put(self, batch: Batch) -> None:
        self.book.put(batch)
        self._told()

    def _drop(self, batch: Batch) -> None:
        self.book.drop(batch.key)
        self._told()

    def _told(self) -> None:
        """Whoever asks waits for what is in the book."""
        self.tray.under_way = frozenset(
            item.request_hash for batch in self.book.open() for item in batch.items
        )

    def _age_s(self, batch: Batch) -> float:
        return (self.clock.now_us() - batch.at_us) / 1e6

    def _taken(self, item: Item, answer: Answer) -> Answer:
        """One item's answer, paid for, and kept if nothing better is to be had (`again`)."""
        cost = self.till.settle(item.reservation, item.model, answer.tokens, batch=True)
        answer = replace(answer, cost_nano=cost, call_id=item.reservation.id)
        if answer.outcome in (Outcome.DONE, Outcome.REFUSED):
            recording = recording_of(item.model, answer, self.clock.now_us())
            self.recordings.put(item.request_hash, recording)
        self.calls.record(_call(item, answer))
        count(self.instruments, item.purpose, answer)
        return answer

    # What follows speaks with the SDK; its errors are turned into answers by `_asked`.

    def _asked(self, ask: Callable[[], T], sent: object = None) -> T | Answer:
        return self.guard.passed(lambda: self._tried(ask, sent))

    def _tried(self, ask: Callable[[], T], sent: object) -> T | Answer:
        from processors.llm import sdk

        try:
            return ask()
        except sdk.AnthropicError as error:
            return sdk.failure(error, sent)
        except (sdk.HTTPError, ValueError):  # While results are streamed, as they come.
            return Answer(Outcome.OUTAGE, reason="cut", tokens=None, sent=True)

    def _create(self, items: list[dict[str, Any]]) -> str:
        from processors.llm import sdk

        return sdk.batch_create(self.connection.client(), items)

    def _seen(self, batch: Batch) -> "Seen | None":
        """The batch as the API has it now, None if it does not know it."""
        from processors.llm import sdk

        if batch.id:
            return sdk.batch_seen(self.connection.client(), batch.id)
        return self._found(batch)

    def _found(self, batch: Batch) -> "Seen | None":
        """The same of one that was perhaps sent: its answers show whose it is once it ended."""
        from processors.llm import sdk

        client, ours = self.connection.client(), {item.request_hash for item in batch.items}
        listed = islice(sdk.batches_seen(client), _LISTED_MAX)
        alike = [
            one for one in listed if one.item_count == len(ours) and not self.book.knows(one.id)
        ]
        for one in alike:
            if one.ended and sdk.batch_has(client, one.id, ours):
                return one
        going = next((one for one in alike if not one.ended), None)
        wait_s = LOST_AFTER_S if going else _UNSEEN_AFTER_S
        if self._age_s(batch) > wait_s:
            return None
        return going or sdk.Seen("", ended=False, item_count=0)

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
