# SPDX-License-Identifier: Apache-2.0
"""``/v1``: what the predecessor lacked. Plans, reasons, the history in pages, who set what."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable
from typing import Any, Final

from kvs_agent.northbound.access import Role
from kvs_agent.past import Past, Transaction
from kvs_agent.recording import Record
from kvscheduler import ValueStatus
from kvscheduler.errors import describe
from kvscheduler.jsonable import jsonable

from . import schemas
from .configuration import BODY, REPLACE, REVERT, read, wish_of
from .endpoint import JSON, Answer, Call, Endpoint, Parameter

__all__ = ["ENDPOINTS"]

GROUP: Final = "Own"
PAGE: Final = 100
MAX_PAGE: Final = 1000


async def plan(call: Call) -> Answer:
    """Return what a configuration would come to; nothing is changed."""
    wanted = await asyncio.to_thread(read, call)
    made = call.service.core.orchestrator.plan(wish_of(call, wanted))
    return Answer(await asyncio.to_thread(made.to_dict), is_large=True)


async def explain(call: Call) -> Answer:
    """Return how a value stands and why, down to the root cause."""
    service, key = call.service, call.get("key")
    status = service.core.scheduler.status(key)
    value = jsonable(service.value(key))
    return Answer({**_explanation(call, status), "value": value})


def _explanation(call: Call, status: ValueStatus) -> dict[str, Any]:
    error = status.error
    return {
        "key": status.key,
        "state": status.state.name,
        "origin": status.origin.value,
        "adopted": status.adopted,
        "since": status.since,
        "base": status.base,
        "error": describe(error) if error is not None else None,
        "operation": status.operation,
        "waits_for": [
            {
                "label": one.label,
                "key": one.key,
                "state": one.state.name,
                "path": list(one.path),
                "cause": one.cause,
            }
            for one in status.unmet
        ],
        "derived": [_explanation(call, one) for one in status.derived],
        "sources": list(call.service.core.orchestrator.holdings.holders(status.key)),
    }


async def history(call: Call) -> Answer:
    """Return transactions, the newest first, a page at a time."""
    most, before = call.get("limit", PAGE), call.get("before")
    past = call.service.core.past
    if past is not None:
        page = await asyncio.to_thread(_from_past, past, most, before)
    else:
        call.service.following.catch_up()
        page = _from_recorder(call.service.recorder.transactions(), most, before)
    more = len(page) > most
    page = page[:most]
    following = page[-1]["number"] if more else None
    return Answer({"transactions": page, "next": following}, is_large=True)


def _from_past(past: Past, most: int, before: int | None) -> list[dict[str, Any]]:
    """Return one more than the page has, which tells that there is another."""
    found: list[Transaction] = []
    for one in reversed(past.transactions(_HELD)):
        if before is None or one.number < before:
            found.append(one)
        if len(found) > most:
            break
    return [
        {
            **dataclasses.asdict(one),
            "operations": [dataclasses.asdict(step) for step in past.steps(one.number)],
        }
        for one in found
    ]


_HELD: Final = 1_000_000


def _from_recorder(
    records: Iterable[Record], most: int, before: int | None
) -> list[dict[str, Any]]:
    found = [one for one in records if before is None or one.number < before]
    return [_record(one) for one in reversed(found[-most - 1 :])]


def _record(record: Record) -> dict[str, Any]:
    result = record.result
    return {
        "number": record.number,
        "started": record.started,
        "duration_s": result.duration_s,
        "kind": result.kind,
        "description": result.description,
        "reverted": result.reverted,
        "errors": {key: describe(error) for key, error in result.errors.items()},
        "operations": [
            {
                "number": record.number,
                "key": entry.key,
                "kind": entry.operation,
                "old": jsonable(entry.old),
                "new": jsonable(entry.new),
                "error": entry.error,
                "recreate": entry.is_recreate,
                "reverts": entry.is_revert,
            }
            for entry in record.entries
        ],
    }


async def sources(call: Call) -> Answer:
    """Return who holds how much, and below a prefix who holds what."""
    holdings = call.service.core.orchestrator.holdings
    told: dict[str, Any] = {
        "sources": [
            {"name": name, "keys": len(holdings.of_source(name))} for name in holdings.sources
        ]
    }
    prefix = call.get("prefix")
    if prefix is not None:
        told["keys"] = {
            key: list(holdings.holders(key))
            for key in sorted(key for key, _ in holdings.items() if key.startswith(prefix))
        }
    return Answer(told, is_large=True)


ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/v1/plan",
        role=Role.READ,
        group=GROUP,
        summary="What a configuration would come to; nothing is changed",
        handler=plan,
        parameters=(REPLACE, REVERT),
        body=BODY,
        answers={200: (JSON, schemas.ref("Plan"))},
    ),
    Endpoint(
        method="GET",
        path="/v1/explain",
        role=Role.READ,
        group=GROUP,
        summary="How a value stands and why, down to the root cause",
        handler=explain,
        parameters=(Parameter(name="key", help="The value's key.", is_required=True),),
        answers={200: (JSON, schemas.ref("Explanation"))},
    ),
    Endpoint(
        method="GET",
        path="/v1/history",
        role=Role.READ,
        group=GROUP,
        summary="Finished transactions, the newest first, a page at a time",
        handler=history,
        parameters=(
            Parameter(
                name="limit", help="How many on a page.", kind="integer", least=1, most=MAX_PAGE
            ),
            Parameter(name="before", help="The page after that: its next.", kind="integer"),
        ),
        answers={200: (JSON, schemas.ref("History"))},
    ),
    Endpoint(
        method="GET",
        path="/v1/sources",
        role=Role.READ,
        group=GROUP,
        summary="Which sources hold how much; with a prefix, which hold each key",
        handler=sources,
        parameters=(
            Parameter(
                name="prefix",
                help="Also who holds what below; whose value counts comes first.",
                keeps_empty=True,
            ),
        ),
        answers={200: (JSON, schemas.ref("Sources"))},
    ),
)
