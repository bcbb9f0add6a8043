"""What was asked of a language model: for whom, what exactly, what came back and what it cost.

The rule: what is sent and answered is kept for somebody, by name, or not at all: when a person is
erased, what is said of their sessions here goes with them, and nothing of them can come after it.
Calls and spending stay, because they say nothing of what was sent.
"""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from core.errors import ConfigurationError
from core.identity import Identity
from state.operations.book import Book
from state.times import iso_utc

_CALL = (
    "call_id", "at_us", "request_hash", "model", "purpose", "outcome", "reason", "tokens",
    "cost_nano", "latency_ms", "provider_id", "batch",
)  # fmt: skip
_DAY_US = 86_400_000_000
_TRIM_EVERY_US = 3_600_000_000


class Asker(NamedTuple):
    """Whose session a request is about; `user_name` is what the session's folder says.

    `also`: others whose words are in it. What is of several people goes with each of them.
    """

    source: str
    path: str
    user_name: str
    also: tuple[str, ...] = ()


class RecordedAnswer(NamedTuple):
    """An answer as it was given. `tokens` is by kind."""

    at_us: int
    model: str
    outcome: str
    reason: str
    answer: str
    tokens: Mapping[str, int]
    cost_nano: int


class RecordedCall(NamedTuple):
    """A call that went out. `tokens` None: nobody knows, and the cost is the most it can be."""

    call_id: str
    at_us: int
    request_hash: str
    model: str
    purpose: str
    outcome: str
    reason: str
    tokens: Mapping[str, int] | None
    cost_nano: int
    latency_ms: int
    provider_id: str
    batch: bool


class ModelRecords:
    """Safe from any thread. `payload_days`: how long bodies of requests are kept."""

    def __init__(
        self, book: Book, identity: Identity, now_us: Callable[[], int], *, payload_days: int = 30
    ) -> None:
        self._book = book
        self._identity = identity
        self._now_us = now_us
        self.payload_days = payload_days
        self._trimmed_us = 0

    def keep_payload(self, request_hash: str, body: str, asker: Asker | None = None) -> bool:
        """Keep what is about to be sent; False if there is nobody to keep it for."""
        now_us = self._now_us()
        with self._book.change() as cursor:
            self._name(cursor, request_hash, asker, now_us)
            found = cursor.execute(
                "INSERT INTO model_payloads SELECT $1, $2, $3 WHERE EXISTS "
                "(FROM model_askers WHERE request_hash = $1) RETURNING 1",
                [request_hash, now_us, body],
            ).fetchall()
            if now_us - self._trimmed_us > _TRIM_EVERY_US:
                self._trimmed_us = now_us
                cursor.execute(
                    "DELETE FROM model_payloads WHERE at_us < ?",
                    [now_us - self.payload_days * _DAY_US],
                )
        return bool(found)

    def claim(self, request_hash: str, asker: Asker | None) -> bool:
        """Say whose something is that will be sent later; False if there is nobody."""
        with self._book.change() as cursor:
            self._name(cursor, request_hash, asker, self._now_us())
            query = "SELECT 1 FROM model_askers WHERE request_hash = ? LIMIT 1"
            return bool(cursor.execute(query, [request_hash]).fetchall())

    def recording(self, request_hash: str) -> RecordedAnswer | None:
        """The answer to this request, if there is one."""
        rows = self._book.rows(
            "SELECT at_us, model, outcome, reason, answer, tokens, cost_nano FROM model_recordings "
            "WHERE request_hash = ? ORDER BY at_us DESC LIMIT 1",
            [request_hash],
        )
        if not rows:
            return None
        at_us, model, outcome, reason, answer, tokens, cost_nano = rows[0]
        return RecordedAnswer(at_us, model, outcome, reason, answer, json.loads(tokens), cost_nano)

    def put_recording(
        self, request_hash: str, one: RecordedAnswer, asker: Asker | None = None
    ) -> None:
        """Keep an answer, unless there is nobody to keep it for."""
        row = [request_hash, *one[:5], json.dumps(dict(one.tokens)), one.cost_nano]
        with self._book.change() as cursor:
            self._name(cursor, request_hash, asker, one.at_us)
            cursor.execute("DELETE FROM model_recordings WHERE request_hash = ?", [request_hash])
            cursor.execute(
                "INSERT INTO model_recordings SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE EXISTS "
                "(FROM model_askers WHERE request_hash = $1)",
                row,
            )

    def record_call(self, call: RecordedCall) -> None:
        """The same id again is the same call: the later one stands."""
        tokens = None if call.tokens is None else json.dumps(dict(call.tokens))
        row = [*call._replace(tokens=tokens)]  # type: ignore[arg-type]
        with self._book.change() as cursor:
            cursor.execute("DELETE FROM model_calls WHERE call_id = ?", [call.call_id])
            cursor.execute(f"INSERT INTO model_calls VALUES ({', '.join('?' * len(_CALL))})", row)

    def said_in_batch(self, request_hash: str, *, but: Collection[str]) -> tuple[str, str] | None:
        """Outcome and reason that it had the last time as an item of a batch, not one of these."""
        rows = self._book.rows(
            "SELECT outcome, reason FROM model_calls WHERE request_hash = $1 AND batch "
            "AND NOT list_contains($2::VARCHAR[], outcome) ORDER BY at_us DESC LIMIT 1",
            [request_hash, list(but)],
        )
        return (rows[0][0], rows[0][1]) if rows else None

    def calls_page(
        self, limit: int = 100, after: str = "", outcome: str | None = None
    ) -> dict[str, Any]:
        """Calls, newest first; `next` is the id to continue after."""
        rows = self._book.rows(
            f"SELECT {', '.join(_CALL)} FROM model_calls "
            "WHERE ($1::VARCHAR IS NULL OR outcome = $1) AND ($2 = '' OR (at_us, call_id) < "
            "(SELECT (at_us, call_id) FROM model_calls WHERE call_id = $2)) "
            "ORDER BY at_us DESC, call_id DESC LIMIT $3",
            [outcome, after, limit],
        )
        return {
            "calls": [_shown_call(row) for row in rows],
            "next": rows[-1][0] if len(rows) == limit else None,
        }

    def calls_since(self, at_us: int) -> list[dict[str, Any]]:
        """How many calls there were, by purpose and outcome, and what they cost."""
        rows = self._book.rows(
            "SELECT purpose, outcome, count(*), sum(cost_nano)::BIGINT FROM model_calls "
            "WHERE at_us >= ? GROUP BY ALL ORDER BY ALL",
            [at_us],
        )
        return [
            {"purpose": purpose, "outcome": outcome, "calls": count, "cost_nano": cost}
            for purpose, outcome, count, cost in rows
        ]

    def sent(self, request_hash: str) -> dict[str, Any]:
        """What was sent under a hash (or its beginning), whose it was and what came back.

        Raises `ConfigurationError` (`not_found`, `ambiguous`).
        """
        hashes = self._book.rows(
            "SELECT DISTINCT request_hash FROM model_askers WHERE starts_with(request_hash, ?)",
            [request_hash],
        )
        if len(hashes) != 1:
            reason = "ambiguous" if hashes else "not_found"
            raise ConfigurationError(
                f"{len(hashes) or 'no'} requests begin with {request_hash[:64]}", reason=reason,
                hint="`sessionwatch model calls` lists them",
            )  # fmt: skip
        (name,) = hashes[0]
        answer = self.recording(name)
        sent = "SELECT at_us, body FROM model_payloads WHERE request_hash = ? ORDER BY at_us"
        asked = "SELECT source, path FROM model_askers WHERE request_hash = ? ORDER BY ALL"
        return {
            "request_hash": name,
            "sessions": [f"{source}:{path}" for source, path in self._book.rows(asked, [name])],
            "sent": [
                {"at": iso_utc(at_us), "body": json.loads(body)}
                for at_us, body in self._book.rows(sent, [name])
            ],
            "answer": answer and {"outcome": answer.outcome, "text": answer.answer},
        }

    def forget_answers_but(self, outcome: str) -> int:
        """Forget what no better answer was had to, so that it is asked again; how many."""
        with self._book.change() as cursor:
            query = "DELETE FROM model_recordings WHERE outcome <> ? RETURNING 1"
            return len(cursor.execute(query, [outcome]).fetchall())

    def forget(self, person: str) -> dict[str, int]:
        """Take what was sent and answered about a person's sessions; how many rows, by table.

        A text that stood in somebody else's session as well goes too: it is asked again there. Of a
        batch that is under way its requests stay, which are hashes, until it is known what they
        cost; the answers come to nobody and are not kept.
        """
        names = [
            name
            for (name,) in self._book.rows("SELECT DISTINCT user_name FROM model_askers")
            if self._identity.resolve(name) == person
        ]
        theirs = (
            "request_hash IN (SELECT request_hash FROM model_askers "
            "WHERE user_name IN (SELECT unnest($1::VARCHAR[])))"
        )
        ended = "batch_key IN (SELECT batch_key FROM model_batches WHERE state = 'ended')"
        wanted = {
            "model_batch_items": f"{theirs} AND {ended}",
            "model_payloads": theirs,
            "model_recordings": theirs,
            "model_askers": theirs,  # The last one, because it says whose.
        }
        with self._book.change() as cursor:
            return {
                table: len(
                    cursor.execute(
                        f"DELETE FROM {table} WHERE {which} RETURNING 1", [names]
                    ).fetchall()
                )
                for table, which in wanted.items()
            }

    def _name(self, cursor: Any, request_hash: str, asker: Asker | None, at_us: int) -> None:
        """Say whose it is, once. Nothing is kept for who was erased."""
        names = (asker.user_name, *asker.also) if asker else ()
        if asker is None or any(map(self._identity.refuses, names)):
            return
        for name in names:
            cursor.execute(
                "INSERT INTO model_askers SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS "
                "(FROM model_askers "
                "WHERE request_hash = $1 AND source = $2 AND path = $3 AND user_name = $4)",
                [request_hash, asker.source, asker.path, name, at_us],
            )


def _shown_call(row: tuple[Any, ...]) -> dict[str, Any]:
    found = dict(zip(_CALL, row, strict=True))
    at_us, tokens = found.pop("at_us"), found.pop("tokens")
    return {**found, "at": iso_utc(at_us), "tokens": json.loads(tokens) if tokens else None}
