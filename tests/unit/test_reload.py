"""What a running service may take up when its settings are read again."""

from dataclasses import replace

from core.errors import ConfigurationError
from service.limits import Limits
from service.reload import LIVE, attempt, reloaded
from service.settings import RULES, Settings, SourceSettings

OLD = Settings(sources=(SourceSettings("a", "/a"),))


def test_equal_settings_change_nothing():
    assert reloaded(OLD, replace(OLD)) == (OLD, [], [], ())


def test_what_may_change_while_running_does():
    new = replace(OLD, sweep_s=5.0, limits=replace(Limits(), attempts_max=2))

    found = reloaded(OLD, new)

    assert found.settings == new
    assert found.changed == ["sweep_s", "limits.attempts_max"]
    assert found.needs_restart == []


def test_what_may_not_is_named_and_keeps_its_value():
    new = replace(OLD, port=1, sweep_s=5.0, sources=(), limits=replace(Limits(), notes_max=9))

    found = reloaded(OLD, new)

    assert found.settings == replace(OLD, sweep_s=5.0)
    assert found.changed == ["sweep_s"]
    assert found.needs_restart == ["port", "limits.notes_max", "source"]


def test_it_is_named_again_the_next_time():
    new = replace(OLD, port=1)

    assert reloaded(reloaded(OLD, new).settings, new).needs_restart == ["port"]


def test_wrong_settings_change_nothing_and_are_told_line_by_line():
    def reread():
        raise ConfigurationError("wrong:\n  a.toml:1: x\n  a.toml:2: y")

    assert attempt(OLD, reread) == (OLD, (), (), ["wrong:", "a.toml:1: x", "a.toml:2: y"])


def test_what_changes_live_is_a_setting():
    assert set(RULES) >= LIVE
