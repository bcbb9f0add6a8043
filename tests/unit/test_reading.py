"""Reading in steps: what proves the committed bytes, and what bounds lines, tails and files."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import blocks, plan
from core.blocks import BlockDigester
from core.errors import PermanentError
from core.ledger import LedgerEntry
from core.rows import QUARANTINE
from service import reading
from service.limits import Limits
from service.reading import LineReading, has_unread, prove
from tests.tools.processors import Notes, SeenLines, WholeSession
from tests.tools.reading import KEY, Taken, grow, opened, take

BLOCK = 16
SEEN: Any = SeenLines()
LINE = b'{"type":"a"}\n'
SMALL = Limits(chunk_bytes=20, line_max_bytes=64, document_max_bytes=64, session_max_bytes=64)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (blocks, plan, reading):
        monkeypatch.setattr(module, "BLOCK_BYTES", BLOCK)


def digests(data: bytes) -> bytes:
    digester = BlockDigester()
    digester.extend(data)
    return digester.blocks


def committed(data: bytes, **changes: Any) -> LedgerEntry:
    entry = LedgerEntry("p", KEY, committed_bytes=len(data), blocks=digests(data))
    return replace(entry, **changes)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# The proof.


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 5])
@pytest.mark.parametrize("proof", ["ends", "all"])
def test_any_changed_byte_of_up_to_three_blocks_disproves_them(size: int, proof: Any) -> None:
    data = bytes(range(size))
    entry = committed(data[: 3 * BLOCK])

    for at in range(entry.committed_bytes):
        assert prove(opened(flipped(data, at) + b"more"), entry, proof) is None
    assert prove(opened(data + b"more"), entry, proof)


@pytest.mark.usefixtures("small_blocks")
def test_the_ends_of_a_larger_file_prove_its_first_and_last_block_and_one_between() -> None:
    data = bytes(range(6 * BLOCK + 3))
    entry = committed(data)
    noticed = {at for at in range(len(data)) if not prove(opened(flipped(data, at)), entry, "ends")}

    between = 1 + len(data) % 5
    assert {at // BLOCK for at in noticed} == {0, between, 6}
    assert len(noticed) == 2 * BLOCK + 3


@pytest.mark.usefixtures("small_blocks")
def test_the_whole_proof_notices_any_changed_byte() -> None:
    data = bytes(range(6 * BLOCK + 3))

    for at in range(len(data)):
        assert prove(opened(flipped(data, at)), committed(data), "all") is None


@pytest.mark.usefixtures("small_blocks")
def test_a_file_that_lost_committed_bytes_since_its_stat_is_disproved() -> None:
    data = bytes(range(2 * BLOCK + 3))

    assert prove(opened(data[:-1]), committed(data), "ends") is None


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("size", [0, 1, BLOCK, BLOCK + 1, 4 * BLOCK, 5 * BLOCK + 7])
@pytest.mark.parametrize("proof", ["ends", "all"])
def test_what_was_proved_is_gone_on_from(size: int, proof: Any) -> None:
    data = bytes(range(size))

    digester = prove(opened(data + b"x" * 40), committed(data), proof)

    assert digester
    digester.extend(b"x" * 40)
    assert digester.blocks == digests(data + b"x" * 40)


# Steps.


@pytest.mark.usefixtures("small_blocks")
@given(st.lists(st.integers(0, 30), max_size=8))
def test_every_step_vouches_for_exactly_the_bytes_up_to_its_end(paddings: list[int]) -> None:
    data = b"".join(b'{"type":"%s"}\n' % (b"x" * size) for size in paddings)

    steps = list(LineReading(opened(data), SEEN, SMALL))

    assert sum(step.size_bytes for step in steps) == len(data)
    assert [step.blocks for step in steps] == [digests(data[: s.committed_bytes]) for s in steps]
    assert all(data[step.committed_bytes - 1 :][:1] == b"\n" for step in steps)


def test_a_step_is_as_large_as_the_chunk_unless_a_line_is_longer() -> None:
    long = b'{"type":"%s"}\n' % (b"x" * 30)
    data = LINE + LINE + long + LINE

    steps = list(LineReading(opened(data), SEEN, SMALL))

    assert [step.size_bytes for step in steps] == [len(LINE), len(LINE), len(long), len(LINE)]


def line_of(size: int) -> bytes:
    """A line of so many bytes, its newline included."""
    return b'{"type":"%s"}\n' % (b"x" * (size - len(b'{"type":""}\n')))


def test_a_line_of_the_longest_length_is_read() -> None:
    data = LINE + line_of(64) + LINE

    assert [row[0] for row in take(SEEN, data, SMALL).rows["seen"]] == [0, 13, 77]


@pytest.mark.parametrize("size", [65, 80, 81, 500])
def test_a_longer_line_is_listed_and_costs_only_itself(size: int) -> None:
    data = LINE + line_of(size) + LINE

    taken = take(SEEN, data, SMALL)

    assert [row[0] for row in taken.rows["seen"]] == [0, len(LINE) + size]
    assert taken.rows[QUARANTINE] == [
        (13, 0, size - 1, "line_too_long", "over line_max_bytes (64)", False)
    ]
    assert (taken.committed_bytes, taken.blocks) == (len(data), digests(data))


def test_a_longer_line_is_listed_once_it_has_ended() -> None:
    data = LINE + line_of(300)

    reader = LineReading(opened(data[:200]), SEEN, SMALL)
    steps = list(reader)

    assert steps[-1].committed_bytes == len(LINE)
    assert reader.tail_bytes > 0
    grown = grow(SEEN, grow(SEEN, Taken(), data[:200], SMALL), data, SMALL)
    assert grown.rows == take(SEEN, data, SMALL).rows


# Tails.


@pytest.mark.parametrize(
    ("tail", "quiet", "taken_bytes", "tail_bytes"),
    [
        (b'{"type":"b"}', True, 25, 0),
        (b'{"type":"b"}', False, 13, 12),
        (b'{"type":"b"} {"ty', True, 25, 4),
        (b'{"type":"b', True, 13, 10),
        (b"  \t", False, 13, 0),
        (b"", False, 13, 0),
    ],
)
def test_an_open_last_line_is_taken_once_it_is_quiet_and_whole(
    tail: bytes, quiet: bool, taken_bytes: int, tail_bytes: int
) -> None:
    reader = LineReading(opened(LINE + tail, quiet=quiet), SEEN, Limits())

    steps = list(reader)

    assert (steps[-1].committed_bytes, reader.tail_bytes) == (taken_bytes, tail_bytes)


@pytest.mark.parametrize(
    ("rest", "quiet", "kind", "unread"),
    [
        (b"", True, "line", False),
        (b"\n \n", True, "line", False),
        (LINE, False, "line", True),
        (b"not json\n", False, "session", True),
        (b'{"type":"b"}', False, "line", False),
        (b'{"type":"b"}', True, "line", True),
        (b'{"type":', True, "session", False),
        (b" ", False, "document", True),
        (b"", False, "document", False),
    ],
)
def test_what_a_clean_read_would_take_is_unread(
    rest: bytes, quiet: bool, kind: str, unread: bool
) -> None:
    file = opened(LINE + rest, quiet=quiet)

    assert has_unread(file, committed(LINE), kind, Limits()) == unread


def test_a_chunk_full_of_anything_is_unread() -> None:
    assert has_unread(opened(LINE + b"x" * 20), committed(LINE), "line", SMALL)


# Whole files.


@pytest.mark.parametrize("processor", [Notes(), WholeSession()])
def test_a_file_of_the_largest_size_is_read_and_a_larger_one_refused(processor: Any) -> None:
    assert take(processor, line_of(64), SMALL).rows

    with pytest.raises(PermanentError, match="larger than 64 bytes") as refused:
        take(processor, line_of(65), SMALL)
    assert refused.value.reason == "file_too_large"


def test_a_session_ends_with_its_last_complete_line_and_a_document_with_its_last_byte() -> None:
    data = LINE + b"open"

    assert take(WholeSession(), data).committed_bytes == len(LINE)
    assert take(Notes(), data).committed_bytes == len(data)
