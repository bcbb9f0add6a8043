"""What ships beside the code: alerts, dashboard, container, unit, licences."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from api.secret import SECRETS
from service.settings import PREFIX, RULES, Settings
from tests.tools import doc_tables
from tests.tools.dockerfile import assignments, context, expanded, stages

ROOT = Path(__file__).resolve().parent.parent
OPS = ROOT / "ops"
ALERTS = OPS / "alerts.yml"
DASHBOARD = json.loads((OPS / "grafana/dashboards/sessionwatch.json").read_text(encoding="utf-8"))
UNPACKED = ROOT / ".run/tools/usr/bin"
OF_PROMETHEUS = {"up", "process_start_time_seconds", "process_open_fds", "process_max_fds",
                 "process_resident_memory_bytes", "process_cpu_seconds_total"}  # fmt: skip
NAME = re.compile(r"\b(?:sessionwatch_|process_)[a-z_]+|\bup\b")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def tool(name, where=""):
    """A program, from the machine or from `make test-tools`; else the test is skipped."""
    found = shutil.which(name) or shutil.which(name, path=UNPACKED)
    if not found:
        pytest.skip(f"{name} is not installed{where}")
    return found


def promtool(*words):
    command = [tool("promtool", ": `make test-tools` fetches it"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def alerts():
    return dict(re.findall(r"- alert: (\w+)\n +expr: (.+)", read("ops/alerts.yml")))


def panel_expressions():
    return [t["expr"] for panel in DASHBOARD["panels"] for t in panel.get("targets", ())]


# Alerts and the dashboard.


@pytest.mark.parametrize(
    "words",
    [
        ("check", "rules", ALERTS),
        # Its file with the token is there in the container alone, hence the syntax only.
        ("check", "config", "--syntax-only", OPS / "prometheus.yml"),
        ("test", "rules", OPS / "alerts.test.yml"),
    ],
    ids=["rules", "config", "unit tests"],
)
def test_prometheus_takes_it(words):
    done = promtool(*words)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_never_fires_fails_its_test(tmp_path):
    rules = re.sub(r"(sessionwatch_ready) == 0", r"\1 == 2", read("ops/alerts.yml"))
    (tmp_path / "alerts.yml").write_text(rules)
    shutil.copy(OPS / "alerts.test.yml", tmp_path)

    done = promtool("test", "rules", tmp_path / "alerts.test.yml")

    assert done.returncode != 0
    assert "SessionwatchNotReady" in done.stderr + done.stdout


def test_every_alert_has_a_test_where_it_is_silent_and_one_where_it_fires():
    tests = read("ops/alerts.test.yml").split("  - name: ")[1:]

    for name in alerts():
        (one,) = [test for test in tests if test.startswith(name)]
        assert "exp_samples: []" in one
        assert "- value: 1" in one


def test_every_alert_says_how_bad_it_is_and_what_it_means():
    for part in read("ops/alerts.yml").split("- alert: ")[1:]:
        assert re.search(r"severity: (critical|warning|info)\b", part)
        assert "summary: " in part
        assert "description: " in part


def test_every_metric_of_alerts_and_dashboard_exists():
    known = {name for name, *_ in doc_tables.metrics()} | OF_PROMETHEUS
    known |= {f"{name}{end}" for name in known for end in ("_bucket", "_sum", "_count")}
    listed = DASHBOARD["templating"]["list"][0]["query"]["query"]
    spoken = {
        name
        for expression in (*alerts().values(), *panel_expressions(), listed)
        for name in NAME.findall(expression)
    }

    assert len(spoken) > 30
    assert spoken - known == set()


def test_every_label_of_alerts_and_dashboard_exists():
    labels = {label for *_, found, _ in doc_tables.metrics() for label in found}
    labels |= {"job", "instance", "le"}
    spoken = {
        label.strip()
        for expression in (*alerts().values(), *panel_expressions())
        for group in (
            *re.findall(r"\bby \(([^)]+)\)", expression),
            *(
                ",".join(re.findall(r"(\w+)\s*=", one))
                for one in re.findall(r"{(.+?)}", expression)
            ),
        )
        for label in group.split(",")
    }

    assert spoken - labels - {""} == set()


def test_every_expression_of_the_dashboard_is_one(tmp_path):
    rules = tmp_path / "rules.yml"
    lines = ["groups:", "  - name: panels", "    rules:"]
    for number, expression in enumerate(panel_expressions()):
        plain = expression.replace("$__rate_interval", "1m").replace("$instance", ".*")
        lines += [f"      - record: panel:{number}", f"        expr: {json.dumps(plain)}"]
    rules.write_text("\n".join(lines) + "\n")

    done = promtool("check", "rules", rules)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_whole():
    panels = DASHBOARD["panels"]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert {p["datasource"]["uid"] for p in panels if "datasource" in p} == {"prometheus"}
    assert "uid: prometheus" in read("ops/grafana/datasources/prometheus.yml")


def test_no_panel_of_the_dashboard_covers_another():
    """Grafana moves what overlaps, and shows nothing of a kind it does not know."""
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert {panel["type"] for panel in DASHBOARD["panels"]} == {"row", "stat", "timeseries"}


def test_every_panel_asks_something_and_names_its_lines_by_labels_that_are_there():
    for panel in (panel for panel in DASHBOARD["panels"] if panel["type"] != "row"):
        refs = [target["refId"] for target in panel["targets"]]
        assert refs
        assert len(set(refs)) == len(refs), panel["title"]
        for target in panel["targets"]:
            labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            kept = re.search(r"\bby \(([^)]+)\)", target["expr"])
            there = (
                set(re.split(r", *", kept[1]))
                if kept
                else set()
                if "sum(" in target["expr"]
                else None
            )
            assert there is None or labels <= there, panel["title"]


# The container.


def test_the_dockerfile_ends_in_an_image_of_its_own_user_without_a_build():
    *_, last = stages(read("Dockerfile"))

    assert last.last("USER").text == "sessionwatch"
    assert last.last("ENTRYPOINT").words == ["sessionwatch"]
    assert last.last("STOPSIGNAL").text == "SIGTERM"
    assert "/healthz" in last.last("HEALTHCHECK").text
    assert last.last("VOLUME").words == ["/var/lib/sessionwatch"]
    assert not re.search(r"\b(pip|gcc|make|venv)\b", " ".join(i.text for i in last.instructions))
    assert {stage.base for stage in stages(read("Dockerfile"))} == {"debian:bookworm-slim"}


def test_the_variables_of_dockerfile_and_compose_are_settings():
    known = {f"{PREFIX}{name.upper()}" for name in RULES} | {f"{name}_FILE" for name in SECRETS}
    spoken = set(re.findall(rf"\b({PREFIX}\w+)[:=]", read("Dockerfile") + read("compose.yaml")))

    assert len(spoken) >= 4
    assert spoken - known == set()


def test_the_build_sees_the_rooms_and_the_locks_and_no_more():
    seen = {name.parts[0] for name in context(ROOT)}
    packages = set(
        re.search(r"^packages = \[(.+)\]", read("pyproject.toml"), re.M)[1].split('"')[1::2]
    )

    assert seen == packages | {
        "LICENSE", "README.md", "ops", "pyproject.toml", "requirements-build.lock",
        "requirements.lock",
    }  # fmt: skip
    assert [name for name in context(ROOT) if "__pycache__" in name.parts] == []
    assert [name.as_posix() for name in context(ROOT) if name.parts[0] == "ops"] == ["ops/sbom.py"]


def test_everything_compose_mounts_is_there():
    mounts = re.findall(r"- (\./[^:\n]+):", read("compose.yaml"))

    assert len(mounts) == 4
    assert [mount for mount in mounts if not (ROOT / mount).exists()] == []


def test_a_stop_may_take_as_long_as_the_service_takes():
    drain_s = Settings().drain_s
    compose = re.search(r"stop_grace_period: (\d+)s", read("compose.yaml"))
    unit = re.search(r"TimeoutStopSec=(\d+)", read("ops/sessionwatch.service"))

    assert float(compose[1]) > drain_s
    assert float(unit[1]) > drain_s


def compose_services():
    """What compose.yaml says of each service, by name."""
    text = read("compose.yaml").partition("\nservices:\n")[2].partition("\nvolumes:\n")[0]
    parts = re.split(r"^  (\w+):\n", text, flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_compose_takes_foreign_images_by_their_full_version():
    images = {n: re.findall(r"^    image: (\S+)", s, re.M) for n, s in compose_services().items()}

    assert images.pop("sessionwatch") == ["sessionwatch"]
    assert len(images) == 2
    for (image,) in images.values():
        assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", image)


def test_no_container_of_compose_may_do_more_than_it_needs():
    services = compose_services()

    for name, said in services.items():
        assert "    cap_drop:\n      - ALL\n" in said, name
        assert '    security_opt:\n      - "no-new-privileges:true"\n' in said, name
        assert "privileged: true" not in said
    assert "    read_only: true\n" in services["sessionwatch"]
    assert re.search(r"- \"\$\{SESSIONS:-[^}]+\}:/sessions:ro\"", services["sessionwatch"])


def test_compose_publishes_to_this_machine_alone():
    published = re.findall(r'- "([^"]+):\d+:\d+"', read("compose.yaml"))

    assert published == ["127.0.0.1"] * 3


def test_prometheus_asks_with_the_token_that_the_service_has():
    services = compose_services()
    place = "/run/secrets/metrics_token"

    assert f"SESSIONWATCH_METRICS_TOKEN_FILE: {place}\n" in services["sessionwatch"]
    assert f"authorization:\n      credentials_file: {place}\n" in read("ops/prometheus.yml")
    for name in ("sessionwatch", "prometheus"):
        assert "    secrets:\n      - metrics_token\n" in services[name]
    assert "secrets" not in services["grafana"]


def test_what_listens_beyond_its_machine_is_given_a_token():
    """Else it would not start."""
    text = compose_services()["sessionwatch"]

    assert 'SESSIONWATCH_HOST: "0.0.0.0"' in text
    assert "_TOKEN_FILE: " in text
    assert "SESSIONWATCH_HOST" not in assignments(
        stages(read("Dockerfile"))[-1].last("ENV").text, {}
    )


def test_no_secret_is_in_a_file_of_ours():
    assert "/secrets/" in read(".gitignore").splitlines()
    assert not re.search(r"(?:TOKEN|PASSWORD|SECRET)\w*: *\"?[0-9a-f]{16,}", read("compose.yaml"))
    assert [name for name in context(ROOT) if "secret" in name.name and name.suffix != ".py"] == []


def test_a_dockerfile_is_read_as_a_container_engine_would():
    text = (
        "FROM debian:x AS a\nRUN one \\\n    # a comment\n    && two\n"
        'COPY --from=b x y\nCMD ["z", "1"]\n'
    )
    (stage,) = stages(text)

    assert (stage.base, stage.name) == ("debian:x", "a")
    assert [i.name for i in stage.instructions] == ["RUN", "COPY", "CMD"]
    assert stage.instructions[0].text.split() == ["one", "&&", "two"]
    assert stage.instructions[1].flags == {"from": "b"}
    assert stage.last("CMD").words == ["z", "1"]
    assert assignments("A=$B:c D='e f'", {"B": "b"}) == {"A": "b:c", "D": "e f"}
    assert expanded("${A}$NONE", {"A": "a"}) == "a"


@pytest.mark.parametrize("text", ["ADD x y\n", "FROM a\nARG x\n", "FROM a\nHEALTHCHECK NONE\n"])
def test_what_cannot_be_replayed_is_an_error(text):
    with pytest.raises(ValueError, match="not known here"):
        stages(text)


# The unit.


@pytest.fixture
def unit(tmp_path):
    """The unit as if it were installed: what it starts exists, so that only the unit is judged."""
    path = tmp_path / "sessionwatch.service"
    command = re.compile(r"/opt/sessionwatch/bin/sessionwatch")
    path.write_text(command.sub("/bin/true", read("ops/sessionwatch.service")))
    return path


def test_systemd_takes_the_unit(unit):
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_exposes_little(unit):
    done = subprocess.run(
        [tool("systemd-analyze"), "security", "--offline=yes", "--no-pager", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd cannot judge a unit that is not installed")
    level = re.search(r"exposure level for .+: ([\d.]+)", done.stdout)

    assert float(level[1]) <= 1.5, done.stdout


def test_the_unit_gives_away_what_the_service_does_not_need():
    """By name as well, because the level above forgives the loss of any one of these."""
    given = set(read("ops/sessionwatch.service").splitlines())
    wanted = {
        "User=sessionwatch", "UMask=0077", "NoNewPrivileges=yes", "CapabilityBoundingSet=",
        "AmbientCapabilities=", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes",
        "PrivateDevices=yes", "PrivateUsers=yes", "ProtectProc=invisible",
        "ProtectKernelTunables=yes", "MemoryDenyWriteExecute=yes", "RestrictNamespaces=yes",
        "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources",
        "IPAddressDeny=any", "IPAddressAllow=localhost", "KillMode=mixed",
    }  # fmt: skip

    assert wanted - given == set()


def test_the_unit_reloads_by_the_signal_the_service_knows():
    text = read("ops/sessionwatch.service")

    assert re.search(r"^ExecReload=.*-HUP \$MAINPID$", text, re.M)
    assert re.search(r"^KillSignal=SIGTERM$", text, re.M)
    assert re.search(r"^RestartPreventExitStatus=2$", text, re.M)


# Licences.


@pytest.fixture(scope="module")
def bill(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bill")
    command = [sys.executable, OPS / "sbom.py", ROOT / "requirements.lock", folder]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_the_bill_of_materials_has_every_dependency_with_its_licence(bill):
    document = json.loads((bill / "sbom.cdx.json").read_text(encoding="utf-8"))
    locked = set(re.findall(r"^([a-z0-9-]+)==", read("requirements.lock"), re.M))
    components = document["components"]
    names = {re.sub(r"[-_.]+", "-", one["name"]).lower() for one in components}

    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert names <= locked
    assert len(locked - names) <= 2, "only what other systems need may be missing"
    assert [one["name"] for one in components if not one.get("licenses")] == []
    refs = {one["bom-ref"] for one in (*components, document["metadata"]["component"])}
    assert {one["ref"] for one in document["dependencies"]} == refs
    assert {ref for one in document["dependencies"] for ref in one["dependsOn"]} <= refs


def test_no_dependency_has_a_licence_that_binds_who_uses_it(bill):
    document = json.loads((bill / "sbom.cdx.json").read_text(encoding="utf-8"))
    said = json.dumps([one["licenses"] for one in document["components"]])

    assert re.findall(r"\b(?:A?GPL|SSPL|BUSL|LGPL|CC-BY-NC)[\w.-]*", said) == []


def test_every_licence_comes_with_its_text(bill):
    text = (bill / "THIRD-PARTY-LICENCES.txt").read_text(encoding="utf-8")
    document = json.loads((bill / "sbom.cdx.json").read_text(encoding="utf-8"))

    for one in document["components"]:
        assert f"\n{one['name']} {one['version']}: " in text
    assert "carries no licence text" not in text


def test_the_bill_is_the_same_each_time(bill, tmp_path):
    command = [sys.executable, OPS / "sbom.py", ROOT / "requirements.lock", tmp_path]
    subprocess.run(command, check=True, capture_output=True)

    for path in tmp_path.iterdir():
        assert path.read_bytes() == (bill / path.name).read_bytes()


def test_an_environment_that_is_not_as_locked_is_refused(tmp_path):
    (tmp_path / "lock").write_text("duckdb==0.0.1 \\\n    --hash=sha256:0\n")
    done = subprocess.run(
        [sys.executable, OPS / "sbom.py", tmp_path / "lock", tmp_path / "out"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "the lock says 0.0.1" in done.stderr
    assert not (tmp_path / "out").exists()
