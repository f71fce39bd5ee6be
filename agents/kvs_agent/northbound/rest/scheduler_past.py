# SPDX-License-Identifier: Apache-2.0
"""``/scheduler``: what was done, and how values stood."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Final

from kvs_agent.northbound.access import Role
from kvs_agent.recording import Record, Revision

from . import schemas, shapes, telling
from .endpoint import JSON, TEXT, Answer, Call, Endpoint, Fault, Parameter
from .targets import Nodes, Standing

__all__ = ["ENDPOINTS"]

GROUP: Final = "KVScheduler"
_NS: Final = 10**9
FLAGS: Final = (
    "last-update",
    "error",
    "value-state",
    "unavailable",
    "descriptor",
    "derived",
)
UNKNOWN: Final = "transaction with such sequence number is not recorded"


async def txn_history(call: Call) -> Answer:
    """Return transactions, or the one with a number."""
    call.service.following.catch_up()
    is_text = call.get("format") == "text"
    number = call.get("seq-num")
    if number is not None:
        record = recorded(call, number)
        if is_text:
            return Answer(telling.transaction(record, is_verbose=True), media=TEXT)
        return Answer(shapes.transaction(record))
    records = call.service.recorder.transactions(
        _seconds(call.get("since"), 0.0), _seconds(call.get("until"), float("inf"))
    )
    if is_text:
        told = "\n".join(telling.transaction(one, is_verbose=False) for one in records)
        return Answer(told, media=TEXT)
    return Answer([shapes.transaction(one) for one in records], is_large=True)


def recorded(call: Call, number: int) -> Record:
    """Return a recorded transaction, or raise the ``Fault`` that there is none."""
    record = call.service.recorder.transaction(number)
    if record is None:
        raise Fault(404, UNKNOWN)
    return record


async def key_timeline(call: Call) -> Answer:
    """Return how one value stood over time, or at one time."""
    call.service.following.catch_up()
    timeline = call.service.recorder.timeline(call.get("key"))
    if not timeline:
        return Answer(None)
    nodes = Nodes(call.service.core.scheduler, call.get("key"))
    when = call.get("time")
    if when is None:
        return Answer([_node(call, nodes, one) for one in timeline])
    found = [one for one in timeline if one.stands_at(when / _NS)]
    return Answer(_node(call, nodes, found[0]) if found else None)


def _node(call: Call, nodes: Nodes, revision: Revision) -> dict[str, Any]:
    """Return one value's revision, with what stood beside it then."""
    until = revision.until if revision.until is not None else time.time()
    stood = call.service.recorder.at((revision.since + until) / 2)
    return _shown(nodes, revision, Standing(stood))


def _shown(nodes: Nodes, revision: Revision, standing: Standing) -> dict[str, Any]:
    """Return a revision in the predecessor's shape."""
    whole = nodes.whole(revision)
    return shapes.node(whole, nodes.label(whole), nodes.targets(whole, standing))


async def graph_snapshot(call: Call) -> Answer:
    """Return how all values stood at a time."""
    call.service.following.catch_up()
    when = call.get("time")
    found = call.service.recorder.at(time.time() if when is None else when / _NS)
    nodes, standing = Nodes(call.service.core.scheduler), Standing(found)
    return Answer([_shown(nodes, one, standing) for one in found], is_large=True)


async def flag_stats(call: Call) -> Answer:
    """Count how often each flag had each value, in all that is recorded."""
    call.service.following.catch_up()
    flag, prefixes = call.get("flag"), tuple(call.get("prefix", ()))
    nodes = Nodes(call.service.core.scheduler)
    counts: Counter[str] = Counter()
    for revision in call.service.recorder.revisions():
        if prefixes and not revision.key.startswith(prefixes):
            continue
        value = shapes.flags(nodes.whole(revision)).get(flag)
        if value is not None:
            counts[value] += 1
    return Answer({"TotalCount": counts.total(), "PerValueCount": dict(sorted(counts.items()))})


def _seconds(nanoseconds: int | None, default: float) -> float:
    return default if nanoseconds is None else nanoseconds / _NS


TIME: Final = "nanoseconds since the start of the epoch"

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/scheduler/txn-history",
        role=Role.READ,
        group=GROUP,
        summary="Finished transactions, oldest first, or the one with a number",
        handler=txn_history,
        parameters=(
            Parameter(name="format", help="How to show them.", choices=("json", "text")),
            Parameter(name="seq-num", help="A transaction's number.", kind="integer"),
            Parameter(name="since", help=f"Those since then: {TIME}.", kind="integer"),
            Parameter(name="until", help=f"Those until then: {TIME}.", kind="integer"),
        ),
        answers={
            200: (JSON, schemas.either(schemas.listed("Transaction"), schemas.ref("Transaction")))
        },
        texts=(TEXT,),
    ),
    Endpoint(
        method="GET",
        path="/scheduler/key-timeline",
        role=Role.READ,
        group=GROUP,
        summary="How one value stood over time",
        handler=key_timeline,
        parameters=(
            Parameter(name="key", help="The value's key.", is_required=True),
            Parameter(name="time", help=f"How it stood then: {TIME}.", kind="integer"),
        ),
        answers={
            200: (JSON, schemas.either(schemas.listed("Node"), schemas.ref("Node"), schemas.NULL))
        },
    ),
    Endpoint(
        method="GET",
        path="/scheduler/graph-snapshot",
        role=Role.READ,
        group=GROUP,
        summary="How all values stood at a time, now by default",
        handler=graph_snapshot,
        parameters=(Parameter(name="time", help=f"When: {TIME}.", kind="integer"),),
        answers={200: (JSON, schemas.listed("Node"))},
    ),
    Endpoint(
        method="GET",
        path="/scheduler/flag-stats",
        role=Role.READ,
        group=GROUP,
        summary="How often a flag had which value, in all that is recorded",
        handler=flag_stats,
        parameters=(
            Parameter(name="flag", help="Which flag.", is_required=True, choices=FLAGS),
            Parameter(name="prefix", help="Only keys below.", is_repeated=True),
        ),
        answers={200: (JSON, schemas.ref("FlagStats"))},
    ),
)
