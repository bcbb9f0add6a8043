"""What the endpoints are made of: the running service, its database and who may ask.

The rule: whoever serves puts it together once, and an endpoint reaches the world only through it.
"""

from dataclasses import dataclass

from api.control import Control, Jobs
from api.gate import Gate
from metrics.instruments import Instruments
from state.operations.desk import Desk
from state.queries import Queries


@dataclass(frozen=True, slots=True)
class Parts:
    """Handed to every group of endpoints."""

    control: Control
    jobs: Jobs
    queries: Queries
    desk: Desk
    instruments: Instruments
    gate: Gate
