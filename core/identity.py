"""Who is who: folder names, accounts, e-mail addresses and ids of other systems as one person.

The rule: a name means the person it was given to; else, if it is the part before the `@` of an
address, the person with that address; else it stands for itself. So somebody is counted once under
one name, and nobody has to be known beforehand.
"""

import hashlib
from collections.abc import Collection, Iterable
from typing import NamedTuple


class Alias(NamedTuple):
    """A name somebody goes by, and since when it is known."""

    alias: str
    person: str
    set_at_us: int = 0


def digest_of(name: str) -> str:
    """A name as it is kept of somebody who was erased."""
    return hashlib.sha256(name.casefold().encode("utf-8", "surrogateescape")).hexdigest()


class Identity:
    """Every known name. Changed as a whole by `know`, so any thread may ask at any time."""

    def __init__(self, aliases: Iterable[Alias] = (), erased: Collection[str] = ()) -> None:
        self._person_by_name: dict[str, str] = {}
        self.revision = 0
        """How often what is known has changed."""
        self.know(aliases, erased)

    def know(self, aliases: Iterable[Alias], erased: Collection[str]) -> None:
        """Forget what was known before. `erased`: digests of the names of who was.

        Of two addresses with the same local part the one that was set last has it."""
        exact: dict[str, str] = {}
        local: dict[str, str] = {}
        for one in sorted(aliases, key=lambda one: one.set_at_us):
            exact[one.person] = one.person
            exact[one.alias] = one.person
            if not one.alias.isalnum():  # Addresses and ids in any case; accounts differ by it.
                exact[one.alias.casefold()] = one.person
            if "@" in one.alias:
                local[one.alias.rpartition("@")[0].casefold()] = one.person
        self._person_by_name = local | exact
        self._erased = frozenset(erased)
        self._refused: dict[str, bool] = {}
        self.revision += 1

    def resolve(self, name: str) -> str:
        """The person a name means, or the name itself."""
        known = self._person_by_name
        return known.get(name) or known.get(name.casefold()) or name

    def names_of(self, person: str) -> set[str]:
        """Every name that means this person."""
        return {person, *(name for name, one in self._person_by_name.items() if one == person)}

    def refuses(self, name: str) -> bool:
        """Was this person erased, so that nothing of theirs may be read again?"""
        if not self._erased:
            return False
        found = self._refused.get(name)
        if found is None:  # Asked for every file of every sweep.
            found = self._refused[name] = digest_of(name) in self._erased
        return found
