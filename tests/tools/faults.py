"""A real service whose watching is harmed from outside: namespaces with other limits, threads that
die or go deaf at a signal, processes that stand still.

The rule: the service is the one people run; only the kernel it asks, the signals it gets or, where
nothing outside can reach a thread, two signal handlers beside it are ours.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from core.errors import SessionwatchError
from tests.tools.service import ServiceProcess
from tests.tools.waiting import wait_for

# SIGUSR1 raises SystemExit in the thread that reads inotify, as a bug of it would; SIGUSR2 puts
# /dev/null in the place of its descriptor: it lives, and hears nothing any more.
_BESIDE = """
import ctypes, json, os, signal, sys, threading

def die(*_):
    for thread in threading.enumerate():
        if thread.name == os.environ["VICTIM"]:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
    done()

def go_deaf(*_):
    null = os.open(os.devnull, os.O_RDONLY)
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}") == "anon_inode:inotify":
                os.dup2(null, int(name))
        except OSError:
            pass
    done()

def done():
    print(json.dumps({"event": "harmed"}), file=sys.stderr, flush=True)

signal.signal(signal.SIGUSR1, die)
signal.signal(signal.SIGUSR2, go_deaf)
from service.cli import main
from watcher import mounts
mounts.SHARED_TYPES |= set(os.environ["SHARED"].split())
main()
"""


class HarmedService(ServiceProcess):
    """`namespace`: arguments of `unshare`; `setup`: shell lines run in there before the service.

    `victim` is the thread that SIGUSR1 kills; `shared` are types of file systems that count as
    shared with other machines, because a test has none.
    """

    def __init__(
        self,
        db: Path,
        *roots: Path,
        namespace: Sequence[str] = (),
        setup: str = "",
        victim: str = "watcher-inotify",
        shared: str = "",
        **settings: object,
    ) -> None:
        super().__init__(db, *roots, **settings)
        self._command = [sys.executable, "-c", _BESIDE, *self._command[3:]]
        if namespace:
            shell = ["sh", "-c", f'{setup}\nexec "$@"', "sh"]
            self._command = ["unshare", *namespace, *shell, *self._command]
        self._environment |= {"VICTIM": victim, "SHARED": shared}

    def harm(self, number: int) -> None:
        """Send a signal and wait until its handler has done what it does."""
        count = len(self.told("harmed"))
        self.process.send_signal(number)
        self.wait_until(lambda: len(self.told("harmed")) > count)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """The whole process is stopped, as by a debugger or a suspended machine."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def seen(self, path: Path) -> Path:
        """A path as it is in the service's mount namespace."""
        return Path(f"/proc/{self.process.pid}/root{path}")

    def inside(self, shell: str) -> None:
        """Run shell lines in the service's user namespace."""
        enter = ["nsenter", "-t", str(self.process.pid), "-U", "--preserve-credentials"]
        subprocess.run([*enter, "sh", "-c", shell], check=True)

    def reasons(self) -> list[str]:
        """What /readyz says against readiness."""
        try:
            return list(json.loads(self.fetch("/readyz")[1])["reasons"])
        except (SessionwatchError, OSError):
            return ["no answer"]

    def told(self, event: str) -> list[dict[str, Any]]:
        """The log lines of one event."""
        return [line for line in self.events if line["event"] == event]

    def committed_bytes(self, path: str) -> int:
        """What the usage processor has committed of a file; 0 if it was never seen."""
        try:
            found = self.client.get(f"/api/v1/ledger/{path}")
        except SessionwatchError:
            return 0
        return int(found["processors"]["usage"]["committed_bytes"])

    def wait_for_bytes(self, root: Path, path: str, timeout_s: float) -> float:
        """The seconds until everything in the file is committed."""
        want, started_s = (root / path).stat().st_size, time.monotonic()
        wait_for(lambda: self.committed_bytes(path) == want, timeout_s)
        return time.monotonic() - started_s

    def cpu_s(self) -> float:
        """Processor time used so far by all its threads."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text()
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Memory in use."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def harmed(db: Path, *roots: Path, ready: bool = True, **options: Any) -> Iterator[HarmedService]:
    """A running service for the length of a test; `ready`: wait until it says so."""
    service = HarmedService(db, *roots, **options)
    try:
        service.spawn()
        if ready:
            service.wait_until(service.ready)
        else:
            service.wait_until(lambda: service.reasons() != ["no answer"])
        yield service
    finally:
        service.close()


@cache
def namespaces_work(*flags: str) -> bool:
    """May this user have namespaces of these kinds?"""
    return subprocess.run(["unshare", *flags, "true"], capture_output=True).returncode == 0


@cache
def limits_can_be_set() -> bool:
    """May the inotify limits of a new user namespace be lowered?"""
    lower = "echo 1 > /proc/sys/user/max_inotify_watches"
    return (
        subprocess.run(["unshare", "-Ur", "sh", "-c", lower], capture_output=True).returncode == 0
    )
