import gzip
import os
import random
import socket
import time
import zlib
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard

from core.errors import ConfigurationError, PermanentError
from core.keys import SessionKey
from watcher.content import PackedFile
from watcher.disk import Disk, Source, SourceMissing
from watcher.fileclock import CACHED_S, FileClock

LINES = b"".join(b'{"n":%d}\n' % n for n in range(50_000))
NOBODY = 65534


@pytest.fixture
def root(tmp_path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def disk(root, tmp_path) -> Disk:
    (tmp_path / "scratch").mkdir()
    return Disk([Source("s", root)], tmp_path / "scratch")


@contextmanager
def as_nobody():
    """Root may read everything, so tests of what may not be read need another user's eyes."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def open_to_all(path: Path) -> None:
    """Let `as_nobody` come this far: pytest's folders are private."""
    for folder in (path, *path.parents):
        if folder.stat().st_uid == os.geteuid() and folder.stat().st_mode & 0o077 == 0:
            folder.chmod(0o755)


def put(path: Path, data: bytes = b"{}\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def key(path: str) -> SessionKey:
    return SessionKey("s", path)


def paths(disk: Disk) -> list[str]:
    return sorted(one.path for one, _ in disk.walk("s"))


def read(disk: Disk, path: str, size: int = 1 << 24) -> bytes:
    with disk.open(key(path)) as file:
        return file.read(0, size)


def refused(disk: Disk, path: str, size: int = 1 << 24) -> str:
    with pytest.raises(PermanentError) as caught:
        read(disk, path, size)
    return caught.value.reason


# Finding files


def test_a_walk_finds_every_session_and_nothing_else(root, disk):
    for name in ("a.jsonl", "u/p/b.jsonl", "u/p/s/subagents/c.jsonl.gz", "d.jsonl.zst"):
        put(root / name)
    for name in ("a.json", "a.jsonl.tmp", "u/notes.md", ".jsonl~"):
        put(root / name)

    found = dict(disk.walk("s"))

    assert sorted(one.path for one in found) == [
        "a.jsonl",
        "d.jsonl.zst",
        "u/p/b.jsonl",
        "u/p/s/subagents/c.jsonl.gz",
    ]
    for one, stat in found.items():
        assert stat == disk.stat(one)
        with disk.open(one) as file:
            assert file.stat == stat


def test_a_part_of_a_source_can_be_walked(root, disk):
    put(root / "u/p/a.jsonl")
    put(root / "v/b.jsonl")

    walk = disk.walk("s", "u")

    assert [one.path for one, _ in walk] == ["u/p/a.jsonl"]
    assert not walk.unlisted(key("u/x.jsonl"))
    assert walk.unlisted(key("v/x.jsonl"))


def test_patterns_decide_what_a_session_is(root):
    put(root / "u/CLAUDE.local.md")
    put(root / "u/a.jsonl")
    disk = Disk([Source.at(root, "s", patterns=["CLAUDE*.md"])])

    assert paths(disk) == ["u/CLAUDE.local.md"]
    assert disk.key_of(root / "u/a.jsonl") is None


def test_names_that_are_not_utf8_lead_back_to_their_files(root, disk):
    for number, name in enumerate((b"caf\xe9/\xff.jsonl", "é/ü.jsonl".encode(), b"a\\b.jsonl")):
        raw = os.path.join(os.fsencode(root), name)
        os.makedirs(os.path.dirname(raw), exist_ok=True)
        Path(os.fsdecode(raw)).write_bytes(b"%d\n" % number)

    assert paths(disk) == ["a\\\\b.jsonl", "caf\\xe9/\\xff.jsonl", "é/ü.jsonl"]
    assert [read(disk, path) for path in paths(disk)] == [b"2\n", b"0\n", b"1\n"]


def test_a_missing_root_is_no_empty_root(root, disk):
    put(root / "a.jsonl")
    root.rename(root.with_name("elsewhere"))

    with pytest.raises(FileNotFoundError):
        dict(disk.walk("s"))
    with pytest.raises(SourceMissing):
        disk.stat(key("a.jsonl"))
    with pytest.raises(SourceMissing):
        read(disk, "a.jsonl")
    assert not issubclass(SourceMissing, FileNotFoundError)


def test_a_root_replaced_during_a_walk_is_no_answer(root, disk):
    for number in range(3):
        put(root / f"{number}/a.jsonl")
    walk = disk.walk("s")
    next(walk)
    root.rename(root.with_name("elsewhere"))
    root.mkdir()

    with pytest.raises(OSError, match="replaced"):
        list(walk)
    assert walk.unlisted(key("0/a.jsonl"))


def test_files_in_a_folder_nobody_may_list_are_not_missing(root, disk):
    put(root / "open/a.jsonl")
    put(root / "shut/b.jsonl")
    put(root / "names/only/c.jsonl")
    open_to_all(root)
    (root / "shut").chmod(0)
    (root / "names/only").chmod(0o744)

    with as_nobody():
        if os.access(root / "shut", os.R_OK, effective_ids=True):
            pytest.skip("this user may read everything")
        walk = disk.walk("s")
        found = [one.path for one, _ in walk]
    (root / "shut").chmod(0o755)

    assert found == ["open/a.jsonl"]
    assert walk.unreadable == {"shut/": "EACCES", "names/only/": "EACCES"}
    assert walk.unlisted(key("shut/b.jsonl"))
    assert walk.unlisted(key("names/only/c.jsonl"))
    assert not walk.unlisted(key("open/gone.jsonl"))
    assert walk.unlisted(SessionKey("other", "open/gone.jsonl"))


def test_a_file_nobody_may_read_is_an_error_and_not_gone(root, disk):
    put(root / "a.jsonl").chmod(0)
    open_to_all(root)

    with as_nobody():
        if os.access(root / "a.jsonl", os.R_OK, effective_ids=True):
            pytest.skip("this user may read everything")
        with pytest.raises(PermissionError):
            read(disk, "a.jsonl")
        assert paths(disk) == ["a.jsonl"]


# What is not a file


def test_a_fifo_is_listed_and_refused_without_waiting(root, disk):
    os.mkfifo(root / "a.jsonl")

    assert paths(disk) == ["a.jsonl"]
    assert refused(disk, "a.jsonl") == "not_a_regular_file"


def test_a_socket_is_listed_and_refused(root, disk):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(root / "a.jsonl"))

        assert refused(disk, "a.jsonl") == "not_a_regular_file"


def test_a_folder_named_like_a_session_is_walked_and_refused(root, disk):
    put(root / "x.jsonl/y.jsonl")

    before = dict(disk.walk("s"))
    put(root / "x.jsonl/z.jsonl")

    assert sorted(one.path for one in before) == ["x.jsonl", "x.jsonl/y.jsonl"]
    assert refused(disk, "x.jsonl") == "not_a_regular_file"
    assert read(disk, "x.jsonl/y.jsonl") == b"{}\n"
    assert disk.stat(key("x.jsonl")) == before[key("x.jsonl")]


def test_a_link_to_a_session_of_ours_is_passed_over(root, disk):
    put(root / "u/a.jsonl")
    (root / "b.jsonl").symlink_to(root / "u/a.jsonl")
    (root / "c.jsonl").symlink_to("u/gone.jsonl")
    (root / "linked").symlink_to("u")

    walk = disk.walk("s")

    assert [one.path for one, _ in walk] == ["u/a.jsonl"]
    assert walk.links_out == []
    for path in ("b.jsonl", "c.jsonl", "linked/a.jsonl"):
        with pytest.raises(FileNotFoundError):
            disk.stat(key(path))
        with pytest.raises(FileNotFoundError):
            read(disk, path)


def test_a_link_that_leads_out_is_listed_and_refused(root, disk, tmp_path):
    put(tmp_path / "secret.jsonl")
    (root / "a.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (root / "b.jsonl").symlink_to(tmp_path / "gone.jsonl")
    put(root / "blob")
    (root / "c.jsonl").symlink_to("blob")

    found = dict(disk.walk("s"))

    assert sorted(one.path for one in found) == ["a.jsonl", "b.jsonl", "c.jsonl"]
    for one, stat in found.items():
        assert refused(disk, one.path) == "symlink_outside_root"
        assert disk.stat(one) == stat


def test_a_linked_folder_that_leads_out_is_told_and_not_entered(root, disk, tmp_path):
    put(tmp_path / "elsewhere/a.jsonl")
    (root / "linked").symlink_to(tmp_path / "elsewhere")

    walk = disk.walk("s")

    assert list(walk) == []
    assert walk.links_out == ["linked"]
    with pytest.raises(FileNotFoundError):
        read(disk, "linked/a.jsonl")


def test_a_link_into_another_source_is_read_there(tmp_path):
    put(tmp_path / "one/a.jsonl")
    (tmp_path / "two").mkdir()
    (tmp_path / "two/b.jsonl").symlink_to(tmp_path / "one/a.jsonl")
    disk = Disk([Source("s", tmp_path / "two"), Source("t", tmp_path / "one")])

    assert paths(disk) == []


def test_links_in_a_circle_end(root, disk):
    (root / "a.jsonl").symlink_to("b.jsonl")
    (root / "b.jsonl").symlink_to("a.jsonl")
    (root / "loop").symlink_to(".")

    assert paths(disk) == []


def test_a_root_may_be_a_link(root, tmp_path):
    put(root / "a.jsonl")
    (tmp_path / "link").symlink_to(root)
    disk = Disk([Source("s", tmp_path / "link")])

    assert paths(disk) == ["a.jsonl"]
    assert read(disk, "a.jsonl") == b"{}\n"
    assert disk.key_of(root / "a.jsonl") == key("a.jsonl")
    assert disk.key_of(tmp_path / "link/a.jsonl") == key("a.jsonl")


@pytest.mark.parametrize(
    "path",
    [
        "../root/a.jsonl",
        "/a.jsonl",
        "./a.jsonl",
        "u//a.jsonl",
        "u/../a.jsonl",
        "a.jsonl/",
        "\\x61.jsonl",
        "a.jsonl\0",
        "a.jsonl/b.jsonl",
        "b.txt",
        "",
        "long" * 100 + ".jsonl",
        "\ud800.jsonl",
        "\ud800\\x41.jsonl",
        chr(0xDCFF) + ".jsonl",
    ],
)
def test_a_key_no_walk_could_yield_is_no_file(root, disk, path):
    put(root / "a.jsonl")
    put(root / "u/b.jsonl")
    put(root / "b.txt")

    with pytest.raises(FileNotFoundError):
        disk.stat(key(path))
    with pytest.raises(FileNotFoundError):
        read(disk, path)


def test_reading_and_walking_leave_no_descriptor_open(root, disk):
    put(root / "u/a.jsonl.gz", gzip.compress(b"{}\n"))
    os.mkfifo(root / "b.jsonl")
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        read(disk, "u/a.jsonl.gz")
        refused(disk, "b.jsonl")
        with pytest.raises(FileNotFoundError):
            read(disk, "gone/a.jsonl")
        paths(disk)

    assert len(os.listdir("/proc/self/fd")) <= len(before)


# Keys and sources


def test_keys_of_absolute_paths(root, disk):
    assert disk.key_of(root / "u/é.jsonl") == key("u/é.jsonl")
    assert disk.key_of(f"{root}/u/../v/a.jsonl") == key("v/a.jsonl")
    assert disk.key_of(root.with_name("root2") / "a.jsonl") is None
    assert disk.key_of(root / "a.txt") is None


def test_users_are_folders_unless_the_source_has_one(tmp_path):
    disk = Disk([Source("s", tmp_path / "a"), Source("t", tmp_path / "b", user="ann")])

    assert disk.user_of(SessionKey("s", "bob/p/a.jsonl")) == "bob"
    assert disk.user_of(SessionKey("t", "p/a.jsonl")) == "ann"


def test_sources_get_a_name_from_the_folder_they_really_are(tmp_path):
    for folder in ("x/logs", "y/logs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "x/logs")

    x, y, link = (Source.at(tmp_path / path).name for path in ("x/logs", "y/logs", "link"))

    assert x == link
    assert x != y
    assert x.startswith("logs-")
    assert Source.at("relative").root.is_absolute()


def test_sources_that_would_count_files_twice_are_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for one, other in (("a", "a/b"), ("a", "link"), ("a", "a")):
        with pytest.raises(ConfigurationError, match="within"):
            Disk([Source("s", tmp_path / one), Source("t", tmp_path / other)])
    with pytest.raises(ConfigurationError, match="called"):
        Disk([Source("s", tmp_path / "a"), Source("s", tmp_path / "b")])
    Disk([Source("s", tmp_path / "a"), Source("t", tmp_path / "a-b")])


def test_files_of_a_source_nobody_configured_are_not_gone(disk):
    with pytest.raises(SourceMissing):
        disk.stat(SessionKey("formerly", "a.jsonl"))


# Stats and their age


def test_a_restored_modification_time_shows_in_the_change_time(root, disk):
    path = put(root / "a.jsonl", b"1\n")
    os.utime(path, ns=(10**18, 10**18))
    before = disk.stat(key("a.jsonl"))
    # The same bytes count and the old time again: only ctime tells.
    path.write_bytes(b"2\n")
    os.utime(path, ns=(10**18, 10**18))

    after = disk.stat(key("a.jsonl"))

    assert (after.mtime_ns, after.size_bytes) == (before.mtime_ns, before.size_bytes)
    assert after.ctime_ns > before.ctime_ns
    with disk.open(key("a.jsonl")) as file:
        assert file.age_ns < 5e9


def test_a_file_ages_by_the_clock_of_its_file_system(root, disk):
    put(root / "a.jsonl")
    ages: list[int] = []
    deadline_s = time.monotonic() + 10
    while not ages or (ages[-1] < 0.2e9 and time.monotonic() < deadline_s):
        with disk.open(key("a.jsonl")) as file:
            ages.append(file.age_ns)

    assert ages == sorted(ages)
    assert ages[0] < 0.2e9 <= ages[-1]


def test_a_time_in_the_future_does_not_keep_a_file_young(root, disk):
    path = put(root / "a.jsonl")
    os.utime(path, ns=(2 * 10**18, 2 * 10**18))
    deadline_s, age_ns = time.monotonic() + 10, 0
    while age_ns < 0.1e9 and time.monotonic() < deadline_s:
        with disk.open(key("a.jsonl")) as file:
            age_ns = file.age_ns

    assert age_ns >= 0.1e9


def test_the_clock_of_a_file_system_is_never_ahead_of_its_stamps(root, tmp_path):
    clock = FileClock(tmp_path)
    device = root.stat().st_dev
    for _ in range(100):
        before_ns = clock.now_ns(device)
        stamp_ns = put(root / "a").stat().st_mtime_ns

        assert before_ns <= stamp_ns
    assert stamp_ns - before_ns < 1e9 + CACHED_S * 1e9


def test_without_a_private_folder_the_wall_clock_is_asked(root):
    put(root / "a.jsonl")
    with Disk([Source("s", root)]).open(key("a.jsonl")) as file:
        assert 0 <= file.age_ns < 60e9


# Reading


def test_a_file_is_read_from_any_offset(root, disk):
    put(root / "a.jsonl", LINES)
    with disk.open(key("a.jsonl")) as file:
        assert file.read(0, 10) == LINES[:10]
        assert file.read(len(LINES) - 5, 10) == LINES[-5:]
        assert file.read(len(LINES) + 5, 10) == b""
        assert file.read(3, 0) == b""


def test_a_file_that_is_replaced_while_open_is_read_as_it_was(root, disk):
    put(root / "a.jsonl", b"old\n")
    with disk.open(key("a.jsonl")) as file:
        put(root / "new", b"new\n").rename(root / "a.jsonl")

        assert file.read(0, 10) == b"old\n"
    assert read(disk, "a.jsonl") == b"new\n"


def members(pack, count: int) -> bytes:
    size = len(LINES) // count + 1
    return b"".join(pack(LINES[at : at + size]) for at in range(0, len(LINES), size))


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


PACKED = [("a.jsonl.gz", gzip.compress, "corrupt_gzip"), ("a.jsonl.zst", zstd, "corrupt_zstd")]
packed = pytest.mark.parametrize(("name", "pack", "reason"), PACKED)


@packed
@pytest.mark.parametrize("count", [1, 2, 7])
def test_packed_files_are_read_unpacked_in_any_order(root, disk, name, pack, reason, count):
    put(root / name, members(pack, count))
    choose = random.Random(count)
    with disk.open(key(name)) as file:
        assert file.read(0, 1 << 24) == LINES
        for _ in range(30):
            at, size = choose.randrange(len(LINES)), choose.randrange(100_000)
            assert file.read(at, size) == LINES[at : at + size]
        assert file.read(len(LINES), 10) == b""
        assert file.read(len(LINES) + 10, 10) == b""


@packed
def test_reading_on_in_a_packed_file_starts_once(root, disk, name, pack, reason):
    put(root / name, pack(LINES))
    with disk.open(key(name)) as file:
        assert isinstance(file, PackedFile)
        start, starts = file._start, []

        def counted():
            starts.append(1)
            return start()

        file._start = counted
        parts = [file.read(at, 1000) for at in range(0, len(LINES), 2000)]

        assert parts == [LINES[at : at + 1000] for at in range(0, len(LINES), 2000)]
        assert starts == [1]


@packed
@pytest.mark.parametrize("count", [1, 3])
def test_a_packed_file_cut_anywhere_simply_ends(root, disk, name, pack, reason, count):
    whole = members(pack, count)
    cuts = [0, 1, 2, 3, 5, 9, 17, len(whole) // 3, len(whole) // 2, len(whole) - 1]
    if count == 3:
        first = len(pack(LINES[: len(LINES) // 3 + 1]))
        cuts += [first, first + 1, first + 3]
    lengths = []
    for cut in sorted(cuts):
        put(root / name, whole[:cut])
        data = read(disk, name)
        lengths.append(len(data))

        assert LINES.startswith(data)
    assert lengths == sorted(lengths)
    assert lengths[-1] > len(LINES) * 0.6


@packed
def test_corrupt_data_is_an_error_only_to_who_needs_it(root, disk, name, pack, reason):
    data = random.Random(1).randbytes(1_000_000)
    raw = bytearray(pack(data))
    raw[600_000] ^= 0xFF
    put(root / name, bytes(raw))

    with disk.open(key(name)) as file:
        assert file.read(0, 100_000) == data[:100_000]
        with pytest.raises(PermanentError) as caught:
            file.read(100_000, 900_000)
        assert caught.value.reason == reason
        # The reader goes on after the fault, and meets it again.
        assert file.read(50_000, 100_000) == data[50_000:150_000]
        with pytest.raises(PermanentError):
            file.read(0, 1_000_001)


@packed
def test_a_file_that_is_not_what_its_name_says_is_corrupt(root, disk, name, pack, reason):
    put(root / name, LINES)

    assert refused(disk, name) == reason


@packed
def test_garbage_behind_the_last_member_is_corrupt(root, disk, name, pack, reason):
    put(root / name, pack(LINES) + b"garbage")

    with disk.open(key(name)) as file:
        assert file.read(0, len(LINES)) == LINES
        with pytest.raises(PermanentError):
            file.read(len(LINES), 1)


def test_zeros_around_gzip_members_are_padding(root, disk):
    pad = b"\0" * 200_000
    put(root / "a.jsonl.gz", gzip.compress(LINES) + pad + gzip.compress(LINES) + pad)

    assert read(disk, "a.jsonl.gz") == LINES + LINES


def test_nothing_of_a_gzip_member_is_held_back_at_its_end(root, disk):
    """A long match packs many bytes into the last few, which come out only when asked for."""
    data = b"x" * 100_000
    whole = gzip.compress(data)
    put(root / "a.jsonl.gz", whole[:-9])
    with disk.open(key("a.jsonl.gz")) as file:
        parts: list[bytes] = []
        while part := file.read(len(b"".join(parts)), 7):
            parts.append(part)

    unpack = zlib.decompressobj(31)
    assert b"".join(parts) == unpack.decompress(whole[:-9]) + unpack.flush()


@packed
def test_a_bomb_is_unpacked_only_as_far_as_asked(root, disk, name, pack, reason):
    resource = pytest.importorskip("resource")
    zeros = b"\0" * (64 << 20)
    put(root / name, pack(zeros) * 4)
    del zeros
    with disk.open(key(name)) as file:
        file.read(0, 1)
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert file.read(200 << 20, 10) == b"\0" * 10
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib

    assert grown_kib < 32 << 10
