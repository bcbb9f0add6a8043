"""What a process does for others who must not open database files themselves.

The rule: nobody who has a database calls these; they are asked for through `copier`, since a
process that opens and closes a file drops its own lock on it (`state.hold`).
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from core.errors import ChangedError
from service.child import Child
from state import copies

_NOT_BY_THE_KERNEL = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)
_PIECE_BYTES = 1 << 30

Ask = Callable[..., Any]


@contextmanager
def copier() -> Iterator[Ask]:
    """`ask(function, *arguments)` calls a function of this module or of `state.copies` there."""
    child = Child(_called)
    try:
        yield lambda function, *given: child.wait(child.ask((function, given)))
    finally:
        child.end()


def copied(source: Path, target: Path) -> None:
    """Copy a held database file into a new file of mode 0600 that is on disk when this returns.

    Raises `ChangedError` if the hold did not last, and `OSError`.
    """
    fresh = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with source.open("rb", buffering=0) as have, os.fdopen(fresh, "wb", buffering=0) as copy:
        header = os.pread(have.fileno(), copies.HEADER_BYTES, 0)
        _fill(have, copy)
        if os.pread(have.fileno(), copies.HEADER_BYTES, 0) != header:
            raise ChangedError(
                f"{source} was written to while it was copied", reason="copy_torn",
                hint="start the backup again",
            )  # fmt: skip
        os.fsync(copy.fileno())


def _fill(have: IO[bytes], copy: IO[bytes]) -> None:
    """The kernel copies, where file systems can by sharing the blocks."""
    try:
        while os.copy_file_range(have.fileno(), copy.fileno(), _PIECE_BYTES):
            pass
    except OSError as error:
        if error.errno not in _NOT_BY_THE_KERNEL:
            raise
        shutil.copyfileobj(have, copy, 1 << 20)


def _called(question: tuple[Ask, tuple[Any, ...]]) -> Any:
    function, given = question
    return function(*given)
