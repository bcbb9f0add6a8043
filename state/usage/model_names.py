"""Where the price book may have a model that an agent calls by some name.

The rule: from the most literal reading to the loosest, and never a cloud's price for a model that
runs on somebody's own machine.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple


class Reference(NamedTuple):
    """A name to look up, with the provider, or None where the name alone must tell it."""

    provider: str | None
    name: str


_WINDOW = re.compile(r"\[[^\]]*\]$")  # claude-opus-4-6[1m]
_CLOUD = re.compile(r"(?:[a-z-]+\.)?(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek)\.[a-z]")
_BARE = re.compile(r"(?:[a-z-]+\.)?anthropic\.(claude.*)")
_ENDING = re.compile(r"(?:[-@]latest|[-@]\d{8}|-\d{4}-\d\d-\d\d|-v\d+(?::\d+)?)+$")
_LOCAL = frozenset({"ollama", "lmstudio", "llama.cpp", "llamacpp", "llama-cpp", "vllm", "local"})
_PROVIDER_BY_AGENT = {"copilot": "github-copilot"}


def references(agent: str, model: str) -> Iterator[Reference]:
    """Ways to read a model's name, best first.

    `claude-opus-4-6[1m]`, `us.anthropic.claude-opus-4-5-20251101-v1:0` (Bedrock),
    `claude-opus-4-5@20251101` (Vertex), `openai/gpt-5.5`, `openrouter/anthropic/claude-opus-4.6`.
    """
    name = _WINDOW.sub("", model.strip().lower())
    if name.partition("/")[0] in _LOCAL:
        return
    if agent in _PROVIDER_BY_AGENT:
        yield Reference(_PROVIDER_BY_AGENT[agent], name)
    while True:
        yield from _of_one(name)
        provider, slash, name = name.partition("/")
        if not slash:
            return
        yield Reference(provider, name)


def _of_one(name: str) -> Iterator[Reference]:
    if _CLOUD.match(name):
        yield Reference("aws", name)
    yield Reference(None, name)
    bare = _BARE.match(name)
    if bare:
        yield Reference(None, bare[1])
    loose = _ENDING.sub("", bare[1] if bare else name)
    if loose != name:
        yield Reference(None, loose)
