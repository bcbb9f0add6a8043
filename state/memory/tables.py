"""Rows of the knowledge base, read and written.

The rule: one statement for each table of a change, whatever its size, and none of them decides
anything.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from typing import Any

import duckdb

from knowledge.qualifiers import Difference
from knowledge.relations import Relation
from knowledge.values import Evidence, Item
from state.memory.base import Base
from state.memory.values import Changes, Found, Intake, Kept, Named, Proof, Settled

Rows = Callable[[str], list[tuple[Any, ...]]]

_LISTS = ("tags", "entities", "audience")
_ITEM = tuple(f.name for f in fields(Item) if f.name != "id")
_PEOPLE = ("owner", "approved_by", "mandate_asked_by", "mandated_by")
_BESIDE = ("category", "rejected", "source_type", "edited", "created_at_us", "updated_at_us")
_EVIDENCE = (
    "evidence_id", "item_id", '"user"', "session", "turn", "said", "quote", "kind", "extractor",
    "title", "domain", "rejected", "valid_until_us", "source", "path", "line_offset",
    "quote_start", "quote_end",
    "observed_at_us", "recorded_at_us", "exposed",
)  # fmt: skip
_TYPES = {
    "personal": "BOOLEAN", "edited": "BOOLEAN", "exposed": "BOOLEAN", "settled": "BOOLEAN",
    "dismissed": "BOOLEAN", "score": "DOUBLE", "vote": "INTEGER", "line_offset": "BIGINT",
    "quote_start": "BIGINT", "quote_end": "BIGINT",
}  # fmt: skip


def insert(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
) -> None:
    """Add rows in one statement: one for each row takes a hundred times as long."""
    if not rows:
        return
    listed = ", ".join(
        f"unnest(${n}::{_TYPES.get(name) or ('BIGINT' if name.endswith('_us') else 'VARCHAR')}[])"
        for n, name in enumerate(columns, 1)
    )
    values = [list(column) for column in zip(*rows, strict=True)]
    cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {listed}", values)


def write(
    cursor: duckdb.DuckDBPyConnection,
    changes: Changes,
    now_us: int,
    person: Callable[[str], str] = str,
) -> None:
    """All of a change, inside the caller's transaction. `person` is whom a name means now."""
    gone = [*changes.dropped, *(kept.item.id for kept in changes.put)]
    _delete(cursor, "knowledge_items", "item_id", gone)
    insert(cursor, "knowledge_items", ("item_id", *_ITEM, *_BESIDE), [*map(_item, changes.put)])
    insert(
        cursor, "knowledge_evidence", _EVIDENCE, [_evidence(one, now_us) for one in changes.intakes]
    )
    for move in changes.moves:
        for table in ("knowledge_evidence", "knowledge_votes", "knowledge_dismissals"):
            cursor.execute(f'SELECT DISTINCT "user" FROM {table} WHERE item_id = $1', [move.old])
            names = [u for (u,) in cursor.fetchall() if move.user in (None, person(u))]
            cursor.execute(
                f"UPDATE {table} SET item_id = $1 WHERE item_id = $2 "
                'AND "user" IN (SELECT unnest($3::VARCHAR[]))',
                [move.new, move.old, names],
            )
    for column in ("left_id", "right_id"):
        _delete(cursor, "knowledge_relations", column, [*changes.related, *changes.dropped])
        _delete(cursor, "knowledge_judgements", column, changes.dropped)
    insert(
        cursor, "knowledge_relations",
        ("left_id", "right_id", "kind", "score", "differences", "newer", "found_at_us"),
        [_relation(one) for one in changes.relations],
    )  # fmt: skip
    insert(
        cursor, "knowledge_decisions",
        ("item_id", "act", "actor", "before_state", "after_state", "at_us", "reason", "fields"),
        [(*astuple(one)[:-1], json.dumps(one.fields)) for one in changes.acts],
    )  # fmt: skip
    insert(
        cursor, "knowledge_settlements",
        ("left_id", "right_id", "about", "choice", "settled", "by_whom", "at_us", "counts_for"),
        [(*astuple(one)[:-1], json.dumps(one.counts_for)) for one in changes.settled],
    )  # fmt: skip
    insert(
        cursor, "knowledge_contradictions",
        ("left_id", "right_id", "explanation", "severity", "suggested_resolution", "by_whom",
         "at_us"),
        [astuple(one) for one in changes.named],
    )  # fmt: skip
    insert(cursor, "knowledge_deliveries", ("item_id", '"user"', "at_us"), changes.delivered)


def read(rows: Rows, person: Callable[[str], str]) -> Base:
    """The whole base; `person` is whom a name means now."""
    told = rows('SELECT item_id, "user", min(at_us) FROM knowledge_deliveries GROUP BY ALL')
    return Base(
        items={kept.item.id: kept for kept in map(_kept(person), rows(_ITEMS))},
        proofs=_proofs(rows, person),
        found={(one.relation.left, one.relation.right): one for one in map(_found, rows(_FOUND))},
        settled=tuple(
            _settled(row)
            for row in rows(
                "SELECT left_id, right_id, about, choice, settled, by_whom, at_us, counts_for "
                "FROM knowledge_settlements ORDER BY at_us, rowid"
            )
        ),
        named=tuple(
            Named(*row) for row in rows("FROM knowledge_contradictions ORDER BY at_us, rowid")
        ),
        delivered={(item, person(user)): at_us for item, user, at_us in told},
    )


def last_us(rows: Rows) -> int:
    """When something was last written of which the last one holds."""
    ((votes, dismissals, settlements),) = rows(
        "SELECT (SELECT max(at_us) FROM knowledge_votes), "
        "(SELECT max(at_us) FROM knowledge_dismissals), "
        "(SELECT max(at_us) FROM knowledge_settlements)"
    )
    return max(votes or 0, dismissals or 0, settlements or 0)


def proof_of(intake: Intake) -> Proof:
    """What an intake is in memory once it is written."""
    evidence = Evidence(
        intake.evidence_id, intake.item_id, intake.user, intake.session, intake.kind, "",
        intake.extractor, intake.observed_at_us, intake.exposed,
    )  # fmt: skip
    return Proof(
        evidence, intake.statement, intake.title, intake.domain, intake.rejected,
        intake.valid_until_us,
    )  # fmt: skip


_ITEMS = f"SELECT item_id, {', '.join((*_ITEM, *_BESIDE))} FROM knowledge_items ORDER BY item_id"
_FOUND = (
    "SELECT left_id, right_id, kind, score, differences, newer, found_at_us "
    "FROM knowledge_relations ORDER BY left_id, right_id"
)
_PROOFS = (
    'SELECT evidence_id, item_id, "user", session, kind, extractor, observed_at_us, exposed, said, '
    "title, domain, rejected, valid_until_us, turn, quote FROM knowledge_evidence "
    "ORDER BY observed_at_us, evidence_id"
)


def _kept(person: Callable[[str], str]) -> Callable[[tuple[Any, ...]], Kept]:
    def kept(row: tuple[Any, ...]) -> Kept:
        found = dict(zip(("id", *_ITEM, *_BESIDE), row, strict=True))
        beside = {name: found.pop(name) for name in _BESIDE}
        lists = {name: tuple(json.loads(found[name])) for name in _LISTS}
        people = {name: found[name] and person(found[name]) for name in _PEOPLE}
        return Kept(Item(**{**found, **lists, **people}), **beside)

    return kept


def _proofs(rows: Rows, person: Callable[[str], str]) -> dict[str, tuple[Proof, ...]]:
    found: dict[str, list[Proof]] = {}
    seen: set[tuple[str, ...]] = set()
    for row in rows(_PROOFS):
        id_, item, user, session, kind, extractor, at_us, exposed, *contents, turn, quote = row
        who = person(user)
        if (key := (who, item, kind, contents[0], turn, quote)) in seen:
            continue  # Recorded once more under a name that was linked since.
        seen.add(key)
        evidence = Evidence(id_, item, who, session, kind, "", extractor, at_us, exposed)
        found.setdefault(item, []).append(Proof(evidence, *contents))
    return {item: tuple(proofs) for item, proofs in found.items()}


def _item(kept: Kept) -> list[Any]:
    item = kept.item
    values: Mapping[str, Any] = {
        **{name: getattr(item, name) for name in _ITEM},
        **{name: json.dumps(getattr(item, name), ensure_ascii=False) for name in _LISTS},
    }
    beside = [getattr(kept, name) for name in _BESIDE]
    return [item.id, *(values[name] for name in _ITEM), *beside]


def _evidence(one: Intake, now_us: int) -> list[Any]:
    place = one.place
    return [
        one.evidence_id, one.item_id, one.user, one.session, one.turn, one.statement, one.quote,
        one.kind, one.extractor, one.title, one.domain, one.rejected, one.valid_until_us,
        place.source, place.path,
        place.line_offset, place.quote_start, place.quote_end, one.observed_at_us, now_us,
        one.exposed,
    ]  # fmt: skip


def _settled(row: tuple[Any, ...]) -> Settled:
    left, right, about, choice, settled, by_whom, at_us, counts_for = row
    pairs = tuple((old, new) for old, new in json.loads(counts_for))
    return Settled(left, right, about, choice, settled, by_whom, at_us, pairs)


def _relation(one: Found) -> list[Any]:
    relation = one.relation
    differences = json.dumps([astuple(d) for d in relation.differences], ensure_ascii=False)
    return [
        relation.left, relation.right, relation.kind, relation.score, differences, relation.newer,
        one.at_us,
    ]  # fmt: skip


def _found(row: tuple[Any, ...]) -> Found:
    left, right, kind, score, differences, newer, at_us = row
    listed = tuple(
        Difference(name, tuple(a), tuple(b), weight)
        for name, a, b, weight in json.loads(differences)
    )
    return Found(Relation(kind, left, right, score, listed, newer), at_us)


def _delete(cursor: duckdb.DuckDBPyConnection, table: str, column: str, ids: Iterable[str]) -> None:
    if listed := list(ids):
        cursor.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT unnest($1))", [listed])
