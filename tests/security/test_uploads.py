"""Whoever may send session files may do nothing else: not leave their folder, not fill memory or
disk, not take what others send with them."""

import gzip
import os
import resource
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
import zstandard

from tests.tools.uploads import PATH, USER, taking
from tests.tools.waiting import wait_for
from tests.tools.writers import assistant_line

ALL = b"".join(assistant_line(str(number)) for number in range(50))
MIB = 1 << 20


@pytest.fixture
def taker(tmp_path):
    with taking(tmp_path) as found:
        yield found


# Names.

BAD_PARTS = [
    "..", ".", "", ".hidden", "a b", "a\\b", "a\0b", "a\nb", "a:b", "a%2eb", "é", "~", "$HOME",
    "x" * 201, "a\r\nX-Evil: 1", "\u202e", "a;b", "a*",
]  # fmt: skip


@pytest.mark.parametrize("part", BAD_PARTS, ids=ascii)
@pytest.mark.parametrize("shape", ["{}/s.jsonl", "p/{}/s.jsonl", "p/q/{}/r/s.jsonl", "p/{}.jsonl"])
def test_no_part_of_a_name_leads_anywhere(taker_for_names, part, shape):
    if part in ("", ".", "..") and shape.endswith("{}.jsonl"):
        part = f"{part}.."
    target = f"/api/v1/uploads/{quote(shape.format(part), safe='')}"
    answered = taker_for_names.sender.ask("POST", target, ALL)

    # A line break within fits no route at all.
    assert (answered.status, answered.code) in {(400, "bad_name"), (404, "not_found")}
    assert taker_for_names.files() == []


@pytest.fixture(scope="module")
def taker_for_names(tmp_path_factory):
    with taking(tmp_path_factory.mktemp("names")) as found:
        yield found


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/uploads/../../etc/passwd.jsonl", "/api/v1/uploads/%2e%2e/x.jsonl",
        "/api/v1/uploads/a/%2e%2e%2fx.jsonl", "/api/v1/uploads//etc/x.jsonl",
        "/api/v1/uploads/%252e%252e/x.jsonl", "/api/v1/uploads/a/..%5cx.jsonl",
        "/api/v1/uploads/%00.jsonl", "/api/v1/uploads/%c0%ae%c0%ae/x.jsonl",
        "/api/v1/uploads/x.txt", "/api/v1/uploads/x.jsonl.exe", "/api/v1/uploads/.jsonl",
        "/api/upload/sessions?filename=..%2fx.jsonl", "/api/upload/sessions?filename=.x.jsonl",
        "/api/upload/sessions?filename=", "/api/upload/sessions?filename=a%00.jsonl",
        "/api/v1/uploads/" + "a/" * 16 + "x.jsonl", "/api/v1/uploads/x.jsonl.gz.gz",
        "/api/v1/uploads/x.jsonl%0a", "/api/v1/uploads/summary",
    ],
)  # fmt: skip
def test_no_spelling_of_a_path_leads_anywhere(taker_for_names, target):
    answered = taker_for_names.sender.ask("POST", target, ALL)

    assert answered.status in (400, 404, 405)
    assert taker_for_names.files() == []


@pytest.mark.parametrize(
    "user", ["..", ".", "../noor", "a/b", "a\\b", "a\0b", "a\nb", " ", ".x", "é" * 150, "\u202e"]
)
def test_not_even_an_admin_names_a_folder_that_leads_anywhere(taker_for_names, user):
    answered = taker_for_names.admin.send(PATH, ALL, user=user)

    assert (answered.status, answered.code) == (400, "bad_name")
    assert taker_for_names.files() == []


def test_a_header_cannot_name_more_than_a_file(taker_for_names):
    sender = taker_for_names.sender
    answer = sender.raw(
        b"POST /api/upload/sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
        + sender.token.encode()
        + b"\r\nX-Filename: a\rb.jsonl\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{}\n"
    )

    assert answer.startswith(b"HTTP/1.1 400")
    assert taker_for_names.files() == []


# Whose folder.


def test_an_analyst_sends_and_sees_only_what_is_theirs(taker):
    noor = taker.of("noor")
    noor.send(PATH, ALL)
    target = f"/api/upload/sessions?filename=x.jsonl&user={USER}"
    refused = [
        noor.send(PATH, ALL, user=USER),
        noor.look(PATH, user=USER),
        noor.ask("GET", f"/api/v1/uploads?user={USER}"),
        noor.ask("GET", f"/api/v1/uploads/summary?user={USER}"),
        noor.ask("POST", target, ALL),
    ]

    assert {(one.status, one.code) for one in refused} == {(403, "forbidden")}
    assert noor.send("q/own.jsonl", ALL, user="noor").status == 200
    assert taker.files() == [f"noor/{PATH}", "noor/q/own.jsonl"]


def test_nobody_sends_without_a_token_or_with_one_for_metrics(taker):
    text = taker.service.desk.tokens.create("m", "metrics", by="test")[1]
    nobody, metrics = taker.of("x"), taker.of("y")
    nobody.token, metrics.token = "", text

    assert [one.send(PATH, ALL).status for one in (nobody, metrics)] == [401, 403]
    assert taker.files() == []


def test_nothing_of_somebody_erased_comes_in_again(taker):
    taker.sender.send(PATH, ALL)
    wait_for(lambda: taker.sql("FROM ledger"))
    taker.admin.ask("POST", f"/api/v1/people/{USER}/erase", b'{"confirm": "amara", "files": true}')
    other = taker.admin.send(PATH, ALL, user=USER)

    assert (other.status, other.code) == (400, "not_wanted")
    assert taker.files() == []


# Links and what else lies in the way.


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "s.jsonl").write_bytes(b"untouched\n")
    return folder


def link_user(root, outside):
    (root / USER).symlink_to(outside)


def link_project(root, outside):
    (root / USER).mkdir()
    (root / USER / "p").symlink_to(outside)


def link_file(root, outside):
    (root / USER / "p").mkdir(parents=True)
    (root / USER / "p" / "s.jsonl").symlink_to(outside / "s.jsonl")


def dangling_file(root, outside):
    (root / USER / "p").mkdir(parents=True)
    (root / USER / "p" / "s.jsonl").symlink_to(outside / "new.jsonl")


def fifo(root, _):
    (root / USER / "p").mkdir(parents=True)
    os.mkfifo(root / USER / "p" / "s.jsonl")


def folder(root, _):
    (root / USER / "p" / "s.jsonl").mkdir(parents=True)


@pytest.mark.parametrize(
    "prepare", [link_user, link_project, link_file, dangling_file, fifo, folder]
)
@pytest.mark.parametrize("path", ["p/s.jsonl"])
def test_what_is_no_file_of_ours_is_neither_followed_nor_read(taker, outside, prepare, path):
    prepare(taker.root, outside)
    answers = [
        taker.sender.send(path, ALL),
        taker.sender.send(path, ALL, replace="true"),
        taker.sender.send(path, ALL, offset=10, prefix_digest="0" * 64),
        taker.sender.look(path),
    ]

    assert {(one.status, one.code) for one in answers} == {(409, "conflict")}
    assert [(p.name, p.read_bytes()) for p in outside.iterdir()] == [("s.jsonl", b"untouched\n")]
    assert taker.hidden() == []


def test_a_file_with_a_second_name_is_replaced_and_not_written_to(taker, outside):
    taker.file("p/s.jsonl").parent.mkdir(parents=True)
    os.link(outside / "s.jsonl", taker.file("p/s.jsonl"))
    answered = taker.sender.send("p/s.jsonl", b"untouched\n" + ALL)

    assert answered.body["status"] == "replaced"
    assert (outside / "s.jsonl").read_bytes() == b"untouched\n"


# Bombs and floods.


@pytest.fixture(scope="module", params=["gzip", "zstd"])
def bomb(request):
    """10 GiB of zeros: pieces that follow one another are one body for both ways to pack."""
    zeros = bytes(64 * MIB)
    pack = {"gzip": gzip.compress, "zstd": zstandard.compress}[request.param]
    return request.param, pack(zeros) * 160


def test_a_bomb_is_refused_at_the_cap_in_constant_memory(tmp_path, bomb):
    encoding, packed = bomb
    with taking(tmp_path, file_max_bytes=64 * MIB) as taker:
        taker.sender.send(PATH, ALL)
        before_kib = peak_kib()
        answered = taker.sender.send("p/b.jsonl", packed, {"Content-Encoding": encoding})
        grown_kib = peak_kib() - before_kib

        assert (answered.status, answered.code) == (413, "too_large")
        assert grown_kib < 64 * 1024
        assert taker.files() == [f"{USER}/{PATH}"]
        assert taker.hidden() == []


def peak_kib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("encoding", ["", "gzip", "zstd"])
def test_what_is_too_large_is_refused_packed_or_not(tmp_path, encoding):
    noise = os.urandom(2 * MIB)
    packed = {"": noise, "gzip": gzip.compress(noise), "zstd": zstandard.compress(noise)}[encoding]
    with taking(tmp_path, file_max_bytes=MIB) as taker:
        answered = taker.sender.send(PATH, iter([packed]), {"Content-Encoding": encoding})

        assert (answered.status, answered.code) == (413, "too_large")
        assert taker.files() == taker.hidden() == []


def test_a_file_cannot_grow_beyond_the_cap_piece_by_piece(tmp_path):
    with taking(tmp_path, file_max_bytes=MIB) as taker:
        taker.sender.send(PATH, b"x" * (MIB - 10))
        there = taker.sender.look(PATH).body
        answered = taker.sender.send(
            PATH, b"y" * 11, offset=there["size"], prefix_digest=there["digest"]
        )

        assert (answered.status, answered.code) == (413, "too_large")


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor(write_checksum=True).compress)],
)
@pytest.mark.parametrize("harm", ["truncated", "corrupt", "trailing", "empty", "plain"])
def test_what_is_packed_wrongly_is_refused_and_nothing_of_it_stays(
    taker_for_names, encoding, pack, harm
):
    packed = pack(ALL)
    middle = len(packed) // 2
    body = {
        "truncated": packed[:-1],
        "corrupt": packed[:middle] + bytes((packed[middle] ^ 255,)) + packed[middle + 1 :],
        "trailing": packed + b"junk",
        "empty": b"",
        "plain": ALL,
    }[harm]
    answered = taker_for_names.sender.send(PATH, body, {"Content-Encoding": encoding})

    assert (answered.status, answered.code) == (400, f"invalid_{encoding}")
    assert taker_for_names.files() == taker_for_names.hidden() == []


def test_an_unknown_or_contradicted_packing_is_refused(taker_for_names):
    unknown = taker_for_names.sender.send(PATH, ALL, {"Content-Encoding": "br"})
    both = taker_for_names.sender.send(PATH + ".gz", ALL, {"Content-Encoding": "zstd"})

    assert {(one.status, one.code) for one in (unknown, both)} == {(400, "bad_encoding")}


def test_a_zstd_window_that_takes_much_memory_is_refused(taker_for_names):
    wide = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    packed = packer.compress(ALL) + packer.flush()
    answered = taker_for_names.sender.send(PATH, packed, {"Content-Encoding": "zstd"})

    assert (answered.status, answered.code) == (400, "invalid_zstd")


def test_nobody_sends_more_than_their_share_of_a_day(tmp_path):
    with taking(tmp_path, user_max_bytes_per_day=2 * len(ALL)) as taker:
        taker.sender.send("p/1.jsonl", ALL)
        taker.sender.send("p/2.jsonl", ALL[: len(ALL) // 2])
        answered = taker.sender.send("p/3.jsonl", ALL)

        assert (answered.status, answered.code) == (429, "quota_exceeded")
        assert taker.of("noor").send("p/3.jsonl", ALL).status == 200
        assert taker.file("p/3.jsonl").exists() is False


def test_files_without_number_count_as_well(tmp_path):
    with taking(tmp_path, user_max_bytes_per_day=5 * 4096) as taker:
        answers = [taker.sender.send(f"p/{n}.jsonl", b"{}\n").status for n in range(7)]

        assert answers == [200] * 5 + [429] * 2


# Bodies that do not come as they should.


SIZE = len(ALL)


def head(taker, path=PATH, length=SIZE, more=""):
    return (
        f"POST /api/v1/uploads/{path} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {taker.sender.token}\r\n{more}"
        + (f"Content-Length: {length}\r\n\r\n" if length is not None else "\r\n")
    ).encode()


def test_a_body_that_is_shorter_than_it_says_is_not_stored(taker):
    taker.sender.send(PATH, ALL[:1000])
    taker.sender.raw(head(taker, length=len(ALL) + 1) + ALL)
    wait_for(lambda: not taker.hidden())

    assert taker.file().read_bytes() == ALL[:1000]


def test_a_body_that_is_longer_than_it_says_is_cut_and_not_a_second_request(taker):
    smuggled = head(taker, "p/smuggled.jsonl", 3) + b"{}\n"
    length = len(ALL) - len(smuggled)
    both = f"Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"
    answer = taker.sender.raw(head(taker, length=None, more=both) + b"0\r\n\r\n" + smuggled)

    assert answer.count(b"HTTP/1.1 2") == 0 or not taker.file("p/smuggled.jsonl").exists()


def test_slow_bodies_are_ended_and_hold_up_nobody_else(tmp_path):
    with taking(tmp_path, body_s=1.0, at_once=4) as taker:
        address = (taker.sender.address.hostname, taker.sender.address.port)
        slow = [socket.create_connection(address, 60) for _ in range(2)]
        for peer in slow:
            peer.sendall(head(taker) + ALL[:10])
        wait_for(lambda: len(taker.hidden()) == 2)
        refused = taker.sender.send("p/own.jsonl", ALL)
        other = taker.of("noor").send("p/other.jsonl", ALL)
        ends_s = time.monotonic() + 30
        while taker.hidden() and time.monotonic() < ends_s:
            for peer in slow:
                trickle(peer)

        assert (refused.status, refused.code) == (503, "busy")
        assert other.status == 200
        assert taker.hidden() == []
        assert not taker.file().exists()
        for peer in slow:
            peer.close()


def trickle(peer):
    """A byte now and then keeps a connection alive."""
    try:
        peer.send(b" ")
    except OSError:
        return
    threading.Event().wait(0.05)


def test_of_many_uploads_of_one_name_one_stays_whole(tmp_path):
    bodies = [b"".join(assistant_line(f"{n}-{m}") for m in range(200)) for n in range(8)]
    with taking(tmp_path, at_once=16) as taker, ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            answers = list(pool.map(lambda body: taker.sender.send(PATH, body), bodies))
            assert {one.status for one in answers} == {200}
            assert taker.file().read_bytes() in bodies
        assert taker.hidden() == []


def test_what_a_kill_left_behind_is_removed_before_the_next_upload(tmp_path):
    with taking(tmp_path) as taker:
        taker.file("p/.sessionwatch-upload-0123").parent.mkdir(parents=True)
        taker.file("p/.sessionwatch-upload-0123").write_bytes(b"half")
        taker.sender.send("q/s.jsonl", ALL)

        assert taker.hidden() == []


# A full disk.


@pytest.fixture
def full_beyond():
    """The kernel refuses what makes any file longer than so much, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_nothing_half(taker, full_beyond):
    lines = b'{"type": "x"}\n' * (2 * MIB // 14)
    taker.sender.send("p/grows.jsonl", lines)
    before = taker.file("p/grows.jsonl").read_bytes()
    full_beyond(3 * MIB)
    new = taker.sender.send("p/new.jsonl", 2 * lines)
    grown = taker.sender.send(
        "p/grows.jsonl", lines, offset=len(lines),
        prefix_digest=taker.sender.look("p/grows.jsonl").body["digest"],
    )  # fmt: skip

    assert {(one.status, one.code) for one in (new, grown)} == {(507, "disk_full")}
    assert taker.file("p/grows.jsonl").read_bytes() == before
    assert taker.files() == [f"{USER}/p/grows.jsonl"]
    assert taker.hidden() == []
