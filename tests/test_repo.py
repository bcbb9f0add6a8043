"""The repository keeps its promises: what the documents say about it is checked here."""

import ast
import filecmp
import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import typer

from core.lines import Line
from core.record import Prompt, Record
from processors import registry
from service import cli

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
MODULE_LINES_MAX = 320
# Names that say nothing about what is inside.
EMPTY_WORDS = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}
TARGET = re.compile(r"^([a-z][a-z-]*):(.*)$", re.MULTILINE)
# Hosts of package registries, and absolute paths that exist on one machine only.
FORBIDDEN = re.compile(
    rb"https?://[\w.-]*\b(?:pypi|pythonhosted|npmjs|yarnpkg|registry)\.|"
    rb"(?<![\w.~-])/(?:work|root|tmp/proj)/"
)


def tracked_files() -> list[Path]:
    """What a clone would hold; outside a clone, everything but what tools leave behind."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
        return [path for path in paths if path.is_file()]
    skipped = {".venv", ".run", ".git", "__pycache__", "dist"}
    hidden = re.compile(r"\.\w+_cache$|\.hypothesis$|\.benchmarks$")
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and not skipped.intersection(path.relative_to(ROOT).parts)
        and not any(hidden.search(part) for part in path.relative_to(ROOT).parts)
    ]


def modules() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def in_repo(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def documents() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_every_import_points_downwards():
    done = subprocess.run(
        [BIN / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout


def test_no_other_distribution_owns_a_name_of_our_rooms():
    owners = importlib.metadata.packages_distributions()

    assert {
        room: owners[room] for room in ROOMS if set(owners.get(room, ())) - {"sessionwatch"}
    } == {}


def test_no_registry_and_no_place_of_one_machine_is_named():
    found = [
        f"{in_repo(path)}: {match[0].decode()}"
        for path in tracked_files()
        if path != Path(__file__)
        for match in FORBIDDEN.finditer(path.read_bytes())
    ]

    assert found == []


@pytest.mark.parametrize("text", [b"https://pypi.org/simple", b" /root/.cache", b"'/work/main'"])
def test_the_search_for_registries_and_places_finds_them(text):
    assert FORBIDDEN.search(text)


def test_the_lock_pins_every_dependency_by_hash():
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text(encoding="utf-8")
        entries = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]

        assert entries
        assert [e for e in entries if "==" not in e or "--hash=sha256:" not in e] == []


def test_the_lock_has_what_pyproject_asks_for():
    wanted = {
        re.split(r"[<>=!~ \[;]", requirement)[0]
        for requirement in (
            *PYPROJECT["project"]["dependencies"],
            *PYPROJECT["dependency-groups"]["build"],
            *PYPROJECT["dependency-groups"]["dev"],
        )
        if isinstance(requirement, str)
    }
    lock = read("requirements-dev.lock")

    assert wanted - set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)) == set()


def test_every_make_target_says_what_it_does():
    targets = TARGET.findall(read("Makefile"))

    assert targets
    assert [name for name, rest in targets if " ## " not in rest] == []


def test_the_commands_of_the_documents_exist():
    targets = {name for name, _ in TARGET.findall(read("Makefile"))}
    named = {
        name
        for document in documents()
        for name in re.findall(
            r"\bmake ([a-z][a-z-]+)`?(?=[` \n])", _code(document.read_text(encoding="utf-8"))
        )
    }

    assert {"run", "test"} <= named
    assert named - targets == set()


def test_the_readme_opens_with_run_and_test():
    commands = re.findall(r"^    (.+?)(?: {2,}.*)?$", read("README.md"), re.MULTILINE)

    assert commands[:2] == ["make run", "make test"]


def test_the_readme_lists_the_commands_of_the_command_line():
    listed = re.findall(r"^\| `sessionwatch ([a-z][a-z-]*)", read("README.md"), re.MULTILINE)
    commands = typer.main.get_command(cli.app).commands

    assert sorted(listed) == sorted(name for name, c in commands.items() if not c.hidden)


def test_links_between_documents_lead_somewhere():
    links = [
        (document, link)
        for document in documents()
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    ]

    assert links
    assert [f"{in_repo(d)}: {link}" for d, link in links if not (d.parent / link).exists()] == []


def test_every_module_opens_with_what_it_is_for():
    without = [
        in_repo(path)
        for path in modules()
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert without == []


def test_no_module_is_two():
    long = {
        in_repo(path): lines
        for path in modules()
        if (lines := path.read_text(encoding="utf-8").count("\n")) > MODULE_LINES_MAX
    }

    assert long == {}


def test_module_names_say_what_is_inside():
    assert [in_repo(p) for p in modules() if EMPTY_WORDS.intersection(p.stem.split("_"))] == []


def test_a_new_processor_is_one_file_that_works(tmp_path):
    (tmp_path / "processors").mkdir()
    shutil.copy(ROOT / "processors/_template.py.txt", tmp_path / "processors")
    path = tmp_path / "processors/late_night.py"
    make = ["make", "-s", "-C", tmp_path, "-f", ROOT / "Makefile", "new-processor"]

    subprocess.run([*make, "name=late_night"], check=True, capture_output=True)
    processor = _load(path, "late_night").LateNight()
    record = Record(agent="a", type="user", at_us=1, prompts=(Prompt(text="why?"),))
    rows = list(processor.rows(Line(0, record)))
    linted = subprocess.run(
        [BIN / "ruff", "check", "--config", ROOT / "pyproject.toml", path], check=False
    )

    assert registry.checked([processor]).unavailable == ()
    assert rows == [(1, 4)]
    assert linted.returncode == 0
    assert subprocess.run([*make, "name=late_night"], check=False, capture_output=True).returncode
    assert subprocess.run([*make, "name=../x"], check=False, capture_output=True).returncode


def _differences(compared: filecmp.dircmp) -> list[str]:
    _, changed, unreadable = filecmp.cmpfiles(
        compared.left, compared.right, compared.common_files, shallow=False
    )
    names = [*compared.left_only, *compared.right_only, *changed, *unreadable]
    return names + [name for sub in compared.subdirs.values() for name in _differences(sub)]


def _load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _code(text: str) -> str:
    """The parts of a Markdown text that are set as code."""
    return "\n".join(re.findall(r"^ {4}.+$|`[^`\n]+`", text, re.MULTILINE)) + "\n"
