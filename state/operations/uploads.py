"""What came over HTTP: one row for every upload that changed something.

The rule: rows are by key, and of each key the last one stays for good; older ones only as long as a
day's bytes are counted from them.
"""

import uuid
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from core.errors import ConfigurationError
from core.keys import SessionKey
from core.uploads import Outcome, Stored
from state.operations.book import Book

DAY_US = 86_400_000_000
_KEPT_US = DAY_US + 3_600_000_000
UPLOAD_BYTES_MIN = 4096
"""What even the smallest change counts of a day's bytes, so that files without number do count."""
_COLUMNS = (
    "upload_id", "at_us", "actor", '"user"', "source", "path", "outcome", "size_bytes",
    "added_bytes", "complete_bytes", "digest",
)  # fmt: skip
_INSERT = f"INSERT INTO uploads VALUES ({', '.join('?' * len(_COLUMNS))})"
_FORGET = "DELETE FROM uploads WHERE source = ? AND path = ? AND at_us < ?"
_LATEST = """
FROM (
    FROM uploads
    QUALIFY row_number() OVER (PARTITION BY source, path ORDER BY at_us DESC, upload_id DESC) = 1
)
"""
_PAGE = f"""
SELECT {", ".join(_COLUMNS)} {_LATEST}
WHERE ($1::BIGINT IS NULL OR (at_us, upload_id) < ($1::BIGINT, $2::VARCHAR))
  AND ($3::VARCHAR IS NULL OR "user" = $3) AND at_us >= $4
ORDER BY at_us DESC, upload_id DESC LIMIT $5
"""
_FAULTY = """
SELECT DISTINCT source, path FROM quarantine
WHERE kind = 'line' AND NOT kept
  AND (source, path) IN (SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[]))
"""


class Upload(NamedTuple):
    """A row of the table."""

    upload_id: str
    at_us: int
    actor: str
    user: str
    source: str
    path: str
    outcome: Outcome
    size_bytes: int
    added_bytes: int
    complete_bytes: int
    digest: str

    @property
    def key(self) -> SessionKey:
        return SessionKey(self.source, self.path)


class Uploads:
    """`now_us` is the clock."""

    def __init__(self, book: Book, now_us: Callable[[], int]) -> None:
        self._book = book
        self._now_us = now_us

    def note(self, stored: Stored, actor: str, user: str) -> None:
        """One row; of what changed nothing only if the change itself was never noted."""
        if stored.outcome == "unchanged" and self._last_digest(stored.key) == stored.digest:
            return
        row = (
            str(uuid.uuid4()), stored.at_us, actor, user, *stored.key, stored.outcome,
            stored.size_bytes, stored.added_bytes, stored.complete_bytes, stored.digest,
        )  # fmt: skip
        with self._book.change() as cursor:
            if stored.outcome != "created":
                cursor.execute(_FORGET, [*stored.key, stored.at_us - _KEPT_US])
            cursor.execute(_INSERT, row)

    def bytes_of(self, user: str) -> int:
        """What a user's uploads count within the last 24 h."""
        found = self._book.rows(
            "SELECT coalesce(sum(greatest(added_bytes, ?)), 0) FROM uploads "
            'WHERE "user" = ? AND at_us >= ?',
            [UPLOAD_BYTES_MIN, user, self._now_us() - DAY_US],
        )
        return int(found[0][0])

    def latest(
        self, limit: int, *, after: str = "", user: str | None = None, since_us: int = 0
    ) -> list[Upload]:
        """The last upload of each key, newest first. Raises `ConfigurationError` for an `after`
        that is none."""
        at_us, upload_id = _place(after) if after else (None, "")
        return [
            Upload(*row)
            for row in self._book.rows(_PAGE, [at_us, upload_id, user, since_us, limit])
        ]

    def faulty(self, keys: Collection[SessionKey]) -> frozenset[SessionKey]:
        """Those with lines that are not in the tables."""
        columns: Sequence[Sequence[str]] = list(zip(*keys, strict=True)) or [(), ()]
        found = self._book.rows(_FAULTY, [list(column) for column in columns])
        return frozenset(SessionKey(*row) for row in found)

    def _last_digest(self, key: SessionKey) -> str | None:
        found = self._book.rows(f"SELECT digest {_LATEST} WHERE source = ? AND path = ?", list(key))
        return str(found[0][0]) if found else None


def place_after(upload: Upload) -> str:
    """The `after` that goes on behind this one."""
    return f"{upload.at_us}.{upload.upload_id}"


def _place(after: str) -> tuple[int, str]:
    at_us, _, upload_id = after.partition(".")
    if not (at_us.isascii() and at_us.isdigit() and len(at_us) < 19):
        raise ConfigurationError(
            "after is not a place among the uploads", reason="bad_parameter",
            hint="use the `next` of the page before",
        )  # fmt: skip
    return int(at_us), upload_id
