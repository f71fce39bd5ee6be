# SPDX-License-Identifier: Apache-2.0
"""A span for each transaction, where OpenTelemetry's API is installed; no cost where not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kvscheduler import TransactionResult
from kvscheduler.errors import describe

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer, TracerProvider

__all__ = ["listener"]

NAME: Final = "kvscheduler"
MAX_EVENTS: Final = 128
_NS: Final = 10**9


def listener(
    provider: TracerProvider | None = None,
) -> Callable[[TransactionResult], None] | None:
    """Return what makes a span of each finished transaction; None without OpenTelemetry.

    ``provider`` None: the process's own, which makes nothing until somebody has set one.
    """
    try:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    tracer = trace.get_tracer(NAME, tracer_provider=provider)

    def take(result: TransactionResult) -> None:
        _trace(tracer, result)

    return take


def _trace(tracer: Tracer, result: TransactionResult) -> None:
    """Make the span of a transaction after the fact, its operations as events."""
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - as above

    start = int(result.started * _NS)
    end = int((result.started + result.duration_s) * _NS)
    span = tracer.start_span(f"{NAME}.{result.kind}", start_time=start)
    if span.is_recording():
        span.set_attributes(
            {
                "kvscheduler.number": result.number,
                "kvscheduler.description": result.description,
                "kvscheduler.operations": len(result.operations),
                "kvscheduler.errors": len(result.errors),
                "kvscheduler.reverted": result.reverted,
                **{f"kvscheduler.label.{name}": one for name, one in result.labels.items()},
            }
        )
        _add_events(span, result, end)
        if result.errors:
            key, error = next(iter(result.errors.items()))
            span.set_status(Status(StatusCode.ERROR, f"{key}: {describe(error)}"))
    span.end(end_time=end)


def _add_events(span: Span, result: TransactionResult, end: int) -> None:
    # When each began is not known: all stand at the end, with how long they took.
    for executed in result.operations[:MAX_EVENTS]:
        operation = executed.operation
        error = describe(executed.error) if executed.error is not None else ""
        span.add_event(
            operation.kind,
            {
                "kvscheduler.key": operation.key,
                "kvscheduler.descriptor": operation.descriptor,
                "kvscheduler.duration_s": executed.duration_s,
                "kvscheduler.revert": executed.revert,
                **({"kvscheduler.error": error} if error else {}),
            },
            timestamp=end,
        )
