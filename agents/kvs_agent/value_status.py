# SPDX-License-Identifier: Apache-2.0
"""The engine's statuses in the predecessor's words, for all who tell others of them."""

from __future__ import annotations

from kvscheduler import OperationError, ValueState, ValueStatus
from ligato.kvscheduler import value_status_pb2 as pb

__all__ = ["base_status", "value_status"]

_OPERATIONS = {
    "create": pb.CREATE,
    "update": pb.UPDATE,
    "delete": pb.DELETE,
}


def base_status(status: ValueStatus) -> pb.BaseValueStatus:
    """Return the status of a value with those of what is derived from it."""
    derived = map(value_status, status.derived)
    return pb.BaseValueStatus(value=value_status(status), derived_values=derived)


def value_status(status: ValueStatus) -> pb.ValueStatus:
    """Return the status of one value.

    The details are the fields that make it invalid, or the labels of what it waits for.
    """
    details: tuple[str, ...] = ()
    operation = _OPERATIONS.get(status.operation, pb.UNDEFINED)
    if status.state is ValueState.PENDING:
        details = tuple(unmet.label for unmet in status.unmet)
    elif status.state is ValueState.INVALID:
        details = tuple(getattr(status.error, "fields", ()))
        operation = pb.VALIDATE
    return pb.ValueStatus(
        key=status.key,
        state=status.state.name,
        error=_text(status.error),
        last_operation=operation,
        details=details,
    )


def _text(error: BaseException | None) -> str:
    """Return what was wrong, without the key and the operation, which stand beside it."""
    if isinstance(error, OperationError):
        error = error.cause
    if error is None:
        return ""
    return str(getattr(error, "message", "")) or str(error) or type(error).__name__
