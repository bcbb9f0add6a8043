"""What the tables say of people's notes: the figures of the job `corporate-memory`.

The rule: counted when it is asked, and named as the predecessor's operators know it.
"""

from collections import Counter

from state.memory.base import Base
from state.memory.values import NOTES
from state.operations.book import Book

_COUNTED = """
WITH notes_of_people AS (
    FROM files WHERE parse_filename(path) = 'CLAUDE.local.md' AND path NOT LIKE '%/%/%'
)
SELECT (SELECT count(DISTINCT "user") FROM notes_of_people),
       (SELECT count(*) FROM notes_of_people JOIN ledger USING (file_id)
        WHERE processor = 'notes' AND NOT source_gone),
       (SELECT count(*) FROM note_statements),
       (SELECT count(*) FROM note_statements WHERE labels <> '')
"""
_UNREADABLE = """
SELECT f."user", l.reason FROM ledger l JOIN files f USING (file_id)
WHERE l.processor = 'notes' AND l.status <> 'ok' AND NOT l.source_gone ORDER BY ALL
"""


def figures(book: Book, base: Base) -> Counter[str]:
    """Of the notes as they are in the tables, and of the items made of them."""
    ((users, files, extracted, filtered),) = book.rows(_COUNTED)
    notes = [kept.item for kept in base.items.values() if kept.source_type == NOTES]
    return Counter({
        "users_scanned": users, "files_found": files, "items_extracted": extracted,
        "items_filtered": filtered, "items": len(notes), "items_of_all_kinds": len(base.items),
        "items_pending": sum(i.state == "pending" and not i.personal for i in notes),
    })  # fmt: skip


def unreadable(book: Book) -> list[str]:
    """Notes that cannot be read, by user and reason: they are tried again."""
    return [f"{user}: {reason}" for user, reason in book.rows(_UNREADABLE)]
