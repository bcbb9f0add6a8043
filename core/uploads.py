"""What an upload may be called and what is said of one: rules that both ends share.

The rule: a name is taken apart before anything is opened, each part is of letters that mean nothing
to any file system, and none begins with a dot; so no name leads out of its user's folder or hides.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from core.errors import ConfigurationError
from core.keys import NOTE_FILE, SessionKey
from core.ledger import LedgerEntry

Encoding = Literal["", "gzip", "zstd"]
Outcome = Literal["created", "appended", "replaced", "unchanged"]

State = Literal["arrived", "behind", "read", "quarantined", "parked", "gone"]
STATES: tuple[State, ...] = ("arrived", "behind", "read", "quarantined", "parked", "gone")

PART_MAX = 200
PARTS_MAX = 16
PATH_MAX = 1000
SUFFIXES = (".jsonl", ".json")
PACKED: dict[str, Encoding] = {".gz": "gzip", ".zst": "zstd"}
_PART = re.compile(rf"[A-Za-z0-9_-][A-Za-z0-9._-]{{0,{PART_MAX - 1}}}")
_USER_BYTES_MAX = 200


class Place(NamedTuple):
    """Where an upload goes below its user's folder, and how its name says it is packed."""

    parts: tuple[str, ...]
    encoding: Encoding

    @property
    def path(self) -> str:
        return "/".join(self.parts)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One upload as it was asked for. `offset`: the body goes on behind so many bytes of what is
    there, which are proved by `prefix_digest` (SHA-256, hexadecimal)."""

    user: str
    path: str
    encoding: Encoding = ""
    replace: bool = False
    offset: int = 0
    prefix_digest: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of it: the whole file's size and digest, how much of it was new, and how much are
    complete lines. `at_us` is before any reader could see it."""

    key: SessionKey
    outcome: Outcome
    size_bytes: int
    added_bytes: int
    complete_bytes: int
    digest: str
    at_us: int


def place_of(path: str) -> Place:
    """The place a path means. Raises `ConfigurationError` (`bad_name`)."""
    stem, encoding = path, PACKED.get(path[path.rfind(".") :], "") if "." in path else ""
    if encoding:
        stem = path[: path.rfind(".")]
    parts = tuple(stem.split("/"))
    if len(path) > PATH_MAX or len(parts) > PARTS_MAX:
        raise _refused("the path is too long")
    if not all(_PART.fullmatch(part) for part in parts):
        raise _refused("a name in the path may not be")
    if not parts[-1].endswith(SUFFIXES) and parts != (NOTE_FILE,):
        raise _refused("no session is called so")
    return Place(parts, encoding)


def user_folder(user: str) -> str:
    """The folder of a user, which is their name. Raises `ConfigurationError` if no folder can be
    called so."""
    if (
        not user.strip()
        or not user.isprintable()
        or user.startswith(".")
        or "/" in user
        or "\\" in user
        or len(user.encode("utf-8", "surrogateescape")) > _USER_BYTES_MAX
    ):
        raise ConfigurationError(
            "nobody's folder can be called so", reason="bad_name",
            hint="a user is printable, without / and \\, and does not begin with a dot",
        )  # fmt: skip
    return user


def state_of(
    outcome: Outcome,
    at_us: int,
    complete_bytes: int,
    entries: Iterable[LedgerEntry | None],
    *,
    is_faulty: bool,
) -> State:
    """What became of an upload. `entries`: what each processor that reads the file knows of it;
    `is_faulty`: some of its lines are in quarantine and not in the tables.

    A file that was made or replaced is read only by a commit that came later, because what stood
    there before may have been longer.
    """
    found = list(entries)
    known = [entry for entry in found if entry]
    least_us = at_us if outcome in ("created", "replaced") else 0
    if any(entry.source_gone for entry in known):
        return "gone"
    if any(entry.status == "parked" for entry in known):
        return "parked"
    if complete_bytes and len(known) < len(found):
        return "arrived"
    if complete_bytes and not all(
        entry.status == "ok"
        and entry.committed_bytes >= complete_bytes
        and entry.committed_at_us >= least_us
        for entry in known
    ):
        return "behind"
    return "quarantined" if is_faulty else "read"


def _refused(text: str) -> ConfigurationError:
    return ConfigurationError(
        text, reason="bad_name",
        hint=f"up to {PARTS_MAX} names of 1 to {PART_MAX} of A-Za-z0-9._- that begin with no dot; "
        f"the last ends in {' or '.join(SUFFIXES)}, and .gz or .zst if packed",
    )  # fmt: skip
