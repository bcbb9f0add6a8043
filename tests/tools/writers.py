"""Writes session files the way agents, editors and copy tools do, at full speed or line by line.

The rule: what is written is real-looking (lines of the fixture sessions, with ids of their own)
and comes from a seed, and every write is one system call, so that a reader sees what readers of
an agent's files see.
"""

import itertools
import json
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.tools.usage_tables import FIXTURES

_IDS = frozenset({"uuid", "requestId"})


def session_lines(seed: int) -> Iterator[bytes]:
    """Lines without end, faulty ones among them. No two share a message, request or record id."""
    known = _fixture_lines()
    chance = random.Random(seed)
    for number in itertools.count():
        yield _renamed(chance.choice(known), f"{seed}-{number}")


def assistant_line(name: str, tokens: int = 7, text: str = "done") -> bytes:
    """One API message of `tokens` output tokens, on a line of its own."""
    message = {
        "id": f"msg_{name}",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": text}],
        "usage": {"input_tokens": 3, "output_tokens": tokens},
    }
    record = {
        "type": "assistant",
        "uuid": f"u-{name}",
        "sessionId": "writers",
        "version": "2.1.0",
        "requestId": f"req_{name}",
        "timestamp": "2026-05-01T10:00:00.000Z",
        "message": message,
    }
    return json.dumps(record).encode() + b"\n"


def prompt_line(name: str, text: str = "please") -> bytes:
    """One typed prompt."""
    record = {
        "type": "user",
        "uuid": f"u-{name}",
        "sessionId": "writers",
        "version": "2.1.0",
        "timestamp": "2026-05-01T09:59:00.000Z",
        "message": {"role": "user", "content": text},
    }
    return json.dumps(record).encode() + b"\n"


def append(path: Path, data: bytes) -> None:
    """One write at the end, creating the file if need be."""
    with path.open("ab", buffering=0) as file:
        file.write(data)


def replace(path: Path, data: bytes) -> None:
    """Another file in its place, as rsync and editors do it: readers see the one or the other."""
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_bytes(data)
    os.replace(draft, path)


class LiveFile:
    """One session file while it is written. `done` completes a half line."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        self._lines = session_lines(seed)
        self._rest = b""

    def append(self, count: int = 1) -> None:
        """Whole lines; the rest of a half line comes first."""
        self._write(b"".join(itertools.islice(self._lines, count)))

    def half(self, share: float) -> None:
        """The beginning of a line; its end comes with the next write."""
        line = next(self._lines)
        cut = min(len(line) - 1, 1 + int(share * len(line)))
        rest, self._rest = self._rest, b""
        self._write(rest + line[:cut])
        self._rest = line[cut:]

    def done(self) -> None:
        """Only the end of a half line, if there is one."""
        self._write(b"")

    def rewrite(self, count: int) -> None:
        """Truncated and written anew in place, in two writes."""
        self._rest = b""
        with self.path.open("wb", buffering=0) as file:
            for half in (count // 2, count - count // 2):
                file.write(b"".join(itertools.islice(self._lines, half)))

    def replace(self, count: int) -> None:
        """Another file in its place."""
        self._rest = b""
        replace(self.path, b"".join(itertools.islice(self._lines, count)))

    def _write(self, data: bytes) -> None:
        rest, self._rest = self._rest, b""
        if rest + data:
            append(self.path, rest + data)


class Traffic:
    """Threads that write to session files below `root` while a test goes on.

    `counts` says what happened. At the end every half line is finished but two: one file ends
    with a whole record without newline, one in the middle of a record.
    """

    def __init__(
        self, root: Path, *, files: int, seed: int, threads: int = 2, pause_s: float = 0.02
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._root = root
        self._pause_s = pause_s
        self._stopped = threading.Event()
        self._failed: list[BaseException] = []
        self._folders = itertools.count()
        self._live = [
            self._new_file(f"user-{n % 7}/p{n % 3}/s{n}.jsonl", n, seed) for n in range(files)
        ]
        shares = [self._live[n::threads] for n in range(threads)]
        self._threads = [
            threading.Thread(target=self._run, args=(share, seed * 1000 + n), name=f"writer-{n}")
            for n, share in enumerate(shares)
        ]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        if self._failed:
            raise self._failed[0]
        for live in self._live:
            live.done()
        append(self._live[0].path, next(session_lines(-1)).rstrip(b"\n"))
        append(self._live[1].path, b'{"type":"assistant","uuid":"half of a')

    def wait(self, seconds: float) -> None:
        """Let the writers write; ends early only if one of them failed."""
        self._stopped.wait(seconds)

    @property
    def paths(self) -> list[Path]:
        return sorted(self._root.rglob("*.jsonl"))

    def _new_file(self, name: str, number: int, seed: int) -> LiveFile:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        live = LiveFile(path, seed * 100_000 + number)
        live.append(5)
        return live

    def _run(self, files: list[LiveFile], seed: int) -> None:
        chance = random.Random(seed)
        names, weights = zip(*((a, a.weight) for a in self._acts(chance)), strict=True)
        try:
            while not self._stopped.is_set():
                act = chance.choices(names, weights)[0]
                act.do(chance.choice(files))
                self.counts[act.name] += 1
                self._stopped.wait(chance.uniform(0, self._pause_s))
        except BaseException as error:  # A thread's top: the test is told when it ends.
            self._failed.append(error)
            self._stopped.set()

    def _acts(self, chance: random.Random) -> Iterator["_Act"]:
        yield _Act("append", 60, lambda live: live.append(chance.randint(1, 3)))
        yield _Act("half", 25, lambda live: live.half(chance.random()))
        yield _Act("done", 10, lambda live: live.done())
        yield _Act("burst", 3, lambda live: live.append(chance.randint(20, 200)))
        yield _Act("big_burst", 0.5, lambda live: live.append(chance.randint(600, 1500)))
        yield _Act("rewrite", 2, lambda live: live.rewrite(chance.randint(0, 30)))
        yield _Act("replace", 2, lambda live: live.replace(chance.randint(1, 40)))
        yield _Act("big_replace", 0.3, lambda live: live.replace(chance.randint(600, 1500)))
        yield _Act("new_folder", 1, lambda live: self._folder(chance))

    def _folder(self, chance: random.Random) -> None:
        """`mkdir -p` and a file in it at once, before anybody can watch the folder."""
        number = next(self._folders)
        path = self._root / f"new-{number}" / "a" / "b" / f"s{number}.jsonl"
        path.parent.mkdir(parents=True)
        lines = session_lines(chance.getrandbits(32))
        append(path, b"".join(itertools.islice(lines, chance.randint(1, 20))))


class _Act:
    def __init__(self, name: str, weight: float, do: Callable[[LiveFile], None]) -> None:
        self.name = name
        self.weight = weight
        self.do = do


def _fixture_lines() -> list[bytes]:
    return [
        line
        for path in sorted(FIXTURES.rglob("*.jsonl"))
        for line in path.read_bytes().splitlines(keepends=True)
        if line.strip() and line.endswith(b"\n")
    ]


def _renamed(line: bytes, name: str) -> bytes:
    """The same line with ids of its own; what is no JSON object stays as it is."""
    try:
        record = json.loads(line)
    except ValueError:
        return line
    return json.dumps(_with_ids(record, name)).encode() + b"\n"


def _with_ids(value: Any, name: str) -> Any:
    """Ids of messages, requests and records get the name; those of tool calls stay."""
    if isinstance(value, list):
        return [_with_ids(item, name) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: f"{item}-{name}"
        if isinstance(item, str) and (key in _IDS or (key == "id" and "usage" in value))
        else _with_ids(item, name)
        for key, item in value.items()
    }
