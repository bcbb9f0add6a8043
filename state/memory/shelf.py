"""The knowledge base in memory, and the only way to change it.

The rule: who changes it holds the lock from looking to writing, so no decision is made on a base
that is no longer so. A change is true in memory once it is committed, and not before.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from core.errors import ConfigurationError
from core.identity import Identity
from knowledge.operations import Known
from knowledge.relations import Statement
from state.memory import tables
from state.memory.base import Base
from state.memory.values import Act, Changes, Found, Kept
from state.operations.book import Book

NOTHING = Changes()


class Shelf:
    """Safe from any thread. `now_us` is the clock; `identity` says whom a name means;
    `holds_secret` whether a text has something in it that is to be redacted."""

    def __init__(
        self, book: Book, now_us: Callable[[], int], identity: Identity,
        holds_secret: Callable[[str], bool] = lambda _: False,
    ) -> None:  # fmt: skip
        self.book = book
        self.identity = identity
        self._holds_secret = holds_secret
        self._clock_us = now_us
        self._lock = threading.RLock()
        self._clock_lock = threading.Lock()
        self._base: Base | None = None
        self._known: Known | None = None
        self._people = -1
        self._last_us = 0

    def base(self) -> Base:
        """As it is now; read from the tables if nobody has yet or names mean others now. Who only
        reads does not wait for who writes: a base is whole, and replaced once it is committed."""
        known = self._base
        if known is not None and self._people == self.identity.revision:
            return known
        with self._lock:
            if self._base is None or self._people != self.identity.revision:
                people = self.identity.revision
                with self._clock_lock:
                    self._last_us = max(self._last_us, tables.last_us(self.book.rows))
                self._base = tables.read(self.book.rows, self.identity.resolve)
                self._people = people  # Last, or somebody would read the old one as the new.
                self._known = None
            return self._base

    @contextmanager
    def changing(self) -> Iterator[Base]:
        """The base, for as long as nobody else changes it."""
        with self._lock:
            yield self.base()

    def now_us(self) -> int:
        """The time, later than it was ever said to be before: what is written last, holds."""
        with self._clock_lock:
            self._last_us = max(self._clock_us(), self._last_us + 1)
            return self._last_us

    def refuse_secrets(self, *texts: str) -> None:
        """Raises `ConfigurationError` (`secret`) for what somebody typed that nobody may keep."""
        if any(map(self._holds_secret, texts)):
            raise ConfigurationError(
                "there is a secret or somebody's address in it, and nothing was kept",
                reason="secret", hint="say it without keys, passwords, addresses and numbers",
            )  # fmt: skip

    def write(self, changes: Changes) -> Base:
        """Commit a change. The caller holds the lock (`changing`)."""
        base = self.base()
        with self.book.change() as cursor:
            tables.write(cursor, changes, self.now_us(), self.identity.resolve)
        self._base = base.after(changes, [tables.proof_of(one) for one in changes.intakes])
        if changes.dropped:
            self._known = None
        return self._base

    def put(
        self, kept: Iterable[Kept], acts: Iterable[Act] = (), more: Changes = NOTHING
    ) -> list[Kept]:
        """Commit items as they are now, with what else comes of it; the items as they are kept.
        The caller holds the lock."""
        changes = self.changed(kept, more)
        self.write(replace(changes, acts=tuple(acts)))
        return [*changes.put]

    def changed(self, kept: Iterable[Kept], more: Changes = NOTHING) -> Changes:
        """The change that makes items these, with the relations that their words have then."""
        items, now_us = self.base().items, self.now_us()
        put = tuple(replace(one, updated_at_us=now_us) for one in kept)
        said = {
            one.item.id: one.statement()
            for one in put
            if one.item.id not in items or items[one.item.id].statement() != one.statement()
        }
        gone = {*more.dropped}
        relations = tuple(
            found
            for found in (self.relations(said) if said else ())
            if not gone & {found.relation.left, found.relation.right}
        )
        return replace(more, put=put, related=frozenset(said), relations=relations)

    def forget(self) -> None:
        """The tables were changed by somebody else: read them again."""
        with self._lock:
            self._base = self._known = None

    def relations(self, statements: dict[str, Statement]) -> tuple[Found, ...]:
        """How these statements stand to each other and to all that is known."""
        known, now_us = self._learnt(statements), self.now_us()
        found = {
            (relation.left, relation.right): relation
            for _, statement in sorted(statements.items())
            for relation in known.relations(statement)
        }
        return tuple(Found(relation, now_us) for _, relation in sorted(found.items()))

    def _learnt(self, statements: dict[str, Statement]) -> Known:
        known, self._known = self._known, None  # Lost if anything fails on the way.
        if known is None or any(
            id_ in known.statements and known.statements[id_].text != said.text
            for id_, said in statements.items()
        ):
            there = {k: kept.statement() for k, kept in self.base().items.items()}
            known = Known((there | statements).values())
        for id_, said in statements.items():
            known.take(said, "")
            known.statements[id_] = said
        self._known = known
        return known
