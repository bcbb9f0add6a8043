"""The private list of a home, which its user writes and the collector obeys (`core.private`).

The rule: it fails closed. A list that is there and cannot be read, whatever the reason, means that
nothing of this user is collected.
"""

import os
from collections.abc import Sequence

from core.private import Private
from service.collecting import beneath
from service.collecting.beneath import Owner

BYTES_MAX = 1 << 16
LINES_MAX = 1000
"""Every file is held against every line, so a list is bounded."""


def private_of(home: int, path: str, owner: Owner) -> Private:
    """The list at `path` of a home. Raises `PermanentError` if it cannot be relied on."""
    *folders, name = path.split("/")
    try:
        return Private(_lines(home, folders, name, owner) if path else ())
    except FileNotFoundError:
        return Private()
    except Exception as error:  # Whatever it is, it must not make private sessions public.
        raise beneath.refused("private_list_unreadable") from error


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
