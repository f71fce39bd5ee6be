# SPDX-License-Identifier: Apache-2.0
"""The server's description in OpenAPI 3.1, made of the table of its endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from kvs_agent.northbound.access import Role
from ligato.configurator.configurator_pb2 import Config

from . import protobuf_schema, schemas
from .endpoint import JSON, Endpoint, Parameter, Schema

__all__ = ["description"]

DONE: Final = 200
# What every endpoint may answer; those with parameters or a body also 400.
_COMMON: Final = {
    401: "Who asks has not shown who it is",
    403: "Who asks may not do this",
    429: "Too much is asked for: try again later",
    500: "Something went wrong here, or in the southbound",
    503: "The agent is stopping",
    504: "It took too long",
}
_WITH_BODY: Final = {
    408: "The body did not come in time",
    409: "Values exclude each other, or are protected",
    413: "The body is too large",
    415: "The body is encoded",
    422: "Values are invalid as they stand",
}


def description(endpoints: Iterable[Endpoint], name: str, version: str) -> dict[str, Any]:
    """Return the description of these endpoints."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    root: Any = Config.DESCRIPTOR
    configuration = protobuf_schema.schema(root, protobuf_schema.NAMINGS["onlyjson"])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": version,
            "description": "What an agent wants, knows and has done.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {**schemas.components(), "Configuration": configuration},
            "securitySchemes": {
                "certificate": {"type": "mutualTLS"},
                "password": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{}, {"certificate": []}, {"password": []}, {"token": []}],
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    words = [endpoint.method.lower(), *endpoint.path.replace("{", "").replace("}", "").split("/")]
    operation: dict[str, Any] = {
        "operationId": "_".join(word for word in words if word).replace(".", "_"),
        "tags": [endpoint.group],
        "summary": endpoint.summary,
        "x-role": endpoint.role.name.lower(),
        "parameters": [_parameter(one) for one in endpoint.parameters],
        "responses": _responses(endpoint),
    }
    if endpoint.body is not None:
        content = {"schema": schemas.ref(endpoint.body.schema)}
        operation["requestBody"] = {
            "description": endpoint.body.help,
            "required": True,
            "content": dict.fromkeys(endpoint.body.media, content),
        }
    return operation


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": one.place,
        "description": one.help,
        "required": one.is_required or one.place == "path",
        "schema": _schema(one),
        **({"allowEmptyValue": True} if one.kind == "flag" else {}),
    }


def _schema(one: Parameter) -> dict[str, Any]:
    item: dict[str, Any] = {"type": "string"}
    if one.kind == "integer":
        item = {"type": "integer", "minimum": one.least, "maximum": one.most}
    elif one.kind == "boolean":
        item = {"type": "boolean"}
    elif one.choices:
        item = {"type": "string", "enum": list(one.choices)}
    elif one.is_required or one.place == "path":
        item = {"type": "string", "minLength": 1}
    return {"type": "array", "items": item} if one.is_repeated else item


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    told = dict(_COMMON)
    if endpoint.parameters or endpoint.body is not None:
        told[400] = "The request cannot be read, or asks for what does not go together"
    if endpoint.path.startswith("/scheduler/") or "{" in endpoint.path:
        told[404] = "There is no such thing"
    if endpoint.body is not None:
        told.update(_WITH_BODY)
    if endpoint.role is Role.NONE:
        told = {status: text for status, text in told.items() if status not in (401, 403)}
    error = (JSON, schemas.ref("Error"))
    shapes: dict[int, tuple[str, Mapping[str, Any]]] = dict.fromkeys(told, error)
    # An endpoint's own answer under such a status stands beside the common one.
    for status, (media, shape) in endpoint.answers.items():
        is_both = status in shapes and shape != error[1]
        shapes[status] = (media, schemas.either(dict(shape), error[1]) if is_both else shape)
    return {
        str(status): {
            "description": told.get(status, "Done" if status == DONE else "Not possible here"),
            "content": _content(endpoint, status, media, shape),
        }
        for status, (media, shape) in sorted(shapes.items())
    }


def _content(endpoint: Endpoint, status: int, media: str, shape: Schema) -> dict[str, Any]:
    texts = endpoint.texts if status == DONE else ()
    return {media: {"schema": shape}, **{text: {"schema": schemas.STRING} for text in texts}}
