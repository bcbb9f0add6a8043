"""Any JSON object of an agent nobody taught us yet.

The rule: nothing is lost and nothing is guessed. A line becomes a record with its type and its
time, so that unknown agents and record types are counted by type and seen in the reports; once a
dialect for them exists, a rescan turns the same files into full rows.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from core.record import TYPE_CHARS_MAX, Record, time_us


class AnyLine(msgspec.Struct, gc=False):
    """The two fields most agents agree on."""

    type: Any = None
    timestamp: Any = None


class Unknown:
    """The fallback: it recognises nothing and reads everything."""

    name = "unknown"
    raw: Any = AnyLine

    def __init__(self) -> None:
        self.decode = msgspec.json.Decoder(AnyLine).decode

    def recognises(self, head: Mapping[str, Any]) -> bool:
        """Never decisive: `processors.dialects.detect` falls back to it by name."""
        return False

    def knows(self, kind: str) -> bool:
        """Everything: whose file it is, is what is unknown."""
        return True

    def record(self, raw: AnyLine) -> Record:
        """Type and time, as far as they are text."""
        return Record(
            agent=self.name,
            type=raw.type[:TYPE_CHARS_MAX] if isinstance(raw.type, str) else "",
            at_us=time_us(raw.timestamp) if isinstance(raw.timestamp, str) else None,
        )


DIALECT = Unknown()
