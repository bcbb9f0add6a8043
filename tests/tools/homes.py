"""Homes of made-up users, a drop folder beside them, and collectors over both.

The rule: as root every home gets an owner of its own, as on a real machine; else all belong to
whoever runs the test, and the smallest user id is lowered to that.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from service.collecting.collector import Collector
from service.collecting.settings import CollectorSettings
from service.collecting.stats import Stats

IS_ROOT = os.geteuid() == 0
FIRST_UID = 2000
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root may give files away")
PROJECTS = ".claude/projects"


class World:
    """`home` holds the homes, `drop` is where copies go."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.drop = folder / "drop"
        self.home.mkdir()
        self.uids: dict[str, int] = {}

    def own(self, user: str, path: Path) -> None:
        """Let a user own this path and everything between it and the homes."""
        uid = self.uids.setdefault(user, FIRST_UID + len(self.uids))
        while IS_ROOT and path != self.home:
            os.chown(path, uid, uid, follow_symlinks=False)
            path = path.parent

    def give(self, user: str, path: Path) -> None:
        """Let a user own this path alone, wherever it is."""
        if IS_ROOT:
            uid = self.uids.setdefault(user, FIRST_UID + len(self.uids))
            os.chown(path, uid, uid)

    def put(self, user: str, path: str, data: bytes = b'{"n":1}\n') -> Path:
        """A file of a user at this path of their home."""
        file = self.home / user / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        self.own(user, file)
        return file

    def session(self, user: str, path: str, data: bytes = b'{"n":1}\n') -> Path:
        """The same below the folder of sessions."""
        return self.put(user, f"{PROJECTS}/{path}", data)

    def settings(self, **values: Any) -> CollectorSettings:
        homes = (f"{self.home}/*/{PROJECTS}", f"{self.home}/*/user/sessions/*.jsonl")
        least = FIRST_UID if IS_ROOT else os.geteuid()
        given = {"into": str(self.drop), "homes": homes, "min_uid": least, **values}
        return CollectorSettings(**given)

    def collector(self, **values: Any) -> Collector:
        return Collector(self.settings(**values), environ={})

    def run(self, *, dry_run: bool = False, **values: Any) -> Stats:
        return self.collector(**values).run(dry_run=dry_run)

    def copies(self) -> dict[str, bytes]:
        """Everything in the drop folder, by the path in it."""
        files = (path for path in sorted(self.drop.rglob("*")) if not path.is_dir())
        return {str(path.relative_to(self.drop)): path.read_bytes() for path in files}


def tree(folder: Path) -> dict[str, tuple[int, ...]]:
    """All that a touch would change, by path."""
    found: dict[str, tuple[int, ...]] = {}
    for path in (folder, *folder.rglob("*")):
        stat = path.lstat()
        found[str(path)] = (
            stat.st_ino, stat.st_mode, stat.st_uid, stat.st_gid, stat.st_nlink, stat.st_size,
            stat.st_mtime_ns, stat.st_ctime_ns,
        )  # fmt: skip
    return found


def reasons(stats: Stats) -> list[tuple[str, str]]:
    """User and reason of each error."""
    return sorted((one["user"], one["error"]) for one in stats.errors_detail)
