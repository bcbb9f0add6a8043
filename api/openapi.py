"""The OpenAPI document, made of the endpoints themselves."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from api.endpoints import Ask, Endpoint, Fields

_PATH_PARAMETER = re.compile(r"\{(\w+)(:path)?\}")
_ERROR = {
    "description": "What is wrong, and what to do.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "hint"],
            "properties": {name: {"type": "string"} for name in ("code", "message", "hint")},
        },
        "detail": {"type": "string"},
    },
}


def endpoint(others: Sequence[Endpoint]) -> Endpoint:
    """The endpoint that serves the document of all the others and itself."""
    found: list[Endpoint] = []
    document: dict[str, Any] = {}

    def handle(_: Ask) -> dict[str, Any]:
        return document

    found.append(Endpoint("GET", "/api/v1/openapi.json", handle, "This document.", None))
    document.update(describe([*others, *found]))
    return found[0]


def describe(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """What is offered over TCP. What only the private socket has is not in it."""
    offered = [one for one in endpoints if not one.private]
    declared = {t for one in offered for t in (one.query, one.body) if t is not None}
    _, components = msgspec.json.schema_components(
        sorted(declared, key=lambda one: one.__name__), ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, Any] = {}
    for one in offered:
        path = _PATH_PARAMETER.sub(r"{\1}", one.path)
        paths.setdefault(path, {})[one.method.lower()] = _operation(one, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "sessionwatch", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": _ERROR_SCHEMA},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(one: Endpoint, components: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": one.about,
        "parameters": [*_in_path(one), *_in_query(one.query, components)],
        "responses": _responses(one),
        "security": [] if one.roles is None else [{"bearer": []}],
    }
    if one.roles is not None:
        found["x-roles"] = sorted(one.roles)
    if one.body is not None:
        schema = {"$ref": f"#/components/schemas/{one.body.__name__}"}
        found["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    elif one.streams:
        found["requestBody"] = {"content": {"application/octet-stream": {"schema": {}}}}
    return found


def _in_path(one: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name, _ in _PATH_PARAMETER.findall(one.path)
    ]


def _in_query(declared: type[Fields], components: dict[str, Any]) -> list[dict[str, Any]]:
    schema = components.get(declared.__name__, {})
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": described}
        for name, described in schema.get("properties", {}).items()
    ]


def _responses(one: Endpoint) -> dict[str, Any]:
    wrong = 422 if one.legacy else 400
    refused = () if one.roles is None else (401, 403, 429)
    schema = {"type": "object"} if one.media == "application/json" else {"type": "string"}
    good = {"description": one.about, "content": {one.media: {"schema": schema}}}
    codes = sorted(
        {
            wrong,
            400,
            *refused,
            *one.errors,
            *((413, 408) if one.body or one.streams else ()),
            500,
            503,
        }
    )
    return {str(one.status): good, **{str(code): _ERROR for code in codes}}
