"""Everything of `state.operations`, put together over one database.

The rule: one book, one clock and one identity for all of them.
"""

from collections.abc import Callable

import duckdb

from core.identity import Identity
from knowledge.bundle import BUDGET_TOKENS
from state.memory.memory import Memory
from state.operations.audit import Audit
from state.operations.batches import BatchRecords
from state.operations.book import Book
from state.operations.expiry import Expiry
from state.operations.last_runs import LastRuns
from state.operations.model import ModelRecords
from state.operations.pauses import Pauses
from state.operations.people import People
from state.operations.runs import RunRecords
from state.operations.spending import Spending
from state.operations.tokens import Tokens
from state.operations.uploads import Uploads
from state.operations.verification import Findings


class Desk:
    """`cursor` is a source of connections (`Store.cursor`); the next two are the clock; `identity`
    is kept up to what is known of people; a bundle costs at most `budget_tokens`; what people
    type for the knowledge base is refused if it `holds_secret`."""

    def __init__(
        self,
        cursor: Callable[[], duckdb.DuckDBPyConnection],
        now_us: Callable[[], int],
        monotonic_s: Callable[[], float],
        identity: Identity | None = None,
        budget_tokens: int = BUDGET_TOKENS,
        holds_secret: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.now_us = now_us
        self.book = Book(cursor)
        self.audit = Audit(self.book, now_us, monotonic_s)
        self.tokens = Tokens(self.book, now_us)
        self.runs = RunRecords(self.book, now_us)
        self.expiry = Expiry(self.book)
        self.last_runs = LastRuns(self.book)
        self.uploads = Uploads(self.book, now_us)
        known = identity or Identity()
        self.people = People(self.book, known, now_us)
        self.model = ModelRecords(self.book, known, now_us)
        self.spending = Spending(self.book)
        self.batches = BatchRecords(self.book, now_us)
        self.pauses = Pauses(self.book, now_us)
        self.findings = Findings(self.book)
        self.memory = Memory(self.book, now_us, known, budget_tokens, holds_secret)
