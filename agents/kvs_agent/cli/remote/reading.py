# SPDX-License-Identifier: Apache-2.0
"""From messages of an agent to what the engine has for the same: plans, results, statuses."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeVar

from kvs_agent.past import Step, Transaction
from kvs_agent.protection import Protected
from kvs_proto.agent.v1 import agent_pb2 as pb
from kvscheduler import (
    Executed,
    InvalidValue,
    Operation,
    Origin,
    Plan,
    SchedulerError,
    TransactionResult,
    Unmet,
    ValueState,
    ValueStatus,
)
from kvscheduler.jsonable import Shown

__all__ = [
    "About",
    "Part",
    "Said",
    "about",
    "check",
    "plan",
    "recorded",
    "result",
    "shown",
    "state",
    "status",
    "steps",
]

V = TypeVar("V")

# The predecessor's numbers are the order in which the engine has them.
STATES: Final = tuple(ValueState)


class Said(SchedulerError):
    """An error on a key, in the agent's words."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How one part of an agent is."""

    name: str
    state: str
    error: str
    needed: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Which agent it is, and how it is; ``started`` is in seconds of the epoch.

    ``sources`` are the weakest first, ``values`` how many there are in each state.
    """

    name: str
    version: str
    label: str
    started: float
    alive: bool
    ready: bool
    parts: tuple[Part, ...]
    sources: tuple[str, ...]
    values: Mapping[str, int]


def about(told: pb.InfoResponse) -> About:
    """Return what an agent tells of itself."""
    state = pb.InfoResponse.Component.State
    parts = (
        Part(
            name=one.name,
            state=state.Name(one.state).removeprefix("STATE_"),
            error=one.error,
            needed=one.needed,
        )
        for one in told.components
    )
    counts = {one.name: told.counts[one.name] for one in ValueState if told.counts.get(one.name)}
    return About(
        name=told.name,
        version=told.version,
        label=told.label,
        started=told.started,
        alive=told.alive,
        ready=told.ready,
        parts=tuple(parts),
        sources=tuple(told.sources),
        values=counts,
    )


# Plans and results.


def plan(told: pb.Plan) -> Plan:
    """Return a plan that reads as the agent's own; its values are what is shown of them.

    Raises ``ValueError`` for what is no plan.
    """
    operations = [_operation(one) for one in told.operations]
    waits = [tuple(one.after) for one in told.operations]
    waits += [tuple(gate.after) for gate in told.gates]
    if any(number >= len(waits) for each in waits for number in each):
        raise ValueError("not a plan: it waits for what is not in it")
    errors = {key: InvalidValue(one.message, one.fields) for key, one in told.errors.items()}
    return Plan(
        operations,
        waits,
        _reasons(told.pending),
        _reasons(told.invalid),
        told.mark.revision,
        errors,
    )


def check(told: pb.Plan) -> None:
    """Raise ``Protected`` where a plan takes away what is not to be taken away."""
    if told.protected:
        raise Protected(_reasons(told.protected))


def _reasons(told: Iterable[pb.Reason]) -> dict[str, str]:
    return {one.key: one.text for one in told}


def result(told: pb.Result, made: Plan) -> TransactionResult:
    """Return how a plan was carried out."""
    errors: dict[str, Exception] = {}
    for key, text in _ordered(told.errors).items():
        fault = told.invalid.get(key)
        errors[key] = InvalidValue(fault.message, fault.fields) if fault else Said(text)
    return TransactionResult(
        number=told.number,
        kind=told.kind,
        errors=errors,
        operations=tuple(map(_executed, told.operations)),
        plan=made,
        description=told.description,
        started=told.started,
        duration_s=told.duration_s,
        reverted=told.reverted,
    )


def _executed(told: pb.Executed) -> Executed:
    error = Said(told.error) if told.error else None
    return Executed(_operation(told.operation), error, told.duration_s, told.reverts)


def _operation(told: pb.Operation) -> Operation:
    return Operation(
        _kind(told.kind),
        told.key,
        told.base if told.HasField("base") else None,
        told.descriptor,
        _value(told, "old"),
        _value(told, "new"),
        told.reason,
        told.recreate,
    )


def _kind(number: pb.Operation.Kind) -> str:
    if number == pb.Operation.KIND_UNSPECIFIED:
        raise ValueError("an operation of an unknown kind")
    return pb.Operation.Kind.Name(number).removeprefix("KIND_").lower()


def _value(told: pb.Operation, field: Literal["old", "new"]) -> Shown | None:
    return shown(getattr(told, field)) if told.HasField(field) else None


def shown(text: str) -> Shown:
    """Return a value as the agent shows it."""
    return Shown(json.loads(text))


# How values stand.


def status(told: pb.Status) -> ValueStatus:
    """Return a status; its error says the same as the agent's."""
    return ValueStatus(
        key=told.key,
        base=told.base if told.HasField("base") else None,
        state=state(told.state),
        origin=Origin[pb.Origin.Name(told.origin).removeprefix("ORIGIN_")],
        adopted=told.adopted,
        since=told.since,
        error=Said(told.error) if told.error else None,
        operation=told.operation,
        unmet=tuple(map(_unmet, told.unmet)),
        derived=tuple(map(status, told.derived)),
    )


def state(number: int) -> ValueState:
    """Return the state of a number; one that is newer than this program reads as nonexistent."""
    return STATES[number] if number < len(STATES) else ValueState.NONEXISTENT


def _unmet(told: pb.Unmet) -> Unmet:
    return Unmet(
        label=told.label,
        key=told.key,
        state=state(told.state),
        path=tuple(told.path),
        cause=told.cause,
    )


# What was done.


def recorded(told: pb.Recorded) -> tuple[Transaction, list[Step]]:
    """Return a transaction of the history, and what it did."""
    one = Transaction(
        number=told.number,
        started=told.started,
        duration_s=told.duration_s,
        kind=told.kind,
        description=told.description,
        reverted=told.reverted,
        errors=_ordered(told.errors),
    )
    return one, steps(told.steps)


def steps(told: Iterable[pb.Step]) -> list[Step]:
    """Return what was done in transactions."""
    return [
        Step(
            number=one.number,
            key=one.key,
            kind=_kind(one.kind),
            old=json.loads(one.old) if one.HasField("old") else None,
            new=json.loads(one.new) if one.HasField("new") else None,
            reason=one.reason,
            error=one.error,
            recreate=one.recreate,
            reverts=one.reverts,
        )
        for one in told
    ]


def _ordered(found: Mapping[str, V]) -> dict[str, V]:
    """Return a map of the wire, which has no order, in that of its keys."""
    return {key: found[key] for key in sorted(found)}
