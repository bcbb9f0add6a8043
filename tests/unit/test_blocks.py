"""Digests: in any pieces and from any restart they are those of the whole."""

from itertools import pairwise

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from core import blocks
from core.blocks import BlockDigester, block_count, block_span, digest, digest_at

BLOCK = 16
"""Small blocks, so that hypothesis meets their edges; the rules know nothing of the size."""


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> object:
    patch = pytest.MonkeyPatch()
    patch.setattr(blocks, "BLOCK_BYTES", BLOCK)
    yield
    patch.undo()


@st.composite
def contents_and_cuts(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    data = draw(st.binary(max_size=6 * BLOCK))
    return data, sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))


def digests(data: bytes) -> bytes:
    return b"".join(digest(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK))


def extended(data: bytes, start: int = 0, digester: BlockDigester | None = None) -> bytes:
    found = digester or BlockDigester()
    found.extend(data[start:])
    return found.blocks


def test_a_digest_is_xxh3_of_128_bits() -> None:
    assert digest(b"abc") == xxhash.xxh3_128(b"abc").digest()
    assert len(digest(b"")) == blocks.DIGEST_BYTES


@given(contents_and_cuts())
def test_taking_bytes_in_any_pieces_gives_the_digests_of_the_whole(
    given: tuple[bytes, list[int]],
) -> None:
    data, cuts = given
    digester = BlockDigester()

    for start, end in pairwise([0, *cuts, len(data)]):
        digester.extend(memoryview(data)[start:end])

    assert digester.blocks == digests(data)


@given(contents_and_cuts())
def test_starting_again_at_any_offset_gives_the_digests_of_the_whole(
    given: tuple[bytes, list[int]],
) -> None:
    data, cuts = given
    done = b""
    for start, end in pairwise([0, *cuts, len(data)]):
        partial = data[start - start % BLOCK : start]
        done = extended(data[:end], start, BlockDigester(done, partial))

        assert done == digests(data[:end])


@given(contents_and_cuts())
def test_asking_for_the_digests_changes_nothing(given: tuple[bytes, list[int]]) -> None:
    data, cuts = given
    digester = BlockDigester()
    for start, end in pairwise([0, *cuts, len(data)]):
        digester.extend(data[start:end])
        assert digester.blocks == digester.blocks == digests(data[:end])


@given(st.binary(max_size=6 * BLOCK))
def test_spans_cover_the_committed_bytes_without_a_gap(data: bytes) -> None:
    size, count = len(data), block_count(len(data))
    spans = [block_span(index, size) for index in range(count)]

    assert b"".join(data[start:end] for start, end in spans) == data
    assert [digest_at(digests(data), i) for i in range(count)] == [
        digest(data[start:end]) for start, end in spans
    ]


@given(st.binary(min_size=1, max_size=6 * BLOCK), st.data())
def test_one_changed_byte_changes_its_block_alone(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data) - 1))
    changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    differ = [
        i
        for i in range(block_count(len(data)))
        if digest_at(extended(data), i) != digest_at(extended(changed), i)
    ]
    assert differ == [at // BLOCK]
