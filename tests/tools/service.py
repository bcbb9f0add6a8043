"""The real commands as processes, and the real service as a process or inside the test.

The rule: everything runs as a person would run it (`python -m service.cli …` on free ports of
127.0.0.1), the service in a process session of its own, so that whatever it leaves behind is
found and ended. Nothing is waited for but conditions, with deadlines.
"""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import SessionwatchError
from processors import registry
from processors.registry import Registry
from service.client import Client
from service.ingest import ingest
from service.scheduling.variables import VARIABLES
from service.settings import Settings, SourceSettings
from service.supervisor import Service
from tests.tools.waiting import wait_for

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 60.0
_PREFIX = "SESSIONWATCH_"


class Outcome(NamedTuple):
    """What a command left behind: exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """This process's environment with these settings and no others, from any working folder."""
    theirs = {one.name for one in VARIABLES} - {"ANTHROPIC_API_KEY"}  # Tests set it on purpose.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_PREFIX) and name not in theirs
    }
    given = {_PREFIX + name.upper(): str(value) for name, value in settings.items()}
    return kept | given | {"PYTHONPATH": str(PROJECT)}


def command(*arguments: str | Path) -> list[str]:
    """The `sessionwatch` command of this clone, installed or not."""
    return [sys.executable, "-m", "service.cli", *map(str, arguments)]


def sessionwatch(
    *arguments: str | Path,
    timeout_s: float = 120.0,
    wrapper: Sequence[str] = (),
    **settings: object,
) -> Outcome:
    """Run one command to its end. `wrapper` is a command that runs it, such as `setpriv …`."""
    done = subprocess.run(
        [*wrapper, *command(*arguments)],
        env=environment(settings),
        capture_output=True,
        timeout=timeout_s,
        check=False,
        encoding="utf-8",
        errors="surrogateescape",
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


class ServiceProcess:
    """One database served by one process at a time; `start` again after it ended or was killed."""

    def __init__(self, db: Path, *roots: Path, **settings: object) -> None:
        self.db = db
        self.client = Client(db)
        self.log_path = db.with_suffix(".log")
        self._command = command("serve", *roots, "--db", db, "--port", "0")
        self._environment = environment({"log_format": "json", **settings})
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""

    def spawn(self) -> None:
        """Start the process and wait for nothing."""
        self._url = ""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start the process and wait until /readyz says yes."""
        self.spawn()
        self.wait_until(self.ready)

    def wait_until(self, condition: Any, timeout_s: float = START_SECONDS) -> None:
        """Wait for something the running process shall do; fails at once if it ends instead."""

        def looked() -> bool:
            assert self.returncode is None, f"ended with {self.returncode}:\n{self.log[-4000:]}"
            return bool(condition())

        wait_for(looked, timeout_s)

    def ready(self) -> bool:
        try:
            return bool(self.client.get("/readyz")["status"] == "ready")
        except SessionwatchError:
            return False

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "not started"
        return self._process

    @property
    def returncode(self) -> int | None:
        return self.process.poll()

    @property
    def log(self) -> str:
        """Everything written by all processes so far."""
        return self.log_path.read_text("utf-8", "replace")

    @property
    def events(self) -> list[dict[str, Any]]:
        """The log as JSON objects; what is no object (a traceback) is an event `raw`."""
        found = []
        for line in self.log.splitlines():
            try:
                found.append(dict(json.loads(line)))
            except ValueError:
                found.append({"event": "raw", "text": line})
        return found

    @property
    def url(self) -> str:
        if not self._url:
            self._url = str(self.client.get("/api/v1/status")["url"])
        return self._url

    def fetch(self, path: str) -> tuple[int, str]:
        """Status and body of a GET over TCP."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as answer:
                return int(answer.status), answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        """The sum over all labels of a metric (without the common prefix)."""
        lines = self.fetch("/metrics")[1].splitlines()
        named = [line for line in lines if line.startswith((f"sessionwatch_{name} ",
                                                            f"sessionwatch_{name}{{"))]  # fmt: skip
        assert named, f"no metric {name}"
        return sum(float(line.rpartition(" ")[2]) for line in named)

    def sql(self, query: str) -> list[list[Any]]:
        """Rows of a read-only query, asked while the service runs."""
        return list(self.client.post("/api/v1/sql", {"query": query})["rows"])

    def members(self) -> list[int]:
        """Every living process of this service, children and helpers included."""
        return session_members(self.process.pid)

    def kill(self) -> None:
        """As a power cut would do it, to the parent alone: nothing may outlive it."""
        self.process.kill()
        self.process.wait()
        wait_for(lambda: not self.members())

    def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_SECONDS)
        wait_for(lambda: not self.members())
        return code

    def close(self) -> None:
        """End whatever is left of it."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for pid in self.members():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def serving(db: Path, *roots: Path, **settings: object) -> Iterator[ServiceProcess]:
    """A ready service for the length of a test; nothing of it survives."""
    service = ServiceProcess(db, *roots, **settings)
    try:
        service.start()
        yield service
    finally:
        service.close()


def session_members(session: int) -> list[int]:
    """Processes of a POSIX session that are not zombies."""
    return [pid for pid, state, sid in _processes() if sid == session and state not in "ZX"]


def _processes() -> Iterator[tuple[int, str, int]]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with suppress(OSError):
                # The name in parentheses may itself hold blanks and parentheses.
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                yield int(path.name), fields[0], int(fields[3])


def settings_for(db: Path, *roots: Path, **values: Any) -> Settings:
    """Settings in this process: a free port, and every root under its default name."""
    sources = tuple(SourceSettings("", root) for root in roots)
    return Settings(**{"sources": sources, "db": db, "port": 0, **values})


def ingested(db: Path, *roots: Path, **values: Any) -> dict[str, Any]:
    """One `ingest` in this process; its summary."""
    return ingest(settings_for(db, *roots, **values), registry.load())


@contextmanager
def in_process(settings: Settings, known: Registry | None = None) -> Iterator[Service]:
    """A running service inside this process; it must stop cleanly."""
    service = Service(settings, known or registry.load())
    try:
        service.start()
        wait_for(lambda: not service.control.readiness())
        yield service
    finally:
        clean = service.stop()
    assert clean, "the service did not stop in time"


def quiet(service: Service) -> None:
    """Nothing is due, in hand or about to be due, twice in a row with a sweep between."""
    for _ in range(2):
        wait_for(lambda: at_rest(service), 60.0)
        for source in service.engine.sources:
            service.engine.sweep(source)
    wait_for(lambda: at_rest(service), 60.0)


def at_rest(service: Service) -> bool:
    """A key that waits for its pace is not idle yet; one that waits for its tail or a retry is."""
    soon_s = service.engine.world.clock.monotonic_s() + 1.0
    dues = [lane.queue.next_due_s() for lane in service.engine.lanes]
    return service.engine.idle and all(due is None or due > soon_s for due in dues)
