"""One run: looks at all files, and sends what is new of each.

The rules: what one file refuses costs the others nothing; a file that only grew is sent in pieces,
each of which stays; one that became another is sent whole, so nobody sees half of it.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import zstandard

from core.errors import ChangedError, ConfigurationError, PermanentError
from core.keys import SessionKey, unescape_path
from core.ledger import FileStat
from core.private import Private
from core.seams import OpenFile
from core.uploads import Place, place_of
from service.pushing.journal import Journal, Pushed
from service.remote import Answer, Remote
from watcher.disk import Disk

PIECE_BYTES = 8 << 20
"""What a cut costs at most."""
CHUNK_BYTES = 1 << 18
TRUSTED_NS = 2_000_000_000
"""A younger stat may hide a later change (`stat_trust_s` of the engine)."""
ERRORS_TOLD_MAX = 100
_UPLOADS = "/api/v1/uploads"
Found = tuple[SessionKey, FileStat]


@dataclass(slots=True)
class Stats:
    """Skipped files are private, excluded or links; `bytes_sent` as they were packed."""

    files_pushed: int = 0
    files_unchanged: int = 0
    files_skipped: int = 0
    bytes_sent: int = 0
    errors: int = 0
    errors_detail: list[dict[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """As the command prints it."""
        return asdict(self)

    def fail(self, path: str, reason: str) -> None:
        """Count a file that could not be pushed."""
        self.errors += 1
        if len(self.errors_detail) < ERRORS_TOLD_MAX:
            self.errors_detail.append({"path": path, "error": reason})


class Start(NamedTuple):
    """So many bytes of what we have are there, of this digest. `over`: something else is there."""

    offset: int
    digest: Any
    over: bool


class Pusher:
    """`remote` None: say what would be pushed. `progress` is told how many files are done."""

    def __init__(
        self,
        disk: Disk,
        journal: Journal,
        remote: Remote | None,
        private: Private,
        *,
        replace: bool = False,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self.stats = Stats()
        self._disk = disk
        self._journal = journal
        self._remote = remote
        self._private = private
        self._replace = replace
        self._progress = progress
        self._taken: dict[str, SessionKey] = {}
        self._bytes_max: int | None = None

    def run(self, found: Iterable[Found]) -> Stats:
        """The newest first. Raises what is the same for every file (`Remote.ask`)."""
        files = sorted(found, key=lambda one: -one[1].mtime_ns)
        for number, (key, stat) in enumerate(files):
            try:
                self._file(key, stat)
            except FileNotFoundError:
                pass  # It vanished a moment ago.
            except (PermanentError, ChangedError) as error:
                if error.reason in ("symlink_outside_root", "not_a_regular_file"):
                    self.stats.files_skipped += 1
                else:
                    self.stats.fail(key.path, error.reason)
            except OSError as error:
                self.stats.fail(key.path, error.strerror or type(error).__name__)
            self._progress(number + 1, len(files))
        return self.stats

    def _file(self, key: SessionKey, stat: FileStat) -> None:
        place = _place(unescape_path(key.path))
        if self._private(place.parts):
            self.stats.files_skipped += 1
            return
        if self._taken.setdefault(place.path, key) != key:
            raise PermanentError("another root has a file of this path", reason="place_taken")
        known = self._journal.get(str(key))
        if known and known.whole and known.is_of(stat):
            self.stats.files_unchanged += 1
            return
        if self._remote is None:
            self.stats.files_pushed += 1
            self.stats.bytes_sent += max(0, stat.size_bytes - (known.sent_bytes if known else 0))
            return
        with self._disk.open(key) as file:
            self._send(_Sending(self._remote, key, place, file, _size(file, place)), known)

    def _send(self, sending: "_Sending", known: Pushed | None) -> None:
        if sending.size_bytes > self._limit(sending.remote):
            raise PermanentError("the service takes no file so large", reason="too_large")
        start = sending.start_of(known.sent_bytes, known.digest) if known else None
        start = start or sending.asked()
        if start.offset == sending.size_bytes and not start.over:
            self._note(sending, start.offset, start.digest, whole=True)
            self.stats.files_unchanged += 1
            return
        self._pieces(sending, start, can_ask=known is not None)
        self.stats.files_pushed += 1

    def _pieces(self, sending: "_Sending", start: Start, *, can_ask: bool) -> None:
        offset, digest = start.offset, start.digest
        in_pieces = sending.place.path.endswith(".jsonl") and not start.over
        while offset < sending.size_bytes:
            size = sending.size_bytes - offset
            size = min(size, PIECE_BYTES) if in_pieces else size
            answer, digest = sending.piece(offset, size, digest, replace=self._replace)
            if answer.code == "conflict" and can_ask:
                return self._pieces(sending, sending.asked(), can_ask=False)
            if answer.status != 200:
                raise PermanentError(f"refused: {answer.code}", reason=answer.code or "refused")
            offset += size
            if (answer.body.get("size"), answer.body.get("digest")) != (offset, digest.hexdigest()):
                raise PermanentError("it arrived as something else", reason="corrupted")
            self.stats.bytes_sent += sending.sent_bytes
            self._note(sending, offset, digest, whole=offset == sending.size_bytes)
        return None

    def _note(self, sending: "_Sending", offset: int, digest: Any, *, whole: bool) -> None:
        whole = whole and sending.file.age_ns > TRUSTED_NS
        stat = sending.file.stat
        self._journal.put(str(sending.key), stat, offset, digest.hexdigest(), whole=whole)

    def _limit(self, remote: Remote) -> int:
        if self._bytes_max is None:
            answer = remote.ask("GET", f"{_UPLOADS}/summary")
            found = answer.body.get("file_max_bytes")
            if answer.status != 200 or not isinstance(found, int):
                raise ConfigurationError(
                    "no sessionwatch that takes uploads answers there", reason="bad_url",
                    hint="see --url",
                )  # fmt: skip
            self._bytes_max = found
        return self._bytes_max


@dataclass(slots=True)
class _Sending:
    """A file that is open, and where it goes."""

    remote: Remote
    key: SessionKey
    place: Place
    file: OpenFile
    size_bytes: int
    sent_bytes: int = 0

    @property
    def path(self) -> str:
        return f"{_UPLOADS}/{self.place.path}"

    def start_of(self, size_bytes: int, digest: str) -> Start | None:
        """From where to go on if so much is there; None if we do not begin like that."""
        if size_bytes > self.size_bytes:
            return None
        found = hashlib.sha256()
        for chunk in self._chunks(0, size_bytes):
            found.update(chunk)
        return Start(size_bytes, found, over=False) if found.hexdigest() == digest else None

    def asked(self) -> Start:
        """From where to go on, as the service has it."""
        answer = self.remote.ask("GET", self.path)
        size, digest = answer.body.get("size"), answer.body.get("digest")
        if answer.status == 404:
            return Start(0, hashlib.sha256(), over=False)
        if answer.status != 200 or not isinstance(size, int) or not isinstance(digest, str):
            raise PermanentError(f"refused: {answer.code}", reason=answer.code or "refused")
        return self.start_of(size, digest) or Start(0, hashlib.sha256(), over=True)

    def piece(self, offset: int, size: int, before: Any, *, replace: bool) -> tuple[Answer, Any]:
        """Send so much from there; the answer, and the digest up to its end."""
        digest = before.copy()

        def body() -> Iterator[bytes]:
            nonlocal digest
            digest, self.sent_bytes = before.copy(), 0
            packer = zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()
            for chunk in self._chunks(offset, size):
                digest.update(chunk)
                if packed := packer.compress(chunk):
                    self.sent_bytes += len(packed)
                    yield packed
            packed = packer.flush()
            self.sent_bytes += len(packed)
            yield packed

        query: dict[str, str | int] = {}
        if offset:
            query = {"offset": offset, "prefix_digest": before.hexdigest()}
        elif replace:
            query = {"replace": "true"}
        headers = {"Content-Encoding": "zstd"}
        return self.remote.ask("POST", self.path, body, headers, **query), digest

    def _chunks(self, offset: int, size: int) -> Iterator[bytes]:
        while size:
            chunk = self.file.read(offset, min(size, CHUNK_BYTES))
            if not chunk:
                raise ChangedError("the file became shorter", reason="changed")
            yield chunk
            offset, size = offset + len(chunk), size - len(chunk)


def _place(path: str) -> Place:
    try:
        return place_of(path)
    except ConfigurationError as error:
        raise PermanentError(str(error.args[0]), reason=error.reason) from error


def _size(file: OpenFile, place: Place) -> int:
    """Of what is in it: only a packed file has to be read for that."""
    if not place.encoding:
        return file.stat.size_bytes
    size = 0
    while chunk := file.read(size, CHUNK_BYTES):
        size += len(chunk)
    return size


def of_session(disk: Disk, key: SessionKey) -> Iterator[Found]:
    """A session's file, and those of its subagents beside it."""
    yield key, disk.stat(key)
    folder = re.sub(r"\.jsonl?(\.gz|\.zst)?$", "", unescape_path(key.path))
    try:
        yield from disk.walk(key.source, folder)
    except OSError:
        return  # It has none.
