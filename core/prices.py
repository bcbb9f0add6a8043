"""What an operator says a model costs, and from when to when.

The rule: dollars stay decimals until they become integers, so a price is what was written.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """Dollars per million tokens and per thousand web searches; None leaves it to the price book.

    `model` is a model's name or an `fnmatch` pattern. The days are UTC and both are included.
    `multiplier` is applied last, to what is said here and to what is taken from the book.
    """

    model: str
    since: date | None = None
    until: date | None = None
    input: Decimal | None = None
    output: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None
    cache_read: Decimal | None = None
    web_search: Decimal | None = None
    multiplier: Decimal = Decimal(1)

    def holds_on(self, day: date) -> bool:
        """Whether `day` lies between the two days."""
        return (self.since or day) <= day <= (self.until or day)
