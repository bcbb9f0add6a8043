"""Where agents keep their session files on a person's machine.

The rule: an agent's own variable goes before its usual place, and a place that is not there is no
error.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path


def usual_roots(home: Path, environ: Mapping[str, str]) -> list[Path]:
    """The folders of all known agents that are there."""
    return [root for root in dict.fromkeys(_known(home, environ)) if root.is_dir()]


def _known(home: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    named = environ.get("CLAUDE_CONFIG_DIR", "")
    bases = [Path(base.strip()) for base in named.split(",") if base.strip()]
    config = _folder(environ, "XDG_CONFIG_HOME", home / ".config")
    for base in bases or (home / ".claude", config / "claude"):
        yield base / "projects"
    codex = _folder(environ, "CODEX_HOME", home / ".codex")
    yield codex / "sessions"
    yield codex / "archived_sessions"
    yield home / ".copilot" / "session-state"
    yield home / ".gemini" / "tmp"
    yield _folder(environ, "XDG_DATA_HOME", home / ".local" / "share") / "opencode" / "storage"
    yield home / ".pi" / "agent" / "sessions"
    yield home / ".omp" / "agent" / "sessions"


def state_folder(home: Path, environ: Mapping[str, str]) -> Path:
    """Where what is remembered between runs lies."""
    return _folder(environ, "XDG_STATE_HOME", home / ".local" / "state") / "sessionwatch" / "push"


def journal_path(home: Path, environ: Mapping[str, str], url: str, user: str) -> Path:
    """The journal of what was pushed to one service for one user."""
    digest = hashlib.sha256(f"{url.rstrip('/')}\n{user}".encode()).hexdigest()
    return state_folder(home, environ) / f"{digest[:16]}.json"


def _folder(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    return Path(environ[variable]) if environ.get(variable) else default
