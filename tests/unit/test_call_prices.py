"""What a call of ours costs: the price book and own prices, in integers."""

from decimal import Decimal

from core.prices import OwnPrice
from state.usage.call_prices import CallPrices, Counts

NOTHING = Counts(0, 0, 0, 0, 0)
MODEL = "claude-haiku-4-5"


def cost(counts: Counts, model: str = MODEL, *own: OwnPrice, batch: bool = False) -> int | None:
    return CallPrices(own).cost_nano(model, counts, at_us=0, batch=batch)


def test_each_kind_of_token_has_its_price() -> None:
    kinds = [NOTHING._replace(**{kind: 1_000_000}) for kind in Counts._fields]

    dollars = [(cost(one) or 0) / 1e9 for one in kinds]

    assert dollars == [1.0, 1.25, 2.0, 0.1, 5.0]


def test_a_batch_costs_half() -> None:
    counts = Counts(1000, 0, 0, 0, 1000)

    assert cost(counts, batch=True) == (cost(counts) or 0) // 2


def test_a_fraction_is_rounded_up_so_that_a_budget_holds() -> None:
    own = OwnPrice(MODEL, input=Decimal("0.0001"))

    assert cost(NOTHING._replace(input=1), MODEL, own) == 1


def test_an_own_price_goes_before_the_book_and_makes_a_model_known() -> None:
    own = OwnPrice("our-own-*", input=Decimal(2), output=Decimal(3))

    assert cost(Counts(1000, 0, 0, 0, 1000), "our-own-7", own) == 5_000_000


def test_a_model_that_nobody_knows_has_no_price() -> None:
    assert cost(NOTHING, "nobody-knows-this") is None


def test_a_large_request_may_cost_more_for_each_token() -> None:
    small, large = (cost(NOTHING._replace(input=n), "claude-haiku-5-5") for n in (1000, 200_000))

    assert small is not None
    assert large is not None
    assert large > 200 * small
