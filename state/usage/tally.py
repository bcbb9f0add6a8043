"""Messages counted once, and their sums, kept as tables beside the rows they are made of.

The rule: everything here is derived. What is to be counted is found by comparing with the ledger,
counting in steps gives what counting once gives, and whoever reads catches up first, so that no
report lags behind the rows. It writes to tables of its own, on a connection of its own, so the
writer neither waits for it nor meets it.
"""

import hashlib
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

import duckdb

from core.errors import TransientError
from core.prices import OwnPrice
from state.sql import load
from state.usage import prices

_COUNTING = load("usage/counting.sql")
_TALLY = load("usage/tally.sql")
_TOGETHER = {agent: load(f"usage/{agent}.sql")[f"{agent}_copies"] for agent in ("codex", "copilot")}
"""Agents whose copies are found in all their files together, and how: a new file of theirs may
change what another one says."""
_COUNTED_BY = hashlib.sha256(repr((_COUNTING, _TALLY, _TOGETHER)).encode()).hexdigest()


PART_ROWS = 1_000_000
"""Copies counted in one statement: their ids and places take about 300 MB."""


DIRTY_IDS_MAX = PART_ROWS // 4
"""Messages counted anew at once; a message has two to three copies."""


class Tally:
    """`cursor` gives a connection of its own for each run; safe from any thread.

    `own` are the prices of the settings; with others, everything is counted and priced anew.
    """

    def __init__(
        self, cursor: Callable[[], duckdb.DuckDBPyConnection], own: Sequence[OwnPrice] = ()
    ) -> None:
        self.own = own
        self._cursor = cursor
        self._lock = threading.Lock()
        self._running: duckdb.DuckDBPyConnection | None = None
        self._stopping = False
        self.revision = 0
        """How often the tables have changed: who reads them sees whether there is news."""

    def catch_up(self) -> int:
        """Bring the tables up to the ledger. How many files had changed.

        Raises `TransientError` if the database could not do it now: the next call does it all. For
        tables that are not there, DuckDB's own error, because only the caller knows why.
        """
        with self._lock:
            try:
                with self._transaction() as db:
                    count = _caught_up(db, self.own)
                self.revision += count > 0
                return count
            except (duckdb.CatalogException, duckdb.BinderException, duckdb.FatalException):
                raise
            except duckdb.Error as error:
                if self._stopping:
                    raise _stopped() from error
                raise TransientError(
                    f"counting the messages failed: {type(error).__name__}", reason="tally_failed",
                    hint="raise memory_limit if this is about memory; no rows are lost by it",
                ) from error  # fmt: skip

    def prove(self) -> list[str]:
        """Count all rows anew and compare: ids of messages that are counted otherwise, and names of
        sums that are not those of the counted messages.

        What was committed since the last count is caught up with first, in the same transaction, so
        a writer in between makes nothing wrong. Raises as DuckDB does.
        """
        with self._lock, self._transaction() as db:
            _caught_up(db, self.own)
            _find(db, _TOGETHER)
            wrong: list[str] = []
            for which in _parts(db):
                _count(db, which)
                query = _TALLY["differences"].format(which=which)
                wrong += [str(one) for (one,) in db.execute(query).fetchall()]
            sums = _TALLY["wrong_sums"].format(sums=_TALLY["sums"])
            wrong += [str(one) for (one,) in db.execute(sums).fetchall()]
        self.revision += 1
        return wrong

    def interrupt(self) -> None:
        """End what runs and refuse what comes: the service is stopping."""
        self._stopping = True
        running = self._running
        if running is not None:
            with suppress(duckdb.Error):  # It may have been closed meanwhile.
                running.interrupt()

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if self._stopping:
            raise _stopped()
        self._running = db = self._cursor()
        try:
            db.execute("BEGIN")
            yield db
            db.execute("COMMIT")
        finally:
            self._running = None
            with suppress(duckdb.Error):  # There is none any more where it was committed.
                db.execute("ROLLBACK")
            db.close()


def _stopped() -> TransientError:
    return TransientError("the service is stopping", reason="stopping")


def rebuild(db: duckdb.DuckDBPyConnection, own: Sequence[OwnPrice] = ()) -> None:
    """Count all rows anew, whatever was counted before."""
    _forget(db, _rules_of(db, own))
    _find(db, _TOGETHER)
    _take_all(db, own)


def copies(which: str = "", *, found: bool = False) -> str:
    """The query for copies of messages: all, or those that a condition on `id` names.

    `found`: those of `_TOGETHER` were found before and are in tables.
    """
    parts = [_COUNTING["messages"].format(agents=_listed(_TOGETHER))]
    for agent, query in _TOGETHER.items():
        parts.append(f"SELECT * FROM {f'found_{agent}' if found else f'({query})'}")
    messages = " UNION ALL BY NAME ".join(parts)
    return f"SELECT * FROM ({_COUNTING['copies'].format(messages=messages)}) {which}"


def counted(which: str = "") -> str:
    """The query for messages counted once, from such copies; see `copies` for `found`."""
    return f"WITH copies AS ({copies(which, found=True)}) {_COUNTING['counted']}"


def _caught_up(db: duckdb.DuckDBPyConnection, own: Sequence[OwnPrice]) -> int:
    rules = _rules_of(db, own)
    if _stored_rules(db) != rules:
        _forget(db, rules)
    db.execute(_TALLY["changed"])
    (count,) = db.execute("SELECT count(*) FROM changed").fetchall()[0]
    if count:
        (first,) = db.execute("SELECT count(*) = 0 FROM usage_tallied").fetchall()[0]
        together = _changed_together(db)
        _find(db, together)
        if first or not _take_dirty(db, together, own):
            rebuild(db, own)
            db.execute(_TALLY["changed"])  # Now it is all files.
        db.execute(_TALLY["remember"])
    return int(count)


def _changed_together(db: duckdb.DuckDBPyConnection) -> list[str]:
    """Agents of `_TOGETHER` with a change. A file that was replaced may have been one of theirs."""
    rows = db.execute(_TALLY["changed_dialects"]).fetchall()
    dialects = {dialect for dialect, _ in rows}
    replaced = any(replaced for _, replaced in rows)
    return [agent for agent in _TOGETHER if replaced or agent in dialects]


def _take_all(db: duckdb.DuckDBPyConnection, own: Sequence[OwnPrice]) -> None:
    for which in _parts(db):
        _count(db, which)
        _insert(db, own)
    db.execute(_TALLY["all_quarters"].format(sums=_TALLY["sums"]))


def _parts(db: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Conditions on `id`, a part of the messages each: memory does not grow with the database."""
    (rows,) = db.execute("SELECT count(*) FROM all_messages").fetchall()[0]
    parts = rows // PART_ROWS + 1
    for part in range(parts):
        yield f"WHERE hash(id) % {parts} = {part}"


def _find(db: duckdb.DuckDBPyConnection, agents: Collection[str]) -> None:
    """Copies of these agents; of the others of their kind none, since none of theirs changed."""
    for agent, query in _TOGETHER.items():
        where = "" if agent in agents else "WHERE false"
        db.execute(f"CREATE OR REPLACE TEMP TABLE found_{agent} AS SELECT * FROM ({query}) {where}")


def _take_dirty(
    db: duckdb.DuckDBPyConnection, together: Collection[str], own: Sequence[OwnPrice]
) -> bool:
    """False if there are so many that counting all, in parts, is better: after a rescan, say."""
    dirty = _TALLY["dirty"].format(agents=_listed(together))
    db.execute(dirty.replace("FROM copies", f"FROM ({copies(found=True)}) copies"))
    (ids,) = db.execute("SELECT count(*) FROM dirty").fetchall()[0]
    if ids > DIRTY_IDS_MAX:
        return False
    _count(db, "WHERE id IN (SELECT id FROM dirty)")
    db.execute(_TALLY["forget_dirty"])
    _insert(db, own)
    db.execute(_TALLY["touched_quarters"].format(sums=_TALLY["sums"]))
    return True


def _count(db: duckdb.DuckDBPyConnection, which: str) -> None:
    db.execute(f"CREATE OR REPLACE TEMP TABLE fresh AS {counted(which)}")


def _insert(db: duckdb.DuckDBPyConnection, own: Sequence[OwnPrice]) -> None:
    """What was counted, with what it costs."""
    pairs = db.execute("SELECT DISTINCT agent, model FROM fresh").fetchall()
    while prices.refresh(db, pairs, own).left:
        continue
    db.execute(_TALLY["insert_priced"].format(priced=prices.PRICED))


def _listed(agents: Collection[str]) -> str:
    """As a list in SQL; never an empty one."""
    return ", ".join(f"'{agent}'" for agent in (*agents, ""))


def _rules_of(db: duckdb.DuckDBPyConnection, own: Sequence[OwnPrice]) -> str:
    (times,) = db.execute("SELECT max(times) FROM amended").fetchall()[0]
    return f"{_COUNTED_BY} {times} {prices.stamp(own)}"


def _stored_rules(db: duckdb.DuckDBPyConnection) -> str | None:
    found = db.execute("SELECT digest FROM usage_rules").fetchall()
    return str(found[0][0]) if found else None


def _forget(db: duckdb.DuckDBPyConnection, rules: str) -> None:
    db.execute(_TALLY["forget"])
    db.execute("INSERT INTO usage_rules VALUES ($1)", [rules])
