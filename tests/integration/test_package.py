"""Wheel and sdist: what is in them, and that they run in an environment that knows nothing else."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

from service.client import Client
from tests.tools.archives import unpack
from tests.tools.service import PROJECT
from tests.tools.waiting import wait_for

PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
VERSION = PYPROJECT["project"]["version"]
OFFLINE = re.compile("Failed to establish a new connection|Temporary failure in name resolution")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def build(source, into):
    """Both distributions of a source tree, as `make package` builds them."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", into],
        cwd=source, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,), (sdist,) = into.glob("*.whl"), into.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(PROJECT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def environment(built, tmp_path_factory):
    """A virtual environment with the locked dependencies and our wheel, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--no-warn-script-location"]
    done = subprocess.run(
        [*pip, "--require-hashes", "-r", PROJECT / "requirements.lock"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if OFFLINE.search(done.stderr):
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
    subprocess.run([*pip, "--no-deps", "--no-index", built[0]], check=True)
    return folder


def run(environment, *words, **options):
    command = [environment / "bin/sessionwatch", *words]
    return subprocess.run(
        command, cwd=environment, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        timeout=60, check=False, **options,
    )  # fmt: skip


def test_the_wheel_holds_the_rooms_and_nothing_else(built):
    names = zipfile.ZipFile(built[0]).namelist()

    assert {name.split("/")[0] for name in names} == {*ROOMS, f"sessionwatch-{VERSION}.dist-info"}
    assert {
        "state/queries.sql",
        "api/templates/index.html",
        "service/evaluating/gold/en_corrections.toml",
        "service/evaluating/gold/pairs.jsonl",
    } <= set(names)
    assert [name for name in names if "__pycache__" in name] == []


def test_the_sdist_builds_the_same_wheel(built, tmp_path):
    unpack(built[1], tmp_path)
    (source,) = tmp_path.iterdir()
    (tmp_path / "dist").mkdir()

    again, _ = build(source, tmp_path / "dist")

    assert again.read_bytes() == built[0].read_bytes()
    assert {"Makefile", "docs", "tests", "demo", "ops", "requirements.lock"} <= {
        path.name for path in source.iterdir()
    }


def test_two_builds_of_one_tree_are_the_same_bytes(built, tmp_path):
    wheel, sdist = build(PROJECT, tmp_path)

    assert wheel.read_bytes() == built[0].read_bytes()
    assert sdist.read_bytes() == built[1].read_bytes()


def test_the_command_knows_its_version(environment):
    assert run(environment, "--version").stdout == f"sessionwatch {VERSION}\n"
    assert run(environment, "--help").returncode == 0


def test_it_serves_the_demo(environment, tmp_path):
    db, log = tmp_path / "t.duckdb", tmp_path / "log"
    # Copied: a service keeps a file of its own there, which other tests' copies would meet.
    sessions = shutil.copytree(PROJECT / "demo/sessions", tmp_path / "sessions")
    with log.open("wb") as written:
        process = subprocess.Popen(
            [environment / "bin/sessionwatch", "serve", sessions, "--db", db, "--port", "0"],
            cwd=environment, env={"PATH": "/usr/bin:/bin"}, stdout=written, stderr=written,
        )  # fmt: skip
    try:
        client = Client(db)
        wait_for(lambda: process.poll() is not None or client.available(), 30.0)
        assert process.poll() is None, log.read_text()
        url = client.get("/api/v1/status")["url"]
        with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
            assert json.loads(answer.read()) == {"status": "ok"}
        files = len(list(sessions.rglob("*.jsonl")))
        wait_for(lambda: client.get("/api/v1/status")["files"] == files, 30.0)
        asked = run(environment, "usage", "daily", "--json", "--db", db)
        assert json.loads(asked.stdout)["daily"]
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def test_the_bill_of_materials_is_that_of_the_installed_environment(environment, tmp_path):
    subprocess.run(
        [environment / "bin/python", "-I", PROJECT / "ops/sbom.py",
         PROJECT / "requirements.lock", tmp_path],
        check=True, capture_output=True,
    )  # fmt: skip
    frozen = subprocess.run(
        [environment / "bin/python", "-m", "pip", "list", "--format=json", "--exclude=pip",
         "--exclude=setuptools", "--exclude=sessionwatch"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    bill = json.loads(Path(tmp_path, "sbom.cdx.json").read_text(encoding="utf-8"))

    assert {(one["name"].lower(), one["version"]) for one in bill["components"]} == {
        (one["name"].lower(), one["version"]) for one in json.loads(frozen)
    }
