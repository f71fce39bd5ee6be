# SPDX-License-Identifier: Apache-2.0
"""``/scheduler``: what is wanted, known and there; statuses, counts, and a repair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from google.protobuf import json_format

from kvs_agent.northbound.access import Role
from kvs_agent.value_status import base_status
from kvscheduler import Descriptor, Origin, Retrieved, Scheduler, SchedulerError
from kvscheduler.errors import describe

from . import schemas, shapes
from .endpoint import JSON, Answer, Call, Endpoint, Fault, Parameter
from .scheduler_past import GROUP, recorded

__all__ = ["ENDPOINTS"]

VIEWS: Final = ("SB", "NB", "cached")
_Descriptor = Descriptor[Any, Any]


async def dump(call: Call) -> Answer:
    """Return the values of a descriptor, or what can be asked for."""
    scheduler = call.service.core.scheduler
    name, prefix = call.get("descriptor"), call.get("key-prefix")
    if name is None and prefix is None:
        return Answer(_index(scheduler.descriptors))
    chosen = _chosen(scheduler, name, prefix)
    if not chosen:
        what = "descriptor" if name is not None else "key prefix"
        raise Fault(404, f"no descriptor found matching the {what}")
    found = await _values(scheduler, call.get("view", VIEWS[0]), prefix or "")
    metadata = {one.name: scheduler.metadata(one.name) for one in chosen}
    listed = []
    for key, one in found.items():
        descriptor = _serving(chosen, key)
        if descriptor is not None:
            kept = metadata[descriptor.name].get(descriptor.label(key), one.metadata)
            listed.append(_key_value(key, one, kept))
    return Answer(listed, is_large=True)


def _index(descriptors: Iterable[_Descriptor]) -> dict[str, Any]:
    known = list(descriptors)
    return {
        "Descriptors": [one.name for one in known],
        "KeyPrefixes": [one.key_prefix for one in known],
        "Views": list(VIEWS),
    }


def _chosen(scheduler: Scheduler, name: str | None, prefix: str | None) -> list[_Descriptor]:
    """Return the descriptor of a name, or those with keys below a prefix."""
    if name is not None:
        return [one for one in scheduler.descriptors if one.name == name]
    return [one for one in scheduler.descriptors if _is_below(one.key_prefix, prefix or "")]


def _is_below(own: str, prefix: str) -> bool:
    return bool(own) and (own.startswith(prefix) or prefix.startswith(own))


def _serving(descriptors: list[_Descriptor], key: str) -> _Descriptor | None:
    return next((one for one in descriptors if one.selects(key)), None)


async def _values(scheduler: Scheduler, view: str, prefix: str) -> Mapping[str, Retrieved]:
    if view == "SB":
        return await retrieved(scheduler, prefix)
    seen = scheduler.values(prefix, "desired" if view == "NB" else "configured")
    if view == "NB":
        return {key: Retrieved(key, one, None, Origin.NORTHBOUND) for key, one in seen.items()}
    return {
        key: Retrieved(key, one, None, scheduler.status(key).origin) for key, one in seen.items()
    }


async def retrieved(scheduler: Scheduler, prefix: str) -> Mapping[str, Retrieved]:
    """Read the southbound; a ``Fault`` says what of it cannot be read."""
    try:
        return await scheduler.retrieve(prefix)
    except SchedulerError:
        raise
    except Exception as error:
        raise Fault(500, f"the southbound cannot be read: {describe(error)}") from error


def _key_value(key: str, one: Retrieved, metadata: Any) -> dict[str, Any]:
    return {
        "Key": key,
        "Value": shapes.recorded_value(one.value),
        "Origin": shapes.ORIGINS[one.origin],
        "Metadata": shapes.metadata_of(metadata),
    }


async def status(call: Call) -> Answer:
    """Return the status of a key, or those of base values below a prefix."""
    scheduler = call.service.core.scheduler
    key, name, prefix = call.get("key"), call.get("descriptor"), call.get("key-prefix")
    if key is not None:
        return Answer(_status(scheduler, key))
    chosen: list[_Descriptor] | None = None
    if name is not None or prefix is not None:
        chosen = _chosen(scheduler, name, prefix)
        if not chosen:
            what = "descriptor" if name is not None else "key prefix"
            raise Fault(404, f"unknown {what}")
    listed = [
        _shown(one)
        for one in scheduler.statuses(prefix or "")
        if one.base is None and (chosen is None or _serving(chosen, one.key) is not None)
    ]
    return Answer(listed, is_large=True)


def _status(scheduler: Scheduler, key: str) -> dict[str, Any]:
    return _shown(scheduler.status(key))


def _shown(one: Any) -> dict[str, Any]:
    shown: dict[str, Any] = json_format.MessageToDict(
        base_status(one), preserving_proto_field_name=True
    )
    return shown


async def downstream_resync(call: Call) -> Answer:
    """Read the southbound, mend what has drifted, and return the transaction."""
    service = call.service
    result = await service.core.orchestrator.resync("downstream")
    service.following.catch_up()
    if result.errors:
        errors = {key: describe(error) for key, error in result.errors.items()}
        text = "; ".join(errors.values())
        raise Fault(500, text, {"Errors": errors, "SeqNum": result.number})
    record = recorded(call, result.number)
    # agentctl does not ask for the models before this.
    return Answer(shapes.transaction(record, shapes.COMPILED_IN), is_large=True)


async def stats(call: Call) -> Answer:
    """Return counts since the start."""
    service = call.service
    service.following.catch_up()
    names = tuple(one.name for one in service.core.scheduler.descriptors)
    return Answer(service.statistics.data(names))


_DESCRIPTOR: Final = Parameter(name="descriptor", help="Those of this descriptor.")
_PREFIX: Final = Parameter(name="key-prefix", help="Those below this prefix.")

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/scheduler/dump",
        role=Role.READ,
        group=GROUP,
        summary="Values: as wanted (NB), as known (cached), or read from the southbound now (SB)",
        handler=dump,
        parameters=(
            _DESCRIPTOR,
            _PREFIX,
            Parameter(name="view", help="Which of them; SB by default.", choices=VIEWS),
        ),
        answers={
            200: (JSON, schemas.either(schemas.listed("KeyValue"), schemas.ref("DumpIndex")))
        },
    ),
    Endpoint(
        method="GET",
        path="/scheduler/status",
        role=Role.READ,
        group=GROUP,
        summary="How values stand, derived ones beneath their bases",
        handler=status,
        parameters=(Parameter(name="key", help="That of one key."), _DESCRIPTOR, _PREFIX),
        answers={200: (JSON, schemas.either(schemas.listed("Status"), schemas.ref("Status")))},
    ),
    Endpoint(
        method="POST",
        path="/scheduler/downstream-resync",
        role=Role.WRITE,
        group=GROUP,
        summary="Read the southbound and mend what has drifted",
        handler=downstream_resync,
        parameters=(
            Parameter(
                name="retry",
                help="Taken for the predecessor's sake: what fails is always tried again.",
                kind="boolean",
            ),
            Parameter(
                name="verbose", help="Taken for the predecessor's sake alone.", kind="boolean"
            ),
        ),
        answers={200: (JSON, schemas.ref("Transaction"))},
    ),
    Endpoint(
        method="GET",
        path="/scheduler/stats",
        role=Role.READ,
        group=GROUP,
        summary="Counts of operations and states, and the time that they took, in seconds",
        handler=stats,
        answers={200: (JSON, schemas.ref("Stats"))},
    ),
)
