import pytest

from state.usage.ccusage_prices import price


@pytest.mark.parametrize(
    ("name", "dollars"),
    [
        ("claude-opus-4-8", 5),
        ("claude-sonnet-4-6", 3),
        ("claude-fable-5", 10),
        ("claude-opus-4-20250514", 15),
        # Something longer, something shorter, other separators, another provider.
        ("claude-sonnet-4-5-20250929[1m]", 3),
        ("claude-opus-4-8-20261231", 5),
        ("claude-opus-4.8", 5),
        ("claude-sonnet-4-5@20250929", 3),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 3.3),
        ("bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0", 1.1),
        # The second list, and what only its own name may use.
        ("kimi-k2-thinking", 0.6),
        ("claude-opus-5-fast", 10),
        ("gpt-5.3-spark", 1.75),
    ],
)
def test_a_model_is_found_by_its_name(name, dollars):
    found = price(name)

    assert found is not None
    assert found.input * 1e6 == pytest.approx(dollars)


@pytest.mark.parametrize("name", ["totally-unknown-9", "<synthetic>", "", "ä", "claude-opus-4x8"])
def test_what_nobody_knows_has_no_price(name):
    assert price(name) is None


def test_a_version_is_not_taken_for_its_predecessor():
    """Behind a digit, more digits are another version, unless they are a date."""
    assert price("claude-sonnet-4-7") is None
    assert price("claude-sonnet-4-20990101") is not None


def test_cache_prices_that_nobody_published_follow_from_the_input():
    found = price("kimi-k2-0711")

    assert found is not None
    assert found.cache_write == found.input * 1.25
    assert found.cache_read == found.input * 0.1


def test_the_fast_mode_has_its_multiplier():
    names = ("claude-opus-4-6", "us.anthropic.claude-opus-4-7", "claude-opus-4-8", "gpt-5.5")

    assert [one.fast for name in names if (one := price(name))] == [6.0, 6.0, 2.0, 2.5]
    assert price("claude-sonnet-4-6").fast == 1.0  # type: ignore[union-attr]


def test_a_threshold_belongs_to_the_whole_request():
    marginal, whole = price("claude-sonnet-4-5-20250929"), price("gpt-5.5")

    assert marginal is not None
    assert (marginal.input_above, marginal.threshold) == (6e-6, None)
    assert whole is not None
    assert (whole.input_above, whole.threshold) == (1e-5, 272_000)
