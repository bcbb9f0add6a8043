"""Lines are decoded once for all line processors, and nobody can tell the difference."""

from service.decoding import CHUNKS_MAX, SHARED_BYTES_MAX, SharedDecoding, decode
from tests.tools.processors import SeenLines
from tests.tools.simulation import World, key

DATA = b'{"type":"user"}\nbroken\n{"type":"other"}\n'


class SeenTwice(SeenLines):
    """Another line processor over the same files."""

    name = "seen_twice"
    tables = {"seen_again": SeenLines.tables["seen"]}


def test_a_shared_chunk_is_what_decoding_it_gives() -> None:
    shared = SharedDecoding()

    assert shared(DATA, 7, "unknown") == shared(DATA, 7, "unknown") == decode(DATA, 7, "unknown")
    assert shared.shared_count == 1


def test_the_same_bytes_elsewhere_or_in_another_dialect_are_another_chunk() -> None:
    shared = SharedDecoding()

    places = [(DATA, 0, "unknown"), (DATA, 1, "unknown"), (DATA, 0, "claude")]
    assert [shared(*place) for place in places] == [decode(*place) for place in places]
    assert shared.shared_count == 0


def test_only_a_few_small_chunks_are_kept() -> None:
    shared = SharedDecoding()
    large = b" " * SHARED_BYTES_MAX + b"\n"

    for offset in [*range(CHUNKS_MAX + 1), 0]:
        shared(DATA, offset, "unknown")
    shared(large, 0, "unknown")
    shared(large, 0, "unknown")

    assert shared.shared_count == 0


def test_two_line_processors_decode_an_append_once() -> None:
    world = World([SeenLines(), SeenTwice()])
    world.files.write(key("a"), DATA)
    world.settle()

    assert world.engine.world.decode.shared_count == 1  # type: ignore[attr-defined]
    assert len(world.rows("seen", key("a"))) == 2
