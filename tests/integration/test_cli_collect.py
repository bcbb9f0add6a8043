"""`sessionwatch collect` as a person runs it, and the service with a collector in it."""

import dataclasses

import pytest

from core.errors import ConfigurationError
from metrics.instruments import Instruments
from service.client import Client
from service.clock import SystemClock
from service.collecting import part
from service.collecting.collector import Collector
from service.collecting.settings import CollectorSettings
from service.settings_text import toml
from tests.tools.homes import World
from tests.tools.service import in_process, sessionwatch, settings_for
from tests.tools.waiting import wait_for
from tests.tools.writers import append, assistant_line


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def gathered(service, name):
    families = service.instruments.registry.collect()
    return sum(s.value for family in families for s in family.samples if s.name == name)


def test_without_a_drop_folder_nothing_is_collected_and_it_says_what_to_set():
    with pytest.raises(ConfigurationError) as refused:
        Collector(CollectorSettings())
    assert refused.value.reason == "no_drop_folder"

    outcome = sessionwatch("collect")
    assert (outcome.code, outcome.out) == (2, "")
    assert "[collector] into" in outcome.err


def test_the_command_prints_what_it_did_and_fails_in_part_with_errors(world, tmp_path):
    world.session("ada", "p/s.jsonl", b"1\n")
    (world.home / "ada/.claude/projects/\x1b[31mlink").symlink_to("p")
    config = tmp_path / "s.toml"
    values = dataclasses.asdict(world.settings())
    lines = (f"{name} = {toml(value)}" for name, value in values.items())
    config.write_text("\n".join(["[collector]", *lines]))

    done = sessionwatch("collect", "--config", config)

    assert done.code == 4
    out = done.out
    assert "files_copied" in out
    assert "ada: " in out
    assert "symlink" in out
    assert "\x1b" not in out


def test_a_write_in_a_home_becomes_a_row_of_the_running_service(world, tmp_path):
    source = world.session("ada", "p/s.jsonl", assistant_line("one"))
    world.drop.mkdir(mode=0o750)
    wanted = world.settings(settle_s=0.01)

    with in_process(settings_for(tmp_path / "t.duckdb", world.drop, collector=wanted)) as service:

        def messages():
            return (
                service.store.cursor()
                .execute("SELECT count(*) FROM usage_records")
                .fetchall()[0][0]
            )

        wait_for(lambda: messages() == 1)
        append(source, assistant_line("two"))
        wait_for(lambda: messages() == 2)
        assert service.dead() == []
        assert service.collecting is not None
        assert gathered(service, "sessionwatch_collected_files_total") >= 2


def test_who_was_erased_is_not_copied_again(world, tmp_path):
    source = world.session("ada", "p/s.jsonl", assistant_line("one"))
    world.session("bob", "p/s.jsonl", assistant_line("two"))
    world.drop.mkdir(mode=0o750)
    client = Client(tmp_path / "t.duckdb")

    wanted = world.settings(settle_s=0.01)
    with in_process(settings_for(tmp_path / "t.duckdb", world.drop, collector=wanted)) as service:
        wait_for(lambda: client.get("/api/v1/status")["files"] == 2)
        client.post("/api/v1/people/ada/erase", {"confirm": "ada", "files": True})
        append(source, assistant_line("later"))
        world.session("ada", "p/new.jsonl", assistant_line("new"))
        found = service.collecting.run_now()

        assert found.users_processed == 1
        assert not list(world.drop.glob("ada/**/*.jsonl"))
        assert client.get("/api/v1/status")["files"] == 1


def test_a_drop_folder_that_no_source_reads_is_warned_of(world, tmp_path, caplog):
    settings = settings_for(tmp_path / "t.duckdb", world.home, collector=world.settings())

    part.part_of(settings, SystemClock(), Instruments())
    assert caplog.messages == ["collector_into_no_source"]


def test_a_service_without_a_drop_folder_has_no_collector(world, tmp_path):
    world.drop.mkdir()

    with in_process(settings_for(tmp_path / "t.duckdb", world.drop)) as service:
        assert service.collecting is None
