"""The body of a request, as it is sent and kept.

The rule: pure, and the same for one call and for a batch, so what was tried is what is sent.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from processors.llm.values import Request, schema_of

Transform = Callable[[dict[str, Any]], dict[str, Any]]
TOOL = "record"
_API_OVERHEAD_TOKENS = 1024
"""For what the API adds on its own, such as its words about the schema. Not documented, a guess
on the high side."""


def payload(request: Request, transform: Transform, *, batch: bool = False) -> dict[str, Any]:
    """Keyword arguments of `messages.create`, and `params` of one item of a batch."""
    cached = {"type": "ephemeral", "ttl": "1h" if batch else "5m"}
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "system": [{"type": "text", "text": request.system, "cache_control": cached}],
        "messages": [{"role": turn.role, "content": turn.text} for turn in request.messages],
    }
    if not request.thinking:
        body["thinking"] = {"type": "disabled"}
    schema = transform(schema_of(request.output))
    return body | (
        _schema_form(request, schema) if request.form == "schema" else _tool_form(schema)
    )


def _schema_form(request: Request, schema: dict[str, Any]) -> dict[str, Any]:
    wanted = {"type": "json_schema", "schema": schema}
    return {"output_config": {"effort": request.effort, "format": wanted}}


def _tool_form(schema: dict[str, Any]) -> dict[str, Any]:
    """Without `strict` and `output_config`, for servers that have neither or find the schema too
    large."""
    tool = {"name": TOOL, "description": "Record the answer.", "input_schema": _inlined(schema)}
    choice = {"type": "tool", "name": TOOL, "disable_parallel_tool_use": True}
    return {"tools": [tool], "tool_choice": choice}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A tool's schema must be an object at its root, not a reference to one."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return schema["$defs"][name] | {"$defs": schema["$defs"]} if name else schema


def tokens_max(request: Request) -> int:
    """More input tokens than this request can have: a token is at least one byte of text."""
    schema = msgspec.json.encode(schema_of(request.output))
    text = request.system + "".join(turn.text for turn in request.messages)
    return len(text.encode()) + 2 * len(schema) + _API_OVERHEAD_TOKENS
