"""A connection that does not wait for its peer for ever, and makes room for others.

The rule: whatever only the peer can go on with has a time: the head of a request, the reading of
an answer. Bodies have theirs at the endpoints. And if there are too many connections, the one that
has been waited for longest goes, so that slow ones never keep quick ones out.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD_SECONDS = 10.0
"""From the first byte of a request (or the opening of a connection) to the end of its head."""
READ_SECONDS = 60.0
"""How long a peer may leave an answer unread."""


class Connection(H11Protocol):
    """uvicorn's, with times. All of it runs in the loop's thread."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.waits_since_s: float | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def answers(self) -> bool:
        """Is a request being answered?"""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    @property
    def takes_a_body(self) -> bool:
        return self.answers and self.cycle.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()
        limit = self.limit_concurrency
        if limit is not None and len(self.connections) >= limit:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._mind_the_rest()
        if not self.answers:
            self._wait_for_head()
            return
        self._end_timer("head")
        if self.waits_since_s is None:
            self.waits_since_s = self.loop.time()

    def on_response_complete(self) -> None:
        self.waits_since_s = None
        super().on_response_complete()
        self._mind_the_rest()
        if not self.answers and not self.transport.is_closing():
            self.waits_since_s = self.loop.time()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_timer("read", READ_SECONDS)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_timer("read")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_timer("head")
        self._end_timer("read")
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        """What comes meanwhile gives no further time."""
        if "head" not in self._timers and not self.transport.is_closing():
            self._start_timer("head", HEAD_SECONDS)
            self.waits_since_s = self.loop.time()

    def _mind_the_rest(self) -> None:
        """What is closed stays open until its peer has read the rest."""
        if self.transport.is_closing():
            self._start_timer("read", READ_SECONDS)

    def _make_room(self) -> None:
        """End the connection that has been waited for longest: for a head before for a body."""
        waiting = [
            one for one in self.connections
            if isinstance(one, Connection) and one is not self
            and one.waits_since_s is not None and (not one.answers or one.takes_a_body)
        ]  # fmt: skip
        if waiting:
            found = min(waiting, key=lambda one: (one.answers, one.waits_since_s))
            self.connections.discard(found)
            found.transport.abort()

    def _start_timer(self, name: str, seconds: float) -> None:
        if name not in self._timers:
            self._timers[name] = self.loop.call_later(seconds, self.transport.abort)

    def _end_timer(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()
