"""The service under what ops/sessionwatch.service refuses: system calls, executable memory."""

import ctypes
import re
import shutil
import subprocess
import sys

import pytest

from tests.tools.service import PROJECT, ServiceProcess
from tests.tools.writers import append, assistant_line

UNIT = (PROJECT / "ops/sessionwatch.service").read_text(encoding="utf-8")
LARGE = b"".join(assistant_line(f"large-{number}", text="x" * 500) for number in range(1000))
PR_SET_MDWE, PR_GET_MDWE = 65, 66  # Since Linux 6.3.
REFUSING = f"""
import ctypes, os, sys
assert ctypes.CDLL(None).prctl({PR_SET_MDWE}, 1, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "sessions/ann/p"
    path.mkdir(parents=True)
    append(path / "small.jsonl", assistant_line("small"))
    append(path / "large.jsonl", LARGE)
    return tmp_path / "sessions"


def put_to_work(db, root, *wrapper):
    """Let it read by itself, in a child and by events, answer, and stop."""
    service = ServiceProcess(db, root, sweep_s=3600)
    service._command = [*wrapper, *service._command]
    try:
        service.start()
        append(root / "ann/p/new.jsonl", assistant_line("new"))
        service.wait_until(lambda: service.sql("SELECT count(*) FROM usage_messages") == [[1002]])
        assert service.client.get("/api/v1/usage/daily")["totals"]["messages"] == 1002
        assert (service.fetch("/metrics")[0], service.fetch("/readyz")[0]) == (200, 200)
        assert len(service.members()) > 1
        assert service.terminate() == 0
    finally:
        service.close()


@pytest.mark.skipif(
    ctypes.CDLL(None).prctl(PR_GET_MDWE, 0, 0, 0, 0) == -1, reason="this kernel cannot refuse it"
)
def test_it_needs_no_memory_that_is_written_and_executed(root, tmp_path):
    assert "MemoryDenyWriteExecute=yes" in UNIT

    put_to_work(tmp_path / "t.duckdb", root, sys.executable, "-c", REFUSING)


@pytest.mark.slow
def test_it_makes_no_system_call_that_the_unit_refuses(root, tmp_path):
    strace = shutil.which("strace")
    if not strace or not shutil.which("systemd-analyze"):
        pytest.skip("strace or systemd-analyze is missing: `make test-tools` fetches strace")
    traced = [strace, "-f", "-qq", "-D", "-o", str(tmp_path / "trace")]
    if subprocess.run([*traced, "true"], capture_output=True, check=False).returncode:
        pytest.skip("processes may not be traced here")

    put_to_work(tmp_path / "t.duckdb", root, *traced)

    made = set(re.findall(r"^\d+ +(\w+)\(", (tmp_path / "trace").read_text(), re.M))
    assert {"inotify_add_watch", "openat", "pread64", "pwrite64", "accept4"} <= made
    assert made - allowed() == set()


def allowed():
    """The system calls that the unit allows, its groups spelt out."""
    calls: set[str] = set()
    for refused, names in re.findall(r"^SystemCallFilter=(~?)(.+)$", UNIT, re.M):
        found = set().union(*map(spelt_out, names.split()))
        calls = calls - found if refused else calls | found
    return calls


def spelt_out(name):
    if not name.startswith("@"):
        return {name}
    done = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", name],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    words = [line.strip() for line in done.stdout.splitlines()[1:]]
    return set().union(*(spelt_out(word) for word in words if word and word[0] != "#"))
