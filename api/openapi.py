"""The OpenAPI document, made of the endpoints themselves.

The rule: nothing in it is written by hand for one endpoint, so it cannot say what is not so;
`tests/security/test_schema.py` holds it against a real service.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from api.endpoints import Ask, Endpoint, Fields

COOKIE = "sessionwatch"
_PATH_PARAMETER = re.compile(r"\{(\w+)(:path)?\}")
_JSON = "application/json"
_ERROR: dict[str, Any] = {
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
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def _operation(one: Endpoint, components: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": one.about,
        "parameters": [*_in_path(one), *_in_query(one.query, components)],
        "responses": _responses(one),
        "security": _security(one),
    }
    if one.roles is not None:
        found["x-roles"] = sorted(one.roles)
    if one.body is not None:
        schema = {"$ref": f"#/components/schemas/{one.body.__name__}"}
        media = "application/x-www-form-urlencoded" if one.form else _JSON
        found["requestBody"] = {"content": {media: {"schema": schema}}}
    elif one.streams:
        found["requestBody"] = {"content": {"application/octet-stream": {"schema": {}}}}
    return found


def _security(one: Endpoint) -> list[dict[str, list[str]]]:
    """What a request must bring, one of these; `{}` is nothing, which is enough from near."""
    if one.roles is None:
        return []
    return [{"bearer": []}, {"cookie": []}, *([{}] if one.near else [])]


def _in_path(one: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(one, name)}
        for name, _ in _PATH_PARAMETER.findall(one.path)
    ]


def _path_schema(one: Endpoint, name: str) -> dict[str, Any]:
    if name in one.choices:
        return {"type": "string", "enum": list(one.choices[name])}
    return {"type": "string", "minLength": 1}


def _in_query(declared: type[Fields], components: dict[str, Any]) -> list[dict[str, Any]]:
    schema = components.get(declared.__name__, {})
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": described}
        for name, described in schema.get("properties", {}).items()
    ]


def _responses(one: Endpoint) -> dict[str, Any]:
    content = {one.media: {"schema": {"type": "string" if one.media != _JSON else "object"}}}
    empty = one.status == 204 or 300 <= one.status < 400
    good = {"description": one.about, **({} if empty else {"content": content})}
    wrong = {str(code): _error(one) for code in sorted(_error_codes(one))}
    led = {"303": {"description": "A person is led to /login."}} if _leads_to_login(one) else {}
    return {str(one.status): good, **led, **wrong}


def _error_codes(one: Endpoint) -> set[int]:
    refused = () if one.roles is None else (401, 403, 429)
    of_bodies = (408, 413) if one.body or one.streams else ()
    return {400, 422 if one.legacy else 400, *refused, *one.errors, *of_bodies, 431, 500, 503}


def _error(one: Endpoint) -> dict[str, Any]:
    """A page may say it to a person."""
    page = {"text/html": {"schema": {"type": "string"}}} if one.media == "text/html" else {}
    return {**_ERROR, "content": {**_ERROR["content"], **page}}


def _leads_to_login(one: Endpoint) -> bool:
    return one.method == "GET" and one.media == "text/html" and one.roles is not None
