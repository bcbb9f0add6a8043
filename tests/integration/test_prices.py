"""What messages cost: by hand, by the library's own calculation, and whatever the order.

Real tables, real SQL, the real price book. Figures by hand are in nano-dollars: a dollar per
million tokens is a thousand of them a token.
"""

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal

import duckdb
import pytest
from genai_prices import Usage, calc_price
from hypothesis import given
from hypothesis import strategies as st

from core.prices import OwnPrice
from state.migrations import released
from state.usage import prices
from state.usage.prices import PRICED, price_rows, refresh

COLUMNS = {
    "agent": "VARCHAR", "model": "VARCHAR", "at_us": "BIGINT", "input_tokens": "BIGINT",
    "output_tokens": "BIGINT", "cache_write_tokens": "BIGINT", "cache_write_5m_tokens": "BIGINT",
    "cache_write_1h_tokens": "BIGINT", "cache_read_tokens": "BIGINT",
    "web_search_requests": "BIGINT", "service_tier": "VARCHAR", "speed": "VARCHAR",
    "geo": "VARCHAR", "cost_nano": "BIGINT",
}  # fmt: skip
ZERO = dict.fromkeys(COLUMNS) | {
    "agent": "claude", "input_tokens": 0, "output_tokens": 0, "cache_write_tokens": 0,
    "cache_read_tokens": 0, "web_search_requests": 0,
}  # fmt: skip
OPUS = "claude-opus-4-6"
INT64_MAX = 2**63 - 1
# Every model that real sessions of the corpus name and the book knows, with the library's provider.
CORPUS = {
    "claude-opus-4-6": None, "claude-haiku-4-5-20251001": None, "claude-sonnet-4-6": None,
    "claude-sonnet-4-5-20250929": None, "claude-opus-4-5": None, "claude-sonnet-4-20250514": None,
    "claude-sonnet-4-5": None, "gpt-5.5": None, "claude-opus-4-5-20251101": None,
    "claude-opus-4-7": None, "claude-sonnet-4.6": None, "claude-opus-4.8": None,
    "claude-opus-4-20250514": None, "claude-opus-4-1-20250805": None, "claude-3-sonnet": None,
    "claude-sonnet-4": None, "claude-3-sonnet-20240229": None, "openai/gpt-5.5": "openai",
    "gpt-5.4-mini": None, "gpt-5.4": None, "gemini-pro": None, "gpt-5.1-codex": None,
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": "aws", "claude-opus-5": None,
    "claude-opus-4-8": None, "claude-opus-4-5@20251101": None,
}  # fmt: skip
UNKNOWN = ("totally-unknown-9", "fixture-model", "gpt-5.3-codex-spark", "opus", "sonnet", "haiku")


def empty():
    db = duckdb.connect()
    for step in released():
        db.execute(step.sql)
    body = ", ".join(f"{name} {sql}" for name, sql in COLUMNS.items())
    db.execute(f"CREATE TABLE messages ({body}, nr INTEGER)")
    return db


@pytest.fixture
def db():
    with empty() as connection:
        yield connection


def us(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


def message(model=OPUS, at="2026-05-01", **more):
    return ZERO | {"model": model, "at_us": at and us(at)} | more


def add(db, *messages):
    values = [[*(one[name] for name in COLUMNS), nr] for nr, one in enumerate(messages)]
    if values:
        marks = ", ".join("?" * len(values[0]))
        db.executemany(f"INSERT INTO messages VALUES ({marks})", values)


def refreshed(db, own=()):
    return refresh(db, db.execute("SELECT DISTINCT agent, model FROM messages").fetchall(), own)


def priced(db, what="cost_nano, cost_origin", more="ORDER BY nr"):
    """What a report asks; `more` is how it goes on."""
    return db.execute(
        f"WITH messages AS (SELECT * FROM main.messages) {PRICED} SELECT {what} FROM priced {more}"
    ).fetchall()


def cost(*messages, own=(), what="cost_nano"):
    """The costs of messages in a database of their own, in order."""
    with empty() as db:
        add(db, *messages)
        refreshed(db, own)
        found = priced(db, what)
    return found[0][0] if len(messages) == 1 else [value for (value,) in found]


# By hand: $5 input, $25 output, $6.25 and $10 cache writes, $0.50 cache reads, $10 per thousand
# searches.


@pytest.mark.parametrize(
    ("counts", "nano"),
    [
        ({}, 0),
        ({"input_tokens": 3}, 15_000),
        ({"output_tokens": 3}, 75_000),
        ({"cache_write_tokens": 8}, 50_000),
        ({"cache_write_tokens": 8, "cache_write_5m_tokens": 8, "cache_write_1h_tokens": 0}, 50_000),
        ({"cache_write_tokens": 8, "cache_write_5m_tokens": 0, "cache_write_1h_tokens": 8}, 80_000),
        ({"cache_write_tokens": 8, "cache_write_5m_tokens": 5, "cache_write_1h_tokens": 3}, 61_250),
        ({"cache_read_tokens": 3}, 1_500),
        ({"web_search_requests": 3}, 30_000_000),
        (
            {
                "input_tokens": 100, "output_tokens": 50, "cache_write_tokens": 300,
                "cache_write_5m_tokens": 100, "cache_write_1h_tokens": 200,
                "cache_read_tokens": 1000, "web_search_requests": 1,
            },
            500_000 + 1_250_000 + 625_000 + 2_000_000 + 500_000 + 10_000_000,
        ),
    ],
)  # fmt: skip
def test_every_class_of_tokens_has_its_price(counts, nano):
    assert cost(message(**counts)) == nano


@pytest.mark.parametrize(
    ("more", "nano"),
    [
        ({"speed": "fast"}, 6 * 30_000),
        ({"model": "claude-opus-4-7", "speed": "fast"}, 6 * 30_000),
        ({"model": "claude-opus-4-8", "speed": "fast"}, 2 * 30_000),
        ({"model": "claude-opus-5", "speed": "fast"}, 2 * 30_000),
        ({"model": "claude-opus-4-5", "speed": "fast"}, 30_000),
        ({"speed": "standard", "service_tier": "standard", "geo": "global"}, 30_000),
        ({"service_tier": "priority"}, 30_000),
        ({"service_tier": "batch"}, 15_000),
        ({"service_tier": "batch", "at_us": us("2026-10-15")}, 15_000),
        ({"geo": "us"}, 33_000),
        ({"geo": "not_available"}, 30_000),
        ({"geo": ""}, 30_000),
        ({"model": "claude-sonnet-4-6", "geo": "us"}, 1.1 * 18_000),
        ({"model": "claude-opus-4-5", "geo": "us"}, 30_000),
        ({"speed": "fast", "geo": "us"}, 6 * 33_000),
        ({"service_tier": "batch", "geo": "us"}, 16_500),
        ({"model": "us.anthropic.claude-opus-4-6-v1", "geo": "us"}, 33_000),
        ({"model": "gpt-5.5", "service_tier": "priority", "at_us": us("2026-10-12")}, 87_500),
        ({"model": "gpt-5.5", "service_tier": "flex", "at_us": us("2026-10-12")}, 17_500),
        ({"model": "gpt-5.5", "service_tier": "fast"}, 87_500),
        ({"model": "gpt-5.5", "service_tier": "default"}, 35_000),
    ],
)
def test_how_a_request_was_served_multiplies_its_tokens(more, nano):
    assert cost(message(input_tokens=1, output_tokens=1) | more) == nano


@pytest.mark.parametrize("more", [{"speed": "fast"}, {"service_tier": "batch"}, {"geo": "us"}])
def test_a_search_costs_the_same_however_the_request_was_served(more):
    assert cost(message(web_search_requests=1, **more)) == 10_000_000


def test_a_cost_is_rounded_once_half_up():
    # $0.03 per million, so 0.5 nano-dollars more than whole ones for every 50 tokens.
    haiku = [message("claude-3-haiku", cache_read_tokens=count) for count in (1, 2, 49, 50, 51)]
    own = [OwnPrice("claude-3-haiku", cache_read=Decimal("0.01005"))]

    assert cost(*haiku) == [30, 60, 1_470, 1_500, 1_530]
    assert cost(*haiku, own=own) == [10, 20, 492, 503, 513]


def test_tokens_that_are_only_in_the_total_or_only_in_the_tiers_are_paid():
    more = message(cache_write_tokens=10, cache_write_5m_tokens=0, cache_write_1h_tokens=0)
    less = message(cache_write_tokens=0, cache_write_5m_tokens=2, cache_write_1h_tokens=3)

    assert cost(more, less) == [62_500, 42_500]


# Size and time.


@pytest.mark.parametrize(
    ("counts", "nano"),
    [
        ({"input_tokens": 200_000, "output_tokens": 1}, 200_000 * 3_000 + 15_000),
        ({"input_tokens": 200_001, "output_tokens": 1}, 200_001 * 6_000 + 22_500),
        (
            {"input_tokens": 1, "cache_write_tokens": 100_000, "cache_read_tokens": 100_000},
            6_000 + 100_000 * 7_500 + 100_000 * 600,
        ),
        (
            {"cache_write_tokens": 100_000, "cache_read_tokens": 100_000},
            100_000 * 3_750 + 100_000 * 300,
        ),
        ({"output_tokens": 1_000_000}, 1_000_000 * 15_000),
    ],
)
def test_a_request_above_the_threshold_is_dear_as_a_whole(counts, nano):
    assert cost(message("claude-sonnet-4-5", **counts)) == nano


def test_a_price_holds_to_the_microsecond_before_the_next():
    # The surcharge for long requests to Opus 4.6 ended on 2026-03-13.
    change = us("2026-03-13")
    moments = (0, us("2026-02-05"), change - 1, change, change + 1, us("2099-01-01"))

    dear, cheap = 200_001 * 10_000, 200_001 * 5_000
    assert cost(*(message(input_tokens=200_001) | {"at_us": at} for at in moments)) == [
        dear, dear, dear, cheap, cheap, cheap,
    ]  # fmt: skip


def test_a_message_without_a_time_has_the_newest_price():
    assert cost(message(input_tokens=200_001, at=None)) == 200_001 * 5_000


def test_times_before_and_after_all_days_have_a_price():
    ends = [message(input_tokens=1) | {"at_us": at} for at in (-(2**63), INT64_MAX)]

    assert cost(*ends) == [5_000, 5_000]


# The library itself.


@pytest.mark.parametrize("at", ["2025-10-01", "2026-03-12", "2026-03-13", "2026-10-20"])
@pytest.mark.parametrize("model", CORPUS)
def test_costs_are_those_of_the_library_to_the_nano_dollar(model, at):
    counts = [
        (input_tokens, output, write, write_1h, read, searches)
        for input_tokens, read in [(0, 0), (1, 3), (7_777, 192_223), (7_778, 192_223), (272_001, 5)]
        for output, write, write_1h, searches in [(0, 0, 0, 0), (13, 0, 0, 1), (999, 57, 31, 0)]
    ]
    messages = [
        message(
            model, at, input_tokens=tokens, output_tokens=output, cache_write_tokens=write + hour,
            cache_write_5m_tokens=write, cache_write_1h_tokens=hour, cache_read_tokens=read,
            web_search_requests=searches,
        )
        for tokens, output, write, hour, read, searches in counts
    ]  # fmt: skip

    assert cost(*messages) == [_by_the_library(model, at, *one) for one in counts]


def _by_the_library(model, at, tokens, output, write, write_1h, read, searches):
    provider = CORPUS[model]
    usage = Usage(
        input_tokens=tokens + write + write_1h + read, output_tokens=output,
        cache_write_tokens=write + write_1h, cache_write_1h_tokens=write_1h,
        cache_read_tokens=read, web_searches=searches,
    )  # fmt: skip
    when = datetime.fromisoformat(at).replace(tzinfo=UTC)
    name = model.removeprefix("openai/")
    found = calc_price(usage, name, provider_id=provider, genai_request_timestamp=when)
    total = found.total_price
    if found.model_price.web_searches_kcount is None and "claude" in model:
        total += Decimal(searches) / 100  # Ours: $10 per thousand for every Claude model.
    return int((total * 10**9).to_integral_value(ROUND_HALF_UP))


@pytest.mark.parametrize("context", [{"speed": "fast"}, {"processing": "batch"}])
def test_variants_are_those_of_the_library(context):
    model, at = "claude-opus-5", datetime(2026, 11, 1, tzinfo=UTC)
    usage = Usage(input_tokens=70, output_tokens=3, cache_read_tokens=50)
    found = calc_price(usage, model, genai_request_timestamp=at, price_context=context)

    more = {"speed": "fast"} if "speed" in context else {"service_tier": "batch"}
    ours = cost(
        message(model, "2026-11-01", input_tokens=20, output_tokens=3, cache_read_tokens=50, **more)
    )
    assert ours == found.total_price * 10**9


# Without a price.


@pytest.mark.parametrize("model", UNKNOWN)
def test_a_model_without_a_price_is_listed_and_what_its_agent_says_is_taken(db, model):
    told, silent, free = (message(model, input_tokens=5, cost_nano=n) for n in (7, None, 0))
    add(db, told, silent, free)

    assert refreshed(db).unpriced == [("claude", model)]
    assert priced(db) == [(7, "reported"), (0, "unpriced"), (0, "unpriced")]
    assert db.execute("SELECT count(*) FROM usage_prices").fetchall() == [(0,)]


def test_what_asked_no_model_costs_nothing_and_lacks_no_price(db):
    add(db, message("<synthetic>", input_tokens=9), message(None, input_tokens=9))

    assert refreshed(db) == (0, 0, [])
    assert priced(db) == [(0, "none"), (0, "none")]


def test_a_price_goes_before_what_the_agent_says_and_that_is_kept(db):
    add(db, message(input_tokens=1, cost_nano=99))
    refreshed(db)

    ((ours, theirs, origin, price_id),) = priced(
        db, "cost_nano, reported_cost_nano, cost_origin, price_id"
    )
    assert (ours, theirs, origin) == (5_000, 99, "price")
    assert db.execute("SELECT model, input_pico FROM usage_prices WHERE price_id = $1", [price_id]
    ).fetchall() == [(OPUS, 5_000_000)]  # fmt: skip


def test_a_model_that_was_not_looked_up_yet_is_unpriced(db):
    add(db, message(input_tokens=1))

    assert priced(db) == [(0, "unpriced")]


@pytest.mark.parametrize("count", [-5, INT64_MAX])
def test_absurd_counts_neither_fail_nor_overflow(count):
    names = [name for name in ZERO if name.endswith(("_tokens", "_requests"))]
    absurd = message("claude-sonnet-4-5", geo="us", **dict.fromkeys(names, count))

    assert cost(absurd) == (0 if count < 0 else 10**18)


def test_missing_counts_are_none():
    assert cost(message(**dict.fromkeys(("input_tokens", "output_tokens")), geo="us")) == 0


def test_columns_of_the_messages_stay_and_none_of_the_workings_is_added(db):
    add(db, message())
    refreshed(db)

    found = db.execute(
        f"DESCRIBE WITH messages AS (SELECT *, 'x' AS more FROM main.messages) {PRICED} FROM priced"
    ).fetchall()
    added = {"reported_cost_nano": "BIGINT", "cost_nano": "BIGINT", "cost_origin": "VARCHAR",
             "price_id": "BIGINT"}  # fmt: skip
    others = {"nr": "INTEGER", "more": "VARCHAR"}
    assert {name: sql for name, sql, *_ in found} == COLUMNS | others | added


# Own prices.


def test_own_prices_go_before_the_book_and_the_first_that_fits_a_day_holds():
    own = [
        OwnPrice(
            "CLAUDE-OPUS-*", since=date(2026, 5, 1), until=date(2026, 5, 31), input=Decimal(4)
        ),
        OwnPrice("claude-*", multiplier=Decimal("0.9")),
    ]
    moments = ("2026-04-30T23:59:59", "2026-05-01", "2026-05-31T23:59:59", "2026-06-01")
    messages = [message(at=at, input_tokens=1, output_tokens=1) for at in moments]

    assert cost(*messages, own=own) == [27_000, 29_000, 29_000, 27_000]
    assert {row.origin for row in price_rows("claude", OPUS, own)} == {"settings"}


def test_own_prices_hold_whatever_the_size_and_what_they_leave_out_is_the_books():
    big = message("claude-sonnet-4-5", input_tokens=200_001, output_tokens=1)
    own = [OwnPrice("claude-sonnet-4-5", input=Decimal(1))]

    assert cost(big, own=own) == 200_001 * 1_000 + 22_500


def test_variants_and_places_keep_their_proportion_to_an_own_price():
    own = [OwnPrice(OPUS, input=Decimal(4), multiplier=Decimal("0.5"))]
    ways = ({"speed": "fast"}, {"service_tier": "batch"}, {"geo": "us"})

    assert cost(*(message(input_tokens=1, **way) for way in ways), own=own) == [
        12_000, 1_000, 2_200,
    ]  # fmt: skip


def test_a_model_of_ones_own_is_priced_by_what_the_settings_say():
    own = [OwnPrice("house-*", input=Decimal(2), output=Decimal(8), web_search=Decimal(1))]
    all_of_it = message(
        "house-1", input_tokens=1, output_tokens=1, cache_write_tokens=2, cache_write_1h_tokens=1,
        cache_read_tokens=1, web_search_requests=1, speed="fast", geo="us",
    )  # fmt: skip

    assert cost(all_of_it, own=own) == 2_000 + 8_000 + 4_000 + 2_000 + 1_000_000
    (row,) = price_rows("claude", "house-1", own)
    assert (row.book_model, row.origin) == (None, "settings")


def test_a_multiplier_alone_prices_no_unknown_model():
    assert price_rows("claude", "house-1", [OwnPrice("*", multiplier=Decimal(1))]) == []


def test_an_own_price_that_has_ended_leaves_an_unknown_model_unpriced():
    own = [OwnPrice("house", until=date(2026, 5, 1), input=Decimal(1), output=Decimal(1))]
    messages = [message("house", at, input_tokens=1) for at in ("2026-05-01", "2026-05-02")]

    assert cost(*messages, own=own, what="cost_origin") == ["price", "unpriced"]


def test_a_name_with_brackets_is_meant_as_it_is_written():
    own = [OwnPrice("claude-opus-4-6[1m]", input=Decimal(7))]
    both = [message(name, input_tokens=1) for name in ("claude-opus-4-6[1m]", "claude-opus-4-6m")]

    assert cost(*both, own=own) == [7_000, 7_000]


# Upkeep.


def test_a_refresh_without_anything_new_writes_nothing(db):
    add(db, message(), message("totally-unknown-9"))
    first = refreshed(db)
    before = db.execute("FROM usage_prices").fetchall()

    again = refreshed(db)

    assert (first.looked_up, again.looked_up) == (2, 0)
    assert again.unpriced == first.unpriced == [("claude", "totally-unknown-9")]
    assert db.execute("FROM usage_prices").fetchall() == before


def test_prices_of_models_that_no_longer_occur_stay_and_follow_the_settings(db):
    add(db, message())
    refreshed(db)

    found = refresh(db, [], [OwnPrice("*", multiplier=Decimal(2))])

    assert found.looked_up == 1
    add(db, message(input_tokens=1))
    assert (10_000, "price") in priced(db)


def test_new_prices_change_costs_and_not_a_row_of_a_message(db):
    add(db, message(input_tokens=1, cost_nano=3), message("house", input_tokens=1))
    refreshed(db)
    rows, before = db.execute("FROM messages").fetchall(), priced(db)
    own = [OwnPrice(OPUS, input=Decimal(1)), OwnPrice("house", input=Decimal(2), output=Decimal(2))]

    repriced = refreshed(db, own)
    after = priced(db)
    back = refreshed(db)

    assert (before, after) == (
        [(5_000, "price"), (0, "unpriced")], [(1_000, "price"), (2_000, "price")],
    )  # fmt: skip
    assert repriced == (2, 0, [])
    assert (back.looked_up, priced(db)) == (2, before)
    assert db.execute("FROM messages").fetchall() == rows


def test_another_price_has_another_id_and_the_same_price_the_same(db):
    add(db, message(input_tokens=1))

    def id_now(own=()):
        refreshed(db, own)
        return priced(db, "price_id")

    first, other, again = id_now(), id_now([OwnPrice(OPUS, input=Decimal(1))]), id_now()
    assert first == again != other


def test_a_refresh_that_was_cut_off_is_made_good_by_the_next(db):
    add(db, message(input_tokens=1))
    refreshed(db)
    whole = sorted(db.execute("FROM usage_prices").fetchall(), key=str)

    db.execute("DELETE FROM usage_price_lookups")
    db.execute("DELETE FROM usage_prices WHERE variant = 'standard'")

    assert refreshed(db).looked_up == 1
    assert sorted(db.execute("FROM usage_prices").fetchall(), key=str) == whole


def test_a_flood_of_names_is_looked_up_in_pieces(db, monkeypatch):
    monkeypatch.setattr(prices, "LOOKUPS_MAX", 2)
    pairs = [("claude", name) for name in ("a", "b", OPUS, "d", "e")]

    seen = [refresh(db, pairs)[:2] for _ in range(4)]

    assert seen == [(2, 3), (2, 1), (1, 0), (0, 0)]
    assert len(refresh(db, pairs).unpriced) == 4


def test_a_model_that_two_agents_use_is_priced_for_each(db):
    add(db, message(input_tokens=1), message(input_tokens=1, agent="pi"))

    assert refreshed(db).looked_up == 2
    assert priced(db) == [(5_000, "price")] * 2


# Properties.

CLASSES = tuple(name for name in ZERO if name.endswith(("input_tokens", "output_tokens")))
CLASSES += ("cache_write_5m_tokens", "cache_write_1h_tokens", "cache_read_tokens")
COUNTS = st.fixed_dictionaries(dict.fromkeys(CLASSES, st.integers(0, 30_000)))
MODELS = st.sampled_from(["claude-opus-4-6", "claude-sonnet-4-5", "claude-haiku-4-5", "gpt-5.5"])


@pytest.fixture(scope="module")
def book():
    with empty() as db:
        refresh(db, [("claude", model) for model in (*CORPUS, OPUS, "claude-haiku-4-5")])
        yield db


def costs(db, messages):
    db.execute("DELETE FROM messages")
    add(db, *messages)
    return [cost_nano for (cost_nano,) in priced(db, "cost_nano")]


@given(MODELS, COUNTS, COUNTS)
def test_costs_add_up_over_classes_and_requests(book, model, one, other):
    # Below every threshold, at prices of whole nano-dollars: nothing is left to round.
    classes = [message(model, **{name: count}) for name, count in one.items()]
    summed = {name: one[name] + other[name] for name in one}
    both = [message(model, **counts) for counts in (one, other, summed)]

    found = costs(book, [*classes, *both])

    first, second, together = found[len(classes) :]
    assert sum(found[: len(classes)]) == first
    assert first + second == together


@given(st.lists(st.tuples(MODELS, COUNTS), max_size=8).flatmap(
    lambda made: st.tuples(st.just(made), st.permutations(made))
))  # fmt: skip
def test_the_sum_is_the_same_in_any_order(book, orders):
    made, shuffled = ([message(model, **counts) for model, counts in one] for one in orders)

    found, again = costs(book, made), costs(book, shuffled)

    assert sum(found) == sum(again)
    assert dict(zip(map(str, made), found, strict=True)) == dict(
        zip(map(str, shuffled), again, strict=True)
    )


def test_no_moment_and_no_size_has_two_prices_or_none(book):
    gaps = book.execute("""
        SELECT a.model FROM usage_prices a JOIN usage_prices b
        ON (a.agent, a.model, a.variant) = (b.agent, b.model, b.variant)
            AND a.price_id < b.price_id
            AND coalesce(a.valid_from_us, -1) < coalesce(b.valid_until_us, 9e18)
            AND coalesce(b.valid_from_us, -1) < coalesce(a.valid_until_us, 9e18)
            AND a.input_from_tokens < coalesce(b.input_until_tokens, 9e18)
            AND b.input_from_tokens < coalesce(a.input_until_tokens, 9e18)
    """).fetchall()
    ways = [{}, {"speed": "fast"}, {"service_tier": "batch"}, {"service_tier": "flex"}]
    asked = [
        message(model, at, input_tokens=size, **way)
        for model in CORPUS
        for at in ("2020-01-01", "2026-03-12", "2026-03-13", "2026-10-13", None)
        for size in (0, 200_000, 200_001, 300_000)
        for way in ways
    ]

    assert gaps == []
    book.execute("DELETE FROM messages")
    add(book, *asked)
    assert priced(book, "count(*), count(price_id)", "") == [(len(asked), len(asked))]
