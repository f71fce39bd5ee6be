# SPDX-License-Identifier: Apache-2.0
"""What an endpoint is: a line of the table from which routes and their description are made."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from kvs_agent.northbound.access import Role

from .service import Service

__all__ = [
    "JSON",
    "PROMETHEUS",
    "TEXT",
    "YAML",
    "Answer",
    "Body",
    "Call",
    "Endpoint",
    "Fault",
    "Handler",
    "Parameter",
    "Schema",
]

JSON: Final = "application/json"
YAML: Final = "application/yaml"
TEXT: Final = "text/plain"
PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"

MAX_INTEGER: Final = 2**63 - 1

Schema: TypeAlias = Mapping[str, Any]


class Fault(Exception):
    """A request that is answered with an error; ``details`` stand beside its text."""

    def __init__(
        self,
        status: int,
        text: str,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.details = details or {}
        self.headers = headers or {}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A named part of a request's address.

    ``kind`` is "string", "integer", "boolean" (1 or true, 0 or false) or "flag" (there or not).
    Text that is empty counts as not given, unless ``keeps_empty``.
    """

    name: str
    help: str
    kind: str = "string"
    place: str = "query"
    is_required: bool = False
    is_repeated: bool = False
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = MAX_INTEGER
    keeps_empty: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request carries: the name of a schema, and the types of media that it comes in."""

    schema: str
    help: str
    media: tuple[str, ...] = (YAML, JSON)


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back: JSON data, or text as it is. ``is_large``: encoded off the loop."""

    data: Any
    status: int = 200
    media: str = JSON
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    is_large: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, checked: its parameters by name as their types, and its body."""

    service: Service
    role: Role
    given: Mapping[str, Any]
    body: bytes = b""

    def get(self, name: str, default: Any = None) -> Any:
        """Return a parameter, or the default where it is not given."""
        return self.given.get(name, default)


Handler: TypeAlias = Callable[[Call], Awaitable[Answer]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route; ``answers`` has, for each status, the media type and the schema.

    ``texts`` are the types of media in which it also answers, as text, where that is asked for.
    """

    method: str
    path: str
    role: Role
    group: str
    summary: str
    handler: Handler
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    answers: Mapping[int, tuple[str, Schema]] = dataclasses.field(default_factory=dict)
    texts: tuple[str, ...] = ()
