"""What the layers of the model are handed of the database (`processors.llm.seams`).

The rule: values are translated here and nothing is decided: what may be spent is said by
`processors.llm.purse`, and how it is kept by `state.operations`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from typing import Any

import msgspec

from core.errors import TransientError
from processors.llm.batch_book import Batch, Item
from processors.llm.purse import Caps, Limit, Reservation, Spent, limit_hit
from processors.llm.seams import Call, Recording
from processors.llm.values import AGAIN, Answer, Outcome, Tokens
from state.operations.batches import BatchItem, BatchRecord, BatchRecords
from state.operations.model import Asker, ModelRecords, RecordedAnswer, RecordedCall
from state.operations.spending import Spending, Sums
from state.usage.call_prices import CallPrices, Counts

_asker: ContextVar[Asker | None] = ContextVar("asker", default=None)


@contextmanager
def asking_for(asker: Asker) -> Iterator[None]:
    """What is kept by this thread meanwhile is kept for this session's user, in whatever words the
    layers ask."""
    token = _asker.set(asker)
    try:
        yield
    finally:
        _asker.reset(token)


class KeptModel:
    """Payloads, calls and recordings."""

    def __init__(self, records: ModelRecords) -> None:
        self._records = records

    def keep(self, request_hash: str, payload: Mapping[str, Any]) -> None:
        """Raises `TransientError` if the person it is about was erased meanwhile."""
        body = msgspec.json.encode(payload).decode()
        if not self._records.keep_payload(request_hash, body, _asker.get()):
            raise _nobody()

    def claim(self, request_hash: str) -> None:
        """The same."""
        if not self._records.claim(request_hash, _asker.get()):
            raise _nobody()

    def said_in_batch(self, request_hash: str) -> Answer | None:
        said = self._records.said_in_batch(request_hash, but=[one.value for one in AGAIN])
        return Answer(Outcome(said[0]), reason=said[1]).of_no_use() if said else None

    def record(self, call: Call) -> None:
        self._records.record_call(
            RecordedCall(
                call_id=call.id,
                at_us=call.at_us,
                request_hash=call.request_hash,
                model=call.model,
                purpose=call.purpose,
                outcome=call.outcome.value,
                reason=call.reason,
                tokens=asdict(call.tokens) if call.tokens else None,
                cost_nano=call.cost_nano,
                latency_ms=call.latency_ms,
                provider_id=call.request_id,
                batch=call.batch,
            )
        )

    def get(self, request_hash: str) -> Recording | None:
        found = self._records.recording(request_hash)
        if found is None:
            return None
        return Recording(
            at_us=found.at_us,
            model=found.model,
            outcome=Outcome(found.outcome),
            reason=found.reason,
            text=found.answer,
            tokens=Tokens(**found.tokens),
            cost_nano=found.cost_nano,
        )

    def put(self, request_hash: str, recording: Recording) -> None:
        self._records.put_recording(
            request_hash,
            RecordedAnswer(
                at_us=recording.at_us,
                model=recording.model,
                outcome=recording.outcome.value,
                reason=recording.reason,
                answer=recording.text,
                tokens=asdict(recording.tokens),
                cost_nano=recording.cost_nano,
            ),
            _asker.get(),
        )


class KeptPurse:
    """A purse that a kill does not empty."""

    def __init__(self, spending: Spending) -> None:
        self._spending = spending

    def reserve(self, reservation: Reservation, caps: Caps) -> Limit | None:
        def forbids(sums: Sums) -> Limit | None:
            return limit_hit(caps, Spent(*sums), reservation.amount_nano)

        return self._spending.reserve(
            reservation.id, reservation.at_us, reservation.amount_nano, forbids
        )

    def settle(self, reservation_id: str, amount_nano: int) -> None:
        self._spending.settle(reservation_id, amount_nano)

    def spent(self, at_us: int) -> Spent:
        return Spent(*self._spending.spent(at_us))


class KeptBook:
    """Batches that a kill does not lose."""

    def __init__(self, records: BatchRecords) -> None:
        self._records = records
        self.close, self.drop, self.knows = records.close, records.drop, records.knows

    def put(self, batch: Batch) -> None:
        items = tuple(_item_record(item) for item in batch.items)
        self._records.put(BatchRecord(batch.key, batch.at_us, batch.id, batch.planned, items))

    def open(self) -> Sequence[Batch]:
        return [
            Batch(one.batch_key, one.at_us, tuple(map(_item, one.items)), one.batch_id, one.planned)
            for one in self._records.open()
        ]


def _item_record(item: Item) -> BatchItem:
    reserved = item.reservation
    return BatchItem(
        item.request_hash, item.model, item.purpose, reserved.id, reserved.at_us,
        reserved.amount_nano,
    )  # fmt: skip


def _item(record: BatchItem) -> Item:
    reserved = Reservation(record.reservation_id, record.reserved_at_us, record.amount_nano)
    return Item(record.request_hash, record.model, record.purpose, reserved)


def _nobody() -> TransientError:
    return TransientError("nobody is there for whom this could be kept", reason="erased")


class BookPrice:
    """What tokens cost by the price book and the prices of the settings."""

    def __init__(self, prices: CallPrices) -> None:
        self._prices = prices

    def __call__(self, model: str, tokens: Tokens, *, at_us: int, batch: bool) -> int | None:
        counts = Counts(**asdict(tokens))
        return self._prices.cost_nano(model, counts, at_us=at_us, batch=batch)
