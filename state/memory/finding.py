"""Finds what people said that the base does not have yet.

The rule: new is what the processors' tables have and the evidence lacks, found by comparing. So
nothing is marked as taken, a crash at any point loses nothing, and looking twice finds nothing
twice, whatever was loaded again meanwhile.
"""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from knowledge.labels import sensitivity
from state.memory.values import Intake, Place
from state.operations.book import Book

NOTE_SOURCES = "note_statements"
SESSION_SOURCES = "verification_items"

_NEW_SQL = """
WITH said AS ({said})
SELECT * FROM said s WHERE NOT EXISTS (
    SELECT 1 FROM knowledge_evidence e
    WHERE e."user" = s."user" AND e.turn = s.turn AND e.quote = s.quote AND e.said = s.statement
      AND e.kind = s.kind
)
ORDER BY observed_at_us, path, turn, statement
LIMIT $1
"""
_NOTES = """
SELECT f."user", f.path AS session, 'note:' || f.source || ':' || f.path AS turn, r.statement,
       r.statement AS quote, 'note' AS kind, 'rules' AS extractor,
       l.mtime_ns // 1000 AS observed_at_us, 'org' AS scope, r.title, r.domain, '' AS rejected,
       r.labels, NULL::BIGINT AS valid_until_us, false AS exposed,
       f.source, f.path, r.line_offset, NULL::BIGINT AS quote_start,
       NULL::BIGINT AS quote_end
FROM raw.note_statements r JOIN ledger l USING (generation) JOIN files f USING (file_id)
"""

# A scope without a name is the whole team's until a reviewer says otherwise.
_SESSIONS = """
SELECT f."user", f.session, coalesce(r.turn_uuid, f.session || '@' || r.record_offset) AS turn,
       r.statement, r.quote, r.kind,
       r.extractor,
       coalesce(r.said_at_us, l.mtime_ns // 1000) AS observed_at_us,
       CASE WHEN r.scope = 'org' OR coalesce(r.scope_hint, '') = '' THEN 'org'
            ELSE r.scope || ':' || r.scope_hint END AS scope,
       r.title, coalesce(r.domain, '') AS domain, coalesce(r.rejected, '') AS rejected,
       epoch_us(try_cast(r.valid_until AS DATE) + 1) AS valid_until_us, r.after_bundle AS exposed,
       f.source, f.path, r.record_offset AS line_offset, r.original_start AS quote_start,
       r.original_end AS quote_end
FROM raw.verification_items r JOIN ledger l USING (generation) JOIN files f USING (file_id)
"""


def new(book: Book, limit: int) -> list[Intake]:
    """At most so many intakes, the oldest first; not those of tables that are not there."""
    there = {name for (name,) in book.rows("SELECT table_name FROM processor_tables")}
    found: list[Intake] = []
    for table, (said, intake) in _QUERIES.items():
        if table in there:
            rows = book.named_rows(_NEW_SQL.format(said=said), [limit - len(found)])
            found += map(intake, rows)
    return found


def _of_note(row: dict[str, Any]) -> Intake:
    """Notes come with their labels."""
    listed = str(row.pop("labels")).split(",")
    return _intake(row, frozenset(filter(None, listed)))


def _of_session(row: dict[str, Any]) -> Intake:
    """What a session says is judged here: it fails closed as notes do."""
    return _intake(row, sensitivity(row["statement"]))


def _intake(row: dict[str, Any], labels: frozenset[str]) -> Intake:
    place = Place(**{f.name: row.pop(f.name) for f in fields(Place)})
    return Intake(**row, labels=labels, place=place)


_QUERIES: dict[str, tuple[str, Callable[[dict[str, Any]], Intake]]] = {
    NOTE_SOURCES: (_NOTES, _of_note),
    SESSION_SOURCES: (_SESSIONS, _of_session),
}
