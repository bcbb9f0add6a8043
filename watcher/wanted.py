"""Which files of a source are session files: decided here, for the walk, for events and for keys.

The rule: first the name, then the path below the root, as the operating system spells it and case
included. `*` of a pattern crosses folders.
"""

import fnmatch
import re
from collections.abc import Callable, Sequence


class Wanted:
    """`names` are patterns of file names; `include` and `exclude` of paths below the root.

    A file is wanted if its name fits, its path fits one of `include` (if there are any) and none
    of `exclude`.
    """

    def __init__(
        self, names: Sequence[str], include: Sequence[str] = (), exclude: Sequence[str] = ()
    ) -> None:
        self.name = _matcher(names).match
        """Tells (truthy or not) whether a file may be wanted, from its name alone."""
        self.by_path = bool(include or exclude)
        """Does the path matter at all?"""
        self._refuses: Callable[[str], bool] | None = None
        self._include = _matcher(include or ["*"])
        self._exclude = _matcher(exclude)
        # Whatever follows a path that such a pattern fits, it fits as well.
        self._exclude_below = _matcher([pattern for pattern in exclude if pattern.endswith("*")])

    def __call__(self, path: str) -> bool:
        """Is the file with this path below the root wanted?"""
        if not self.name(path.rpartition("/")[2]):
            return False
        return not self.by_path or self.path(path)

    def path(self, path: str) -> bool:
        """The rest of the question, for a file whose name fits."""
        if self._refuses and self._refuses(path):
            return False
        return bool(self._include.match(path)) and not self._exclude.match(path)

    def refuse(self, refuses: Callable[[str], bool]) -> None:
        """Besides, no path that this fits, from now on and as long as it says so."""
        self._refuses, self.by_path = refuses, True

    def folder(self, path: str) -> bool:
        """May anything below this folder be wanted? A folder that is excluded whole is not listed
        at all."""
        return not self._exclude_below.match(f"{path}/")


def _matcher(patterns: Sequence[str]) -> re.Pattern[str]:
    """Fits what one of the patterns fits; nothing, if there are none."""
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns) or r"(?!)")
