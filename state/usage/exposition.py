"""Usage for Prometheus, read from the database no more often than it is worth.

The rule: a scrape never waits for a recount. What was read is kept until something was committed
since and a share of time has passed, so that scraping often costs nothing.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any

import duckdb

from metrics.usage import Series
from state.sql import load
from state.usage import asking, reports
from state.usage.options import ReportOptions, parameters

KEPT_S = 10.0
KEPT_SHARE = 50
"""What took n seconds to read is kept for 50 n: at most 2 % of a core."""

_QUERIES = load("usage/exposition.sql")
_TOKENS = ("input", "output", "cache_write", "cache_read")
_NANO = 10**9


class Exposition:
    """`cursor` gives a connection of its own, `revision` tells whether there is news."""

    def __init__(
        self, cursor: Callable[[], duckdb.DuckDBPyConnection], revision: Callable[[], int]
    ) -> None:
        self._cursor = cursor
        self._revision = revision
        self._lock = threading.Lock()
        self._kept: list[Series] = []
        self._kept_revision = -1
        self._read_again_s = 0.0

    def series(self) -> Sequence[Series]:
        """For a scrape. Tables that are not there yet have no series."""
        with self._lock:
            revision, now_s = self._revision(), time.monotonic()
            if revision != self._kept_revision and now_s >= self._read_again_s:
                self._take(revision)
                took_s = time.monotonic() - now_s
                self._read_again_s = now_s + max(KEPT_S, KEPT_SHARE * took_s)
            return self._kept

    def _take(self, revision: int) -> None:
        """What cannot be read now (memory is short) stays as it was: a scrape has other metrics."""
        with closing(self._cursor()) as cursor, suppress(duckdb.Error):
            self._kept = list(_series(cursor))
            self._kept_revision = revision


def _series(cursor: asking.Cursor) -> Iterator[Series]:
    who = ("user", "agent", "model")
    found = asking.rows(cursor, _QUERIES["messages"], {})
    yield Series(
        "tokens", "Tokens of messages counted once", (*who, "kind"),
        [((*row[:3], kind), float(row[i])) for row in found for i, kind in enumerate(_TOKENS, 6)],
        bounded=("user", "model"),
    )  # fmt: skip
    for name, text, place, unit in (
        ("messages", "Messages counted once", 3, 1),
        ("final_messages", "Messages whose numbers are final", 4, 1),
        ("unpriced_messages", "Messages of models without a price", 5, 1),
        ("cost_dollars", "What they cost at list prices", 10, _NANO),
    ):
        numbers = [(row[:3], row[place] / unit) for row in found]
        yield Series(name, text, who, numbers, bounded=("user", "model"))
    yield from _calls(cursor)
    yield Series(
        "api_errors", "Errors of the API, by its own word", ("user", "agent", "kind"),
        _counted(asking.rows(cursor, _QUERIES["api_errors"], {})), bounded=("user", "kind"),
    )  # fmt: skip
    yield Series(
        "unknown", "Things in session lines that no dialect knows", ("agent", "what"),
        _counted(asking.rows(cursor, _QUERIES["unknown"], {})), bounded=("what",),
    )  # fmt: skip


def _calls(cursor: asking.Cursor) -> Iterator[Series]:
    text = f"{reports.text_of('called')}\n{reports.text_of('exposed_calls')}"
    found = asking.rows(cursor, text, parameters(ReportOptions()))
    labels = ("user", "agent", "tool")
    for name, words, place in (
        ("tool_calls", "Tool calls counted once", 3),
        ("tool_errors", "Tool calls that failed and that nobody denied", 4),
        ("tool_denials", "Tool calls that somebody or a rule denied", 5),
    ):
        numbers = [(row[:3], float(row[place])) for row in found]
        yield Series(name, words, labels, numbers, bounded=("user", "tool"))


def _counted(rows: Sequence[tuple[Any, ...]]) -> list[tuple[tuple[str, ...], float]]:
    return [(row[:-1], float(row[-1])) for row in rows]
