"""What a user keeps to themselves: a file in their home with a session or pattern a line.

The rule: it fails closed. A list that is there and cannot be read, whatever the reason, means that
nothing of this user is collected.
"""

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase

from core.keys import session_of
from service.collecting import beneath
from service.collecting.beneath import Owner

BYTES_MAX = 1 << 16
LINES_MAX = 1000
"""Every file is held against every line, so a list is bounded."""


class Private:
    """Tells which files are private. Empty lines and those that begin with # say nothing."""

    def __init__(self, lines: Sequence[str] = ()) -> None:
        words = (line.strip() for line in lines)
        self._words = [word for word in words if word and not word.startswith("#")]

    @classmethod
    def of(cls, home: int, path: str, owner: Owner) -> "Private":
        """The list at `path` of a home. Raises `PermanentError` if it cannot be relied on."""
        *folders, name = path.split("/")
        try:
            lines = _lines(home, folders, name, owner) if path else []
        except FileNotFoundError:
            return cls()
        except Exception as error:  # Whatever it is, it must not make private sessions public.
            raise beneath.refused("private_list_unreadable") from error
        return cls(lines)

    def __call__(self, place: Sequence[str]) -> bool:
        """Is the file at this place below the user's drop folder private?

        A word means a session by its id, its subagents and folder included, also where the id
        stands at the end of a longer name; or it is a pattern of one of these names or of the path.
        """
        path = "/".join(place)
        names = (*place, session_of(path), session_of(place[-1]))
        return any(_fits(name, word) for word in self._words for name in (path, *names))


def _fits(name: str, word: str) -> bool:
    return name.endswith(f"-{word}") or fnmatchcase(name, word)


def _lines(home: int, folders: Sequence[str], name: str, owner: Owner) -> list[str]:
    within = beneath.descend(folders, home, owner.device)
    try:
        fd = beneath.file(name, within, owner)
    finally:
        os.close(within)
    with open(fd, "rb") as file:
        content = file.read(BYTES_MAX + 1)
    lines = content.decode("utf-8").splitlines()
    if len(content) > BYTES_MAX or len(lines) > LINES_MAX:
        raise ValueError("too long")
    return lines
