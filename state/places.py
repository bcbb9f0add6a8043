"""Places in the quarantine from which a list goes on, as text that a person may copy.

The rule: a place is the row before it and no number of rows, so a page goes on rightly whatever was
added or mended meanwhile; what is no place is refused.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from core.errors import ConfigurationError

_PLACE = ("source", "path", "processor", "offset", "kind", "reason")


def encoded(row: Mapping[str, Any]) -> str:
    """The place behind a row."""
    place = json.dumps([row[name] for name in _PLACE], separators=(",", ":"))
    return base64.urlsafe_b64encode(place.encode()).decode()


def decoded(after: str) -> tuple[Any, ...]:
    """The place again. Raises `ConfigurationError` for what is none."""
    try:
        place = json.loads(base64.urlsafe_b64decode(after.encode()))
    except ValueError:
        place = None
    shape = [str, str, str, int, str, str]
    if not isinstance(place, list) or [type(part) for part in place] != shape:
        raise ConfigurationError(
            "after is not a place in the quarantine", reason="bad_parameter",
            hint="use the `next` of the last row of the page before",
        )  # fmt: skip
    return tuple(place)
