"""Prices of one's own in the settings: read exactly, and every fault of them at once."""

from datetime import date
from decimal import Decimal

import pytest

from core.errors import ConfigurationError
from core.prices import OwnPrice
from service.loading import load, read
from service.reload import reloaded
from service.settings import Settings
from service.settings_text import as_json, describe, show

CONTRACT = """
[[prices]]
model = "claude-*"
from = 2026-01-01
until = "2026-12-31"
multiplier = 0.85

[[prices]]
model = "gpt-5.3-codex-spark"
input = 1.75
output = "14"
cache_write_5m = 0.1
cache_write_1h = 3
cache_read = 0.000001
web_search = 10.0
"""
OWN = (
    OwnPrice(
        "claude-*",
        since=date(2026, 1, 1),
        until=date(2026, 12, 31),
        multiplier=Decimal("0.85"),
    ),
    OwnPrice(
        "gpt-5.3-codex-spark",
        input=Decimal("1.75"),
        output=Decimal(14),
        cache_write_5m=Decimal("0.1"),
        cache_write_1h=Decimal(3),
        cache_read=Decimal("0.000001"),
        web_search=Decimal(10),
    ),
)


def written(folder, text, name="s.toml"):
    config = folder / name
    config.write_text(text)
    return config


def faults(folder, text, environ=None):
    with pytest.raises(ConfigurationError) as raised:
        load(written(folder, text), environ or {})
    lines = str(raised.value).splitlines()[1:]
    return [line.strip().removeprefix(f"{folder}/") for line in lines]


def test_prices_are_the_decimals_that_are_written(tmp_path):
    assert load(written(tmp_path, CONTRACT), {}).prices == OWN


def test_every_fault_of_the_prices_is_told_at_once_with_its_line(tmp_path):
    text = """port = 0
[[prices]]
model = "a"
input = -1
output = "cheap"

[[prices]]
input = 1

[[prices]]
model = "b"

[[prices]]
model = "c"
from = 2026-02-01
until = 2026-01-31
input = 1

[[prices]]
model = "d"
inputs = 1
output = 0.1234567
"""

    amount = "a number or its text from 0 to 1000000, with at most 6 decimals"
    assert faults(tmp_path, text) == [
        "s.toml:7: model is missing",
        "s.toml:21: unknown setting inputs: did you mean input?",
        f"s.toml:4: input is -1, allowed is {amount}",
        f's.toml:5: output is "cheap", allowed is {amount}',
        "s.toml:10: no price is given: write input, output, … or multiplier",
        "s.toml:13: it ends on 2026-01-31, before it begins on 2026-02-01",
        f"s.toml:22: output is 0.1234567, allowed is {amount}",
    ]


@pytest.mark.parametrize(
    ("line", "about"),
    [
        ("input = true", "input is true"),
        ("input = nan", "input is NaN"),
        ("input = inf", "input is Infinity"),
        ('input = "1e999999999"', "input is"),
        ('input = "sNaN"', "input is"),
        ("input = [1]", "input is [1]"),
        ("input = 1000001", "input is 1000001"),
        ("multiplier = 1001", "multiplier is 1001"),
        ("input = 1\nfrom = 2026-01-01T00:00:00", "from is"),
        ('input = 1\nuntil = "someday"', 'until is "someday"'),
        ("input = 1\nuntil = 9999-12-31", "until is"),
        ("input = 1\nfrom = 20260101", "from is 20260101"),
    ],
)
def test_what_is_no_price_is_a_fault(tmp_path, line, about):
    (found,) = faults(tmp_path, f'[[prices]]\nmodel = "a"\n{line}\n')

    assert found.startswith("s.toml:")
    assert about in found


def test_a_list_that_is_none_is_a_fault(tmp_path):
    assert faults(tmp_path, "prices = 3") == ["s.toml:1: prices: write [[prices]] for each model"]
    assert faults(tmp_path, "prices = [3]") == ["s.toml:1: prices is not a table"]


def test_a_file_that_the_variable_names_replaces_the_list(tmp_path):
    config = written(tmp_path, '[[prices]]\nmodel = "x"\ninput = 1\n')
    prices = written(tmp_path, CONTRACT, "prices.toml")

    loaded = read(config, {"SESSIONWATCH_PRICES": str(prices)})

    assert loaded.settings.prices == OWN
    assert [origin.place for origin in loaded.price_origins] == [f"{prices}:2", f"{prices}:8"]
    assert len(load(config, {"SESSIONWATCH_PRICES": ""}).prices) == 1


def test_a_broken_file_of_prices_is_never_taken_for_an_empty_one(tmp_path):
    def told(text):
        prices = written(tmp_path, text, "prices.toml")
        return faults(tmp_path, "port = 0", {"SESSIONWATCH_PRICES": str(prices)})

    assert told("[[prices]\n")[0].startswith("prices.toml:1: ")
    assert told("port = 1\n")[0].startswith("prices.toml:1: unknown setting port")
    missing = {"SESSIONWATCH_PRICES": str(tmp_path / "gone.toml")}
    assert "gone.toml: cannot be read" in faults(tmp_path, "", missing)[0]


def test_the_description_gives_the_same_prices(tmp_path):
    loaded = read(written(tmp_path, CONTRACT), {})

    again = load(written(tmp_path, describe(loaded.settings), "again.toml"), {})

    assert again.prices == loaded.settings.prices == OWN
    assert f"[[prices]]  # file: {tmp_path}/s.toml:2" in show(loaded).splitlines()
    first, second = as_json(loaded)["prices"]
    assert first == {
        "model": "claude-*", "from": "2026-01-01", "until": "2026-12-31", "multiplier": "0.85",
        "place": f"{tmp_path}/s.toml:2",
    }  # fmt: skip
    assert second["cache_read"] == "0.000001"


def test_other_prices_are_taken_up_while_the_service_runs():
    found = reloaded(Settings(), Settings(prices=OWN))

    assert (found.changed, found.needs_restart) == (["prices"], [])
    assert found.settings.prices == OWN


def test_a_price_holds_from_its_first_day_to_its_last():
    contract = OWN[0]

    assert not contract.holds_on(date(2025, 12, 31))
    assert contract.holds_on(date(2026, 1, 1))
    assert contract.holds_on(date(2026, 12, 31))
    assert not contract.holds_on(date(2027, 1, 1))
    assert OWN[1].holds_on(date(1999, 1, 1))
