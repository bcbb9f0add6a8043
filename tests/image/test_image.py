"""The Dockerfile, replayed step by step in a fresh Debian root, and the service in it.

`make image-check`: some minutes, as root, with the package registries of this machine.
"""

import json
import shutil
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.tools import replay
from tests.tools.dockerfile import stages
from tests.tools.waiting import wait_for

PROJECT = Path(__file__).resolve().parents[2]
STAGES = stages((PROJECT / "Dockerfile").read_text(encoding="utf-8"))
TOKEN = "a-token-of-the-tests-with-enough-characters"
NO_BUSINESS = ("pip*", "gcc*", "cc", "make", "git", "hatchling*", "uv")

pytestmark = [
    pytest.mark.image,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(replay.missing()), reason=replay.missing()),
]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    work = tmp_path_factory.mktemp("image")
    yield replay.build(STAGES, PROJECT, work)
    shutil.rmtree(work)


@pytest.fixture(scope="module")
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def container(image, port, tmp_path_factory):
    state = tmp_path_factory.mktemp("volume") / "state"
    environ = {
        "SESSIONWATCH_PORT": str(port), "SESSIONWATCH_HOST": "0.0.0.0",
        "SCHEDULER_API_TOKEN": TOKEN,
    }  # fmt: skip
    running = replay.Container(image, STAGES[-1], PROJECT / "demo/sessions", state, environ)
    yield running
    running.close()


def ask(port, path, **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.loads(answer.read())
    except (OSError, urllib.error.URLError):
        return {}


def test_the_last_stage_has_no_build_tools(image):
    found = [
        str(path)
        for pattern in NO_BUSINESS
        for folder in ("usr/bin", "usr/local/bin", "opt/sessionwatch/bin")
        for path in (image.root / folder).glob(pattern)
    ]

    assert found == []
    assert not list((image.root / "var/lib/apt/lists").glob("*Packages*"))
    assert not list((image.root / "opt/sessionwatch/lib").rglob("site-packages/pip"))


def test_the_image_says_what_it_is_made_of(image):
    folder = image.inside("/opt/sessionwatch/share/sessionwatch")
    bill = json.loads((folder / "sbom.cdx.json").read_text())

    assert {one["name"] for one in bill["components"]} >= {"duckdb", "starlette", "watchdog"}
    assert "Apache License" in (folder / "THIRD-PARTY-LICENCES.txt").read_text()


def test_the_service_in_it_answers(container, port):
    def answers():
        assert container.process.poll() is None, container.log.read_text()
        return ask(port, "/readyz").get("status") == "ready"

    wait_for(answers, 60.0)

    assert ask(port, "/healthz") == {"status": "ok"}
    assert container.health() == 0


def test_beyond_the_container_it_asks_who_is_there(container, port):
    assert ask(port, "/api/v1/status") == {}
    assert ask(port, "/api/v1/status", Authorization=f"Bearer {TOKEN}")["files"] >= 0
    assert ask(port, "/healthz", Via="a proxy") == {}


def test_it_runs_as_its_own_user_without_privileges(container):
    status = Path(f"/proc/{container.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)

    assert set(fields["Uid"].split()) == {"10001"}
    assert fields["NSpid"].split()[-1] == "1"
    assert int(fields["CapEff"], 16) == 0


def test_it_can_write_to_its_volume_and_to_tmp_alone(container):
    mounts = [
        line.split() for line in Path(f"/proc/{container.pid}/mountinfo").read_text().splitlines()
    ]
    writable = {
        fields[4] for fields in mounts if not fields[4].startswith(("/dev", "/proc"))
        and "rw" in fields[5].split(",")
    }  # fmt: skip

    assert "/" in {fields[4] for fields in mounts}
    assert {"/var/lib/sessionwatch", "/tmp"} == writable
    assert container.run(["touch", "/opt/sessionwatch/x"]).returncode != 0


def test_its_command_asks_the_running_service(container):
    sessions = list((PROJECT / "demo/sessions").rglob("*.jsonl"))

    def status():
        done = container.run(["sessionwatch", "status", "--json"])
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    wait_for(lambda: status()["files"] == len(sessions), 30.0)
    assert container.run(["sessionwatch", "--version"]).stdout.startswith("sessionwatch ")


def test_it_stops_when_it_is_told_to(container):
    assert container.stop(40.0) == 0
    assert '"clean": true' in container.log.read_text() or "clean=True" in container.log.read_text()
