"""Where the model is asked, and with which key.

The rule: the key comes from the environment alone and is never shown. Settings read this module
before every command, so it imports nothing of the stack.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
