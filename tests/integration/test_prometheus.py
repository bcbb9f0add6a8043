"""A real Prometheus with our configuration, rules and dashboard, over a real service."""

import json
import re
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request

import pytest

from tests.test_ops import UNPACKED, panel_expressions
from tests.tools.service import PROJECT, serving
from tests.tools.waiting import wait_for

PROMETHEUS = shutil.which("prometheus") or shutil.which("prometheus", path=UNPACKED)

pytestmark = pytest.mark.skipif(
    not PROMETHEUS, reason="prometheus is not installed: `make test-tools` fetches it"
)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    sessions = shutil.copytree(PROJECT / "demo/sessions", folder / "sessions")
    with serving(folder / "t.duckdb", sessions, sweep_s=1) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(service, tmp_path_factory):
    """Its address. The file of the project, with this service as the target and a quick pace."""
    folder = tmp_path_factory.mktemp("prometheus")
    config = (PROJECT / "ops/prometheus.yml").read_text(encoding="utf-8")
    config = config.replace("sessionwatch:8787", service.url.removeprefix("http://"))
    token = service.client.post("/api/v1/tokens", {"name": "prometheus", "role": "metrics"})
    (folder / "token").write_text(token["token"])
    config = config.replace("/run/secrets/metrics_token", str(folder / "token"))
    (folder / "prometheus.yml").write_text(re.sub(r"interval: \d+s", "interval: 1s", config))
    shutil.copy(PROJECT / "ops/alerts.yml", folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [PROMETHEUS, f"--config.file={folder}/prometheus.yml", f"--web.listen-address={place}",
             f"--storage.tsdb.path={folder}/data"],
            stdout=log, stderr=log,
        )  # fmt: skip

    def answers():
        assert process.poll() is None, (folder / "log").read_text()
        try:
            return ask(f"http://{place}", "query", query='up{job="sessionwatch"} == 1')["result"]
        except OSError:
            return None

    try:
        wait_for(answers, 30.0)
        yield f"http://{place}"
    finally:
        process.terminate()
        process.wait(10)


def ask(url, what, **parameters):
    with urllib.request.urlopen(
        f"{url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}", timeout=10
    ) as answer:
        return json.loads(answer.read())["data"]


def test_it_scrapes_the_service(prometheus):
    (found,) = ask(prometheus, "query", query="sessionwatch_build_info")["result"]

    assert found["metric"]["job"] == "sessionwatch"
    assert ask(prometheus, "query", query="count({job='sessionwatch'})")["result"]


def test_every_rule_can_be_evaluated_and_none_fires_over_a_healthy_service(prometheus):
    def rules():
        found = ask(prometheus, "rules")["groups"][0]["rules"]
        return found if all(rule["health"] != "unknown" for rule in found) else None

    found = wait_for(rules, 30.0)

    assert {rule["health"] for rule in found} == {"ok"}
    # On a nearly full disk the first may be right.
    assert [r["name"] for r in found if r["state"] == "firing"] in ([], ["SessionwatchDiskLow"])


def test_every_panel_of_the_dashboard_can_be_asked(prometheus):
    for expression in panel_expressions():
        plain = expression.replace("$__rate_interval", "10s").replace("$instance", ".*")
        assert ask(prometheus, "query", query=plain)["resultType"] == "vector"


@pytest.mark.parametrize(
    "panel", ["sessionwatch_ready", "sessionwatch_files", "process_resident_memory_bytes"]
)
def test_the_panels_of_a_running_service_have_values(prometheus, panel):
    for expression in panel_expressions():
        if panel in expression:
            plain = expression.replace("$__rate_interval", "10s").replace("$instance", ".*")
            assert ask(prometheus, "query", query=plain)["result"]
