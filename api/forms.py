"""Takes the one file out of a form (`multipart/form-data`), as it comes.

The rule: only as much of RFC 7578 as clients that send one file use, and strictly: the file is the
last part, and whatever is not so is refused. Nothing is held but one chunk and a part's head.
"""

from collections.abc import Iterable, Iterator
from email.message import Message
from email.parser import BytesHeaderParser
from itertools import chain

from core.errors import ConfigurationError

HEAD_BYTES_MAX = 8192
FIELD_BYTES_MAX = 1 << 16
PARTS_MAX = 16
BOUNDARY_MAX = 70


def boundary_of(content_type: str) -> str | None:
    """What separates the parts; None if this is no form. Raises `ConfigurationError`."""
    head = Message()
    head["Content-Type"] = content_type
    if head.get_content_type() != "multipart/form-data":
        return None
    boundary = head.get_boundary("")
    if not 0 < len(boundary) <= BOUNDARY_MAX or not boundary.isascii():
        raise _refused()
    return boundary


def file_of(boundary: str, chunks: Iterable[bytes]) -> tuple[str, Iterator[bytes]]:
    """Name and content of the file; iterating the content may raise `ConfigurationError`, as the
    call does (`bad_form`)."""
    mark = f"\r\n--{boundary}".encode()
    parts = _Parts(chain([b"\r\n"], chunks))
    if parts.whole(mark, 0):
        raise _refused()
    for _ in range(PARTS_MAX):
        if parts.exactly(2) != b"\r\n":
            raise _refused()
        head = BytesHeaderParser().parsebytes(parts.whole(b"\r\n\r\n", HEAD_BYTES_MAX))
        if name := head.get_filename():
            return name, _content(parts, mark)
        parts.whole(mark, FIELD_BYTES_MAX)
    raise _refused()


def _content(parts: "_Parts", mark: bytes) -> Iterator[bytes]:
    yield from parts.until(mark)
    if parts.exactly(2) != b"--" or parts.rest() not in (b"", b"\r\n"):
        raise _refused()


class _Parts:
    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._have = b""

    def until(self, mark: bytes) -> Iterator[bytes]:
        """What comes before the mark, which is passed."""
        while (at := self._have.find(mark)) < 0:
            sure = len(self._have) - len(mark) + 1
            if sure > 0:
                yield self._have[:sure]
                self._have = self._have[sure:]
            self._more()
        yield self._have[:at]
        self._have = self._have[at + len(mark) :]

    def whole(self, mark: bytes, bytes_max: int) -> bytes:
        found = b""
        for piece in self.until(mark):
            found += piece
            if len(found) > bytes_max:
                raise _refused()
        return found

    def exactly(self, size: int) -> bytes:
        while len(self._have) < size:
            self._more()
        found, self._have = self._have[:size], self._have[size:]
        return found

    def rest(self) -> bytes:
        """What is left, as far as it is little."""
        for chunk in self._chunks:
            self._have += chunk
            if len(self._have) > HEAD_BYTES_MAX:
                raise _refused()
        return self._have

    def _more(self) -> None:
        # An empty chunk may stand anywhere but is not the end.
        chunk = next(self._chunks, None)
        if chunk is None:
            raise _refused()
        self._have += chunk


def _refused() -> ConfigurationError:
    return ConfigurationError(
        "the form holds no file as its last part", reason="bad_form",
        hint="send the file itself as the body, and its name as ?filename=",
    )  # fmt: skip
