# SPDX-License-Identifier: Apache-2.0
"""``/configuration``: what is wanted, as one document; changed, validated, planned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import yaml
from google.protobuf import json_format
from google.protobuf.message import Message

from kvs_agent.models import MODELS, of_key
from kvs_agent.northbound.access import Role
from kvs_agent.orchestrator import Item, Wish
from kvs_agent.sources import config, yaml_guard
from kvs_agent.sources.config import Configuration
from kvs_agent.sources.problems import ConfigError, Problem
from kvscheduler import ClaimConflict, InvalidValue, Plan, TransactionResult
from kvscheduler.errors import describe
from kvscheduler.jsonable import jsonable
from ligato.configurator.configurator_pb2 import Config

from . import schemas
from .endpoint import JSON, YAML, Answer, Body, Call, Endpoint, Fault, Parameter

__all__ = ["BODY", "ENDPOINTS", "SOURCE", "read", "wish_of"]

GROUP: Final = "Configuration"
# REST and gRPC are one source, so that each can change what the other has set.
SOURCE: Final = "grpc"
NAME: Final = "body"


def read(call: Call) -> Configuration:
    """Return the configuration in a request's body; ``ConfigError`` names all that is wrong."""
    limits = yaml_guard.Limits(max_bytes=call.service.max_body_bytes)
    return config.load_raw(call.body, NAME, limits)


def wish_of(call: Call, wanted: Configuration) -> Wish:
    """Return the change that a request asks for."""
    replace = bool(call.get("replace", False))
    revert = bool(call.get("revert", False))
    if replace and revert:
        raise Fault(400, "replace and revert exclude each other: a resync cannot be undone")
    return Wish(
        source=SOURCE,
        changes={key: Item(wanted[key]) for key in wanted.places},
        description="REST",
        replace=replace,
        resync=replace,
        revert=revert,
    )


# What is wanted, shown.


async def get(call: Call) -> Answer:
    """Return all that is wanted, whoever wants it."""
    with_secrets = bool(call.get("secrets", False))
    if with_secrets and call.role < Role.ADMIN:
        raise Fault(403, "secrets are shown to the role admin alone")
    with call.service.calls.timed("Get"):
        items = dict(call.service.core.orchestrator.holdings.items())
        data = document(items, json_format.MessageToDict if with_secrets else jsonable)
        return Answer(await asyncio.to_thread(_yaml, data), media=YAML)


def document(items: Mapping[str, Item], shown: Callable[[Any], Any]) -> dict[str, Any]:
    """Return values as one document, with the names that JSON has for its parts."""
    root: Any = Config.DESCRIPTOR
    by_model: dict[str, list[Any]] = {}
    for key, item in sorted(items.items()):
        model = of_key(key)
        if model is not None and isinstance(item.value, Message):
            by_model.setdefault(model.name, []).append(shown(item.value))
    data: dict[str, Any] = {}
    for model in MODELS:
        section = root.fields_by_name.get(model.section)
        field = section and section.message_type.fields_by_name.get(model.field)
        if field is not None:
            below = data.setdefault(section.json_name, {})
            if by_model.get(model.name):
                below[field.json_name] = by_model[model.name]
    return data


class _Dumper(yaml.SafeDumper):
    """Indents lists as the predecessor does, and never writes aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml(data: Any) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)


# What is wanted, changed.


async def put(call: Call) -> Answer:
    """Change what is wanted, and return once that is carried out and kept."""
    service = call.service
    with service.calls.timed("Update"):
        wanted = await asyncio.to_thread(read, call)
        wish = wish_of(call, wanted)
        orchestrator = service.core.orchestrator
        check_plan(wanted, orchestrator.plan(wish))
        result = await orchestrator.apply(wish)
        if call.get("wait"):
            await service.core.feed.settled(wish.changes)
    if result is None:
        return Answer({})
    check_result(result)
    return Answer({"SeqNum": result.number})


def check_plan(wanted: Configuration, plan: Plan) -> None:
    """Raise a ``Fault`` where values are refused as they stand; nothing was changed."""
    problems = [
        wanted.problem(key, error) or _nowhere(key, error)
        for key, error in plan.errors.items()
        if key in wanted.places
    ]
    if problems:
        text = f"{problems[0]}" if len(problems) == 1 else f"{len(problems)} values are invalid"
        raise Fault(422, text, {"Problems": [problem_data(one) for one in problems]})


def _nowhere(key: str, error: InvalidValue) -> Problem:
    field = ".".join(error.fields)
    return Problem(text=error.message, file=NAME, key=key, field=field)


def check_result(result: TransactionResult) -> None:
    """Raise a ``Fault`` where something went wrong in the southbound."""
    if result.ok:
        return
    errors = {key: describe(error) for key, error in result.errors.items()}
    first = next(iter(errors.values()))
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    undone = "; all of it was undone" if result.reverted else ""
    raise Fault(500, f"{first}{more}{undone}", {"Errors": errors, "SeqNum": result.number})


def problem_data(problem: Problem) -> dict[str, Any]:
    """Return one thing that is wrong with a document."""
    data = {"path": problem.field or problem.key or "$", "error": problem.text}
    more = {"line": problem.line, "key": problem.key}
    return {**data, **{name: value for name, value in more.items() if value}}


# What would be wrong.


async def validate(call: Call) -> Answer:
    """Tell what is wrong with a configuration, without changing anything."""
    try:
        wanted = await asyncio.to_thread(read, call)
    except ConfigError as error:
        return Answer([problem_data(one) for one in error.problems], status=400)
    changes = {key: Item(wanted[key]) for key in wanted.places}
    try:
        plan = call.service.core.orchestrator.plan(Wish(source=SOURCE, changes=changes))
    except ClaimConflict as conflict:
        return Answer([{"path": conflict.keys[-1], "error": str(conflict)}], status=400)
    faults = [
        _fault(wanted, key, text, plan.errors.get(key))
        for key, text in plan.invalid.items()
        if key in wanted.places or key in plan.errors
    ]
    return Answer(faults, status=400) if faults else Answer({})


def _fault(
    wanted: Configuration, key: str, text: str, error: InvalidValue | None
) -> dict[str, Any]:
    fields = error.fields if error is not None else ()
    message = error.message if error is not None else text
    value = wanted.get(key)
    part = _yaml(jsonable(value)) if value is not None else ""
    model = of_key(key)
    data: dict[str, Any] = {"path": key, "error": message}
    if model is not None and value is not None:
        data["path"] = _path(model.section, model.field, value, fields)
    place = wanted.places.get(key)
    line = place.line(fields) if place is not None else 0
    more = {"error_config_part": part, "line": line}
    return {**data, **{name: one for name, one in more.items() if one}}


def _path(section: str, field: str, value: Message, fields: tuple[str, ...]) -> str:
    """Return where a field is in a document, with the names that JSON has for its parts."""
    root: Any = Config.DESCRIPTOR
    group = root.fields_by_name[section]
    own = group.message_type.fields_by_name[field]
    names = []
    message: Any = value.DESCRIPTOR
    for name in fields:
        found = message.fields_by_name.get(name) if message is not None else None
        names.append(found.json_name if found is not None else name)
        message = found.message_type if found is not None else None
    return ".".join([group.json_name, f"{own.json_name}*", *(names or ["<unknown field>"])])


BODY: Final = Body(schema="Configuration", help="A configuration, in YAML or JSON.")
REPLACE: Final = Parameter(
    name="replace", help="Whether nothing else shall be wanted by gRPC and REST.", kind="flag"
)
REVERT: Final = Parameter(
    name="revert", help="Whether all of it is undone where a part fails.", kind="flag"
)

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/configuration",
        role=Role.READ,
        group=GROUP,
        summary="All that is wanted, whoever wants it",
        handler=get,
        parameters=(
            Parameter(
                name="secrets", help="Whether secrets are shown too, to admins.", kind="flag"
            ),
        ),
        answers={200: (YAML, schemas.ref("Configuration"))},
    ),
    Endpoint(
        method="PUT",
        path="/configuration",
        role=Role.WRITE,
        group=GROUP,
        summary="Want these values; others stay as they are, unless they are replaced",
        handler=put,
        parameters=(
            REPLACE,
            REVERT,
            Parameter(name="wait", help="Answer once no value waits or is retried.", kind="flag"),
        ),
        body=BODY,
        answers={200: (JSON, schemas.ref("Applied"))},
    ),
    Endpoint(
        method="POST",
        path="/configuration/validate",
        role=Role.READ,
        group=GROUP,
        summary="What is wrong with a configuration; nothing is changed",
        handler=validate,
        body=BODY,
        answers={200: (JSON, schemas.OBJECT), 400: (JSON, schemas.listed("Fault"))},
    ),
)
