"""Names of session files: which source they belong to and where they lie below its root.

The rule: a key never contains anything the operating system cannot give back. Paths are stored
relative to the source root with `/`, and bytes that are not UTF-8 are escaped reversibly, so
two different files never share a key and every key leads back to its file.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

NOTE_FILE = "CLAUDE.local.md"
"""What a person's note is called, directly in their folder."""
_ESCAPED = re.compile(rb"\\(\\|x[0-9a-f]{2})")
_SESSION_SUFFIX = re.compile(r"\.jsonl?(\.gz|\.zst)?$")
_PIECE = re.compile(r"(?:^|/)(?:(ses_[^/]+)/)?(?:msg|prt)_[^/]*\.json(?:\.gz|\.zst)?$")


class SessionKey(NamedTuple):
    """One session file: the source's name and the escaped path relative to its root."""

    source: str
    path: str

    def __str__(self) -> str:
        return f"{self.source}:{self.path}"


def escape_path(path: str) -> str:
    r"""The storable form of an operating-system path (as `os.fsdecode` gives it).

    A byte that is not UTF-8 becomes `\xNN`; a backslash is doubled so that the form is
    reversible. Ordinary paths come back unchanged.
    """
    if path.isascii() and "\\" not in path:
        return path
    doubled = os.fsencode(path).replace(b"\\", b"\\\\")
    return doubled.decode("utf-8", "backslashreplace")


def unescape_path(path: str) -> str:
    """The operating-system path that `escape_path` was given."""
    if "\\" not in path:
        return path
    raw = _ESCAPED.sub(
        lambda m: b"\\" if m[1] == b"\\" else bytes((int(m[1][1:], 16),)), path.encode()
    )
    return os.fsdecode(raw)


def stored_names(path: str) -> Iterable[str]:
    """How somebody's path may be stored: as it is given, or escaped if it is the file system's."""
    with suppress(UnicodeEncodeError):  # What no file system gave has no stored form.
        return dict.fromkeys((path, escape_path(path)))
    return (path,)


def user_of(path: str) -> str:
    """The user a file belongs to: the first folder below the root, empty for a file in the root."""
    head, _, rest = path.partition("/")
    return head if rest else ""


def session_of(path: str) -> str:
    """The session a file belongs to, from its path alone.

    `<p>/<session>.jsonl` names itself; everything in `<p>/<session>/subagents/` (workflow
    folders below it included) belongs to `<session>`, so a session's subagents are rolled up.
    OpenCode's pieces lie in `message/<session>/` or, where only they themselves can say whose they
    are, in `part/<message>/`: for those it is empty.
    """
    if piece := _PIECE.search(path):
        return piece[1] or ""
    parts = path.split("/")
    if "subagents" in parts[1:-1]:
        return parts[parts.index("subagents", 1) - 1]
    return _SESSION_SUFFIX.sub("", parts[-1])


def session_base(path: str) -> str:
    """What the paths of all files of one session begin with: the session's own, without its suffix.

    Unlike `session_of` it tells apart sessions of one name in two folders.
    """
    parts = path.split("/")
    if "subagents" in parts[1:-1]:
        return "/".join(parts[: parts.index("subagents", 1)])
    return _SESSION_SUFFIX.sub("", path)
