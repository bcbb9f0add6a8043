"""The table of session files: a number for each key, so that keys stay out of the hot tables.

The rule: a number is given in the transaction that first needs it and is known here only after that
transaction was committed.
"""

from collections.abc import Callable, Collection, Iterable

from core.keys import SessionKey, session_of
from core.ledger import LedgerEntry
from state.inserts import Appenders

_COLUMNS = {
    "file_id": "INTEGER",
    "source": "VARCHAR",
    "path": "VARCHAR",
    "user": "VARCHAR",
    "session": "VARCHAR",
    "first_seen_us": "BIGINT",
}


class FileIds:
    """Numbers by key, as they are in the database."""

    def __init__(self, known: dict[SessionKey, int]) -> None:
        self._ids = known
        self._next = max(known.values(), default=0) + 1

    def of(self, key: SessionKey, new: dict[SessionKey, int]) -> int:
        """The number of a file that is known, or among the `new` ones of this transaction."""
        return new.get(key) or self._ids[key]

    def write(
        self,
        appenders: Appenders,
        entries: Iterable[LedgerEntry],
        user: Callable[[SessionKey], str],
    ) -> dict[SessionKey, int]:
        """Write down the files nobody has seen before; their numbers."""
        new: dict[SessionKey, int] = {}
        rows = []
        for entry in entries:
            key = entry.key
            if key in self._ids or key in new:
                continue
            new[key] = self._next + len(new)
            seen = (user(key), session_of(key.path), entry.committed_at_us)
            rows.append((new[key], *key, *seen))
        if rows:
            appenders.insert("files", _COLUMNS, rows)
        return new

    def learn(self, new: dict[SessionKey, int]) -> None:
        """The transaction that wrote them was committed."""
        self._ids.update(new)
        self._next += len(new)

    def keep(self, left: Collection[int]) -> list[SessionKey]:
        """Forget all but these numbers; whose they were."""
        gone = [key for key, file_id in self._ids.items() if file_id not in left]
        for key in gone:
            del self._ids[key]
        return gone
