"""Laws of the budget: whatever calls do and in whatever order, the cap is never passed.

A purse that is kept in a database obeys the same laws: it joins `PURSES`.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.llm.budget import Budget, Till
from processors.llm.payload import tokens_max
from processors.llm.purse import Caps, MemoryPurse, Reservation
from processors.llm.values import Answer, Outcome, Tokens
from service.model_books import KeptPurse
from state.operations.book import Book
from state.operations.spending import Spending
from state.store import Store
from tests.tools.modelling import HandClock, price, request

_DATABASE: list[Store] = []


def kept_purse() -> KeptPurse:
    """One in the tables of a real database, which is opened once: empty again for each example."""
    if not _DATABASE:
        _DATABASE.append(Store.open(":memory:", []))
    book = Book(_DATABASE[0].cursor)
    with book.change() as cursor:
        cursor.execute("DELETE FROM model_spending")
    return KeptPurse(Spending(book))


PURSES = [MemoryPurse, kept_purse]
DAY_US = 86_400_000_000
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.integers(0, 60)),
        st.tuples(st.just("settle"), st.integers(0, 60), st.integers(0, 60)),
        st.tuples(st.just("kill"), st.integers(0, 60)),
        st.tuples(st.just("wait"), st.integers(1, DAY_US // 2)),
    ),
    max_size=60,
)


@pytest.mark.parametrize("purse_of", PURSES)
@given(events=EVENTS, day=st.integers(0, 100), month=st.integers(0, 300), calls=st.integers(0, 20))
def test_no_order_of_calls_and_kills_passes_a_cap(purse_of, events, day, month, calls):
    """Against a model in ten lines: what each reservation counts as, and on which day."""
    purse, caps, now_us = purse_of(), Caps(day, month, calls), 0
    counted: dict[str, list[int]] = {}
    under_way: list[Reservation] = []
    for number, (what, *numbers) in enumerate(events):
        if what == "wait":
            now_us += numbers[0]
        elif what == "reserve":
            made = Reservation(f"call-{number}", now_us, numbers[0])
            if purse.reserve(made, caps) is None:
                counted[made.id] = [now_us, made.amount_nano]
                under_way.append(made)
        elif under_way:
            ended = under_way.pop(numbers[0] % len(under_way))
            if what == "settle":  # Never for more than was reserved, as `Till` sees to.
                counted[ended.id][1] = min(numbers[1], ended.amount_nano)
                purse.settle(ended.id, counted[ended.id][1])
        today = [amount for at, amount in counted.values() if at // DAY_US == now_us // DAY_US]
        spent = purse.spent(now_us)
        assert (spent.day_nano, spent.day_calls) == (sum(today), len(today))
        assert spent.day_nano <= day
        assert spent.month_nano <= month
        assert spent.day_calls <= calls


@pytest.fixture(scope="module", autouse=True)
def closed_database():
    yield
    while _DATABASE:
        _DATABASE.pop().close()


class Spender:
    """Stands for the API: charges up to what a request can cost, dies, or is never heard of again.

    It counts what it charged, which is the bill at the end of the day."""

    def __init__(self, shares):
        self.billed_nano = 0
        self._shares = shares
        self._lock = threading.Lock()

    def ask(self, asked):
        with self._lock:
            share, end = self._shares.pop() if self._shares else (1.0, "answer")
            tokens = Tokens(
                input=int(tokens_max(asked) * share), output=int(asked.max_tokens * share)
            )
            self.billed_nano += price(asked.model, tokens, at_us=0, batch=False)
        if end == "killed":
            raise KeyboardInterrupt
        return Answer(
            Outcome.OUTAGE if end == "silence" else Outcome.DONE,
            tokens=None if end == "silence" else tokens,
            sent=True,
        )


SHARES = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["answer", "answer", "silence", "killed"])),
    max_size=40,
)


@pytest.mark.parametrize("purse_of", PURSES)
@settings(max_examples=30)
@given(shares=SHARES, cap=st.integers(0, 20_000_000), workers=st.integers(1, 6))
def test_no_number_of_threads_spends_more_than_the_cap(purse_of, shares, cap, workers):
    purse, api, clock = purse_of(), Spender(shares), HandClock()
    numbers = iter(range(1000))
    lock = threading.Lock()

    def new_id():
        with lock:
            return str(next(numbers))

    till = Till(purse, price, Caps(day_nano=cap), clock.now_us, new_id)
    budget = Budget(api, till)

    def call(number):
        try:
            return budget.ask(request(f"window {number}", model="claude-haiku-5-5")).outcome
        except KeyboardInterrupt:
            return "killed"

    with ThreadPoolExecutor(workers) as pool:
        ends = list(pool.map(call, range(40)))

    spent = purse.spent(clock.now_us())
    assert api.billed_nano <= spent.day_nano <= cap
    assert spent.day_calls == len(ends) - ends.count(Outcome.BUDGET)
