"""Who is who: folder names, accounts, e-mail addresses and ids of other systems as one person.

The rule: a name means the person it was given to; else, if it is the part before the `@` of an
address, the person with that address; else it stands for itself. So somebody is counted once under
one name, and nobody has to be known beforehand.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple


class Alias(NamedTuple):
    """A name somebody goes by, and since when it is known."""

    alias: str
    person: str
    set_at_us: int = 0


class Identity:
    """Every known name. Changed as a whole by `know`, so any thread may ask at any time."""

    def __init__(self, aliases: Iterable[Alias] = (), erased: Collection[str] = ()) -> None:
        self._person_by_name: dict[str, str] = {}
        self._erased: frozenset[str] = frozenset()
        self.revision = 0
        """How often what is known has changed."""
        self.know(aliases, erased)

    def know(self, aliases: Iterable[Alias], erased: Collection[str]) -> None:
        """Forget what was known before. Of two addresses with the same local part the one that was
        set last has it."""
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
        self.revision += 1

    def resolve(self, name: str) -> str:
        """The person a name means, or the name itself."""
        known = self._person_by_name
        return known.get(name) or known.get(name.casefold()) or name

    def refuses(self, name: str) -> bool:
        """Was this person erased, so that nothing of theirs may be read again?"""
        return bool(self._erased) and self.resolve(name) in self._erased
