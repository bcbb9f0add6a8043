"""Where the private Unix socket of a database lies, for the server and for those who ask it.

The rule: it lies beside the database, so the same `--db` finds it. The kernel takes at most 107
bytes as its address; a longer path is reached through an open descriptor of its folder.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ConfigurationError

ADDRESS_BYTES_MAX = 107
"""`sun_path` of Linux without the closing zero."""

_DESCRIPTORS = Path("/proc/self/fd")


def socket_path(database: Path) -> Path:
    """`<database>.sock` in the database's real folder, wherever a link to it stood."""
    real = Path(os.path.realpath(database))
    return real.with_name(real.name + ".sock")


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """The address to bind or connect to; valid only inside the `with`.

    Raises `ConfigurationError` if the name itself is too long or the system has no `/proc`.
    """
    if len(os.fsencode(path)) <= ADDRESS_BYTES_MAX:
        yield os.fspath(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        short = _DESCRIPTORS / str(folder) / path.name
        if len(os.fsencode(short)) > ADDRESS_BYTES_MAX or not _DESCRIPTORS.is_dir():
            raise ConfigurationError(
                f"{path} is too long for a Unix socket", reason="socket_path_too_long",
                hint="give the database a shorter path",
            )  # fmt: skip
        yield os.fspath(short)
    finally:
        os.close(folder)
