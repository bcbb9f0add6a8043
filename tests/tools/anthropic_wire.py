"""The shapes of Anthropic's API (version 2026-10-21), as the stub server speaks them.

The rule: what the real API refuses is refused here with the same shape, so that a request that
passes is one that may be sent.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

BYTES_A_TOKEN = 4
CACHED_FROM_TOKENS = 512
MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-4-5")
ALWAYS_THINKS = "claude-opus-5-5"
_SAMPLING = ("temperature", "top_p", "top_k")
_CUSTOM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ApiError(Exception):
    """An answer in the API's error shape."""

    def __init__(
        self, status: int, kind: str, message: str, *, code: str = "", retry_after: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.retry_after = retry_after

    def body(self, request_id: str) -> dict[str, Any]:
        error: dict[str, Any] = {"type": self.kind, "message": str(self)}
        if self.code:
            error["details"] = {"error_code": self.code}
        return {"type": "error", "error": error, "request_id": request_id}


class Reply(NamedTuple):
    """What a model says and why it stopped."""

    text: str
    stop_reason: str = "end_turn"
    category: str | None = None


def invalid(message: str) -> ApiError:
    return ApiError(400, "invalid_request_error", message)


def check_message(body: Mapping[str, Any], models: tuple[str, ...] = MODELS) -> None:
    """Raises what the API answers to a request that it does not take."""
    for name in ("model", "max_tokens", "messages"):
        if name not in body:
            raise invalid(f"{name}: Field required")
    if body["model"] not in models:
        raise ApiError(404, "not_found_error", f"model: {body['model']}")
    if found := [name for name in _SAMPLING if name in body]:
        raise invalid(f"{found[0]}: Extra inputs are not permitted")
    if not body["messages"] or body["messages"][0]["role"] != "user":
        raise invalid("messages: first message must use the user role")
    if body["messages"][-1]["role"] == "assistant":
        raise invalid("This model does not support assistant message prefill")
    if body["model"] == ALWAYS_THINKS and (body.get("thinking") or {}).get("type") == "disabled":
        raise invalid("thinking: cannot be disabled for this model")
    for schema in (schema_of(body), *(tool["input_schema"] for tool in body.get("tools", ()))):
        check_schema(schema)


def check_schema(schema: Mapping[str, Any]) -> None:
    for node in _nodes(schema):
        if node.get("type") == "object" and node.get("additionalProperties") is not False:
            raise invalid(
                "output_config.format.schema: For 'object' type, 'additionalProperties' must be "
                "explicitly set to false"
            )
        if "enum" in node and isinstance(node.get("type"), list):
            raise invalid("output_config.format.schema: 'enum' with a union type")
    wrong = {"maxLength", "pattern", "minimum", "maximum", "maxItems"} & {
        key for node in _nodes(schema) for key in node
    }
    if wrong:
        raise invalid(f"output_config.format.schema: {min(wrong)} is not supported")


def check_batch(body: Mapping[str, Any]) -> None:
    items = body.get("requests") or []
    ids = [item.get("custom_id", "") for item in items]
    if not items or len(ids) > 100_000:
        raise invalid("requests: must have 1 to 100000 items")
    if len(set(ids)) < len(ids) or not all(_CUSTOM_ID.fullmatch(one) for one in ids):
        raise invalid("requests: custom_id must be unique and match [a-zA-Z0-9_-]{1,64}")


def schema_of(body: Mapping[str, Any]) -> dict[str, Any]:
    wanted = (body.get("output_config") or {}).get("format") or {}
    schema: dict[str, Any] = wanted.get("schema", {})
    return schema


def wanted_schema(body: Mapping[str, Any]) -> dict[str, Any]:
    """The schema an answer must fit, however it was asked for; {} for free text."""
    tools = body.get("tools") or [{}]
    schema: dict[str, Any] = schema_of(body) or tools[0].get("input_schema", {})
    return schema


def sample(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> Any:
    """The smallest value that fits, so that any schema gets an answer."""
    root = schema if root is None else root
    if "$ref" in schema:
        return sample(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return sample(schema["anyOf"][-1], root)
    if schema.get("type") == "object":
        return {key: sample(one, root) for key, one in schema.get("properties", {}).items()}
    empty = {"array": [], "string": "", "integer": 0, "number": 0.0, "boolean": False}
    return empty.get(schema.get("type", "null"))


def prompt_tokens(body: Mapping[str, Any]) -> int:
    return _tokens(texts(body.get("system", ""))) + _tokens(user_text(body))


def user_text(body: Mapping[str, Any]) -> str:
    return "\n".join(texts(message["content"]) for message in body["messages"])


def texts(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text", "") for block in content)


def message(body: Mapping[str, Any], reply: Reply, *, message_id: str, seen: bool) -> Any:
    """A Messages answer; cut off at `max_tokens` as the API does. `seen`: the system prompt is in
    the cache."""
    room = body["max_tokens"] * BYTES_A_TOKEN
    if len(reply.text.encode()) > room or reply.stop_reason == "max_tokens":
        text = reply.text.encode()[: min(room, len(reply.text) // 2)].decode(errors="ignore")
        reply = Reply(text, "max_tokens")
    details = {"type": "refusal", "category": reply.category, "explanation": None}
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": _content(body, reply),
        "stop_reason": reply.stop_reason,
        "stop_sequence": None,
        "stop_details": details if reply.stop_reason == "refusal" else None,
        "usage": _usage(body, reply, seen=seen),
    }


def _content(body: Mapping[str, Any], reply: Reply) -> list[dict[str, Any]]:
    if reply.stop_reason == "tool_use":
        tool = body["tool_choice"]["name"]
        return [
            {"type": "tool_use", "id": "toolu_1", "name": tool, "input": json.loads(reply.text)}
        ]
    text = [{"type": "text", "text": reply.text}] if reply.text else []
    if (body.get("thinking") or {}).get("type") == "disabled":
        return text
    return [{"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"}, *text]


def _usage(body: Mapping[str, Any], reply: Reply, *, seen: bool) -> dict[str, Any]:
    system = body.get("system", "")
    marked = isinstance(system, list) and any("cache_control" in block for block in system)
    cached = _tokens(texts(system)) if marked else 0
    if cached < CACHED_FROM_TOKENS:
        cached = 0
    hour = marked and system[-1]["cache_control"].get("ttl") == "1h"
    written = 0 if seen else cached
    used = _tokens(reply.text) if reply.stop_reason != "max_tokens" else body["max_tokens"]
    return {
        "input_tokens": prompt_tokens(body) - cached,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached - written,
        "cache_creation": {
            "ephemeral_5m_input_tokens": 0 if hour else written,
            "ephemeral_1h_input_tokens": written if hour else 0,
        },
        "output_tokens": used,
        "service_tier": "standard",
    }


def _tokens(text: str) -> int:
    return -(-len(text.encode()) // BYTES_A_TOKEN)


def _nodes(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Every schema in a schema; what stands in `properties` and `$defs` are names, not words."""
    if not isinstance(schema, Mapping):
        return
    yield schema
    for key, value in schema.items():
        below = value.values() if key in ("properties", "$defs") else [value]
        for one in below:
            for node in one if isinstance(one, list) else [one]:
                yield from _nodes(node)


def model_info(name: str) -> dict[str, Any]:
    yes = {"supported": True}
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "2026-10-21T00:00:00Z",
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
        "capabilities": {"structured_outputs": yes, "batch": yes},
    }
