"""What a user keeps to themselves: a list with a session or a pattern a line.

The rule: a word means more rather than less, because what was told once cannot be taken back.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from core.keys import session_of


class Private:
    """Tells which files are private. Empty lines and those that begin with # say nothing."""

    def __init__(self, lines: Sequence[str] = ()) -> None:
        words = (line.strip() for line in lines)
        self._words = [word for word in words if word and not word.startswith("#")]

    def __call__(self, parts: Sequence[str]) -> bool:
        """Is the file at this place private, for which its user's own folder is the top?

        A word means a session by its id, its subagents and folder included, also where the id
        stands at the end of a longer name; or it is a pattern of one of these names or of the path.
        """
        path = "/".join(parts)
        names = (path, *parts, session_of(path), session_of(parts[-1]))
        return any(_fits(name, word) for word in self._words for name in names)


def _fits(name: str, word: str) -> bool:
    return name.endswith(f"-{word}") or fnmatchcase(name, word)
