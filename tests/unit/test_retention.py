"""What is kept how long, as the settings say it."""

import pytest

from core.errors import ConfigurationError
from service import loading
from service.retention import Kept, RetentionSettings, days_by_table, kept, strays

TABLES = ("usage_messages", "usage_prompts", "mood")


@pytest.mark.parametrize(
    ("texts", "days"),
    [
        ((), {}),
        (("usage_prompts=90",), {"usage_prompts": 90}),
        (("usage_*=90",), {"usage_messages": 90, "usage_prompts": 90}),
        (("usage_prompts=0", "usage_*=90"), {"usage_messages": 90}),
        (("mood=7", "*=30"), {"mood": 7, "usage_messages": 30, "usage_prompts": 30}),
        (("*=0",), {}),
        (("nothing=9",), {}),
    ],
)
def test_the_first_pattern_that_fits_says_how_long(texts, days):
    assert days_by_table(kept(texts), TABLES) == days


def test_a_pattern_that_fits_nothing_is_a_stray():
    assert strays(kept(("usage_promts=90", "mood=1")), TABLES) == ["usage_promts"]


@pytest.mark.parametrize(
    "text", ["usage", "usage=", "=3", "usage=-1", "usage=1.5", "a b=3", "u=99999"]
)
def test_what_is_no_entry_is_refused_with_what_is_allowed(tmp_path, text):
    config = tmp_path / "c.toml"
    config.write_text(f'[retention]\ntables = ["{text}"]\n')

    with pytest.raises(ConfigurationError, match="TABLE=DAYS"):
        loading.load(config, {})


def test_it_is_read_from_the_file_and_from_the_environment(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text('[retention]\ntables = ["usage_*=90"]\naudit_days = 30\n')

    of_file = loading.load(config, {}).retention
    of_environment = loading.load(
        config, {"SESSIONWATCH_RETENTION_TABLES": "usage_prompts=7, mood=1"}
    ).retention

    assert of_file == RetentionSettings(tables=("usage_*=90",), audit_days=30)
    assert kept(of_environment.tables) == [Kept("usage_prompts", 7), Kept("mood", 1)]


@pytest.mark.parametrize(
    ("settings", "taken"),
    [
        (RetentionSettings(), {}),
        (RetentionSettings(tables=("usage_*=0",)), {}),
        (RetentionSettings(tables=("usage_*=1",)), {"usage_prompts": 1}),
    ],
)
def test_nothing_is_taken_by_default(settings, taken):
    assert days_by_table(kept(settings.tables), ["usage_prompts", "mood"]) == taken
    assert (settings.audit_days, settings.runs_days, settings.uploads_days) == (0, 0, 0)
