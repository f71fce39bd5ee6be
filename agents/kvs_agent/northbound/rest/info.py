# SPDX-License-Identifier: Apache-2.0
"""What this server is: its version, the schema of a configuration, its own description."""

from __future__ import annotations

import html
import platform
import sys
from pathlib import Path
from typing import Any, Final

import kvs_agent
from kvs_agent.northbound.access import Role
from ligato.configurator.configurator_pb2 import Config

from . import protobuf_schema, schemas
from .endpoint import JSON, Answer, Call, Endpoint, Parameter

__all__ = ["ENDPOINTS"]

GROUP: Final = "Info"
HTML: Final = "text/html"
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


async def version(call: Call) -> Answer:
    """Return which agent this is, under the predecessor's names."""
    about = call.service.core.about
    return Answer(
        {
            "App": about.name,
            "Version": about.version,
            "GitCommit": "unknown",
            "GitBranch": "unknown",
            "BuildUser": "unknown",
            "BuildHost": "unknown",
            "BuildTime": installed(),
            "GoVersion": f"none: Python {platform.python_version()}",
            "OS": sys.platform,
            "Arch": architecture(),
            "APIVersion": "",
            "OSType": "",
        }
    )


def installed() -> int:
    """Return when this program was installed, in seconds of the epoch."""
    return int(Path(str(kvs_agent.__file__)).stat().st_mtime)


def architecture() -> str:
    """Return the machine's architecture, as Go calls it."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


async def json_schema(call: Call) -> Answer:
    """Return the schema of a configuration, for editors."""
    root: Any = Config.DESCRIPTOR
    naming = protobuf_schema.NAMINGS[call.get("fieldnames", "both")]
    data = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        **protobuf_schema.schema(root, naming),
    }
    return Answer(data)


async def openapi(call: Call) -> Answer:
    """Return the description of this server."""
    return Answer(call.service.description())


async def index(call: Call) -> Answer:
    """Return a page with links to what can be looked at."""
    paths = call.service.description()["paths"]
    groups: dict[str, list[str]] = {}
    for path, methods in paths.items():
        told = methods.get("get")
        if told is not None and "{" not in path and path != "/":
            text = f'<li><a href="{path}">{html.escape(told["summary"])}</a></li>'
            groups.setdefault(told["tags"][0], []).append(text)
    about = call.service.core.about
    title = html.escape(f"{about.name} {about.version}, {about.label}")
    parts = [f"<h2>{html.escape(name)}</h2><ul>{''.join(groups[name])}</ul>" for name in groups]
    page = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1>{''.join(parts)}</body></html>"
    )
    return Answer(page, media=HTML, headers={"Content-Security-Policy": "default-src 'none'"})


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/",
        role=Role.READ,
        group=GROUP,
        summary="This page",
        handler=index,
        answers={200: (HTML, schemas.STRING)},
    ),
    Endpoint(
        method="GET",
        path="/info/version",
        role=Role.READ,
        group=GROUP,
        summary="Which agent this is",
        handler=version,
        answers={200: (JSON, schemas.ref("Version"))},
    ),
    Endpoint(
        method="GET",
        path="/info/configuration/jsonschema",
        role=Role.READ,
        group=GROUP,
        summary="The schema of a configuration, for editors",
        handler=json_schema,
        parameters=(
            Parameter(
                name="fieldnames",
                help="Which of the two names of each field; both by default.",
                choices=tuple(protobuf_schema.NAMINGS),
            ),
        ),
        answers={200: (JSON, schemas.OBJECT)},
    ),
    Endpoint(
        method="GET",
        path="/openapi.json",
        role=Role.READ,
        group=GROUP,
        summary="This server's description (OpenAPI 3.1)",
        handler=openapi,
        answers={200: (JSON, schemas.OBJECT)},
    ),
)
