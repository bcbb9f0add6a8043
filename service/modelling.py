"""The language model as a part of the service: its settings, and the stack they make.

The rule: the key comes from the environment alone. It is no setting, so it cannot stand in a file
or be shown by `sessionwatch config show`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from processors.llm.endpoint import BASE_URL, DEFAULT_MODEL, Endpoint, key_of
from processors.llm.purse import NANO, Caps
from service.rules import decimal, flag, integer, seconds, text

if TYPE_CHECKING:
    from processors.llm.stack import Config

_BASE_URL = r"https?://[^\s?#]+(?<!/)(?<!/v1)"
_MODEL = r"[A-Za-z0-9][\w.:@/-]{0,127}"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The table `[model]`."""

    enabled: Annotated[bool, flag("false: nothing is sent, whether or not there is a key")] = True
    model: Annotated[str, text(_MODEL, "a model's name", "which language model is asked")] = (
        DEFAULT_MODEL
    )
    base_url: Annotated[
        str, text(_BASE_URL, "a URL that ends neither in / nor in /v1", "where it is asked")
    ] = BASE_URL
    budget_usd_per_day: Annotated[
        Decimal, decimal(100_000, "dollars a UTC day; what does not fit is asked the next day")
    ] = Decimal(1)
    budget_usd_per_month: Annotated[Decimal, decimal(1_000_000, "the same for a UTC month")] = (
        Decimal(20)
    )
    calls_per_day: Annotated[
        int, integer(0, 1_000_000, "a second fuse, in case prices are wrong")
    ] = 2000
    batches: Annotated[
        bool, flag("true: asked in batches, at half the price and within a day instead of at once")
    ] = False
    batch_every_s: Annotated[
        float, seconds(0.1, 3600, "between two looks at batches, which send what has come together")
    ] = 300.0
    timeout_s: Annotated[float, seconds(1, 600, "the longest silence of a call")] = 60.0
    attempts: Annotated[int, integer(1, 10, "calls for one answer, before it is put off")] = 4
    payload_days: Annotated[
        int, integer(1, 3650, "how long is kept what was sent, for whoever wants to see it")
    ] = 30


def config_of(settings: ModelSettings, environ: Mapping[str, str]) -> "Config":
    """What the stack is built from."""
    from processors.llm.retry import Patience  # With the layers comes what they are made of.
    from processors.llm.stack import Config

    return Config(
        endpoint=Endpoint(
            key_of(environ) if settings.enabled else "", settings.base_url, settings.timeout_s
        ),
        model=settings.model,
        caps=Caps(
            day_nano=int(settings.budget_usd_per_day * NANO),
            month_nano=int(settings.budget_usd_per_month * NANO),
            day_calls=settings.calls_per_day,
        ),
        patience=Patience(attempts=settings.attempts),
        batches=settings.batches,
    )
