# SPDX-License-Identifier: Apache-2.0
"""Plans, results and statuses as messages."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from kvs_agent import protection
from kvs_agent.protection import Protected
from kvs_proto.agent.v1 import agent_pb2 as pb
from kvscheduler import (
    Executed,
    InvalidValue,
    Operation,
    Origin,
    Plan,
    TransactionResult,
    Unmet,
    ValueState,
    ValueStatus,
)
from kvscheduler.errors import describe
from kvscheduler.jsonable import jsonable

from .errors import clean

__all__ = [
    "fingerprint",
    "json_text",
    "plan_to",
    "result_to",
    "status_to",
]

KINDS: Final = {
    "create": pb.Operation.KIND_CREATE,
    "update": pb.Operation.KIND_UPDATE,
    "delete": pb.Operation.KIND_DELETE,
}
_KIND_NAMES: Final = {number: name for name, number in KINDS.items()}
_ORIGINS: Final = {
    Origin.NORTHBOUND: pb.ORIGIN_NORTHBOUND,
    Origin.SOUTHBOUND: pb.ORIGIN_SOUTHBOUND,
    Origin.UNKNOWN: pb.ORIGIN_UNKNOWN,
}
_FROM_ORIGIN: Final = {number: origin for origin, number in _ORIGINS.items()}
# The predecessor's numbers are the order in which the engine has them.
STATES: Final = {state: number for number, state in enumerate(ValueState)}
_FROM_STATE: Final = {number: state for state, number in STATES.items()}

# Of this process alone: a fingerprint tells nothing of the secrets that are in it.
_SALT: Final = secrets.token_bytes(32)
_DIGEST_BYTES: Final = 16


def json_text(value: object) -> str:
    """Return a value as JSON, secrets left out."""
    return json.dumps(jsonable(value))


# Plans.


def plan_to(plan: Plan) -> pb.Plan:
    """Return a plan as a message, from which a client can make one that reads the same."""
    made = pb.Plan(mark=pb.PlanMark(revision=plan.revision, fingerprint=fingerprint(plan)))
    waits = plan.waits
    for position, operation in enumerate(plan.operations):
        made.operations.append(operation_to(operation, waits[position]))
    for gate in waits[len(plan.operations) :]:
        made.gates.append(pb.Gate(after=gate))
    _fill(made.pending, plan.pending)
    _fill(made.invalid, plan.invalid)
    for key, error in plan.errors.items():
        made.errors[key].CopyFrom(invalid_to(error))
    try:
        protection.check(plan)
    except Protected as refused:
        _fill(made.protected, dict(zip(refused.keys, refused.problems, strict=True)))
    return made


def operation_to(operation: Operation, after: Iterable[int] = ()) -> pb.Operation:
    """Return an operation as a message."""
    return pb.Operation(
        kind=KINDS[operation.kind],
        key=operation.key,
        base=operation.base,
        descriptor=operation.descriptor,
        old=None if operation.old is None else json_text(operation.old),
        new=None if operation.new is None else json_text(operation.new),
        reason=clean(operation.reason),
        recreate=operation.recreate,
        after=after,
    )


def invalid_to(error: InvalidValue) -> pb.InvalidValue:
    """Return what is wrong with a value as a message."""
    return pb.InvalidValue(message=clean(error.message), fields=map(clean, error.fields))


def fingerprint(plan: Plan) -> bytes:
    """Return what is the same for plans that do the same, secrets included."""
    digest = hashlib.blake2b(key=_SALT, digest_size=_DIGEST_BYTES)
    for part in _parts(plan):
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()


def _parts(plan: Plan) -> Iterator[bytes]:
    for one in plan.operations:
        yield repr((one.kind, one.key, one.base, one.descriptor, one.recreate)).encode()
        yield _raw(one.old)
        yield _raw(one.new)
    yield repr((sorted(plan.pending), sorted(plan.invalid))).encode()


def _raw(value: Any) -> bytes:
    if hasattr(value, "SerializeToString"):
        raw: bytes = value.SerializeToString(deterministic=True)
        name: bytes = value.DESCRIPTOR.full_name.encode()
        return name + b"\0" + raw
    return json_text(value).encode()


# Results.


def result_to(result: TransactionResult | None) -> pb.Result:
    """Return how a transaction ended; None is one that nothing was to be done in."""
    if result is None:
        return pb.Result(ok=True)
    made = pb.Result(
        number=result.number,
        ok=result.ok,
        reverted=result.reverted,
        duration_s=result.duration_s,
        started=result.started,
        description=result.description,
        kind=result.kind,
        operations=map(_executed_to, result.operations),
    )
    for key, error in result.errors.items():
        made.errors[key] = clean(describe(error))
        if isinstance(error, InvalidValue):
            made.invalid[key].CopyFrom(invalid_to(error))
    return made


def _executed_to(one: Executed) -> pb.Executed:
    return pb.Executed(
        operation=operation_to(one.operation),
        error="" if one.error is None else clean(describe(one.error)),
        duration_s=one.duration_s,
        reverts=one.revert,
    )


# Statuses.


def status_to(status: ValueStatus, sources: Sequence[str] = ()) -> pb.Status:
    """Return a status as a message, those of derived values in it."""
    return pb.Status(
        key=status.key,
        base=status.base,
        state=STATES[status.state],  # type: ignore[arg-type] # the stubs tell numbers apart
        origin=_ORIGINS[status.origin],
        adopted=status.adopted,
        since=status.since,
        error="" if status.error is None else clean(describe(status.error)),
        operation=status.operation,
        unmet=map(_unmet_to, status.unmet),
        derived=map(status_to, status.derived),
        sources=sources,
    )


def _unmet_to(unmet: Unmet) -> pb.Unmet:
    return pb.Unmet(
        label=clean(unmet.label),
        key=unmet.key,
        state=STATES[unmet.state],  # type: ignore[arg-type] # as above
        path=unmet.path,
        cause=clean(unmet.cause),
    )


def _fill(made: Any, found: Mapping[str, str]) -> None:
    """Add reasons by key, in their order."""
    for key, text in found.items():
        made.add(key=key, text=clean(text))
