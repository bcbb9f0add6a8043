"""Follows docs/processors.md word by word, in a copy of the project; nothing is taken on trust."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from core.errors import PermanentError
from processors.registry import GROUP
from tests.tools.processors import SeenLines, WholeSession
from tests.tools.simulation import World, key

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("api", "core", "demo", "metrics", "processors", "service", "state", "tests", "watcher")
DOCUMENT = (ROOT / "docs" / "processors.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROCESSOR = re.compile(r'^    name = "(\w+)"$', re.MULTILINE)
KEY = key("one")
NAMES = ("tool_times", "note_headings", "session_lengths")


class Shown(NamedTuple):
    """A command of the document and what it is said to print."""

    command: str
    output: str


class Project:
    """A copy of this project in which commands are run as the document writes them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for room in ROOMS:
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / room, root / room, ignore=skipped)
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / name, root)
        (root / ".venv").symlink_to(Path(sys.prefix))

    def run(self, command: str, *, path: str = "") -> "subprocess.CompletedProcess[str]":
        """The rooms of the copy come before those of the installed project."""
        python_path = os.pathsep.join(filter(None, (str(self.root), path)))
        ours = {
            "PYTHONPATH": python_path, "SESSIONWATCH_DB": ".run/tutorial.duckdb",
            "HYPOTHESIS_PROFILE": "brief",
        }  # fmt: skip
        # As a person types it, not as a part of the `make test` that runs us.
        env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.root,
            env=env | ours,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def asked(self, command: str, **options: Any) -> Any:
        """What a command prints as JSON."""
        done = self.run(command, **options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(DOCUMENT) if found == language]


def code_of(name: str) -> str:
    """The module of the document that holds this processor."""
    (code,) = [text for text in blocks("python") if PROCESSOR.findall(text) == [name]]
    return code


def shown(block: str) -> Iterator[Shown]:
    """Commands begin with `$`, go on in indented lines, and what follows is their output."""
    starts = [match.start() for match in re.finditer(r"^\$ ", block, re.MULTILINE)]
    for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
        lines = block[start + 2 : end].splitlines()
        closed = 1
        while "\n".join(lines[:closed]).count('"') % 2:
            closed += 1
        yield Shown("\n".join(lines[:closed]), "\n".join(lines[closed:]))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The copy after all that the document says has been done, in its order."""
    found = Project(tmp_path_factory.mktemp("tutorial") / "project")
    for language, text in BLOCK.findall(DOCUMENT):
        names = PROCESSOR.findall(text) if language == "python" else []
        for name in names:
            (found.root / "processors" / f"{name}.py").write_text(text, encoding="utf-8")
        for step in shown(text) if language == "console" else ():
            done = found.run(step.command)
            assert done.stdout.rstrip("\n") == step.output, (step.command, done.stderr)
    return found


def test_the_document_holds_a_processor_of_every_kind_and_commands_to_follow() -> None:
    written = [name for text in blocks("python") for name in PROCESSOR.findall(text)]
    commands = [step.command for text in blocks("console") for step in shown(text)]

    assert sorted(written) == sorted(NAMES)
    assert [words for c in commands for words in re.findall(r"sessionwatch (\w+)|(make)", c)] == [
        ("", "make"),
        ("process", ""),
        ("ingest", ""),
        ("sql", ""),
    ]


def test_every_command_prints_what_the_document_shows(project: Project) -> None:
    """`project` has compared them; what is left is that the rows of `process` are all there."""
    files = sorted((project.root / "demo" / "sessions").rglob("*.jsonl"))
    printed = [
        json.loads(line)
        for file in files
        for line in project.run(
            f".venv/bin/sessionwatch process '{file}' --processor tool_times"
        ).stdout.splitlines()
    ]

    stored = project.asked('.venv/bin/sessionwatch sql "select count(*) from tool_times" --json')
    assert stored["rows"] == [[len(printed)]]
    assert len(printed) > 100


def test_the_registry_finds_what_was_written(project: Project) -> None:
    listed = {one["name"]: one for one in known(project)}

    assert {*NAMES, "usage"} <= listed.keys()
    assert [name for name, one in listed.items() if not one["available"]] == []
    assert listed["tool_times"]["files"] == 9


def test_the_code_of_the_document_is_clean(project: Project) -> None:
    files = " ".join(f"processors/{name}.py" for name in NAMES)

    for check in ("ruff check", "ruff format --check"):
        done = project.run(f".venv/bin/{check} {files}")
        assert done.returncode == 0, done.stdout
    assert project.run(f".venv/bin/mypy --strict {files}").returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_laws_run_over_it_unasked(project: Project) -> None:
    wanted = " or ".join(NAMES)

    done = project.run(f".venv/bin/python -m pytest -q tests/laws/test_processors.py -k '{wanted}'")

    laws = len(re.findall(r"^@every_processor", read("tests/laws/test_processors.py"), re.M))
    assert re.search(rf"^{laws * len(NAMES)} passed", done.stdout, re.MULTILINE), done.stdout


def test_documents_and_sessions_are_ingested_as_the_document_says(project: Project) -> None:
    note = project.root / "notes" / "amara" / "CLAUDE.local.md"
    note.parent.mkdir(parents=True)
    note.write_text("# Style\nplain words\n## Tests\n", encoding="utf-8")
    ingest = ".venv/bin/sessionwatch ingest notes demo/sessions --json --db .run/more.duckdb"
    rows = (
        ".venv/bin/sessionwatch sql --json --db .run/more.duckdb 'select (select count(*) from "
        "session_lengths), (select list([level, length_chars] order by seq) from note_headings)'"
    )

    project.asked(ingest)
    before = project.asked(rows)["rows"]
    project.asked(f"{ingest} --all")
    after = project.asked(rows)["rows"]

    assert before == [[0, [[1, 5], [2, 5]]]]
    assert after == [[9, [[1, 5], [2, 5]]]]


def test_raising_the_version_rebuilds_the_rows_and_adds_the_column(project: Project) -> None:
    ingest = ".venv/bin/sessionwatch ingest demo/sessions --json --db .run/versions.duckdb"
    module = project.root / "processors" / "tool_times.py"
    later = (
        code_of("tool_times")
        .replace("version = 1", "version = 2")
        .replace("    tool: str | None\n", "    tool: str | None\n    failed: bool\n")
        .replace("call.name, at_us, None)", "call.name, False, at_us, None)")
        .replace("None, None, at_us)", "None, result.is_error, None, at_us)")
    )
    project.asked(ingest)

    module.write_text(later, encoding="utf-8")
    summary = project.asked(ingest)
    module.write_text(code_of("tool_times"), encoding="utf-8")
    found = project.asked(
        ".venv/bin/sessionwatch sql --json --db .run/versions.duckdb "
        "'select count(*), count(failed), count(called_us) + count(answered_us) from tool_times'"
    )

    assert summary["changed"] == 9
    ((rows, flagged, timed),) = found["rows"]
    assert rows == flagged == timed > 100


# The template, which the tutorial begins with.


def test_the_template_makes_a_processor_of_the_same_shape(project: Project) -> None:
    assert project.run("make -s new-processor name=late_night").returncode == 0
    made = (project.root / "processors" / "late_night.py").read_text(encoding="utf-8")

    listed = known(project)
    (project.root / "processors" / "late_night.py").unlink()

    assert {"name": "late_night", "available": True, "tables": ["late_night"]}.items() <= next(
        one for one in listed if one["name"] == "late_night"
    ).items()
    assert attributes(made) == attributes(code_of("tool_times"))
    assert imports(made) == imports(code_of("tool_times"))


def attributes(code: str) -> list[str]:
    return re.findall(r"^    (\w+)(?:: [^=\n]+)? = ", code, re.MULTILINE)


def imports(code: str) -> list[str]:
    return re.findall(r"^(?:from|import) .*$", code, re.MULTILINE)


# Outside plug-ins.


@pytest.fixture(scope="module")
def installed(project: Project, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The document's distribution, built and installed by pip into a folder of its own."""
    source = tmp_path_factory.mktemp("acme")
    target = tmp_path_factory.mktemp("installed")
    (announced,) = blocks("toml")
    (source / "pyproject.toml").write_text(announced, encoding="utf-8")
    (source / "acme_sessions").mkdir()
    (source / "acme_sessions" / "__init__.py").touch()
    (source / "acme_sessions" / "tool_times.py").write_text(code_of("tool_times"), encoding="utf-8")
    done = project.run(
        f".venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --no-index "
        f"--disable-pip-version-check --target '{target}' '{source}'"
    )
    assert done.returncode == 0, done.stderr
    return str(target)


def test_an_installed_distribution_joins_through_its_entry_point(
    project: Project, installed: str
) -> None:
    built_in = project.root / "processors" / "tool_times.py"
    built_in.unlink()
    session = "demo/sessions/mei/*/c1d6e864-*.jsonl"

    listed = known(project, path=installed)
    done = project.run(
        f".venv/bin/sessionwatch process {session} --processor tool_times", path=installed
    )
    built_in.write_text(code_of("tool_times"), encoding="utf-8")

    assert "tool_times" in [one["name"] for one in listed if one["available"]]
    assert len(done.stdout.splitlines()) == 6


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_can_put_itself_under_the_laws(project: Project, installed: str) -> None:
    (its_test,) = [text for text in blocks("python") if "laws.LAWS" in text]
    (project.root / "tests" / "test_acme.py").write_text(its_test, encoding="utf-8")

    done = project.run(".venv/bin/python -m pytest -q tests/test_acme.py", path=installed)

    laws = len(re.findall(r"^@every_processor", read("tests/laws/test_processors.py"), re.M))
    assert re.search(rf"^{laws} passed", done.stdout, re.MULTILINE), done.stdout


def test_the_entry_point_group_is_the_one_the_registry_asks_for() -> None:
    (announced,) = blocks("toml")

    assert list(tomllib.loads(announced)["project"]["entry-points"]) == [GROUP]


# What happens on errors.


class Undeclared(NamedTuple):
    """A row of no table."""

    text: str


class FailingLines(SeenLines):
    """Raises on one kind of line."""

    def rows(self, line: Any) -> Any:
        if line.record.type == "bad":
            raise KeyError("tool")
        yield from super().rows(line)


class Lost(SeenLines):
    """Makes a row that no table declares."""

    def rows(self, line: Any) -> Any:
        yield Undeclared("x")


class Failing(WholeSession):
    """Raises on a whole session."""

    error: Exception = ValueError("no")

    def rows(self, session: Any, tools: Any) -> Any:
        raise self.error


class Refusing(Failing):
    """Raises what says that trying again is useless."""

    error = PermanentError("not a session of ours", reason="not_ours")


def world_of(processor: Any) -> World:
    world = World([processor])
    world.files.write(KEY, b'{"type":"a"}\n{"type":"bad"}\n{"type":"b"}\n')
    return world


def test_a_line_that_a_processor_fails_on_is_listed_and_its_neighbours_are_taken() -> None:
    world = world_of(FailingLines())
    world.settle()

    assert [row[1:] for row in world.rows("seen", KEY)] == [(0, 0, "a"), (28, 0, "b")]
    assert [row[1:] for row in world.rows("quarantine_lines", KEY)] == [
        (13, 0, 0, "processor_error", "KeyError", False)
    ]


@pytest.mark.parametrize(
    ("processor", "reason", "attempts"),
    [
        (Failing(), "processor_error", 8),
        (Refusing(), "not_ours", 1),
        (Lost(), "undeclared_table", 1),
    ],
)
def test_a_file_that_a_processor_fails_on_is_parked_in_the_end(
    processor: Any, reason: str, attempts: int
) -> None:
    world = world_of(processor)
    for _ in range(12):
        world.settle()

    entry = world.database.ledger.get(processor.name, KEY)
    assert entry is not None
    assert (entry.status, entry.reason, entry.attempts) == ("parked", reason, attempts)


def known(project: Project, **options: Any) -> list[dict[str, Any]]:
    """What the registry of the copy says of every processor."""
    found = project.asked(".venv/bin/sessionwatch processors --json", **options)
    return list(found["processors"])


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")
