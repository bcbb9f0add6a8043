"""Digests of committed bytes, one per MiB, so that an append is proved by its ends.

The rule: digests cover exactly the bytes from 0 to the committed offset, block by block, the
last block as far as it is filled. Proving an append costs the first and the last block, not the
file; proving the whole file is the same comparison over all blocks.
"""

import xxhash

BLOCK_BYTES = 1 << 20
DIGEST_BYTES = 16


def block_count(size_bytes: int) -> int:
    """How many blocks `size_bytes` committed bytes started."""
    return -(-size_bytes // BLOCK_BYTES)


def block_span(index: int, committed_bytes: int) -> tuple[int, int]:
    """Start and end offset of block `index` within the committed bytes."""
    start = index * BLOCK_BYTES
    return start, min(start + BLOCK_BYTES, committed_bytes)


def digest(block: bytes) -> bytes:
    """The 16-byte xxh3-128 digest of one block (at most 1 MiB)."""
    return xxhash.xxh3_128_digest(block)


def digest_at(blocks: bytes, index: int) -> bytes:
    """The digest of block `index` as the ledger holds it."""
    return blocks[index * DIGEST_BYTES : (index + 1) * DIGEST_BYTES]


class BlockDigester:
    """Extends the digests of a committed prefix by the bytes that follow it.

    Started at a committed offset it needs `partial`: the bytes of the last, unfilled block,
    which the proof of an append has just read anyway.
    """

    def __init__(self, blocks: bytes = b"", partial: bytes = b"") -> None:
        full = len(blocks) // DIGEST_BYTES - (1 if partial else 0)
        self._done = bytearray(blocks[: full * DIGEST_BYTES])
        self._open = xxhash.xxh3_128(partial)
        self._room_bytes = BLOCK_BYTES - len(partial)

    def extend(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the file, in order."""
        view = memoryview(data)
        while len(view) >= self._room_bytes:
            self._open.update(view[: self._room_bytes])
            self._done += self._open.digest()
            view = view[self._room_bytes :]
            self._open, self._room_bytes = xxhash.xxh3_128(), BLOCK_BYTES
        self._open.update(view)
        self._room_bytes -= len(view)

    @property
    def blocks(self) -> bytes:
        """All digests so far, the unfilled last block included."""
        tail = self._open.digest() if self._room_bytes < BLOCK_BYTES else b""
        return bytes(self._done) + tail
