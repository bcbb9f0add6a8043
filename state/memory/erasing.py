"""Takes a person out of the knowledge base.

The rule: what they said, voted and were told goes. A statement stays if somebody else said it too,
and is theirs then; else it goes with everything that hangs on it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import duckdb

from state.memory.base import Base
from state.memory.intake import derived
from state.memory.shelf import Shelf
from state.memory.tables import write
from state.memory.values import Changes, Kept

_OF_PEOPLE = {
    "knowledge_evidence": '"user"',
    "knowledge_votes": '"user"',
    "knowledge_dismissals": '"user"',
    "knowledge_deliveries": '"user"',
    "knowledge_groups": "person",
}
_OF_ITEMS = (
    "knowledge_items", "knowledge_evidence", "knowledge_votes", "knowledge_dismissals",
    "knowledge_deliveries", "knowledge_decisions",
)  # fmt: skip
_JUDGED = "knowledge_judgements"
_OF_PAIRS = ("knowledge_relations", "knowledge_contradictions", "knowledge_settlements")


def erase(shelf: Shelf, person: str) -> dict[str, int]:
    """Rows taken, by table, and `knowledge_items_kept`: statements that others gave evidence for.

    Whoever is erased is refused before, so no intake that is under way brings anything back.
    """
    with shelf.changing() as base:
        gone, kept = _divided(base, person)
        changes = shelf.changed(kept, Changes(dropped=tuple(gone)))
        with shelf.book.change() as cursor:
            report = _delete_person(cursor, person, shelf.identity.resolve)
            for table in _OF_ITEMS:
                report[table] = report.get(table, 0) + _delete(cursor, table, ["item_id"], gone)
            for table in _OF_PAIRS:
                report[table] = _delete(cursor, table, ["left_id", "right_id"], gone)
            # What was judged may be their words, also where the item stays in those of others.
            touched = [*gone, *(one.item.id for one in kept)]
            report[_JUDGED] = _delete(cursor, _JUDGED, ["left_id", "right_id"], touched)
            write(cursor, changes, shelf.now_us())
        shelf.forget()
    return {**report, "knowledge_items_kept": len(kept)}


def _divided(base: Base, person: str) -> tuple[list[str], list[Kept]]:
    """Items that go, and those that stay as somebody else's."""
    theirs = {
        id_ for id_, proofs in base.proofs.items() if any(p.evidence.user == person for p in proofs)
    } | {id_ for id_, kept in base.items.items() if kept.item.owner == person}
    left = replace(
        base,
        proofs={
            id_: rest
            for id_, proofs in base.proofs.items()
            if (rest := tuple(p for p in proofs if p.evidence.user != person))
        },
    )
    touched = [*theirs, *(new for one in base.settled for _, new in one.counts_for)]
    here = sorted({id_ for id_ in touched if id_ in base.items})
    gone = [id_ for id_ in here if not left.has_evidence(id_) or _is_personal(base, id_, person)]
    stay = [_others(base.items[id_], left) for id_ in here if id_ not in gone and (id_ in theirs)]
    return gone, stay


def _is_personal(base: Base, id_: str, person: str) -> bool:
    item = base.items[id_].item
    return item.personal and item.owner == person


def _others(kept: Kept, left: Base) -> Kept:
    """The item as it is without them. A title or tag they gave it goes as well."""
    proofs = left.proofs.get(kept.item.id, ())
    if not proofs:  # Only counted evidence: the words are a reviewer's.
        return kept
    fresh = derived(replace(kept, edited=False), proofs[0], proofs)
    owner = proofs[0].evidence.user
    item = replace(kept.item if kept.edited else fresh.item, owner=owner)
    return replace(fresh, item=item, edited=kept.edited)


def _delete_person(
    cursor: duckdb.DuckDBPyConnection, person: str, resolve: Callable[[str], str]
) -> dict[str, int]:
    report = {}
    for table, column in _OF_PEOPLE.items():
        cursor.execute(f"SELECT DISTINCT {column} FROM {table}")
        names = [name for (name,) in cursor.fetchall() if resolve(name) == person]
        report[table] = _delete(cursor, table, [column], names)
    return report


def _delete(
    cursor: duckdb.DuckDBPyConnection, table: str, columns: list[str], values: list[str]
) -> int:
    wanted = " OR ".join(f"{column} IN (SELECT unnest($1::VARCHAR[]))" for column in columns)
    found: list[Any] = cursor.execute(f"DELETE FROM {table} WHERE {wanted}", [values]).fetchall()
    return int(found[0][0])
