"""Finds the corpus of real transcripts, which is not part of the project.

The rule: a test that needs it asks here and is skipped, with the reason, where it cannot be had;
the project's own fixtures must carry the suite for everyone else.
"""

import json
import os
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest

from tests.tools.archives import unpack

ENVIRONMENT = "SESSIONWATCH_CORPUS"
ARCHIVE = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "sessions.tar.xz"


def corpus() -> Path:
    """The unpacked corpus: folders `sessions`, `traps`, `growth`, `other`. Without it: a skip."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        if not Path(named, "sessions").is_dir():
            pytest.skip(f"{ENVIRONMENT}={named} has no folder sessions/")
        return Path(named)
    if not ARCHIVE.is_file():
        pytest.skip(f"no corpus: set {ENVIRONMENT}, or put one at {ARCHIVE}")
    return _unpacked(ARCHIVE)


def expected(name: str) -> Any:
    """What ccusage printed of the corpus, by file name. Where nobody kept it: a skip."""
    named = os.environ.get(ENVIRONMENT)
    path = (Path(named) if named else ARCHIVE.parent) / "expected" / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    return json.loads(path.read_bytes())


def _unpacked(archive: Path) -> Path:
    """Unpack once per archive; parallel test runs may race, the first rename wins."""
    stat = archive.stat()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or gettempdir())
    target = cache / f"sessionwatch-corpus-{stat.st_size}-{stat.st_mtime_ns}"
    if not target.is_dir():
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        unpack(archive, draft)
        try:
            draft.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    return target
