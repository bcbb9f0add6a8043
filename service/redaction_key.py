"""The key of this installation by which secrets get their placeholders.

The rule: made once, readable by its owner alone, never logged and never in the database: who has
only a copy of the database cannot test a guess of what a placeholder stands for.
"""

import os
import secrets
from pathlib import Path

from core.errors import ConfigurationError

KEY_BYTES = 32


def key_path(db: Path) -> Path:
    """`<database>.redaction-key` in the database's real folder."""
    real = Path(os.path.realpath(db))
    return real.with_name(real.name + ".redaction-key")


def redaction_key(db: Path) -> bytes:
    """The key beside this database, made if there is none. Raises `ConfigurationError` if the file
    holds no key or can be read by others."""
    path = key_path(db)
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(
            f"{path} can be read by others", reason="key_readable", hint=f"chmod 600 {path}"
        )
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except (ValueError, UnicodeDecodeError):
        key = b""
    if len(key) < KEY_BYTES:
        raise ConfigurationError(
            f"{path} holds no key", reason="bad_key",
            hint="restore it, or remove it: new secrets get other placeholders then",
        )  # fmt: skip
    return key


def _make(path: Path) -> None:
    """As a whole or not at all, and never over one that another process has just made."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
