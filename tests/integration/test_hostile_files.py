"""Files that agents, editors, copy tools, crashes and enemies leave behind.

Each is given to `sessionwatch ingest` and to the running service. The law for all of them: what is
readable is in the tables, what is not is listed with file, byte offset and reason, files beside it
are written, and looking again changes nothing.
"""

import gzip
import itertools
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import zstandard

from core.rows import QUARANTINE
from service import reading
from service.limits import Limits
from tests.tools.databases import digests, opened
from tests.tools.processors import SeenLines
from tests.tools.service import (
    ServiceProcess,
    command,
    environment,
    ingested,
    serving,
    sessionwatch,
)
from tests.tools.waiting import wait_for
from tests.tools.writers import append, assistant_line, replace
from watcher.content import PlainFile
from watcher.disk import Disk, Source

MIB = 1 << 20
OK, PARTIAL = 0, 4
ONE, TWO, THREE = (assistant_line(name) for name in ("one", "two", "three"))
Found = list[tuple[int, str]]
"""Byte offset and reason of each entry of the quarantine."""

RECORDS = "SELECT path, \"offset\" FROM usage_records WHERE starts_with(path, '{}') ORDER BY ALL"


class Reader(Protocol):
    """Whoever brings the database up to date: a command or a service that runs."""

    folder: Path
    """Where a test puts its files. Paths below are relative to it."""

    def reads(self, records: dict[str, list[int]], faults: dict[str, Found], code: int) -> None:
        """Bring it up to date: exactly these records and faults, and this exit code of ingest."""

    def changes_nothing(self) -> None:
        """Once more, and every row is the same one."""

    def gone(self) -> set[str]:
        """Files that are known to have vanished."""


@dataclass
class Ingest:
    """`ingest`, as a function of this process or, with a `wrapper`, as a command of its own."""

    root: Path
    db: Path
    wrapper: tuple[str, ...] | None = None
    code: int = OK

    @property
    def folder(self) -> Path:
        return self.root / "u" / "p"

    def run(self) -> Any:
        if self.wrapper is None:
            summary = ingested(self.db, self.root)
            self.code = PARTIAL if summary["failed"] else OK
            return summary
        done = sessionwatch(
            "ingest", self.root, "--db", self.db, "--json", wrapper=self.wrapper, retry_first_s=0
        )
        assert done.code in (OK, PARTIAL), done.err
        self.code = done.code
        return done.json

    def reads(self, records: dict[str, list[int]], faults: dict[str, Found], code: int) -> None:
        self.run()
        with opened(self.db) as connection:
            found = connection.execute(RECORDS.format("u/p/")).fetchall()
            listed = connection.execute(
                'SELECT path, "offset", reason FROM quarantine ORDER BY path, "offset"'
            ).fetchall()
        assert by_path(found, "u/p/") == records
        named = ({"path": p, "offset": at, "reason": why} for p, at, why in listed)
        assert faults_of(named, "u/p/") == faults
        assert self.code == code

    def changes_nothing(self) -> None:
        before = digests(self.db)
        assert self.run()["changed"] == 0
        assert digests(self.db) == before

    def gone(self) -> set[str]:
        with opened(self.db) as connection:
            rows = connection.execute(
                "SELECT path FROM ledger JOIN files USING (file_id) WHERE source_gone"
            ).fetchall()
        return {path.removeprefix("u/p/") for (path,) in rows}


@dataclass
class Served:
    """A service that runs while the files change; all tests of a worker share it."""

    process: ServiceProcess
    root: Path
    user: str

    @property
    def folder(self) -> Path:
        return self.root / self.user / "p"

    @property
    def prefix(self) -> str:
        return f"{self.user}/p/"

    def reads(self, records: dict[str, list[int]], faults: dict[str, Found], code: int) -> None:
        def found() -> tuple[object, object]:
            rows = self.process.sql(RECORDS.format(self.prefix))
            page = self.process.client.get("/api/v1/quarantine", limit=1000)
            return by_path(rows, self.prefix), faults_of(page["quarantine"], self.prefix)

        try:
            self.process.wait_until(lambda: found() == (records, faults), 20.0)
        except AssertionError:
            assert found() == (records, faults)
            raise

    def changes_nothing(self) -> None:
        before = self.rows()
        for _ in range(2):
            sweeps = self.process.metric("sweeps_total")
            self.process.client.post("/api/v1/sweep")
            self.process.wait_until(lambda n=sweeps: self.process.metric("sweeps_total") > n)
        assert self.rows() == before

    def rows(self) -> dict[str, list[list[Any]]]:
        everything = self.process.client.get("/api/v1/digests")
        return {
            table: sorted(row for row in rows if row[1].startswith(self.prefix))
            for table, rows in everything.items()
        }

    def gone(self) -> set[str]:
        rows = self.process.sql(
            "SELECT path FROM ledger JOIN files USING (file_id) WHERE source_gone "
            f"AND starts_with(path, '{self.prefix}')"
        )
        return {path.removeprefix(self.prefix) for (path,) in rows}


def by_path(rows: Any, prefix: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for path, offset in rows:
        found.setdefault(path.removeprefix(prefix), []).append(offset)
    return found


def faults_of(entries: Iterable[dict[str, Any]], prefix: str) -> dict[str, Found]:
    found: dict[str, Found] = {}
    for entry in entries:
        if entry["path"].startswith(prefix):
            place = found.setdefault(entry["path"].removeprefix(prefix), [])
            place.append((entry["offset"], entry["reason"]))
    return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[tuple[ServiceProcess, Path]]:
    folder = tmp_path_factory.mktemp("served")
    root = folder / "sessions"
    root.mkdir()
    # A sweep finds what changed without an event, such as a file whose times were restored.
    quick = {"sweep_s": 1, "tail_quiet_s": 0.2, "stat_trust_s": 0.2, "retry_first_s": 0.5}
    with serving(folder / "t.duckdb", root, **quick) as process:
        yield process, root
        assert process.terminate() == 0


users = itertools.count()


@pytest.fixture(params=["ingest", "service"])
def reader(request, tmp_path) -> Reader:
    if request.param == "ingest":
        made: Reader = Ingest(tmp_path / "sessions", tmp_path / "t.duckdb")
    else:
        made = Served(*request.getfixturevalue("shared"), f"u{next(users)}")
    made.folder.mkdir(parents=True)
    # Listed before and behind everything else, so that it is read before and after it.
    (made.folder / "a-good.jsonl").write_bytes(ONE + TWO)
    (made.folder / "z-good.jsonl").write_bytes(ONE)
    return made


GOOD = {"a-good.jsonl": [0, len(ONE)], "z-good.jsonl": [0]}


def reads(
    reader: Reader,
    records: dict[str, list[int]],
    faults: dict[str, Found] | None = None,
    code: int = OK,
) -> None:
    """These records and faults beside the good neighbours, and again nothing new."""
    reader.reads({**GOOD, **records}, faults or {}, code)
    reader.changes_nothing()


# Lines that are no clean records.

DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n"
LINES: dict[str, tuple[list[bytes], list[int], list[tuple[int, str]]]] = {
    # Pieces of the file; which of them are records; which of them are listed, and why.
    "CRLF line ends": ([ONE.replace(b"\n", b"\r\n"), TWO.replace(b"\n", b"\r\n")], [0, 1], []),
    "empty lines": ([b"\n\r\n \n", ONE, b"\n\n", TWO], [1, 3], []),
    "a byte order mark": ([b"\xef\xbb\xbf", ONE, TWO], [1, 2], []),
    "a byte order mark in the middle": ([ONE, b"\xef\xbb\xbf", TWO], [0, 2], []),
    "a hole of NULs": ([ONE, b"\x00" * 5000, TWO], [0, 2], [(1, "nul_bytes")]),
    "a line of NULs": ([ONE, b"\x00" * 5000 + b"\n", TWO], [0, 2], [(1, "nul_bytes")]),
    "no JSON": ([ONE, b"Traceback: what is this?\n", TWO], [0, 2], [(1, "invalid_json")]),
    "no object": ([ONE, b"[1, 2, 3]\n", TWO], [0, 2], [(1, "not_an_object")]),
    "half a record": ([ONE, TWO[:40] + b"\n", THREE], [0, 2], [(1, "invalid_json")]),
    "invalid UTF-8": ([ONE, TWO.replace(b"done", b"d\xff\xfe"), THREE], [0, 1, 2],
                      [(1, "invalid_utf8")]),
    "a lone surrogate": ([ONE, TWO.replace(b"msg_two", b"\\ud83d"), THREE], [0, 1, 2],
                         [(1, "lone_surrogate")]),
    "an escaped NUL": ([ONE, TWO.replace(b"msg_two", b"a\\u0000b"), THREE], [0, 1, 2], []),
    "nesting 100 000 deep": ([ONE, DEEP, TWO], [0, 2], [(1, "too_deep")]),
    "a huge integer": ([ONE, TWO.replace(b": 7", b": " + b"9" * 5000), THREE], [0, 1, 2],
                       [(1, "integer_out_of_range")]),
    "an integer beyond 64 bits": ([ONE, TWO.replace(b": 7", b": %d" % 2**63), THREE], [0, 1, 2],
                                  [(1, "integer_out_of_range")]),
    "a negative count": ([ONE, TWO.replace(b": 7", b": -7"), THREE], [0, 1, 2],
                         [(1, "unexpected_type")]),
    "two glued records": ([ONE[:-1], TWO, THREE], [0, 1, 2], []),
    "a half and a whole glued": ([ONE, TWO[:50], THREE], [0], [(1, "invalid_json")]),
    "a whole and a half glued": ([ONE[:-1], TWO[:50] + b"\n", THREE], [0, 2],
                                 [(1, "invalid_json")]),
    "only junk": ([b"MZ\x90\x00\x03" * 50 + b"\n"], [], [(0, "invalid_json")]),
}  # fmt: skip


@pytest.mark.parametrize("case", LINES)
def test_a_bad_line_is_listed_and_costs_only_itself(reader, case):
    pieces, records, faults = LINES[case]
    at = [0, *itertools.accumulate(map(len, pieces))]
    (reader.folder / "bad.jsonl").write_bytes(b"".join(pieces))

    reads(
        reader,
        {"bad.jsonl": [at[index] for index in records]} if records else {},
        {"bad.jsonl": [(at[index], reason) for index, reason in faults]} if faults else {},
    )


def test_half_a_line_waits_for_its_end(reader):
    path = reader.folder / "s.jsonl"
    path.write_bytes(ONE + TWO[:50])
    reads(reader, {"s.jsonl": [0]})

    append(path, TWO[50:])

    reads(reader, {"s.jsonl": [0, len(ONE)]})


def test_a_whole_record_without_newline_is_taken_and_what_is_glued_to_it_is_split(reader):
    path = reader.folder / "s.jsonl"
    path.write_bytes(ONE + TWO[:-1])
    reads(reader, {"s.jsonl": [0, len(ONE)]})

    append(path, THREE)

    reads(reader, {"s.jsonl": [0, len(ONE), len(ONE + TWO) - 1]})


def test_an_empty_file_has_no_rows_and_grows_like_any_other(reader):
    path = reader.folder / "empty.jsonl"
    path.touch()
    reads(reader, {})

    append(path, ONE)

    reads(reader, {"empty.jsonl": [0]})


def test_the_command_line_says_what_it_could_not_read(tmp_path):
    root, db = tmp_path / "sessions", tmp_path / "t.duckdb"
    (root / "u").mkdir(parents=True)
    (root / "u" / "s.jsonl").write_bytes(ONE + b"no json\n" + TWO)
    first = sessionwatch("ingest", root, "--db", db, "--json")
    os.mkfifo(root / "u" / "x.jsonl")
    second = sessionwatch("ingest", root, "--db", db, "--json")

    listed = sessionwatch("quarantine", "--json", "--db", db)

    assert (first.code, first.json["quarantined"]) == (OK, 1)
    assert (second.code, second.json["changed"]) == (PARTIAL, 0)
    assert "quarantine" in second.err
    assert [
        (e["path"], e["offset"], e["reason"], e["kind"]) for e in listed.json["quarantine"]
    ] == [
        ("u/s.jsonl", len(ONE), "invalid_json", "line"),
        ("u/x.jsonl", 0, "not_a_regular_file", "parked"),
    ]
    assert listed.json["reasons"] == {"invalid_json": 1, "not_a_regular_file": 1}


# What happens to a file as a whole.


def test_a_truncated_file_has_the_rows_of_what_is_left(reader):
    path = reader.folder / "s.jsonl"
    path.write_bytes(ONE + TWO + THREE)
    reads(reader, {"s.jsonl": [0, len(ONE), len(ONE + TWO)]})

    os.truncate(path, len(ONE))

    reads(reader, {"s.jsonl": [0]})


def test_a_file_that_is_truncated_to_nothing_has_no_rows(reader):
    path = reader.folder / "s.jsonl"
    path.write_bytes(ONE + TWO)
    reads(reader, {"s.jsonl": [0, len(ONE)]})

    os.truncate(path, 0)

    reads(reader, {})


def test_a_file_that_is_rewritten_in_place_to_the_same_length_has_the_new_rows(reader):
    path = reader.folder / "s.jsonl"
    path.write_bytes(ONE + TWO)
    reads(reader, {"s.jsonl": [0, len(ONE)]})
    faulty = b"{" + b"x" * (len(TWO) - 2) + b"\n"

    with path.open("r+b", buffering=0) as file:
        file.seek(len(ONE))
        file.write(faulty)

    reads(reader, {"s.jsonl": [0]}, {"s.jsonl": [(len(ONE), "invalid_json")]})


def test_a_file_that_is_replaced_atomically_has_the_new_rows(reader):
    path = reader.folder / "s.jsonl"
    path.write_bytes(ONE + TWO)
    reads(reader, {"s.jsonl": [0, len(ONE)]})

    replace(path, THREE + ONE + TWO)

    reads(reader, {"s.jsonl": [0, len(THREE), len(THREE + ONE)]})


def test_an_older_version_that_is_restored_with_its_times_has_the_older_rows(reader):
    path = reader.folder / "s.jsonl"
    path.write_bytes(ONE + b"\n" * len(TWO))
    stat = path.stat()
    reads(reader, {"s.jsonl": [0]})

    path.write_bytes(b"\n" * len(TWO) + ONE)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    reads(reader, {"s.jsonl": [len(TWO)]})


def test_a_backup_with_times_of_long_ago_is_read_like_a_new_file(reader):
    path = reader.folder / "s.jsonl"
    path.write_bytes(ONE + TWO)
    reads(reader, {"s.jsonl": [0, len(ONE)]})
    draft = reader.folder / "backup"
    draft.write_bytes(THREE)
    os.utime(draft, (1, 1))

    draft.rename(path)

    reads(reader, {"s.jsonl": [0]})


def test_a_copy_is_a_file_of_its_own(reader):
    path = reader.folder / "s.jsonl"
    path.write_bytes(ONE + TWO)

    shutil.copy2(path, reader.folder / "copy of s.jsonl")

    both = [0, len(ONE)]
    reads(reader, {"s.jsonl": both, "copy of s.jsonl": both})


def test_a_renamed_file_is_gone_under_its_old_name_and_full_under_the_new_one(reader):
    path = reader.folder / "old.jsonl"
    path.write_bytes(ONE + TWO)
    both = [0, len(ONE)]
    reads(reader, {"old.jsonl": both})

    path.rename(reader.folder / "new.jsonl")

    reader.reads({**GOOD, "old.jsonl": both, "new.jsonl": both}, {}, OK)
    wait_for(lambda: reader.gone() == {"old.jsonl"})
    reader.changes_nothing()


def test_a_deleted_file_is_gone_and_keeps_its_rows_until_another_takes_its_name(reader):
    path = reader.folder / "s.jsonl"
    path.write_bytes(ONE + TWO)
    reads(reader, {"s.jsonl": [0, len(ONE)]})
    path.unlink()
    reader.reads({**GOOD, "s.jsonl": [0, len(ONE)]}, {}, OK)
    wait_for(lambda: reader.gone() == {"s.jsonl"})
    reader.changes_nothing()

    path.write_bytes(THREE)

    reads(reader, {"s.jsonl": [0]})
    wait_for(lambda: reader.gone() == set())


# Compressed files.


def packed(kind: str, data: bytes) -> bytes:
    return gzip.compress(data) if kind == "gz" else zstandard.compress(data)


@pytest.fixture(params=["gz", "zst"])
def kind(request) -> str:
    return request.param


def test_a_compressed_file_is_read_by_the_offsets_of_its_content(reader, kind):
    data = ONE + b"no json\n" + TWO
    (reader.folder / f"s.jsonl.{kind}").write_bytes(packed(kind, data))

    reads(
        reader,
        {f"s.jsonl.{kind}": [0, len(ONE) + 8]},
        {f"s.jsonl.{kind}": [(len(ONE), "invalid_json")]},
    )


def test_a_compressed_file_may_grow_by_members_and_by_single_bytes(reader, kind):
    name = f"s.jsonl.{kind}"
    path = reader.folder / name
    path.write_bytes(packed(kind, ONE))
    reads(reader, {name: [0]})
    more = packed(kind, TWO + THREE)

    append(path, more[: len(more) // 2])
    reader.reads({**GOOD, name: [0]}, {}, OK)
    append(path, more[len(more) // 2 :])

    reads(reader, {name: [0, len(ONE), len(ONE + TWO)]})


def test_a_compressed_file_that_was_cut_off_has_the_rows_that_can_be_unpacked(reader, kind):
    name, noise = f"s.jsonl.{kind}", os.urandom(200_000).hex()
    blocks = b"".join(assistant_line(f"n-{n}", text=noise[n * 4000 :][:4000]) for n in range(100))
    whole = packed(kind, ONE + blocks)
    (reader.folder / name).write_bytes(whole[: len(whole) * 2 // 3])

    whole_lines = readable(kind, whole[: len(whole) * 2 // 3]).splitlines(keepends=True)[:-1]
    assert 1 < len(whole_lines) < 100
    reads(reader, {name: [0, *itertools.accumulate(map(len, whole_lines[:-1]))]})


def readable(kind: str, data: bytes) -> bytes:
    """What the tools of the format get out of it."""
    tool = ["gzip", "-dc"] if kind == "gz" else None
    if tool:
        return subprocess.run(tool, input=data, capture_output=True, check=False).stdout
    reader = zstandard.ZstdDecompressor().stream_reader(data)
    return b"".join(iter(lambda: reader.read(1 << 16), b""))


def test_a_corrupt_compressed_file_is_listed_where_it_breaks(reader, kind):
    name = f"s.jsonl.{kind}"
    good, bad = packed(kind, ONE), bytearray(packed(kind, TWO * 50))
    bad[: len(bad) // 2] = b"\xff" * (len(bad) // 2)
    (reader.folder / name).write_bytes(good + bytes(bad))
    reason = "corrupt_gzip" if kind == "gz" else "corrupt_zstd"

    reads(reader, {}, {name: [(0, reason)]}, PARTIAL)


def test_a_file_that_only_claims_to_be_compressed_is_listed(reader, kind):
    name = f"s.jsonl.{kind}"
    (reader.folder / name).write_bytes(ONE + TWO)
    reason = "corrupt_gzip" if kind == "gz" else "corrupt_zstd"

    reads(reader, {}, {name: [(0, reason)]}, PARTIAL)


def test_a_large_compressed_file_is_unpacked_once(tmp_path, monkeypatch, kind):
    from watcher import content

    lines = b"".join(assistant_line(f"l-{n}", text=f"{n}" * 300) for n in range(20_000))
    assert len(lines) > 16 * MIB  # Several chunks, each of which ends in the middle of a line.
    path = tmp_path / "sessions" / "u" / f"s.jsonl.{kind}"
    path.parent.mkdir(parents=True)
    path.write_bytes(packed(kind, lines))
    name = "_Gzip" if kind == "gz" else "_zstd"
    start, starts = getattr(content, name), []
    monkeypatch.setattr(content, name, lambda fd: starts.append(fd) or start(fd))

    summary = ingested(tmp_path / "t.duckdb", tmp_path / "sessions", backfill_processes=0)

    assert summary["lines"] == 20_000
    assert len(starts) == 1


# What is no regular file of ours.


def test_a_folder_that_is_called_like_a_session_is_listed_and_what_is_in_it_is_read(reader):
    (reader.folder / "x.jsonl").mkdir()
    (reader.folder / "x.jsonl" / "in.jsonl").write_bytes(ONE)

    reads(reader, {"x.jsonl/in.jsonl": [0]}, {"x.jsonl": [(0, "not_a_regular_file")]}, PARTIAL)


def test_a_fifo_and_a_socket_are_listed_and_hold_nobody_up(reader):
    os.mkfifo(reader.folder / "fifo.jsonl")
    with socket.socket(socket.AF_UNIX) as listener:
        # The address of a socket is short: bind it by way of the descriptor of its folder.
        folder = os.open(reader.folder, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{folder}/socket.jsonl")
        os.close(folder)

        strange = [(0, "not_a_regular_file")]
        reads(reader, {}, {"fifo.jsonl": strange, "socket.jsonl": strange}, PARTIAL)


def test_a_link_out_of_the_root_is_listed_and_not_followed(reader, tmp_path):
    (tmp_path / "secret.jsonl").write_bytes(ONE)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "more.jsonl").write_bytes(ONE)
    (reader.folder / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (reader.folder / "linked").symlink_to(tmp_path / "folder")
    (reader.folder / "dangling.jsonl").symlink_to(tmp_path / "nowhere.jsonl")
    (reader.folder / "of-itself.jsonl").symlink_to(reader.folder / "of-itself.jsonl")

    outside = [(0, "symlink_outside_root")]
    reads(reader, {}, {"link.jsonl": outside, "dangling.jsonl": outside}, PARTIAL)


def test_a_link_to_another_session_of_the_root_adds_nothing(reader):
    (reader.folder / "link.jsonl").symlink_to(reader.folder / "a-good.jsonl")
    (reader.folder / "up").symlink_to(reader.folder.parent)

    reads(reader, {})


def test_a_name_that_is_not_utf_8_is_read_and_its_faults_are_listed(reader):
    name = b"caf\xe9 \\x \n.jsonl"
    with open(os.fsencode(reader.folder) + b"/" + name, "wb") as file:
        file.write(ONE + b"no json\n" + TWO)

    escaped = "caf\\xe9 \\\\x \n.jsonl"
    reads(reader, {escaped: [0, len(ONE) + 8]}, {escaped: [(len(ONE), "invalid_json")]})


def test_a_name_as_long_as_names_may_be_and_a_deep_folder_are_read(reader):
    long = "n" * (255 - len(".jsonl")) + ".jsonl"
    deep = "/".join(["d" * 100] * 15)
    (reader.folder / deep).mkdir(parents=True)
    (reader.folder / deep / long).write_bytes(ONE)

    reads(reader, {f"{deep}/{long}": [0]})


# Files that nobody may read.

NO_OVERRIDE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


@pytest.fixture
def unprivileged(tmp_path) -> tuple[str, ...]:
    """A command that takes from root what would let it read any file."""
    if os.getuid() != 0:
        return ()
    probe = tmp_path / "probe"
    probe.write_bytes(b"")
    probe.chmod(0)
    if not shutil.which("setpriv"):
        pytest.skip("root reads everything, and there is no setpriv to stop it")
    done = subprocess.run([*NO_OVERRIDE, "cat", probe], capture_output=True, check=False)
    if done.returncode == 0:
        pytest.skip("root reads everything, whatever setpriv takes from it")
    return NO_OVERRIDE


def test_a_file_that_may_not_be_read_is_listed_and_read_once_it_may(tmp_path, unprivileged):
    ingest = Ingest(tmp_path / "sessions", tmp_path / "t.duckdb", wrapper=unprivileged)
    path = ingest.folder / "s.jsonl"
    path.parent.mkdir(parents=True)
    (ingest.folder / "good.jsonl").write_bytes(ONE)
    path.write_bytes(ONE + TWO)
    path.chmod(0)
    ingest.reads({"good.jsonl": [0]}, {"s.jsonl": [(0, "unreadable")]}, PARTIAL)

    path.chmod(0o600)

    ingest.reads({"good.jsonl": [0], "s.jsonl": [0, len(ONE)]}, {}, OK)
    ingest.changes_nothing()


def test_a_folder_that_may_not_be_listed_takes_no_file_with_it(tmp_path, unprivileged):
    ingest = Ingest(tmp_path / "sessions", tmp_path / "t.duckdb", wrapper=unprivileged)
    closed = ingest.folder / "closed"
    closed.mkdir(parents=True)
    (closed / "s.jsonl").write_bytes(ONE)
    (ingest.folder / "good.jsonl").write_bytes(ONE)
    ingest.reads({"closed/s.jsonl": [0], "good.jsonl": [0]}, {}, OK)

    closed.chmod(0)
    ingest.run()

    assert ingest.gone() == set()
    closed.chmod(0o700)
    ingest.changes_nothing()
    assert ingest.gone() == set()


# Large ones, in bounded memory.

RSS_MAX_MIB = 500


# A process inherits the peak of whatever started it, at exec: a test's own is far above the limit.
MEASURING = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
raise SystemExit(code)
"""


def measured_ingest(root: Path, db: Path) -> int:
    """Ingest in a process of its own; the most memory it or one of its children had, in MiB."""
    ingest = command("ingest", root, "--db", db, "--json")
    measured = subprocess.run(
        [sys.executable, "-c", MEASURING, *ingest],
        env=environment({}), stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert measured.returncode == OK
    return int(measured.stdout)


def write_pieces(path: Path, *pieces: bytes | tuple[bytes, int]) -> int:
    """Write bytes, or bytes so many times, without ever holding it all; the size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for piece in pieces:
            data, times = piece if isinstance(piece, tuple) else (piece, 1)
            for _ in range(times):
                file.write(data)
        return file.tell()


HUGE = (b"x" * MIB, 100)
HEAD, TAIL = b'{"type":"user","uuid":"huge","message":{"content":"', b'"}}'


@pytest.mark.slow
def test_a_line_of_100_mib_is_listed_and_costs_little_memory(tmp_path):
    path, db = tmp_path / "sessions" / "u" / "p" / "s.jsonl", tmp_path / "t.duckdb"
    write_pieces(path, ONE, HEAD, HUGE, TAIL, b"\n", TWO)
    length = len(HEAD) + 100 * MIB + len(TAIL)

    used = measured_ingest(tmp_path / "sessions", db)

    ingest = Ingest(tmp_path / "sessions", db)
    ingest.reads(
        {"s.jsonl": [0, len(ONE) + length + 1]}, {"s.jsonl": [(len(ONE), "line_too_long")]}, OK
    )
    ingest.changes_nothing()
    assert used < RSS_MAX_MIB


@pytest.mark.slow
def test_a_line_of_100_mib_without_end_waits_and_is_listed_when_it_ends(tmp_path):
    path, db = tmp_path / "sessions" / "u" / "p" / "s.jsonl", tmp_path / "t.duckdb"
    size = write_pieces(path, ONE, HEAD, HUGE)

    used = measured_ingest(tmp_path / "sessions", db)

    ingest = Ingest(tmp_path / "sessions", db)
    ingest.reads({"s.jsonl": [0]}, {}, OK)
    append(path, TAIL + b"\n" + TWO)
    at = size + len(TAIL) + 1
    ingest.reads({"s.jsonl": [0, at]}, {"s.jsonl": [(len(ONE), "line_too_long")]}, OK)
    ingest.changes_nothing()
    assert used < RSS_MAX_MIB


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filling", "reason"),
    [
        (("😀".encode() * (MIB // 4), 60), None),
        ((b"\\ud83d" + b"x" * (MIB - 6), 60), "too_long_to_repair"),
        (("😀".encode() * (MIB // 4 - 2) + b"\xff" * 8, 60), "too_long_to_repair"),
    ],
    ids=["clean", "surrogates", "invalid UTF-8"],
)
def test_a_line_just_below_the_limit_costs_little_memory(tmp_path, filling, reason):
    path, db = tmp_path / "sessions" / "u" / "p" / "s.jsonl", tmp_path / "t.duckdb"
    size = write_pieces(path, ONE, HEAD, filling, TAIL, b"\n")
    append(path, TWO)

    used = measured_ingest(tmp_path / "sessions", db)

    ingest = Ingest(tmp_path / "sessions", db)
    if reason:
        ingest.reads({"s.jsonl": [0, size]}, {"s.jsonl": [(len(ONE), reason)]}, OK)
    else:
        ingest.reads({"s.jsonl": [0, len(ONE), size]}, {}, OK)
    assert used < RSS_MAX_MIB


@pytest.mark.slow
def test_the_service_survives_a_line_of_100_mib_that_grows_and_ends(tmp_path):
    root = tmp_path / "sessions"
    path = root / "u" / "p" / "s.jsonl"
    write_pieces(path, ONE)
    with serving(tmp_path / "t.duckdb", root, tail_quiet_s=0.2, stat_trust_s=0.2) as process:
        process.wait_until(lambda: count(process) == 1)
        append(path, HEAD)
        for _ in range(100):
            append(path, b"x" * MIB)
        append(path, TAIL + b"\n" + TWO)

        process.wait_until(lambda: count(process) == 2)
        listed = process.client.get("/api/v1/quarantine")["quarantine"]
        peaks = [peak_mib(pid) for pid in process.members()]
        assert process.terminate() == 0

    assert [(fault["offset"], fault["reason"]) for fault in listed] == [(len(ONE), "line_too_long")]
    assert max(peaks) < RSS_MAX_MIB


def count(process: ServiceProcess) -> int:
    return int(process.sql("SELECT count(*) FROM usage_records")[0][0])


def peak_mib(pid: int) -> int:
    """The most memory a process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def test_no_step_holds_the_rows_of_too_many_lines(tmp_path, monkeypatch):
    """Of four MiB of the shortest lines there would be two million faults at once."""
    monkeypatch.setattr(reading, "SPAN_LINES_MAX", 100)
    data = b"x\n" * 5000 + b"y" * 2000 + b"\n" + b"x\n" * 5000
    path = tmp_path / "s.jsonl"
    path.write_bytes(data)
    disk = Disk([Source("s", tmp_path)])

    with disk.open(disk.key_below("s", "s.jsonl")) as file:
        pieces = Limits(chunk_bytes=4096)
        steps = list(reading.LineReading(file, SeenLines(), pieces, dialect="unknown"))

    offsets = [row[0] for step in steps for row in step.rows[QUARANTINE]]
    assert max(len(step.rows[QUARANTINE]) for step in steps) <= 100
    assert offsets == [*range(0, 10_000, 2), 10_000, *range(12_001, 22_001, 2)]
    assert steps[-1].committed_bytes == len(data)


# Files that change under the reader's hands.


@contextmanager
def changed_at_read(monkeypatch, number: int, change: Callable[[], None]) -> Iterator[None]:
    """Call `change` before the `number`-th read of a plain file in this process."""
    read, reads = PlainFile.read, itertools.count(1)

    def changing(file: PlainFile, offset: int, size_bytes: int) -> bytes:
        if next(reads) == number:
            change()
        return read(file, offset, size_bytes)

    with monkeypatch.context() as patch:
        patch.setattr(PlainFile, "read", changing)
        yield
    assert next(reads) > number, "it was not read that often"


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("how", ["replaced", "truncated", "rewritten", "deleted", "grown"])
def test_a_file_that_changes_while_it_is_read_ends_with_the_rows_of_what_it_is(
    tmp_path, monkeypatch, how, number
):
    root, db = tmp_path / "sessions", tmp_path / "t.duckdb"
    path = root / "u" / "p" / "s.jsonl"
    old = b"".join(assistant_line(f"old-{n:06d}") for n in range(1000))
    new = b"".join(assistant_line(f"new-{n:06d}") for n in range(1000))
    pieces = Limits(chunk_bytes=1 << 17)  # Three reads or more.
    write_pieces(path, old)
    changes: dict[str, Callable[[], object]] = {
        "replaced": lambda: replace(path, new),
        "truncated": lambda: os.truncate(path, len(old) // 2 + 10),
        "rewritten": lambda: path.write_bytes(new),
        "deleted": path.unlink,
        "grown": lambda: append(path, new),
    }

    with changed_at_read(monkeypatch, number, lambda: changes[how]() and None):
        ingested(db, root, backfill_processes=0, limits=pieces)
    ingested(db, root)

    if how == "deleted":
        with opened(db) as connection:
            counted = connection.execute("SELECT count(*) FROM usage_records").fetchall()
        assert counted == [(1000,)]
    else:
        ingested(tmp_path / "clean.duckdb", root)
        assert digests(db) == digests(tmp_path / "clean.duckdb")
