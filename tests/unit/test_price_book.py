"""Which entry of the price book is meant by the name that an agent writes."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.usage import pricebook
from state.usage.prices import price_rows


def found(model, agent="claude"):
    book = pricebook.find(agent, model)
    return book and (book.provider, book.info.id)


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("claude-opus-4-6", "anthropic", "claude-opus-4-6"),
        ("Claude-Opus-4-6", "anthropic", "claude-opus-4-6"),
        ("claude-opus-4-6[1m]", "anthropic", "claude-opus-4-6"),
        ("claude-haiku-4-5-20251001", "anthropic", "claude-haiku-4-5"),
        ("claude-sonnet-5-latest", "anthropic", "claude-sonnet-5"),
        ("claude-opus-4-5@20251101", "anthropic", "claude-opus-4-5"),
        ("claude-fable-5@20260601", "anthropic", "claude-fable-5"),
        ("claude-opus-4.8", "anthropic", "claude-opus-4-8"),
        ("anthropic/claude-opus-4.6", "anthropic", "claude-opus-4-6"),
        ("google-vertex-anthropic/claude-opus-4-5@20251101", "anthropic", "claude-opus-4-5"),
        ("opencode/claude-opus-4-6", "anthropic", "claude-opus-4-6"),
        ("openrouter/anthropic/claude-opus-4.6", "openrouter", "anthropic/claude-opus-4.6"),
        ("us.anthropic.claude-opus-4-5-20251101-v1:0", "aws",
         "regional.anthropic.claude-opus-4-5-v1:0"),
        ("global.anthropic.claude-opus-4-5-20251101-v1:0", "aws",
         "global.anthropic.claude-opus-4-5-v1:0"),
        ("anthropic.claude-3-5-haiku-20241022-v1:0", "aws",
         "regional.anthropic.claude-3-5-haiku-20241022-v1:0"),
        ("amazon-bedrock/eu.anthropic.claude-opus-4-5-20251101-v1:0", "aws",
         "regional.anthropic.claude-opus-4-5-v1:0"),
        ("gpt-5.5", "openai", "gpt-5.5"),
        ("openai/gpt-5.5", "openai", "gpt-5.5"),
        ("gpt-5.1-codex", "openai", "gpt-5.1"),
        ("gpt-5.3-codex", "openai", "gpt-5.3-codex"),
        ("gemini-3-pro-preview", "google", "gemini-3-pro-preview"),
        ("google/gemini-3-pro-preview", "google", "gemini-3-pro-preview"),
        ("gemini-pro", "google", "gemini-pro"),
        ("moonshotai/kimi-k2", "moonshotai", "kimi-k2"),
    ],
)  # fmt: skip
def test_every_way_of_writing_a_model_leads_to_its_entry(model, provider, name):
    assert found(model) == (provider, name)


@pytest.mark.parametrize(
    "model", ["", " ", "/", "x", "opus", "claude-x", "claude", "gpt-", "ollama/gpt-5.5", "[1m]"]
)
def test_what_is_no_entry_is_not_guessed(model):
    assert found(model) is None
    assert price_rows("claude", model) == []


def test_a_model_that_copilot_sells_has_its_price():
    assert found("claude-sonnet-4.6", "copilot") == ("github-copilot", "claude-sonnet-4.6")
    assert found("claude-opus-4.5", "copilot") == ("anthropic", "claude-opus-4-5")
    # The book knows that it is sold, but not for what.
    assert found("gpt-4o", "copilot") == ("openai", "gpt-4o")


def test_a_price_that_changes_with_the_hour_is_that_of_the_rest_of_the_day():
    (row,) = [r for r in price_rows("opencode", "deepseek-chat") if r.variant == "standard"]

    assert (row.valid_from_us, row.valid_until_us) == (None, None)
    assert row.input_pico > 0


@pytest.mark.parametrize(
    ("model", "permille"),
    [
        ("claude-opus-4-5", 1000), ("claude-sonnet-4-0", 1000), ("claude-haiku-4-5", 1000),
        ("claude-3-5-haiku-latest", 1000), ("claude-opus-4-6", 1100), ("claude-sonnet-4-6", 1100),
        ("claude-opus-5", 1100), ("claude-sonnet-5", 1100), ("claude-fable-5-1", 1100),
        ("gpt-5.5", 1000), ("us.anthropic.claude-opus-4-6-v1", 1000),
    ],
)  # fmt: skip
def test_inference_in_the_us_costs_more_from_opus_4_6_on(model, permille):
    assert {row.us_permille for row in price_rows("claude", model)} == {permille}


@pytest.mark.parametrize(
    "model", ["claude-3-7-sonnet", "claude-opus-4-1", "global.anthropic.claude-sonnet-4-20250514"]
)
def test_an_hour_in_claudes_cache_costs_twice_the_input(model):
    for row in price_rows("claude", model):
        assert row.cache_write_1h_pico == 2 * row.input_pico
        assert row.web_search_nano == 10_000_000


@given(st.text(max_size=40), st.text(st.sampled_from("claude-opus46/.@[]:v120gpt5"), max_size=60))
def test_no_name_whatsoever_fails(agent, model):
    for row in price_rows(agent, model):
        assert min(row[7:13]) >= 0


def test_the_book_is_not_loaded_before_a_model_is_looked_up():
    asked = (
        "import sys; from state.usage import prices, pricebook; print(pricebook.edition());"
        "print('genai_prices' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=30
    )

    edition, loaded = done.stdout.splitlines()
    assert edition.startswith("genai-prices ")
    assert loaded == "False"
