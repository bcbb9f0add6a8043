"""Keeps `usage_prices`: what a token of every model in the rows costs, by date, variant and size.

The rule: the table follows from the models that occur, the edition of the price book and the
prices in the settings, and from nothing else. Rows of messages are never touched: `priced` (in
prices.sql) computes what they cost from this table whenever it is asked.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import NamedTuple

import duckdb

from core.prices import OwnPrice
from state import sql
from state.usage import pricebook
from state.usage.pricebook import STANDARD, VARIANTS, Band, Bands, BookModel, Rates

_QUERIES = sql.load("usage/prices.sql")

PRICED = _QUERIES["priced"]
"""Common table expressions to stand behind `WITH messages AS (…)`; see there."""

LOOKUPS_MAX = 500
"""Models looked up by one `refresh`: each costs milliseconds, and names are anybody's to invent."""

_REVISION = 1  # Raise it when the same book and settings give other rows than before.
_FREE = "<synthetic>"
_DAY_ZERO = date(1970, 1, 1)
_ONE_DAY = timedelta(days=1)
_MEGA = 10**6


class PriceRow(NamedTuple):
    """One row of `usage_prices` without its id; the columns are explained in 0004_prices.sql."""

    agent: str
    model: str
    variant: str
    valid_from_us: int | None
    valid_until_us: int | None
    input_from_tokens: int
    input_until_tokens: int | None
    input_pico: int
    output_pico: int
    cache_write_5m_pico: int
    cache_write_1h_pico: int
    cache_read_pico: int
    web_search_nano: int
    us_permille: int
    book_provider: str | None
    book_model: str | None
    origin: str


class Refreshed(NamedTuple):
    """`looked_up` pairs have new rows; `left` were too many for one call; `unpriced` are all
    (agent, model) for which there is no price."""

    looked_up: int
    left: int
    unpriced: list[tuple[str, str]]


class _Span(NamedTuple):
    """Bands that hold from one day to before another; None is without end."""

    since: date | None
    until: date | None
    bands: Bands
    origin: str


def refresh(
    db: duckdb.DuckDBPyConnection,
    pairs: Iterable[tuple[str, str | None]],
    own: Sequence[OwnPrice] = (),
) -> Refreshed:
    """Bring the prices of these (agent, model) and of all known ones to the book and settings.

    One small query if nothing is new. Call it inside a transaction, so that readers never see a
    model without its price; cut off without one, the next call does the rest.
    """
    current = stamp(own)
    known = {(agent, model): seen for agent, model, seen in _asked(db, "lookups")}
    wanted = {(agent, model) for agent, model in pairs if model is not None and model != _FREE}
    todo = sorted(pair for pair in wanted | known.keys() if known.get(pair) != current)
    now, left = todo[:LOOKUPS_MAX], len(todo[LOOKUPS_MAX:])
    if now:
        found = [price_rows(agent, model, own) for agent, model in now]
        _write(db, now, found, current)
    unpriced = [(agent, model) for agent, model in _asked(db, "unpriced")]
    return Refreshed(len(now), left, unpriced)


def price_rows(agent: str, model: str, own: Sequence[OwnPrice] = ()) -> list[PriceRow]:
    """Every price of a model; none if neither the book nor the settings know it.

    Of the settings the first entry that fits a day holds. A variant that never differs from the
    standard has no rows.
    """
    book = pricebook.find(agent, model)
    fitting = [price for price in own if _fits(price, model)]
    spans = {variant: _spans(book, fitting, variant) for variant in VARIANTS}
    return [
        row
        for variant, found in spans.items()
        if variant == STANDARD or found != spans[STANDARD]
        for span in found
        for row in _rows_of(agent, model, variant, span, book)
    ]


def stamp(own: Sequence[OwnPrice]) -> str:
    """Names the edition of the book and these prices: another stamp, other costs."""
    settings = blake2b(repr([astuple(price) for price in own]).encode(), digest_size=8)
    return f"{pricebook.edition()} {_REVISION} {settings.hexdigest()}"


def _fits(price: OwnPrice, model: str) -> bool:
    """The name itself counts as well as the pattern: `[1m]` is both an ending and a pattern."""
    name, pattern = model.lower(), price.model.lower()
    return name == pattern or fnmatchcase(name, pattern)


def _spans(book: BookModel | None, own: Sequence[OwnPrice], variant: str) -> list[_Span]:
    """Spans of one variant in order, as few as possible; days without a price are left out."""
    starts: set[date | None] = {None, *(book.starts() if book else ())}
    starts |= {price.since for price in own if price.since}
    starts |= {price.until + _ONE_DAY for price in own if price.until}
    days = sorted(starts, key=lambda day: day or date.min)
    spans: list[_Span] = []
    for since, until in zip(days, [*days[1:], None], strict=True):
        day = since or (until - _ONE_DAY if until else _DAY_ZERO)
        bands, origin = _priced_on(day, book, own, variant)
        last = spans[-1] if spans else None
        if last and (last.until, last.bands, last.origin) == (since, bands, origin):
            spans[-1] = last._replace(until=until)
        elif bands:
            spans.append(_Span(since, until, bands, origin))
    return spans


def _priced_on(
    day: date, book: BookModel | None, own: Sequence[OwnPrice], variant: str
) -> tuple[Bands, str]:
    listed = book.bands(day, variant) if book else ()
    mine = next((price for price in own if price.holds_on(day)), None)
    if mine is None:
        return listed, pricebook.edition()
    if not book:
        return _unlisted(mine), "settings"
    standard = book.bands(day, STANDARD)[0].rates
    factors = [_ratio(rate, base) for rate, base in zip(listed[0].rates, standard, strict=True)]
    bands = (Band(size, _own_rates(mine, rates, factors)) for size, rates in listed)
    return _without_repeats(bands), "settings"


def _own_rates(mine: OwnPrice, listed: Rates, factors: Sequence[Decimal]) -> Rates:
    """What the settings say, in the proportion that the book has between variant and standard."""
    said = [getattr(mine, name) for name in Rates._fields]
    chosen = (
        rate if price is None else price * factor
        for price, rate, factor in zip(said, listed, factors, strict=True)
    )
    return Rates(*(rate * mine.multiplier for rate in chosen))


def _unlisted(mine: OwnPrice) -> Bands:
    """A model that only the settings know: what is not said costs as what it belongs to."""
    if mine.input is None or mine.output is None:
        return ()
    write = mine.input if mine.cache_write_5m is None else mine.cache_write_5m
    listed = Rates(mine.input, mine.output, write, write, mine.input, Decimal(0))
    return (Band(0, _own_rates(mine, listed, [Decimal(1)] * len(listed))),)


def _ratio(rate: Decimal, base: Decimal) -> Decimal:
    return rate / base if base else Decimal(1)


def _without_repeats(bands: Iterable[Band]) -> Bands:
    kept: list[Band] = []
    for band in bands:
        if not kept or kept[-1].rates != band.rates:
            kept.append(band)
    return tuple(kept)


def _rows_of(
    agent: str, model: str, variant: str, span: _Span, book: BookModel | None
) -> Iterator[PriceRow]:
    ends = [*(band.input_from for band in span.bands[1:]), None]
    for (size, rates), end in zip(span.bands, ends, strict=True):
        values = (
            agent, model, variant, _midnight_us(span.since), _midnight_us(span.until), size, end,
            *(_integer(rate) for rate in rates),
            book.us_permille if book else 1000,
            book.provider if book else None,
            book.info.id if book else None,
            span.origin,
        )  # fmt: skip
        yield PriceRow._make(values)


def _integer(dollars: Decimal) -> int:
    """Dollars a million tokens are as many micro-dollars a token, so a million times the
    pico-dollars; dollars a thousand searches are a million times the nano-dollars of one."""
    return int((dollars * _MEGA).to_integral_value(ROUND_HALF_EVEN))


def _midnight_us(day: date | None) -> int | None:
    return None if day is None else int(datetime.combine(day, time(), UTC).timestamp()) * _MEGA


def _write(
    db: duckdb.DuckDBPyConnection,
    pairs: Sequence[tuple[str, str]],
    found: Sequence[Sequence[PriceRow]],
    current: str,
) -> None:
    """The lookups go first and come last: without them the next refresh does all of it again."""
    agents, models = (list(names) for names in zip(*pairs, strict=True))
    for forget in ("forget_lookups", "forget_prices"):
        db.execute(_QUERIES[forget], [agents, models])
    rows = [(_price_id(row), *row) for of_pair in found for row in of_pair]
    if rows:
        db.execute(_QUERIES["add_prices"], [list(column) for column in zip(*rows, strict=True)])
    db.execute(_QUERIES["add_lookups"], [agents, models, current, [bool(rows) for rows in found]])


def _price_id(row: PriceRow) -> int:
    """The same for the same price, whenever and wherever it is computed."""
    return int.from_bytes(blake2b(repr(tuple(row)).encode(), digest_size=8).digest(), signed=True)


def _asked(db: duckdb.DuckDBPyConnection, query: str) -> list[tuple[str, ...]]:
    return db.execute(_QUERIES[query]).fetchall()
