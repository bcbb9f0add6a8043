"""Measures the service against its budgets, as a person would run it: `make bench`.

The rule: whole commands and the real service, in one run on one machine, so that ratios mean
something where seconds do not. Nothing here passes or fails; the table says what was seen beside
the goal, and `.run/bench.json` keeps it.

    python -m tests.benchmarks.bench [--quick] [--tree FOLDER] [--only cold,latency]

A peer is measured if it is there: CCUSAGE names a ccusage 20 binary.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path

from rich.console import Console
from rich.table import Table

from service.client import socket_path
from tests.tools.service import PROJECT, command, environment, serving
from tests.tools.writers import session_lines

MIB = 1 << 20
TICKS = os.sysconf("SC_CLK_TCK")
KIB_PER_MIB = 1024


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value beside its goals."""

    what: str
    value: str
    first_goal: str = ""
    final_goal: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    folder: Path
    tree: Path | None
    cold_bytes: int
    appends: int
    live_files: int
    idle_files: int
    large_bytes: int
    runs: int


def latency(plan: Plan) -> Iterator[Figure]:
    """50 appends a second over live files; an append counts once its bytes are committed.

    From before the write to the first answer of the service that has them. Every third append is
    asked for, every 2 ms over one connection, so that the asking is a small part of the load.
    """
    root, db = plan.folder / "live", plan.folder / "live.duckdb"
    lines = session_lines(1)
    paths = [root / f"u{n % 8}" / f"s{n}.jsonl" for n in range(plan.live_files)]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(next(lines))
    with serving(db, root) as service, ThreadPoolExecutor(8) as pool:
        service.wait_until(lambda: service.sql("SELECT count(*) FROM files") == [[plan.live_files]])
        before_s = _cpu_s(service.process.pid)
        started_s, waits = time.monotonic(), []
        for number in range(plan.appends):
            time.sleep(max(0.0, started_s + number / 50 - time.monotonic()))
            path, began_s = paths[number % len(paths)], time.monotonic()
            size = _append(path, next(lines))
            if number % 3 == 0:
                waits.append(pool.submit(_seen_s, db, path.relative_to(root), size, began_s))
        took_s = time.monotonic() - started_s
        seen_ms = sorted(wait.result() * 1000 for wait in waits)
        share = (_cpu_s(service.process.pid) - before_s) / (time.monotonic() - started_s)
    p50, p99 = statistics.median(seen_ms), seen_ms[int(len(seen_ms) * 0.99)]
    note = f"{plan.appends / took_s:.0f} appends/s over {plan.live_files} files"
    yield Figure("append to queryable, p50", f"{p50:.0f} ms", "50 ms", "30 ms", note)
    yield Figure("append to queryable, p99", f"{p99:.0f} ms", "500 ms", "250 ms", note)
    yield Figure("CPU of the service meanwhile", f"{share * 100:.0f} % of a core", note=note)


def cold(plan: Plan) -> Iterator[Figure]:
    """The first ingest of a tree, whole command, against a one-shot report that keeps nothing."""
    tree = plan.tree or _made_tree(plan)
    size = sum(path.stat().st_size for path in tree.rglob("*.jsonl"))
    runs = [_ingested(plan, tree, number) for number in range(plan.runs)]
    seconds = statistics.median(took for took, _ in runs)
    note = f"{size / MIB:.0f} MiB in {len(list(tree.rglob('*.jsonl')))} files"
    yield Figure("cold ingest", f"{seconds:.2f} s, {size / MIB / seconds:.0f} MiB/s", note=note)
    peak = max(memory for _, memory in runs)
    yield Figure("cold ingest, memory of all processes", f"{peak:.0f} MiB", "", "400 MiB", "PSS")
    peer = os.environ.get("CCUSAGE") or shutil.which("ccusage")
    if peer:
        peer_s = statistics.median(_peer_s(plan, peer, tree) for _ in range(plan.runs))
        ratio = f"{seconds / peer_s:.1f} x"
        yield Figure("cold ingest / ccusage", ratio, "4 x", "2 x", f"ccusage {peer_s:.2f} s")
    again_s, _ = _timed(_ingest(tree, plan.folder / "cold0.duckdb"))
    yield Figure("ingest again, nothing new", f"{again_s:.2f} s", "1 s", "", note)
    report = command("usage", "daily", "--json", "--db", plan.folder / "cold0.duckdb")
    warm_s = statistics.median(_timed(report)[0] for _ in range(max(5, plan.runs)))
    yield Figure("warm usage daily --json", f"{warm_s:.2f} s", "0.5 s", "0.25 s", "whole process")


def append_cost(plan: Plan) -> Iterator[Figure]:
    """CPU of the service for an append to a large session and to a small one."""
    small = _append_cpu_ms(plan, "small", MIB)
    large = _append_cpu_ms(plan, "large", plan.large_bytes)
    name = f"{plan.large_bytes // MIB} MiB"
    note = f"{large:.1f} ms against {small:.1f} ms"
    ratio = f"{large / small:.2f} x"
    yield Figure(f"CPU of an append, {name} / 1 MiB session", ratio, "", "1.20 x", note)


def idle(plan: Plan) -> Iterator[Figure]:
    """A service over many known files that nobody writes to."""
    root, db = plan.folder / "idle", plan.folder / "idle.duckdb"
    lines = session_lines(2)
    for number in range(plan.idle_files):
        path = root / f"u{number % 20}" / f"p{number % 997}" / f"s{number}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(next(lines))
    first_s, _ = _timed(_ingest(root, db))
    _timed(_ingest(root, db))  # Old enough now to be settled.
    name = f"{plan.idle_files} files"
    started_s = time.monotonic()
    with serving(db, root) as service:
        start_s = time.monotonic() - started_s
        memory = _memory_mib(service.process.pid)
        before_s, began_s = _cpu_s(service.process.pid), time.monotonic()
        time.sleep(20.0)
        share = (_cpu_s(service.process.pid) - before_s) / (time.monotonic() - began_s)
        total_s = service.metric("sweep_seconds_sum")
        sweep_s = total_s / service.metric("sweep_seconds_count")
    yield Figure("first ingest of small files", f"{first_s:.1f} s", note=name)
    yield Figure("start until ready", f"{start_s:.1f} s", "", "3 s", name)
    yield Figure("sweep", f"{sweep_s:.2f} s", "", "1 s", name)
    yield Figure("idle CPU", f"{share * 100:.2f} %", "", "0.5 %", f"{name}, 20 s")
    yield Figure("memory at rest", f"{memory:.0f} MiB", "", "150 MiB", f"{name}, PSS")


SECTIONS: dict[str, Callable[[Plan], Iterator[Figure]]] = {
    "latency": latency,
    "cold": cold,
    "append": append_cost,
    "idle": idle,
}


def _append(path: Path, data: bytes) -> int:
    """Append in one write; the size of the file behind it."""
    with path.open("ab", buffering=0) as file:
        file.write(data)
        return file.tell()


def _seen_s(db: Path, name: Path, size: int, began_s: float) -> float:
    """Ask until the ledger has `size` bytes of a file: how long ago `began_s` was by then."""
    with closing(HTTPConnection("localhost")) as connection:
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.connect(str(socket_path(db)))
        while True:
            connection.request("GET", f"/api/v1/ledger/{name}")
            found = json.loads(connection.getresponse().read())["processors"]["usage"]
            if found["committed_bytes"] >= size:
                return time.monotonic() - began_s
            time.sleep(0.002)


def _made_tree(plan: Plan) -> Path:
    """A tree of sessions of 1 MiB in the image of the fixtures."""
    tree, lines = plan.folder / "tree", session_lines(3)
    for number in range(plan.cold_bytes // MIB):
        path = tree / f"u{number % 7}" / f"s{number}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        _grow(path, lines, MIB)
    return tree


def _grow(path: Path, lines: Iterator[bytes], size: int) -> None:
    with path.open("wb") as file:
        while file.tell() < size:
            file.write(b"".join(next(lines) for _ in range(50)))


def _ingest(tree: Path, db: Path) -> list[str]:
    return command("ingest", tree, "--db", db, "--json")


def _ingested(plan: Plan, tree: Path, number: int) -> tuple[float, float]:
    db = plan.folder / f"cold{number}.duckdb"
    return _timed(_ingest(tree, db))


def _timed(arguments: list[str]) -> tuple[float, float]:
    """Wall seconds and peak memory (MiB, summed over its processes) of a command."""
    began_s, peak, ended = time.monotonic(), [0.0], threading.Event()
    process = subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, env=environment({}), cwd=PROJECT
    )

    def look() -> None:
        while not ended.wait(0.05):
            peak[0] = max(peak[0], sum(map(_memory_mib, _family(process.pid))))

    watcher = threading.Thread(target=look)
    watcher.start()
    code = process.wait()
    took_s = time.monotonic() - began_s
    ended.set()
    watcher.join()
    if code:
        raise SystemExit(f"{' '.join(arguments)} ended with {code}")
    return took_s, peak[0]


def _peer_s(plan: Plan, peer: str, tree: Path) -> float:
    home = plan.folder / "peer"
    home.mkdir(exist_ok=True)
    link = home / "projects"
    if not link.is_symlink():
        link.symlink_to(tree)
    began_s = time.monotonic()
    subprocess.run(
        [peer, "claude", "daily", "--json", "--offline", "-z", "UTC"],
        check=True, stdout=subprocess.DEVNULL, env=os.environ | {"CLAUDE_CONFIG_DIR": str(home)},
    )  # fmt: skip
    return time.monotonic() - began_s


def _append_cpu_ms(plan: Plan, name: str, size: int) -> float:
    """CPU milliseconds of the service per append, one append every 0.1 s."""
    root, db, lines = plan.folder / name, plan.folder / f"{name}.duckdb", session_lines(4)
    path = root / "u" / "s.jsonl"
    path.parent.mkdir(parents=True)
    _grow(path, lines, size)
    _timed(_ingest(root, db))
    count = 100
    with serving(db, root) as service, ThreadPoolExecutor(1) as pool:

        def append_and_wait() -> None:
            size, began_s = _append(path, next(lines)), time.monotonic()
            pool.submit(_seen_s, db, path.relative_to(root), size, began_s).result()

        append_and_wait()
        before_s = _cpu_s(service.process.pid)
        for _ in range(count):
            time.sleep(0.1)
            _append(path, next(lines))
        append_and_wait()
        return (_cpu_s(service.process.pid) - before_s) / count * 1000


def _family(pid: int) -> list[int]:
    """The process and its descendants."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    found = [pid]
    for path in children:
        try:
            found += [one for child in path.read_text().split() for one in _family(int(child))]
        except OSError:
            continue
    return found


def _memory_mib(pid: int) -> float:
    """Proportional memory of a process: shared pages are counted once over all of them."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    pss = next((line for line in text.splitlines() if line.startswith("Pss:")), "Pss: 0 kB")
    return int(pss.split()[1]) / KIB_PER_MIB


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sessionwatch-bench-") as folder:
        yield Path(folder)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--tree", type=Path, help="ingest this tree of sessions")
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--out", type=Path, default=PROJECT / ".run" / "bench.json")
    return parser.parse_args()


def main() -> None:
    asked = _arguments()
    sizes = (64 * MIB, 250, 40, 2_000, 32 * MIB, 1) if asked.quick else (
        256 * MIB, 1500, 200, 20_000, 256 * MIB, 3)  # fmt: skip
    table = Table("what", "measured", "first goal", "final goal", "how", title="budgets")
    figures: list[Figure] = []
    for name in asked.only.split(","):
        with _scratch() as folder:
            plan = Plan(folder, asked.tree, *sizes)
            for figure in SECTIONS[name](plan):
                figures.append(figure)
                table.add_row(*asdict(figure).values())
                print(f"{figure.what}: {figure.value}", file=sys.stderr, flush=True)
    asked.out.parent.mkdir(exist_ok=True)
    asked.out.write_text(json.dumps([asdict(figure) for figure in figures], indent=2))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
