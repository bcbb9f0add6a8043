"""The layer that knows whether anything can be sent at all.

The rule: without a usable key nothing is sent: the service is offline and says so.
"""

from processors.llm.endpoint import KEYS, Endpoint
from processors.llm.values import Answer, Model, Outcome, Request


def fault_of(endpoint: Endpoint) -> Answer | None:
    """Why nothing can be sent, if so."""
    if not endpoint.key:
        text = f"no key: set {' or '.join(KEYS)}"
        return Answer(Outcome.OFFLINE, reason="no_key", message=text)
    if not (endpoint.key.isascii() and endpoint.key.isprintable()):
        text = "the key has characters that no key has: set it again"
        return Answer(Outcome.MISCONFIGURED, reason="odd_key", message=text)
    return None


class Online:
    """The layer: without a usable key nothing below is bothered."""

    def __init__(self, inner: Model, endpoint: Endpoint) -> None:
        self._inner = inner
        self._endpoint = endpoint

    def ask(self, request: Request) -> Answer:
        return fault_of(self._endpoint) or self._inner.ask(request)
