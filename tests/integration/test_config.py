"""`config check`, `config show`, `completion` and `--version`, as a person types them."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.loading import load
from service.settings import PRICE_RULES, RULES, Settings
from tests.tools.service import PROJECT, Outcome, environment

EXAMPLE = PROJECT / "docs/sessionwatch.example.toml"


@pytest.fixture
def config(tmp_path):
    (tmp_path / "logs").mkdir()
    path = tmp_path / "s.toml"
    path.write_text('port = 9000\n[[source]]\npath = "logs"\nname = "team"\n')
    return path


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    for name in list(os.environ):
        if name.startswith("SESSIONWATCH_"):
            monkeypatch.delenv(name)


def sessionwatch(*words, **settings):
    """One command, in this process."""
    given = {f"SESSIONWATCH_{name.upper()}": str(value) for name, value in settings.items()}
    done = CliRunner().invoke(app, [str(word) for word in words], env=given)
    return Outcome(done.exit_code, done.stdout, done.stderr)


# Check.


def test_right_settings_are_called_right(config):
    done = sessionwatch("config", "check", "--config", config)

    assert (done.code, done.out) == (0, "")
    assert done.err == "the settings are right\n"


def test_every_fault_is_told_with_its_line(config):
    config.write_text(
        "port = 99999\nsweeps_s = 1\n\n"
        '[[source]]\npath = "logs"\nname = "team"\ninclude = "amara/*"\n\n'
        '[[source]]\npath = "logs/below"\nname = "team"\n'
    )

    done = sessionwatch("config", "check", "--config", config, workers="many")

    folder = config.parent
    assert done.code == 2
    assert done.err.splitlines() == [
        "error: the settings are wrong:",
        f"  {config}:2: unknown setting sweeps_s: did you mean sweep_s?",
        f"  {config}:1: port is 99999, allowed is an integer from 0 to 65535",
        '  SESSIONWATCH_WORKERS: workers is "many", allowed is an integer from 1 to 64',
        f'  {config}:7: include is "amara/*", allowed is '
        'a list of patterns such as ["amara/*", "*/drafts/*"]',
        f"  {config}:9: two sources are called team",
        f"  {config}:9: {folder}/logs/below and {folder}/logs lie one within the other, "
        "so files would be counted twice",
    ]


def test_a_folder_that_is_not_there_is_noted_and_no_fault(config):
    (config.parent / "logs").rmdir()

    done = sessionwatch("config", "check", config=config)

    assert done.code == 0
    assert f"{config}:2: {config.parent}/logs is not there" in done.err


def test_check_starts_nothing_and_writes_nothing(config):
    before = sorted(config.parent.rglob("*"))

    sessionwatch("config", "check", "--config", config, "--db", config.parent / "x.duckdb")

    assert sorted(config.parent.rglob("*")) == before


# Show.


def test_show_says_where_each_value_came_from(config):
    done = sessionwatch("config", "show", "--config", config, "--host", "localhost", sweep_s="5")

    lines = done.out.splitlines()
    assert done.code == 0
    assert f"port = 9000  # file: {config}:1" in lines
    assert "sweep_s = 5.0  # environment: SESSIONWATCH_SWEEP_S" in lines
    assert 'host = "localhost"  # flag: --host' in lines
    assert "workers = 3  # default" in lines
    assert f"[[source]]  # file: {config}:2" in lines


def test_what_show_prints_is_a_file_that_gives_the_same(config, tmp_path):
    shown = tmp_path / "shown.toml"
    shown.write_text(sessionwatch("config", "show", "--config", config, tail_quiet_s="1").out)

    assert load(shown, {}) == replace(
        load(config, {"SESSIONWATCH_TAIL_QUIET_S": "1"}), db=shown.parent / "sessionwatch.duckdb"
    )


def test_show_as_json_has_every_setting(config):
    found = sessionwatch("config", "show", "--json", "--config", config, port="1").json

    assert found["settings"].keys() == RULES.keys()
    assert found["settings"]["port"] == {
        "value": 1, "from": "environment", "place": "SESSIONWATCH_PORT",
    }  # fmt: skip
    (source,) = found["sources"]
    assert (source["name"], source["from"], source["place"]) == ("team", "file", f"{config}:2")


def test_a_root_of_the_command_line_is_shown_as_one(config):
    (source,) = sessionwatch(
        "config", "show", "--json", "--config", config, config.parent / "logs"
    ).json["sources"]

    assert (source["name"], source["from"]) == ("team", "flag")


# The example.


def test_the_example_loads_and_has_every_setting_at_its_default(tmp_path):
    text = EXAMPLE.read_text(encoding="utf-8")
    values = tomllib.loads(text)

    found = load(EXAMPLE, {})

    tables = {
        f"{name}.{key}"
        for name, table in values.items()
        if isinstance(table, dict)
        for key in table
    }
    assert values.keys() | tables >= RULES.keys()
    assert replace(found, db=Settings().db, sources=(), prices=()) == Settings()
    assert {name for table in values["prices"] for name in table} == PRICE_RULES.keys()
    assert all(source.name for source in found.sources)
    assert any(source.include and source.exclude and source.user for source in found.sources)
    assert sessionwatch("config", "check", "--config", EXAMPLE).code == 0


# Version and completion.


def test_the_version_is_that_of_the_package():
    done = sessionwatch("--version")

    assert done.out == f"sessionwatch {importlib.metadata.version('sessionwatch')}\n"


@pytest.fixture
def shell_environment(tmp_path):
    """A command called `sessionwatch` on the path, as after an installation."""
    script = tmp_path / "bin/sessionwatch"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m service.cli "$@"\n')
    script.chmod(0o755)
    found = environment({})
    return found | {"PATH": f"{script.parent}:{found['PATH']}", "HOME": str(tmp_path)}


BASH = """
source <(sessionwatch completion bash)
COMP_WORDS=({words}); COMP_CWORD={at}
$(complete -p sessionwatch | sed 's/.*-F \\([^ ]*\\) .*/\\1/') sessionwatch
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def offered(shell, line, environ):
    if shell == "bash":
        words = line.split(" ")
        line = BASH.format(words=" ".join(word or "''" for word in words), at=len(words) - 1)
    elif shell == "fish":
        line = f"sessionwatch completion fish | source; complete --do-complete '{line}'"
    done = subprocess.run(
        [shell, "-c", line], env=environ, capture_output=True, text=True, timeout=30, check=False
    )
    return {found.split("\t")[0] for found in done.stdout.splitlines()}, done.stderr


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_a_shell_completes_commands_and_options(shell, shell_environment):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")

    commands, complaints = offered(shell, "sessionwatch s", shell_environment)
    below, _ = offered(shell, "sessionwatch config ", shell_environment)
    options, _ = offered(shell, "sessionwatch serve --p", shell_environment)

    assert commands == {"serve", "status", "sql"}, complaints
    assert below == {"check", "show"}
    assert options == {"--port"}


def test_zsh_takes_the_script(tmp_path):
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed")
    script = tmp_path / "_sessionwatch"
    script.write_text(sessionwatch("completion", "zsh").out)

    assert script.read_text().startswith("#compdef sessionwatch\n")
    assert subprocess.run(["zsh", "-n", script], check=False).returncode == 0


def test_an_unknown_shell_is_wrong_use():
    done = sessionwatch("completion", "nu")

    assert done.code == 2
    assert "known: bash, zsh, fish" in done.err
