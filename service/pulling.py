"""Makes a rules folder say what a bundle says: the hands of `knowledge.pull`.

The rule: each file is replaced as a whole or not at all, nothing is followed that is a link, and
two pulls into one folder take turns. Everything is done below one open folder, so that nobody
can put another in its place meanwhile.
"""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigurationError
from knowledge.pull import (
    MANIFEST_FILE,
    Blocked,
    Operation,
    Remove,
    SetAside,
    Write,
    manifest_of,
    plan,
    strays,
)
from knowledge.rendering import digest
from watcher.entering import FOLDER, UNFOLLOWED

FILE_BYTES_MAX = 1 << 20
"""A larger file is none of ours, whatever its name."""
_TEMPORARY = ".km_new_"
_READ = os.O_RDONLY | UNFOLLOWED
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | UNFOLLOWED


@dataclass(frozen=True, slots=True)
class Pulled:
    """What was done, and what a person should look at: files in the way, files nobody knows."""

    done: tuple[Operation, ...]
    blocked: tuple[str, ...]
    strays: tuple[str, ...]


def pull(folder: Path, files: Mapping[str, str], *, key: bytes = b"") -> Pulled:
    """Bring the folder to these files (`Bundle.files`).

    An empty bundle removes what was written and creates nothing. Raises `ConfigurationError` if
    the folder is a link or its manifest is not to be trusted; then nothing was changed.
    """
    if not files and not folder.exists():
        return Pulled((), (), ())
    with _locked(folder) as place:
        manifest = manifest_of(_text(place, MANIFEST_FILE), key=key)
        if manifest is None:
            raise ConfigurationError(
                f"{folder / MANIFEST_FILE} is damaged or was not written by this service",
                hint="look at the km_*.md files beside it, delete them and it, and pull again",
            )
        present = _present(place, {*manifest.digests, *files})
        steps = plan(manifest, present, files, key=key)
        for step in steps:
            _carry_out(place, step)
        os.fsync(place)
        return Pulled(
            done=tuple(step for step in steps if not isinstance(step, Blocked)),
            blocked=tuple(step.name for step in steps if isinstance(step, Blocked)),
            strays=tuple(n for n in strays(manifest, present) if n not in files),
        )


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """The open folder, for one pull at a time; what a crash left half written is gone."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        place = os.open(folder, FOLDER)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be opened as a folder: {error.strerror}",
            hint="it must be a folder of its own and no link",
        ) from error
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        for name in os.listdir(place):
            if name.startswith(_TEMPORARY):
                os.unlink(name, dir_fd=place)
        yield place
    finally:
        os.close(place)


def _present(place: int, expected: set[str]) -> dict[str, str]:
    """The digest of each file that may concern us; "" for links and whatever cannot be ours."""
    names = {n for n in os.listdir(place) if n in expected or n.startswith("km_")}
    texts = {name: _text(place, name) for name in sorted(names - {MANIFEST_FILE})}
    return {name: "" if text is None else digest(text) for name, text in texts.items()}


def _text(place: int, name: str) -> str | None:
    """A regular file's content; None for links, pipes, what is too large or not there."""
    try:
        handle = os.open(name, _READ, dir_fd=place)
    except OSError:
        return None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > FILE_BYTES_MAX:
            return None  # Looked at before it is opened as a file, which a folder cannot be.
        with open(handle, "rb", closefd=False) as file:
            return file.read(FILE_BYTES_MAX).decode("utf-8", "surrogateescape")
    finally:
        os.close(handle)


def _carry_out(place: int, step: Operation) -> None:
    match step:
        case Remove(name):
            os.unlink(name, dir_fd=place)
        case SetAside(name, to):
            os.rename(name, to, src_dir_fd=place, dst_dir_fd=place)
        case Write(name, text):
            _write(place, name, text)
        case Blocked():
            pass


def _write(place: int, name: str, text: str) -> None:
    temporary = f"{_TEMPORARY}{secrets.token_hex(8)}"
    with open(os.open(temporary, _NEW, 0o644, dir_fd=place), "wb") as file:
        file.write(text.encode("utf-8", "surrogatepass"))
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, name, src_dir_fd=place, dst_dir_fd=place)
