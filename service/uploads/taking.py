"""Takes uploads: receives each beside its place, and then gives it its name or adds it to the file.

The rules: what the body says is received and checked whole before anything visible changes; one
upload at a time changes anything, so quota and comparison hold; a file is added to in place where
it is how the new content begins, because then only the new bytes are read.
"""

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from core.errors import ConfigurationError, TransientError
from core.keys import SessionKey, escape_path
from core.seams import Clock
from core.uploads import Arrival, Outcome, Stored, place_of, user_folder
from metrics.instruments import Instruments
from service.uploads.content import Digests, Hash, alike, complete_bytes
from service.uploads.drop import Drop, Spool, is_ours, opened, pieces, refusing, write_all
from service.uploads.settings import UploadSettings
from service.uploads.unpacking import in_time, unpacked, within
from state.operations.uploads import UPLOAD_BYTES_MIN, Uploads
from watcher.disk import Disk


@dataclass(slots=True)
class Received:
    """The body, unpacked and beside its place."""

    spool: Spool
    size_bytes: int
    digest: Hash


class Taking:
    """Any thread may call it. `touch` is told of what changed; `source` is where it all goes."""

    def __init__(
        self,
        settings: UploadSettings,
        source: str,
        drop: Drop,
        disk: Disk,
        book: Uploads,
        clock: Clock,
        instruments: Instruments,
        touch: Callable[[SessionKey], None],
    ) -> None:
        self.settings = settings
        self._source = source
        self._drop = drop
        self._disk = disk
        self._book = book
        self._clock = clock
        self._instruments = instruments
        self._touch = touch
        self._changing = threading.Lock()
        self._slots = threading.Lock()
        self._under_way: Counter[str] = Counter()
        self._is_tidy = False
        self._digests = Digests()

    def take(self, arrival: Arrival, chunks: Iterable[bytes], actor: str) -> Stored:
        """Store an upload. Raises `ConfigurationError` (`bad_name`, `not_wanted`, `too_large`,
        `quota_exceeded`, `conflict`, `invalid_gzip`, `invalid_zstd`) or `TransientError`
        (`disk_full`, `busy`, `too_slow`); then nothing has changed."""
        key, parts = self._key(arrival)
        with (
            self._slot(arrival.user),
            _there(),
            self._drop.folder(parts[:-1], make=True) as folder,
            self._drop.spool(folder) as spool,
        ):
            received = self._received(spool, arrival, chunks)
            with self._changing:
                stored = self._changed(key, parts[-1], arrival, received)
                self._book.note(stored, actor, arrival.user)
        self._instruments.uploads.labels(stored.outcome).inc()
        self._instruments.upload_bytes.inc(stored.added_bytes)
        if stored.outcome != "unchanged":
            self._touch(key)
        return stored

    def look(self, user: str, path: str) -> dict[str, Any]:
        """Size and digest of a file that is there. Raises `ConfigurationError` (`not_found`)."""
        key, parts = self._key(Arrival(user, path))
        try:
            with self._drop.folder(parts[:-1]) as folder:
                fd = opened(parts[-1], folder)
                if fd is not None:
                    try:
                        size = os.fstat(fd).st_size
                        digest = self._digests.of(key, fd, size).hexdigest()
                    finally:
                        os.close(fd)
                    return {"path": key.path, "size": size, "digest": digest}
        except FileNotFoundError:
            pass
        raise ConfigurationError(
            "there is no such upload", reason="not_found", hint="send it from its beginning"
        )

    def _key(self, arrival: Arrival) -> tuple[SessionKey, tuple[str, ...]]:
        place = place_of(arrival.path)
        parts = (user_folder(arrival.user), *place.parts)
        key = self._disk.key_below(self._source, "/".join(parts))
        if key is None:
            raise ConfigurationError(
                "the source does not want this file", reason="not_wanted",
                hint="its patterns exclude it, or its user was erased",
            )  # fmt: skip
        assert key.path == escape_path("/".join(parts))
        return key, parts

    @contextmanager
    def _slot(self, user: str) -> Iterator[None]:
        """One of the uploads under way. Nobody gets more than half of them."""
        at_once = self.settings.at_once
        with self._slots:
            if not self._is_tidy:
                self._drop.tidy()
                self._is_tidy = True
            if self._under_way.total() >= at_once or self._under_way[user] >= (at_once + 1) // 2:
                raise TransientError(
                    "too many uploads are under way", reason="busy", hint="try again in a moment"
                )
            self._under_way[user] += 1
        try:
            yield
        finally:
            with self._slots:
                self._under_way[user] -= 1
                self._under_way += Counter()  # Forgets whoever has none.

    def _received(self, spool: Spool, arrival: Arrival, chunks: Iterable[bytes]) -> Received:
        bytes_max = self.settings.file_max_bytes
        encoding = place_of(arrival.path).encoding
        if arrival.encoding and encoding and arrival.encoding != encoding:
            raise ConfigurationError(
                "name and Content-Encoding do not agree", reason="bad_encoding", hint="send one"
            )
        until_s = self._clock.monotonic_s() + self.settings.body_s
        come = in_time(within(chunks, bytes_max), until_s, self._clock.monotonic_s)
        received = Received(spool, 0, hashlib.sha256())
        for piece in within(
            unpacked(come, encoding or arrival.encoding), bytes_max - arrival.offset
        ):
            with refusing():
                write_all(spool.fd, piece)
            received.size_bytes += len(piece)
            received.digest.update(piece)
        with refusing():
            os.fsync(spool.fd)
        return received

    def _changed(self, key: SessionKey, name: str, arrival: Arrival, new: Received) -> Stored:
        fd = opened(name, new.spool.folder)
        if fd is None:
            if arrival.offset:
                raise _conflict("there is nothing to go on from")
            return self._placed(key, name, arrival, new, "created", 0)
        try:
            return self._over(fd, key, name, arrival, new)
        finally:
            os.close(fd)

    def _over(self, fd: int, key: SessionKey, name: str, arrival: Arrival, new: Received) -> Stored:
        """Where there is a file already."""
        have = os.fstat(fd).st_size
        if have < arrival.offset:
            raise _conflict("less is there than that")
        before = self._proved(key, fd, arrival) if arrival.offset else hashlib.sha256()
        total, overlap = arrival.offset + new.size_bytes, have - arrival.offset
        shared = min(overlap, new.size_bytes)
        is_alike = alike(fd, arrival.offset, new.spool.fd, shared)
        if is_alike and total == have:
            digest = self._digests.of(key, fd, have).hexdigest()
            return self._told(key, fd, "unchanged", 0, digest)
        if is_alike and total > have and name.endswith(".jsonl") and is_ours(fd):
            return self._appended(key, fd, have, overlap, arrival, new, before)
        if arrival.offset:
            raise _conflict("something else is there")
        if is_alike and total < have and name.endswith(".jsonl") and not arrival.replace:
            raise _conflict("more of it is there already")
        return self._placed(key, name, arrival, new, "replaced", have)

    def _proved(self, key: SessionKey, fd: int, arrival: Arrival) -> Hash:
        digest = self._digests.of(key, fd, arrival.offset)
        if digest.hexdigest() != arrival.prefix_digest.lower():
            raise _conflict("it begins otherwise")
        return digest

    def _appended(
        self, key: SessionKey, fd: int, have: int, overlap: int, arrival: Arrival,
        new: Received, before: Hash,
    ) -> Stored:  # fmt: skip
        self._require_quota(arrival.user, new.size_bytes - overlap)
        at_us = self._clock.now_us()
        with refusing():
            try:
                os.lseek(fd, have, os.SEEK_SET)
                for piece in pieces(new.spool.fd, overlap, new.size_bytes):
                    write_all(fd, piece)
                os.fsync(fd)
            except OSError:
                os.ftruncate(fd, have)
                raise
        for piece in pieces(new.spool.fd, 0, new.size_bytes) if arrival.offset else ():
            before.update(piece)
        digest = before if arrival.offset else new.digest
        self._digests.know(key, fd, digest)
        added = new.size_bytes - overlap
        return self._told(key, fd, "appended", added, digest.hexdigest(), at_us)

    def _placed(
        self, key: SessionKey, name: str, arrival: Arrival, new: Received, outcome: Outcome,
        have: int,
    ) -> Stored:  # fmt: skip
        self._require_quota(arrival.user, new.size_bytes)
        at_us = self._clock.now_us()
        with refusing():
            self._drop.place(new.spool, name)
        self._digests.know(key, new.spool.fd, new.digest)
        return self._told(key, new.spool.fd, outcome, new.size_bytes, new.digest.hexdigest(), at_us)

    def _told(
        self, key: SessionKey, fd: int, outcome: Outcome, added: int, digest: str, at_us: int = 0
    ) -> Stored:
        size = os.fstat(fd).st_size
        complete = complete_bytes(fd, size) if key.path.endswith(".jsonl") else size
        at_us = at_us or self._clock.now_us()
        return Stored(key, outcome, size, added, complete, digest, at_us)

    def _require_quota(self, user: str, bytes_: int) -> None:
        used = self._book.bytes_of(user)
        if used + max(bytes_, UPLOAD_BYTES_MIN) > self.settings.user_max_bytes_per_day:
            raise ConfigurationError(
                f"{user[:60]} has sent too much within a day", reason="quota_exceeded",
                hint="[uploads] user_max_bytes_per_day is the bound",
            )  # fmt: skip


@contextmanager
def _there() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise TransientError(
            "the drop folder, or one in it, has vanished", reason="drop_folder", hint="make it"
        ) from error


def _conflict(text: str) -> ConfigurationError:
    return ConfigurationError(
        text, reason="conflict", hint="ask what is there, and send all of it or replace=true"
    )
