"""Where session files lie in homes, from a pattern such as `/home/*/.claude/projects`.

The rule: pure, and what leads from a user's file to its place in the drop folder is decided here
alone. The parts that further wildcards match and what lies below the pattern are kept, so no two
files of one pattern meet in one place.
"""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from watcher.wanted import Wanted

Parts = tuple[str, ...]
HIDDEN = ".sessionwatch-"
"""How names begin that are our own."""


class HomePattern(NamedTuple):
    """`base` is the folder with the homes, `user` says which of them, `steps` lead on from there.

    A last step with a wildcard means files; one without means a folder that is searched whole, or
    the one file of that name.
    """

    base: str
    user: str
    steps: Parts

    @classmethod
    def of(cls, pattern: str) -> "HomePattern":
        """Raises `ValueError` if it does not say who the user is, or what to take from them."""
        parts = pattern.split("/")
        first = next((n for n, part in enumerate(parts) if _is_wild(part)), 0)
        steps = tuple(parts[first + 1 :])
        if not pattern.startswith("/") or first < 2 or not steps:
            raise ValueError(pattern)
        if not {"", ".", "..", "**"}.isdisjoint(parts[1:]) or "\0" in pattern:
            raise ValueError(pattern)
        return cls("/".join(parts[:first]), parts[first], steps)

    def has_user(self, name: str) -> bool:
        """Is the folder of this name one of the homes? Hidden ones never are."""
        return not name.startswith(".") and fnmatchcase(name, self.user)

    @property
    def names_files(self) -> bool:
        """Does it name files, so that nothing below is searched?"""
        return _is_wild(self.steps[-1])

    def leads(self, parts: Sequence[str]) -> bool:
        """May what is wanted lie at or below this path of a home?"""
        if len(parts) > len(self.steps) and self.names_files:
            return False
        return all(map(fnmatchcase, parts, self.steps))

    def holds(self, parts: Sequence[str]) -> bool:
        """May wanted files lie directly in this folder?"""
        return len(parts) >= len(self.steps) - 1 and self.leads(parts)

    def step(self, parts: Sequence[str]) -> str | None:
        """The only name in this folder that leads on; None if several may."""
        step = self.steps[len(parts)] if len(parts) < len(self.steps) else ""
        return step if step and not _is_wild(step) else None

    def below(self, parts: Sequence[str]) -> Parts | None:
        """The place of a home's file below the user's drop folder; None if it is not meant."""
        depth = len(self.steps)
        if len(parts) < depth or not self.leads(parts):
            return None
        kept = [part for part, step in zip(parts, self.steps, strict=False) if _is_wild(step)]
        rest = () if self.names_files else tuple(parts[depth:])
        return (*kept, *rest) or (parts[-1],)

    def source(self, place: Parts) -> Parts | None:
        """The file of a home that would come to this place; the inverse of `below`."""
        left = list(place)
        if not any(map(_is_wild, self.steps)) and left == [self.steps[-1]]:
            return self.steps
        wilds = sum(map(_is_wild, self.steps))
        if len(left) < wilds:
            return None
        parts = (*(left.pop(0) if _is_wild(step) else step for step in self.steps), *left)
        return parts if self.below(parts) == place else None


class Choice:
    """Which files of the homes are wanted. `files` are patterns of names in searched folders,
    `exclude` of paths below the drop folder."""

    def __init__(self, homes: Sequence[str], files: Sequence[str], exclude: Sequence[str]) -> None:
        self.patterns = [HomePattern.of(pattern) for pattern in homes]
        self._wanted = Wanted(files, (), exclude)
        self._refuses: Callable[[str], bool] = lambda user: False

    def bases(self) -> dict[str, list[HomePattern]]:
        """The folders with homes, and the patterns that hold for each."""
        found: dict[str, list[HomePattern]] = {}
        for pattern in self.patterns:
            found.setdefault(pattern.base, []).append(pattern)
        return found

    def has_user(self, user: str) -> bool:
        """Or is everything of them excluded?"""
        return self._wanted.folder(user) and not self._refuses(user)

    def refuse(self, refuses: Callable[[str], bool]) -> None:
        """Besides, nothing of users whom this fits, from now on and as long as it says so."""
        self._refuses = refuses
        self._wanted.refuse(lambda path: refuses(path.partition("/")[0]))

    def place(self, pattern: HomePattern, user: str, parts: Parts) -> Parts | None:
        """Where this file of a home goes below the drop folder; None if it is not wanted."""
        place = pattern.below(parts)
        if place is None or not pattern.has_user(user) or parts[-1].startswith(HIDDEN):
            return None
        if len(parts) > len(pattern.steps) and not self._wanted.name(parts[-1]):
            return None
        return (user, *place) if self._wanted.path("/".join((user, *place))) else None

    def enters(self, pattern: HomePattern, user: str, parts: Parts) -> bool:
        """May there be wanted files in this folder?"""
        depth = len(pattern.steps)
        if len(parts) <= depth:
            return len(parts) < depth or not pattern.names_files
        path = "/".join((user, *(pattern.below(parts) or ())))
        return self._wanted.folder(path) and self._wanted.path(path)

    def rivals(self, pattern: HomePattern, user: str, place: Parts) -> list[Parts]:
        """Files of the same home that would come to the same place, and whose pattern is named
        before this one."""
        found = []
        for earlier in self.patterns[: self.patterns.index(pattern)]:
            parts = earlier.source(place[1:])
            if earlier.base == pattern.base and parts and self.place(earlier, user, parts):
                found.append(parts)
        return found


def _is_wild(part: str) -> bool:
    return any(sign in part for sign in "*?[")
