"""What verification found, for pages and for whoever has to ask again; its rows are the writer's.

The rule: reading alone, and where the processor never ran there is nothing.
"""

import base64
import json
from collections import Counter
from typing import Any

import duckdb

from core.errors import ConfigurationError
from core.keys import SessionKey
from state.operations.book import Book, Row
from state.times import iso_utc

_ITEM = (
    "source", "path", "user", "session", "window", "item", "quote_number", "kind", "title",
    "statement", "rejected", "extractor", "scope", "scope_hint", "domain", "entities", "qualifiers",
    "valid_from", "valid_until", "request_hash", "quote", "turn", "turn_uuid", "said_at_us",
    "record_offset", "start_char", "end_char", "original_start", "original_end", "after_bundle",
)  # fmt: skip
_PLACE = ("source", "path", "window", "item", "quote_number")
_TO_ASK = """
WITH items AS (
    SELECT i.request_hash, b.state, b.ended_at_us
    FROM model_batch_items i JOIN model_batches b ON b.batch_key = i.batch_key
)
SELECT DISTINCT source, path FROM verification_windows
WHERE NOT source_gone AND state = 'queued'
  AND request_hash NOT IN (SELECT request_hash FROM items WHERE state <> 'ended')
  AND ($1::BIGINT IS NULL
       OR request_hash IN (SELECT request_hash FROM items WHERE ended_at_us >= $1))
ORDER BY ALL LIMIT $2
"""
_START = ("", "", -1, -1, -1)


class Findings:
    """Over the tables `verification_items` and `verification_windows`."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def page(
        self,
        limit: int = 100,
        after: str = "",
        *,
        user: str | None = None,
        kind: str | None = None,
        extractor: str | None = None,
    ) -> dict[str, Any]:
        """Items, quote by quote, in a fixed order, and the `after` of the next page."""
        start = _decoded(after) if after else _START
        names = ", ".join(f'"{name}"' for name in _ITEM)
        rows = self._rows(
            f"SELECT {names} FROM verification_items WHERE "
            '(source, path, "window", item, quote_number) > ($1, $2, $3::BIGINT, $4::BIGINT, '
            '$5::BIGINT) AND ($6::VARCHAR IS NULL OR "user" = $6) '
            "AND ($7::VARCHAR IS NULL OR kind = $7) AND ($8::VARCHAR IS NULL OR extractor = $8) "
            'ORDER BY source, path, "window", item, quote_number LIMIT $9',
            [*start, user, kind, extractor, limit],
        )
        found = [dict(zip(_ITEM, row, strict=True)) for row in rows]
        return {
            "items": [_shown(one) for one in found],
            "next": _encoded(found[-1]) if len(found) == limit else None,
        }

    def windows_by_state(self) -> dict[str, int]:
        """How many windows there are, by state; those of files that are gone are left out."""
        rows = self._rows(
            "SELECT state, count(*) FROM verification_windows WHERE NOT source_gone "
            "GROUP BY state ORDER BY state"
        )
        return {str(state): int(count) for state, count in rows}

    def refused_by_reason(self) -> dict[str, int]:
        """How many quotes and items of a model were not kept, by reason."""
        rows = self._rows(
            "SELECT dropped, count(*) FROM verification_windows "
            "WHERE NOT source_gone AND dropped <> '{}' GROUP BY dropped"
        )
        found: Counter[str] = Counter()
        for dropped, windows in rows:
            for reason, number in json.loads(dropped).items():
                found[reason] += number * windows
        return found

    def redactions(self) -> int:
        """How many secrets and personal data were taken out of what people typed."""
        rows = self._rows(
            "SELECT coalesce(sum(redactions), 0) FROM verification_windows WHERE NOT source_gone"
        )
        return int(rows[0][0]) if rows else 0

    def keys_with(self, *states: str) -> list[SessionKey]:
        """Files that are there and have a window in one of these states."""
        rows = self._rows(
            "SELECT DISTINCT source, path FROM verification_windows WHERE NOT source_gone "
            "AND state IN (SELECT unnest($1::VARCHAR[])) ORDER BY ALL",
            [list(states)],
        )
        return [SessionKey(source, path) for source, path in rows]

    def keys_to_ask(self, limit: int, *, ended_since_us: int | None = None) -> list[SessionKey]:
        """Files that are there and have a window that waits and is under way in no batch.

        `ended_since_us`: only those of which a batch that ended since then has said something.
        """
        rows = self._rows(_TO_ASK, [ended_since_us, limit])
        return [SessionKey(source, path) for source, path in rows]

    def _rows(self, query: str, parameters: list[Any] | None = None) -> list[Row]:
        try:
            return self._book.rows(query, parameters or [])
        except duckdb.CatalogException:
            return []


def _shown(item: dict[str, Any]) -> dict[str, Any]:
    said_at = iso_utc(item.pop("said_at_us"))
    lists = {name: json.loads(item[name]) for name in ("entities", "qualifiers")}
    return {**item, **lists, "said_at": said_at}


def _encoded(item: dict[str, Any]) -> str:
    place = json.dumps([item[name] for name in _PLACE], separators=(",", ":"))
    return base64.urlsafe_b64encode(place.encode()).decode()


def _decoded(after: str) -> tuple[Any, ...]:
    try:
        place = json.loads(base64.urlsafe_b64decode(after.encode()))
    except ValueError:
        place = None
    if not isinstance(place, list) or [type(part) for part in place] != [str, str, int, int, int]:
        raise ConfigurationError(
            "after is not a place in the items", reason="bad_parameter",
            hint="use the `next` of the page before",
        )  # fmt: skip
    return tuple(place)
