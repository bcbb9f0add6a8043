"""Takes over what the predecessor's database says, into tables that are an archive and no more.

The rule: nothing is counted from it, because the session files are the truth and our own tables
come from them. Every row is kept whatever version of the predecessor wrote it: a column that we
have takes theirs of the same name, the rest goes along as JSON. The same row again changes
nothing, and a row that changed over there since replaces what we had.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from core.errors import ConfigurationError
from core.keys import SessionKey
from state import sql
from state.refusals import refused_open

_QUERIES = sql.load("predecessor.sql")
_ROWS = 20_000
_KNOWLEDGE = (
    "knowledge_items",
    "knowledge_item_domains",
    "knowledge_votes",
    "knowledge_contradictions",
    "knowledge_item_relations",
    "knowledge_item_user_dismissed",
    "knowledge_digests",
    "verification_evidence",
    "memory_domains",
    "memory_mining_consent",
)


class _Archive(NamedTuple):
    """One of our tables: what tells its rows apart, and which of theirs it takes.

    Those come with the columns that they lack, as SQL by name.
    """

    key: tuple[str, ...]
    given_by_source: Mapping[str, Mapping[str, str]]


_ARCHIVES: Mapping[str, _Archive] = {
    "predecessor_states": _Archive(
        ("processor_name", "session_file"),
        # Schemas up to 30 had one processor, and a table of its own for it.
        {
            "session_processor_state": {},
            "session_extraction_state": {"processor_name": "'verification'"},
        },
    ),
    "predecessor_events": _Archive(("id",), {"usage_events": {}}),
    "predecessor_sessions": _Archive(("session_file",), {"usage_session_summary": {}}),
    "predecessor_knowledge": _Archive(
        ("kind", "row_key"), {name: {"kind": f"'{name}'"} for name in _KNOWLEDGE}
    ),
}


class Taken(NamedTuple):
    """What became of the rows of a table; `refused` by reason."""

    read: int
    new: int
    changed: int
    unchanged: int
    refused: dict[str, int]


class _Tables:
    """Columns with their types, and primary keys, of every table of a database."""

    def __init__(self, db: duckdb.DuckDBPyConnection) -> None:
        self.columns: dict[str, dict[str, str]] = {}
        for table, column, kind in db.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() "
            "WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal "
            "ORDER BY table_name, column_index"
        ).fetchall():
            self.columns.setdefault(table, {})[column] = kind
        self.keys = dict(
            db.execute(
                "SELECT table_name, constraint_column_names FROM duckdb_constraints() "
                "WHERE schema_name = 'main' AND constraint_type = 'PRIMARY KEY'"
            ).fetchall()
        )


def take(cursor: Callable[[], duckdb.DuckDBPyConnection], path: Path) -> dict[str, Any]:
    """Bring all archive tables up to date with the predecessor's file, in one transaction.

    Returns `{"tables": {name: Taken}, "absent": [their tables that are not there],
    "schema_version": theirs or None}`. Raises `ConfigurationError` if the file cannot be read.
    """
    ours = cursor()
    try:
        with _opened(path) as theirs:
            return _taken(ours, theirs)
    except duckdb.Error as error:
        raise ConfigurationError(
            f"{path} could not be taken over: {type(error).__name__}", reason="import_failed",
            hint="nothing was taken; is the file whole, and is there room beside the database?",
        ) from error  # fmt: skip
    finally:
        ours.close()


def account(cursor: Callable[[], duckdb.DuckDBPyConnection]) -> dict[str, Any]:
    """What the whole archive has that we have as well, and what it alone has.

    `{"users", "sessions": {"all", "ours", "elsewhere", "only"}, "only": {"sessions", "events",
    the four kinds of tokens}}`.
    """
    with _closing(cursor()) as db:
        *counts, users = db.execute(_QUERIES["sessions"]).fetchall()[0]
        only = db.execute(_QUERIES["only"])
        names = [column[0] for column in only.description or ()]
        sums = dict(zip(names, map(int, only.fetchall()[0]), strict=True))
    sessions = dict(zip(("all", "ours", "elsewhere", "only"), counts, strict=True))
    return {"users": users, "sessions": sessions, "only": sums}


def hashes(cursor: Callable[[], duckdb.DuckDBPyConnection]) -> list[tuple[SessionKey, str]]:
    """Keys of ours and the md5 that the predecessor noted of the same path."""
    with _closing(cursor()) as db:
        rows = db.execute(_QUERIES["hashes"]).fetchall()
    return [(SessionKey(source, path), md5) for source, path, md5 in rows]


def _taken(ours: duckdb.DuckDBPyConnection, theirs: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    have, wanted = _Tables(theirs), _Tables(ours)
    sources = [name for archive in _ARCHIVES.values() for name in archive.given_by_source]
    if not have.columns.keys() & set(sources):
        raise ConfigurationError(
            "the file has none of the predecessor's tables", reason="not_a_predecessor",
            hint="it is called system.duckdb there",
        )  # fmt: skip
    ours.execute("BEGIN")
    try:
        tables = {
            name: _table(ours, theirs, name, wanted.columns[name], have) for name in _ARCHIVES
        }
        ours.execute("COMMIT")
    except BaseException:
        ours.execute("ROLLBACK")
        raise
    return {
        "tables": tables,
        "absent": [name for name in sources if name not in have.columns],
        "schema_version": _schema_version(theirs, have),
    }


def _table(
    ours: duckdb.DuckDBPyConnection,
    theirs: duckdb.DuckDBPyConnection,
    name: str,
    wanted: Mapping[str, str],
    have: _Tables,
) -> Taken:
    """Stage what they have, then merge it."""
    archive = _ARCHIVES[name]
    ours.execute(f"CREATE TEMP TABLE staged AS FROM {name} LIMIT 0")
    try:
        for source, given in archive.given_by_source.items():
            if source in have.columns:
                query = _selected(source, given, wanted, have)
                _copied(ours, theirs.sql(query))
        return _merged(ours, name, list(wanted), archive.key)
    finally:
        ours.execute("DROP TABLE staged")


def _copied(ours: duckdb.DuckDBPyConnection, found: duckdb.DuckDBPyRelation) -> None:
    """As Arrow and in pieces, so that a large table needs little memory."""
    ours.register("incoming", found.to_arrow_reader(_ROWS))
    try:
        ours.execute("INSERT INTO staged BY NAME SELECT * FROM incoming")
    finally:
        ours.unregister("incoming")


def _merged(
    db: duckdb.DuckDBPyConnection, name: str, columns: list[str], key: tuple[str, ...]
) -> Taken:
    def number(query: str) -> int:
        return int(db.execute(query).fetchall()[0][0])

    keys, missing = ", ".join(key), " OR ".join(f"{part} IS NULL" for part in key)
    same = " AND ".join(f"old.{part} = staged.{part}" for part in key)
    differs = " OR ".join(f"old.{one} IS DISTINCT FROM staged.{one}" for one in columns)
    read = number("SELECT count(*) FROM staged")
    unnamed = number(f"DELETE FROM staged WHERE {missing}")
    twice = number(
        "DELETE FROM staged WHERE rowid IN (SELECT rowid FROM staged QUALIFY row_number() "
        f"OVER (PARTITION BY {keys} ORDER BY {', '.join(columns)}) > 1)"
    )
    changed = number(f"DELETE FROM {name} old USING staged WHERE {same} AND ({differs})")
    written = number(
        f"INSERT INTO {name} BY NAME FROM staged "
        f"WHERE NOT EXISTS (FROM {name} old WHERE {same})"
    )  # fmt: skip
    refused = {"no_key": unnamed, "same_key": twice}
    return Taken(
        read, written - changed, changed, read - unnamed - twice - written,
        {reason: count for reason, count in refused.items() if count},
    )  # fmt: skip


def _selected(
    source: str, given: Mapping[str, str], wanted: Mapping[str, str], have: _Tables
) -> str:
    """Their table as a query for the columns of ours."""
    theirs = have.columns[source]
    columns = {**given, "row_key": _row_key(theirs, have.keys.get(source, ()))}
    rest = {name: _quoted(name) for name in theirs}
    for name, kind in wanted.items():
        base = name.removesuffix("_us")
        if name in columns or name == "other" or base not in theirs:
            continue
        columns[name] = value = _read(_quoted(base), theirs[base], kind, is_time=base != name)
        # What our column cannot hold is kept as it is.
        rest[base] = f"CASE WHEN {value} IS NULL THEN {_quoted(base)} END"
    listed = ", ".join(f"{columns[name]} AS {name}" for name in wanted if name in columns)
    return f"SELECT {listed}, {_packed(rest)} AS other FROM {_quoted(source)}"


def _packed(values: Mapping[str, str]) -> str:
    """A JSON object of those that are not NULL; NULL if all are."""
    entries = ", ".join(
        f"{{'k': {_text(name)}, 'v': CASE WHEN {value} IS NOT NULL THEN to_json({value}) END}}"
        for name, value in values.items()
    )
    kept = f"list_filter([{entries}], lambda one: one.v IS NOT NULL)"
    return f"nullif(to_json(map_from_entries({kept}))::VARCHAR, '{{}}')"


def _row_key(theirs: Mapping[str, str], key: Sequence[str]) -> str:
    """The primary key as JSON; of a table without one and without an id, all of the row."""
    names = list(key) or [name for name in ("id",) if name in theirs]
    texts = ", ".join(f"{_quoted(name)}::VARCHAR" for name in names or theirs)
    known = " AND ".join(f"{_quoted(name)} IS NOT NULL" for name in names) or "true"
    return f"CASE WHEN {known} THEN to_json([{texts}])::VARCHAR END"


def _read(column: str, have: str, kind: str, *, is_time: bool) -> str:
    """Their value as ours, NULL if it cannot be."""
    if is_time:  # Theirs have no zone and mean UTC, but for the oldest schemas' processed_at.
        time = column if have.startswith("TIMESTAMP") else f"{column}::VARCHAR"
        time = f"TRY_CAST({time} AS TIMESTAMP)"
        return f"CASE WHEN isfinite({time}) THEN epoch_us({time}) END"
    return column if have == kind else f"TRY_CAST({column}::VARCHAR AS {kind})"


def _schema_version(theirs: duckdb.DuckDBPyConnection, have: _Tables) -> int | None:
    if "version" not in have.columns.get("schema_version", ()):
        return None
    found = theirs.execute("SELECT max(TRY_CAST(version AS BIGINT)) FROM schema_version").fetchall()
    return None if found[0][0] is None else int(found[0][0])


@contextmanager
def _opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        db = duckdb.connect(str(path), read_only=True, config={"memory_limit": "512MB"})
    except duckdb.Error as error:
        refused = refused_open(path, error)
        refused.hint = "stop the predecessor, or name a copy of its file made while it was stopped"
        raise refused from error
    try:
        db.execute("SET TimeZone = 'UTC'")
        db.execute("SET enable_external_access = false")
        yield db
    finally:
        db.close()


@contextmanager
def _closing(db: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        yield db
    finally:
        db.close()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
