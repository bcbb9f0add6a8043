"""The innermost layer: one request, one HTTP call, one answer.

The rule: what was not kept is not sent, and whatever comes back is an answer.
"""

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from processors.llm import payload, reply
from processors.llm.endpoint import Endpoint
from processors.llm.seams import Payloads
from processors.llm.values import Answer, Request

if TYPE_CHECKING:
    from anthropic import Anthropic


class Connection:
    """The SDK's client, made with the first call and shared by all threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._lock = threading.Lock()
        self._client: Anthropic | None = None

    def client(self) -> "Anthropic":
        from processors.llm import sdk

        with self._lock:
            if self._client is None:
                self._client = sdk.client(self.endpoint)
            return self._client

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None


class Provider:
    """A `Model` that asks Anthropic's Messages API, or what speaks like it at `base_url`."""

    def __init__(self, connection: Connection, payloads: Payloads) -> None:
        self._connection = connection
        self._payloads = payloads

    def ask(self, request: Request) -> Answer:
        from processors.llm import sdk

        body = payload.payload(request, sdk.transform_schema)
        self._payloads.keep(request.hash, body)
        try:
            response = self._connection.client().messages.with_raw_response.create(**body)
        except sdk.AnthropicError as error:
            return sdk.failure(error, body["messages"])
        answer = reply.answer(response.read())
        return reply.checked(replace(answer, request_id=response.request_id or ""), request)
