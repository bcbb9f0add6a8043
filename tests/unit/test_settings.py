"""Settings from three places, and every fault of them at once."""

import dataclasses
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from service import settings
from service.limits import Limits
from service.loading import load
from service.settings import RULES, Settings, SourceSettings
from service.settings_text import describe


def faults(text=None, environ=None, flags=None, folder=None):
    config = None
    if text is not None:
        config = folder / "s.toml"
        config.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        load(config, environ or {}, flags or {})
    lines = str(raised.value).splitlines()[1:]
    return [line.strip().removeprefix(f"{folder}/") for line in lines]


def test_without_anything_the_defaults_hold():
    assert load(None, {}) == Settings()
    assert Settings().limits == Limits()
    assert Settings().db == Path("sessionwatch.duckdb")


def test_flags_override_the_environment_and_that_the_file(tmp_path):
    config = tmp_path / "s.toml"
    config.write_text('port = 1\nworkers = 3\nhost = "a"\n[limits]\nattempts_max = 4\n')
    environ = {"SESSIONWATCH_PORT": "2", "SESSIONWATCH_WORKERS": "5"}

    found = load(config, environ, {"port": 3, "host": None})

    assert (found.port, found.workers, found.host, found.limits.attempts_max) == (3, 5, "a", 4)


def test_every_setting_may_come_from_the_environment():
    given = {
        "SESSIONWATCH_DB": "/x.duckdb",
        "SESSIONWATCH_HOSTS": "Metrics.local, b",
        "SESSIONWATCH_SWEEP_S": "1.5",
        "SESSIONWATCH_CHUNK_BYTES": "8192",
        "SESSIONWATCH_LOG_FORMAT": "json",
        "SESSIONWATCH_MEMORY_LIMIT": "2GB",
    }

    found = load(None, given)

    assert found.db == Path("/x.duckdb")
    assert found.hosts == ("metrics.local", "b")
    assert found.sweep_s == 1.5
    assert found.limits.chunk_bytes == 8192
    assert (found.log_format, found.memory_limit) == ("json", "2GB")


def test_an_empty_variable_is_not_set():
    assert load(None, {"SESSIONWATCH_PORT": "", "SESSIONWATCH_ROOTS": ""}) == Settings()


def test_variables_that_only_share_the_prefix_are_left_alone():
    cluster = {"SESSIONWATCH_SERVICE_HOST": "10.0.0.1", "SESSIONWATCH_PORT_8787_TCP": "tcp://x"}

    assert load(None, cluster | {"SESSIONWATCH_CORPUS": "/x", "OTHER": "1"}) == Settings()


def test_a_misspelt_variable_is_told():
    assert faults(environ={"SESSIONWATCH_PROT": "1"}) == [
        "SESSIONWATCH_PROT is no setting: did you mean SESSIONWATCH_PORT?"
    ]


def test_all_faults_are_told_at_once_each_with_its_place(tmp_path):
    text = """# a comment
port = 99999
sweeps_s = 3

[limits]
chunk_bytes = 12
tail_quiet = 3

[[source]]
path = "x"

[[source]]
user = "amara"

[[source]]
path = "y"
name = "a b"
agent = "nobody"
"""

    found = faults(text, {"SESSIONWATCH_WORKERS": "many"}, {"host": ""}, tmp_path)

    assert found == [
        "s.toml:3: unknown setting sweeps_s: did you mean sweep_s?",
        "s.toml:7: unknown setting tail_quiet: did you mean tail_quiet_s?",
        "s.toml:12: path is missing",
        "s.toml:2: port is 99999, allowed is an integer from 0 to 65535",
        "s.toml:6: chunk_bytes is 12, allowed is an integer from 4096 to 17179869184",
        'SESSIONWATCH_WORKERS: workers is "many", allowed is an integer from 1 to 64',
        '--host: host is "", allowed is an address or a name',
        "s.toml:17: name is \"a b\", allowed is letters, digits, '.', '_' and '-'",
        's.toml:18: agent is "nobody", allowed is a dialect such as "claude"',
    ]


@pytest.mark.parametrize(
    ("line", "about"),
    [
        ("port = true", "port is true"),
        ("port = 1.0", "port is 1.0"),
        ('port = "x"', 'port is "x"'),
        ("sweep_s = 0", "sweep_s is 0"),
        ("sweep_s = true", "sweep_s is true"),
        ("sweep_s = nan", "sweep_s is NaN"),
        ("sweep_s = inf", "sweep_s is Infinity"),
        ('observer = "magic"', 'allowed is "auto" or "inotify" or "polling"'),
        ('memory_limit = "lots"', "memory_limit is"),
        ("db = 3", "db is 3"),
        ('db = ""', "db is"),
        ("hosts = [1]", "hosts is [1]"),
        ("limits = 3", "limits is not a table"),
        ("source = 3", "write [[source]]"),
        ("source = [3]", "source is not a table"),
        ("[nonsense]\nx = 1", "unknown setting nonsense"),
        ("[limits.deeper]\nx = 1", "unknown setting deeper"),
        ("port = ", "s.toml:1: "),
        ("port = 1\nport = 2", "s.toml:2: "),
    ],
)
def test_what_is_not_allowed_is_a_fault(tmp_path, line, about):
    (found,) = faults(line, folder=tmp_path)

    assert found.startswith("s.toml:")
    assert about in found


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path):
    (tmp_path / "b.toml").write_bytes(b"\xff")

    with pytest.raises(ConfigurationError, match=r"a\.toml: cannot be read: No such file"):
        load(tmp_path / "a.toml", {})
    with pytest.raises(ConfigurationError, match=r"b\.toml: cannot be read"):
        load(tmp_path / "b.toml", {})


def test_paths_of_the_file_are_relative_to_it(tmp_path):
    config = tmp_path / "s.toml"
    config.write_text(
        'db = "d/x.duckdb"\n'
        '[[source]]\npath = "logs"\nname = "team"\nuser = "mei"\nagent = "claude"'
    )

    found = load(config, {})

    assert found.db == tmp_path / "d/x.duckdb"
    assert found.sources == (SourceSettings("team", tmp_path / "logs", "mei", "claude"),)


def test_a_home_folder_is_meant_by_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))

    assert load(None, {"SESSIONWATCH_DB": "~/x.duckdb"}).db == tmp_path / "x.duckdb"
    assert load(None, {}, roots=[Path("~/logs")]).sources[0].path == tmp_path / "logs"


def test_roots_of_the_command_line_replace_those_of_the_variable_and_the_file(tmp_path):
    config = tmp_path / "s.toml"
    config.write_text('[[source]]\npath = "a"\n')
    environ = {"SESSIONWATCH_ROOTS": f"{tmp_path}/b:{tmp_path}/c"}

    assert [s.path.name for s in load(config, {}).sources] == ["a"]
    assert [s.path.name for s in load(config, environ).sources] == ["b", "c"]
    assert [s.path.name for s in load(config, environ, roots=[Path("d")]).sources] == ["d"]


def test_a_root_keeps_the_name_that_the_file_gives_it(tmp_path):
    config = tmp_path / "s.toml"
    config.write_text('[[source]]\npath = "logs"\nname = "team"\n')
    (tmp_path / "logs").mkdir()
    (tmp_path / "link").symlink_to("logs")

    (found,) = load(config, {}, roots=[tmp_path / "link"]).sources

    assert found == SourceSettings("team", tmp_path / "logs")


def test_the_description_is_a_file_that_gives_the_same_settings(tmp_path):
    config = tmp_path / "s.toml"
    before = load(
        None,
        {},
        {"db": '/x y/"z".duckdb', "port": 0, "hosts": ["a", "b"], "limits.tail_quiet_s": 1},
        [tmp_path],
    )
    config.write_text(describe(before))

    assert load(config, {}) == before


def test_every_setting_has_a_rule_that_its_default_keeps():
    in_tables = {
        f"{table}.{field.name}"
        for table in settings.TABLE_RULES
        for field in dataclasses.fields(getattr(Settings(), table))
    }
    at_the_top = {field.name for field in dataclasses.fields(Settings)}

    assert (
        RULES.keys()
        == (at_the_top - {"sources", "prices", "jobs", *settings.TABLE_RULES}) | in_tables
    )
    for name, rule in RULES.items():
        value = settings.value_of(Settings(), name)
        assert rule.read(list(value) if isinstance(value, tuple) else value) == value
        assert rule.allowed


def test_no_two_settings_share_a_variable():
    assert len({settings.variable_of(name) for name in RULES}) == len(RULES)
