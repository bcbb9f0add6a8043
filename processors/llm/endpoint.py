"""Where the model is asked, and with which key.

The rule: the key comes from the environment alone, is never shown, and without one nothing is
sent: the service is offline and says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from processors.llm.values import Answer, Model, Outcome, Request

KEYS = ("ANTHROPIC_API_KEY", "LLM_API_KEY")
BASE_URL = "https://api.anthropic.com"
DEFAULT_MODEL = "claude-haiku-5-5"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`base_url` without `/v1`; `timeout_s` is the longest silence of a call that is waited for."""

    key: str = field(default="", repr=False)
    base_url: str = BASE_URL
    timeout_s: float = 60.0


def key_of(environ: Mapping[str, str]) -> str:
    """The first key that is set, "" if there is none."""
    return next((key for name in KEYS if (key := environ.get(name, "").strip())), "")


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
