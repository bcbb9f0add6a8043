"""Somebody's home with session files, and pushing it as the command does.

The rule: one `Home` is one machine; its journal lies in it, as on a real one.
"""

from pathlib import Path
from typing import Any

from core.private import Private
from processors import registry
from service.pushing import journal
from service.pushing.pusher import Pusher, Stats
from service.remote import Remote
from tests.tools.writers import append
from watcher.disk import Disk, Source

PATTERNS = registry.load().patterns


class Home:
    """`projects` is the root that is pushed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.projects = folder / ".claude" / "projects"
        self.projects.mkdir(parents=True)

    def write(self, path: str, data: bytes) -> Path:
        """Add to a session file."""
        file = self.projects / path
        file.parent.mkdir(parents=True, exist_ok=True)
        append(file, data)
        return file

    def push(
        self,
        url: str,
        token: str,
        *,
        private: tuple[str, ...] = (),
        exclude: tuple[str, ...] = (),
        user: str = "",
        patience_s: float = 20.0,
        **options: Any,
    ) -> Stats:
        """One run. Tries again without waiting."""
        source = Source.at(self.projects, "p", patterns=PATTERNS, exclude=exclude)
        disk = Disk([source])
        remote = Remote(url, token, user, patience_s=patience_s, sleep=lambda _: None)
        with journal.opened(self.folder / "journal.json", patience_s=0) as known:
            pusher = Pusher(disk, known, remote, Private(private), **options)
            try:
                return pusher.run(disk.walk("p"))
            finally:
                remote.close()
