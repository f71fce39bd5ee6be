# SPDX-License-Identifier: Apache-2.0
"""What goes wrong as gRPC says it: a code, a text, and details for programs."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from kvs_agent.northbound.access import AccessDenied
from kvs_agent.orchestrator import Overloaded, StoreError
from kvs_agent.past import PastError
from kvs_agent.protection import Protected
from kvscheduler import (
    ClaimConflict,
    InvalidValue,
    JournalError,
    PartialRetrieve,
    PlanStale,
    SchedulerClosed,
    SchedulerError,
)
from kvscheduler.errors import describe

__all__ = ["NotThere", "Refused", "TooMany", "Unsettled", "Wrong", "clean", "refusal", "summary"]

logger = logging.getLogger(__name__)

# All of it goes into headers, of which a client takes 8 KiB.
MAX_TEXT_CHARS: Final = 1500
MAX_DETAILS: Final = 8
MAX_DETAIL_CHARS: Final = 150
RETRY_S: Final = 1
_DETAILS_HEADER: Final = "grpc-status-details-bin"


class Wrong(SchedulerError):
    """A request that cannot be understood; ``faults`` has what is wrong, by field or key."""

    def __init__(self, message: str, faults: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.faults = dict(faults or {})


class NotThere(SchedulerError):
    """What was asked for is not there."""


class Refused(SchedulerError):
    """Something was not done as it was asked for; ``faults`` has why, by key."""

    def __init__(self, message: str, faults: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.faults = dict(faults or {})


class TooMany(SchedulerError):
    """More at once than the server takes; try again later."""


class Unsettled(SchedulerError):
    """What was waited for has not come in time; ``faults`` has what it waits for, by key."""

    def __init__(self, message: str, faults: Mapping[str, str]) -> None:
        super().__init__(message)
        self.faults = dict(faults)


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """How a call ends that is not answered."""

    code: grpc.StatusCode
    text: str
    details: tuple[Any, ...] = ()

    @property
    def trailers(self) -> tuple[tuple[str, str | bytes], ...]:
        """The details as gRPC carries them."""
        if not self.details:
            return ()
        status = status_pb2.Status(code=self.code.value[0], message=self.text)
        for detail in self.details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        return ((_DETAILS_HEADER, status.SerializeToString()),)


def clean(text: str) -> str:
    """Return text that protobuf takes: names of the system need not be UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def summary(errors: Mapping[str, str]) -> str:
    """Return errors by key on one line."""
    shown = "; ".join(f"{key}: {error}" for key, error in list(errors.items())[:MAX_DETAILS])
    more = len(errors) - MAX_DETAILS
    return f"{shown} (and {more} more)" if more > 0 else shown


# The first class that fits counts.
_CODES: Final[tuple[tuple[type[BaseException], grpc.StatusCode], ...]] = (
    (Wrong, grpc.StatusCode.INVALID_ARGUMENT),
    (InvalidValue, grpc.StatusCode.INVALID_ARGUMENT),
    (NotThere, grpc.StatusCode.NOT_FOUND),
    (PlanStale, grpc.StatusCode.ABORTED),
    (Overloaded, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (TooMany, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (Unsettled, grpc.StatusCode.DEADLINE_EXCEEDED),
    (TimeoutError, grpc.StatusCode.DEADLINE_EXCEEDED),
    (SchedulerClosed, grpc.StatusCode.UNAVAILABLE),
    (StoreError, grpc.StatusCode.UNAVAILABLE),
    (PastError, grpc.StatusCode.UNAVAILABLE),
    (JournalError, grpc.StatusCode.UNAVAILABLE),
    (PartialRetrieve, grpc.StatusCode.UNAVAILABLE),
    (SchedulerError, grpc.StatusCode.FAILED_PRECONDITION),
)


def refusal(error: BaseException) -> Refusal:
    """Return how a call ends with an error. What nobody expected is logged, and not told."""
    if isinstance(error, AccessDenied):
        denied, unknown = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED
        return Refusal(denied if error.is_known else unknown, str(error))
    for kind, code in _CODES:
        if isinstance(error, kind):
            text = "it took too long" if type(error) is TimeoutError else clean(describe(error))
            return Refusal(code, text[:MAX_TEXT_CHARS], tuple(_details(error)))
    logger.error("a call failed for a reason of our own", exc_info=error)
    text = f"an error of the agent's own ({type(error).__name__}): its log tells more"
    return Refusal(grpc.StatusCode.INTERNAL, text)


def _details(error: BaseException) -> Iterable[Any]:
    if isinstance(error, Overloaded | TooMany):
        yield error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=RETRY_S))
    elif isinstance(error, Wrong) and error.faults:
        yield _bad_request(error.faults)
    elif isinstance(error, InvalidValue):
        yield _bad_request({".".join(error.fields): error.message})
    elif isinstance(error, Refused | Unsettled) and error.faults:
        yield _precondition("VALUE", error.faults)
    elif isinstance(error, Protected):
        yield _precondition("PROTECTED", dict(zip(error.keys, error.problems, strict=True)))
    elif isinstance(error, ClaimConflict):
        yield _precondition("CLAIM", dict.fromkeys(error.keys, error.claim))


def _bad_request(faults: Mapping[str, str]) -> error_details_pb2.BadRequest:
    violation = error_details_pb2.BadRequest.FieldViolation
    found = [violation(field=field, description=text) for field, text in _few(faults)]
    return error_details_pb2.BadRequest(field_violations=found)


def _precondition(kind: str, faults: Mapping[str, str]) -> error_details_pb2.PreconditionFailure:
    violation = error_details_pb2.PreconditionFailure.Violation
    found = [violation(type=kind, subject=key, description=text) for key, text in _few(faults)]
    return error_details_pb2.PreconditionFailure(violations=found)


def _few(faults: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for key, text in list(faults.items())[:MAX_DETAILS]:
        yield clean(key)[:MAX_DETAIL_CHARS], clean(text)[:MAX_DETAIL_CHARS]
