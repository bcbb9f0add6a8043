"""People and the names they go by, and who was erased.

The rule: what is written here is what `core.identity` knows from then on; the files themselves get
their new names by a `Reassign` of the writer, which whoever changes something here has to ask for.
"""

from collections.abc import Callable, Sequence
from typing import Any

from core.errors import ConfigurationError
from core.identity import Alias, Identity, digest_of
from state.operations.book import Book
from state.times import iso_utc

NAME_MAX = 200


class People:
    """`identity` is kept up to what the tables say."""

    def __init__(self, book: Book, identity: Identity, now_us: Callable[[], int]) -> None:
        self._book = book
        self._identity = identity
        self._now_us = now_us
        self._learn()

    def resolve(self, name: str) -> str:
        """The person a name means."""
        return self._identity.resolve(name)

    def everyone(self) -> list[dict[str, Any]]:
        """Everybody with files, names, a token or a place in the knowledge base: person, aliases,
        folders, files, erased."""
        rows = self._book.rows(
            """
            SELECT person, coalesce(aliases, []), coalesce(folders, []), coalesce(files, 0), erased
            FROM (
                SELECT person FROM people UNION SELECT "user" FROM files
                UNION SELECT person FROM erased
                UNION SELECT "user" FROM (
                    SELECT "user" FROM knowledge_evidence UNION SELECT "user" FROM knowledge_votes
                    UNION SELECT "user" FROM knowledge_dismissals
                    UNION SELECT "user" FROM knowledge_deliveries
                    UNION SELECT person FROM knowledge_groups
                    UNION SELECT person FROM tokens
                    WHERE person IS NOT NULL AND revoked_at_us IS NULL
                ) WHERE NOT starts_with("user", '@') AND "user" NOT IN (SELECT alias FROM aliases)
            )
            LEFT JOIN (
                SELECT person, list(alias ORDER BY alias) AS aliases FROM aliases GROUP BY person
            ) USING (person)
            LEFT JOIN (
                SELECT "user" AS person, count(*) AS files, list_sort(list(DISTINCT concat(
                    source, ':', CASE WHEN contains(path, '/') THEN split_part(path, '/', 1) ELSE ''
                    END))) AS folders
                FROM files GROUP BY "user"
            ) USING (person)
            LEFT JOIN (
                SELECT person, max(at_us) AS erased FROM erased GROUP BY person
            ) USING (person)
            ORDER BY person
            """
        )
        return [
            {"person": person, "aliases": aliases, "folders": folders, "files": files,
             "erased_at": iso_utc(erased)}
            for person, aliases, folders, files, erased in rows
        ]  # fmt: skip

    def link(self, person: str, aliases: Sequence[str], *, move: bool = False) -> None:
        """These names mean this person from now on. Raises `ConfigurationError` (`conflict`) if one
        of them means somebody else, unless it is to `move`."""
        for name in (person, *aliases):
            _check(name)
        taken = {
            alias: owner
            for alias, owner in self._book.rows("SELECT alias, person FROM aliases")
            if alias in aliases and owner != person
        }
        if taken and not move:
            alias, owner = next(iter(taken.items()))
            raise ConfigurationError(
                f"{alias} means {owner}", reason="conflict", hint="say move to give it to another"
            )
        now_us = self._now_us()
        with self._book.change() as cursor:
            cursor.execute("DELETE FROM people WHERE person = ?", [person])
            cursor.execute("INSERT INTO people VALUES (?, ?)", [person, now_us])
            for alias in dict.fromkeys(aliases):
                cursor.execute("DELETE FROM aliases WHERE alias = ?", [alias])
                cursor.execute("INSERT INTO aliases VALUES (?, ?, ?)", [alias, person, now_us])
        self._learn()

    def unlink(self, alias: str) -> str:
        """The name stands for itself again; whom it meant."""
        rows = self._book.rows("SELECT person FROM aliases WHERE alias = ?", [alias])
        if not rows:
            raise ConfigurationError(
                f"{alias[:60]} is no known name", reason="not_found",
                hint="`sessionwatch people list` has them",
            )  # fmt: skip
        with self._book.change() as cursor:
            cursor.execute("DELETE FROM aliases WHERE alias = ?", [alias])
        self._learn()
        return str(rows[0][0])

    def refuse(self, person: str, by: str) -> None:
        """Read nothing of this person any more, under whatever name that is known now."""
        folders = self._book.rows(
            "SELECT DISTINCT split_part(path, '/', 1) FROM files "
            "WHERE \"user\" = ? AND contains(path, '/')",
            [person],
        )
        mine = {one for (one,) in folders if self._identity.resolve(one) == person}
        digests = {digest_of(name) for name in self._identity.names_of(person) | mine}
        now_us = self._now_us()
        with self._book.change() as cursor:
            for digest in sorted(digests):
                row = [person, digest, now_us, by]
                cursor.execute("INSERT INTO erased VALUES (?, ?, ?, ?)", row)
            # Before anything is taken: rather a rewritten file too many than one too few.
            cursor.execute("INSERT INTO uncompacted VALUES (?)", [self._now_us()])
        self._learn()

    def uncompacted_since_us(self) -> int | None:
        """Since when there are bytes of somebody erased in the database file; None if there are
        none."""
        found: int | None = self._book.rows("SELECT min(since_us) FROM uncompacted")[0][0]
        return found

    def readmit(self, person: str) -> None:
        """Read what is theirs again. Raises `ConfigurationError` if they were not erased."""
        if not self._book.rows("SELECT 1 FROM erased WHERE person = ?", [person]):
            raise ConfigurationError(
                f"{person[:60]} was not erased", reason="not_found",
                hint="`sessionwatch people list` says who was",
            )  # fmt: skip
        with self._book.change() as cursor:
            cursor.execute("DELETE FROM erased WHERE person = ?", [person])
        self._learn()

    def forget(self, person: str) -> dict[str, int]:
        """Take a person's own rows of these tables; how many, by table."""
        queries = {
            "uploads": 'DELETE FROM uploads WHERE "user" IN '
            "(SELECT alias FROM aliases WHERE person = $1 UNION SELECT $1)",
            "aliases": "DELETE FROM aliases WHERE person = $1",
            "people": "DELETE FROM people WHERE person = $1",
        }
        with self._book.change() as cursor:
            found = {
                table: int(cursor.execute(query, [person]).fetchall()[0][0])
                for table, query in queries.items()
            }
        self._learn()
        return found

    def _learn(self) -> None:
        aliases = self._book.rows("SELECT alias, person, set_at_us FROM aliases")
        people = self._book.rows("SELECT person, person, created_at_us FROM people")
        erased = self._book.rows("SELECT name_digest FROM erased")
        known = [Alias(*row) for row in (*people, *aliases)]
        self._identity.know(known, [digest for (digest,) in erased])


def _check(name: str) -> None:
    if not name.strip() or len(name) > NAME_MAX or not name.isprintable() or "/" in name:
        raise ConfigurationError(
            f"{name[:40]!r} is no name", reason="bad_name",
            hint=f"printable, without '/', up to {NAME_MAX} characters",
        )  # fmt: skip
